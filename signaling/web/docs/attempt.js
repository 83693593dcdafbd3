/** An attempt is one request made from this page, as the form says, and what came back. */

import { el } from '../view/dom.js';

const TIMEOUT_MS = 20_000;

/** A form for one operation. `token` gives the access token at the moment of sending. */
export function attempt(description, operation, token) {
  if (operation.responses.some(({ status }) => status === '101')) return el('p.hint', { text: 'A WebSocket cannot be tried here: open the web client instead.' });
  const body = description.body(operation);
  const fields = operation.parameters.map((parameter) => field(description, operation, parameter));
  const text = body && el('textarea', { id: `${operation.operationId}-body`, rows: 5, spellcheck: 'false' });
  if (text) text.value = JSON.stringify(description.example(body.schema), null, 2);
  const command = el('pre', { tabindex: '0', 'aria-label': 'The same with curl' });
  const result = el('output.result', { testid: `result-${operation.operationId}` });
  const send = el('button.primary.small', { testid: `send-${operation.operationId}`, text: `Send ${operation.method}` });
  send.type = 'submit';
  const request = () => written(operation, fields, text?.value.trim() ?? '', token());
  const form = el('form.attempt', {},
    ...fields.map(({ label }) => label),
    text ? el('label.field', { for: text.id }, 'Body', text) : null,
    el('div.send', {}, send, operation.method === 'GET' ? null : el('span.hint', { text: 'This is carried out for real.' })),
    command,
    result);
  const draw = () => { command.textContent = curl(request()); };
  form.addEventListener('input', draw);
  draw();
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    draw();
    send.disabled = true;
    result.replaceChildren(el('p.hint', { text: 'Asking …' }));
    result.replaceChildren(...(await answered(request())));
    send.disabled = false;
  });
  return form;
}

function field(description, operation, parameter) {
  const schema = description.resolve(parameter.schema);
  const id = `${operation.operationId}-${parameter.in}-${parameter.name}`;
  const input = el('input', { type: 'text', id, spellcheck: 'false', autocomplete: 'off', placeholder: parameter.required ? '' : 'absent' });
  if (parameter.required) {
    input.required = true;
    input.value = String(description.example(schema, parameter.name));
  }
  return { parameter, input, label: el('label.field', { for: id }, parameter.name, input) };
}

/** The request that the form describes. */
function written(operation, fields, body, token) {
  const query = new URLSearchParams();
  const headers = {};
  let path = operation.path;
  for (const { parameter, input } of fields) {
    const value = input.value;
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === '') continue;
    else if (parameter.in === 'query') query.set(parameter.name, value);
    else headers[parameter.name] = value;
  }
  if (body !== '') headers['Content-Type'] = 'application/json';
  const needsToken = operation.security?.length !== 0;
  // The page lies at /v1/docs or /docs/…; paths begin where the server does.
  const url = new URL(`..${path}${query.size > 0 ? `?${query}` : ''}`, import.meta.url);
  return { method: operation.method, url, headers, body, token: needsToken ? token : '' };
}

async function answered({ method, url, headers, body, token }) {
  const began = performance.now();
  try {
    const answer = await fetch(url, {
      method,
      headers: token ? { ...headers, Authorization: `Bearer ${token}` } : headers,
      body: body === '' ? undefined : body,
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    const took = Math.round(performance.now() - began);
    const named = ['etag', 'retry-after'].filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
    return [
      el(`p.status.${answer.ok ? 'good' : 'bad'}`, { text: [`${answer.status} ${answer.statusText}`.trim(), `${took} ms`, ...named].join(' · ') }),
      el('pre', { tabindex: '0', 'aria-label': 'The answer', text: pretty(text) }),
    ];
  } catch (error) {
    return [el('p.status.bad', { text: `No answer: ${error.message}` })];
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** For a shell. The token is left to a variable, so that it is not copied along. */
function curl({ method, url, headers, body, token }) {
  const quote = (value) => `'${value.replaceAll("'", "'\\''")}'`;
  const lines = [`curl -X ${method} ${quote(url.href)}`];
  if (token !== '') lines.push('-H "Authorization: Bearer $TOKEN"');
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body !== '') lines.push(`-d ${quote(body)}`);
  return lines.join(' \\\n  ');
}
