/** The description of the HTTP API as a page: operations by what they are about, then schemas. One operation can be tried from here. */

import { el } from '../view/dom.js';
import { attempt } from './attempt.js';
import { Description } from './description.js';
import { prose, shape, table } from './parts.js';

const source = new URL('../v1/openapi.json', import.meta.url);
/** Kept by this page alone and for as long as it is open. */
let token = '';

try {
  const answer = await fetch(source);
  if (!answer.ok) throw new Error(`${source.pathname} answered ${answer.status}`);
  show(new Description(await answer.json()));
} catch (error) {
  document.body.replaceChildren(el('p.noscript', { role: 'alert', text: `The description could not be read: ${error.message}` }));
}

function show(description) {
  const { info } = description.document;
  const groups = description.groups();
  const operations = groups.flatMap((group) => group.operations.map((operation) => details(description, operation)));
  const byName = new Map(operations.map((node) => [node.id, node]));
  const main = el(
    'main',
    {},
    el('header.intro', {}, el('h1', { text: `${info.title}: the HTTP API` }), el('p.muted', { text: `${info.summary} Version ${info.version}.` }), ...prose(info.description), credentials()),
    el('p.none', { role: 'status', hidden: true, testid: 'docs-none', text: 'Nothing is called that.' }),
    ...groups.map((group) =>
      el('section', { 'aria-labelledby': `group-${group.name}` }, el('h2', { id: `group-${group.name}`, text: group.name }), ...prose(group.description), ...group.operations.map((operation) => byName.get(operation.operationId)))),
    el('section', { 'aria-labelledby': 'group-schemas' }, el('h2', { id: 'group-schemas', text: 'Schemas' }), ...description.schemas().map(([name, schema]) => schemaDetails(description, name, schema))),
  );
  document.body.replaceChildren(el('a.skip', { href: '#list', text: 'Skip to the operations' }), index(groups, main), main);
  main.querySelector('section').id = 'list';
  addEventListener('hashchange', follow);
  follow();
}

/** The list beside: a line to search by, and a link to each operation. */
function index(groups, main) {
  const search = el('input', { type: 'search', id: 'search', placeholder: 'lock, bans, /events …', autocomplete: 'off', testid: 'docs-search' });
  const links = groups.map((group) =>
    el('li', {}, el('h3', { text: group.name }), el('ul', {}, ...group.operations.map((operation) =>
      el('li', { 'data-for': operation.operationId }, el('a', { href: `#${operation.operationId}` }, method(operation.method), el('span', { text: operation.summary.split('. ')[0].replace(/\.$/u, '') })))))));
  const nav = el('nav', { 'aria-label': 'Operations' },
    el('label.field', { for: 'search' }, 'Find an operation', search),
    el('ol', {}, ...links, el('li', {}, el('a', { href: '#group-schemas', text: 'Schemas' })), el('li', {}, el('a', { href: source.href, text: 'openapi.json' }))));
  search.addEventListener('input', () => {
    const words = search.value.toLowerCase().split(/\s+/u).filter(Boolean);
    const fits = (text) => words.every((word) => text.toLowerCase().includes(word));
    const shown = groups.flatMap((group) => group.operations).filter((operation) => fits(`${operation.method} ${operation.path} ${operation.operationId} ${operation.summary}`));
    const names = new Set(shown.map((operation) => operation.operationId));
    for (const node of main.querySelectorAll('details.operation')) node.hidden = !names.has(node.id);
    for (const node of nav.querySelectorAll('[data-for]')) node.hidden = !names.has(node.dataset.for);
    for (const section of [...main.querySelectorAll('section'), ...nav.querySelectorAll('ol > li')]) {
      const items = section.querySelectorAll('details.operation, [data-for]');
      if (items.length > 0) section.hidden = [...items].every((node) => node.hidden);
    }
    main.querySelector('.none').hidden = shown.length > 0;
  });
  return nav;
}

function credentials() {
  const field = el('input', { type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', placeholder: 'eyJ…', testid: 'docs-token', on: { input: () => { token = field.value.trim(); } } });
  return el('div.token', {}, el('label.field', { for: 'token' }, 'Access token for trying things out', field),
    el('p.hint', {}, 'It stays in this page and goes only to this server. ', el('code', { text: 'podium token' }), ' makes one.'));
}

/** One operation, folded. What is inside is made when it is first opened. */
function details(description, operation) {
  const node = el('details.operation', { id: operation.operationId, testid: `operation-${operation.operationId}` },
    el('summary', {}, method(operation.method), el('code.path', { text: operation.path }), el('span.about', { text: operation.summary })));
  node.addEventListener('toggle', () => {
    if (!node.open || node.childElementCount > 1) return;
    const body = description.body(operation);
    node.append(el('div.inside', {},
      ...prose(operation.description ?? ''),
      operation.security?.length === 0 ? el('p.hint', { text: 'Needs no token.' }) : null,
      ...part('Parameters', operation.parameters.length > 0 && table(['Name', 'In', ''], operation.parameters.map((parameter) => [
        el('span', {}, el('code', { text: parameter.name }), parameter.required ? el('span.must', { text: ' required' }) : null), parameter.in, el('div', {}, ...prose(parameter.description), shape(description, parameter.schema))]))),
      ...part('Body', body && el('div', {}, el('p.hint', { text: body.required ? 'application/json' : 'application/json, or nothing' }), shape(description, body.schema))),
      ...part('Answers', table(['Status', '', 'Holds'], operation.responses.map((answer) => [
        el('code', { text: answer.status }), el('div', {}, ...prose(answer.description), ...answer.headers.map((name) => el('p.hint', { text: `Header: ${name}` }))), el('div', {}, ...answer.content.map(({ type, schema }) => el('div', {}, el('p.hint', { text: type }), schema.$ref ? link(schema.$ref) : shape(description, schema))))]))),
      el('h3', { text: 'Try it' }),
      attempt(description, operation, () => token)));
  });
  return node;
}

function schemaDetails(description, name, schema) {
  const node = el('details.schema', { id: `schema-${name}` }, el('summary', {}, el('code.path', { text: name }), el('span.about', { text: schema.description ?? '' })));
  node.addEventListener('toggle', () => {
    if (node.open && node.childElementCount === 1) node.append(el('div.inside', {}, shape(description, schema)));
  });
  return node;
}

function part(title, content) {
  return content ? [el('h3', { text: title }), content] : [];
}

function link(reference) {
  const name = reference.split('/').at(-1);
  return el('a', { href: `#schema-${name}` }, el('code', { text: name }));
}

function method(name) {
  return el(`span.method.${name.toLowerCase()}`, { text: name });
}

/** Opens what the address names. */
function follow() {
  const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!node) return;
  if (node.tagName === 'DETAILS') node.open = true;
  node.hidden = false;
  node.scrollIntoView({ block: 'start' });
  node.querySelector('summary')?.focus({ preventScroll: true });
}
