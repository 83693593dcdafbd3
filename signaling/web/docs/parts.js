/** Parts of the page: prose with code in it, tables, and the shape of a schema. Text is only ever set as text. */

import { el } from '../view/dom.js';

/** Paragraphs, with what stands between backticks as code. */
export function prose(text) {
  return text.split(/\n\n+/u).filter(Boolean).map((paragraph) =>
    el('p', {}, ...paragraph.split('`').map((piece, index) => (index % 2 === 1 ? el('code', { text: piece }) : piece))));
}

export function table(heads, rows) {
  const cell = (content) => el('td', {}, typeof content === 'string' ? content : content);
  return el('div.frame', { tabindex: '0', role: 'group', 'aria-label': 'Table' }, el('table', {},
    el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { scope: 'col', text: head })))),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map(cell))))));
}

/** What a value may be: in words, or as a table of its fields. Schemas with a name are linked, not repeated. */
export function shape(description, schema) {
  if (schema.properties && !schema.$ref) {
    const required = new Set(schema.required ?? []);
    return table(['Field', 'Is', ''], Object.entries(schema.properties).map(([name, part]) => [
      el('span', {}, el('code', { text: name }), required.has(name) ? el('span.must', { text: ' required' }) : null),
      shape(description, part),
      el('span', {}, ...prose(part.description ?? '')),
    ]));
  }
  return el('span.kind', {}, ...words(schema));
}

function words(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1);
    return [el('a', { href: `#schema-${name}` }, el('code', { text: name }))];
  }
  if (schema.const !== undefined) return [el('code', { text: JSON.stringify(schema.const) })];
  if (schema.enum) return schema.enum.flatMap((value, index) => [index > 0 ? ' · ' : '', el('code', { text: value })]);
  if (schema.oneOf) return schema.oneOf.flatMap((choice, index) => [index > 0 ? ' or ' : '', ...words(choice)]);
  if (schema.type === 'array') return ['list of ', ...words(schema.items)];
  return [`${[schema.type].flat().join(' or ')}${bounds(schema)}`, ...(schema.pattern ? [' ', el('code', { text: schema.pattern })] : [])];
}

function bounds({ minimum, maximum, minLength, maxLength }) {
  if (minLength !== undefined || maxLength !== undefined) return `, ${range(minLength ?? 0, maxLength)} characters`;
  if (minimum !== undefined || maximum !== undefined) return `, ${range(minimum, maximum)}`;
  return '';
}

function range(from, to) {
  if (from === undefined) return `up to ${to}`;
  return to === undefined ? `${from} or more` : `${from} to ${to}`;
}
