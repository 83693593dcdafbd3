/** A dialog shows a page of things to choose from. A native one: it keeps the focus, and Escape closes it. */
import { el, set } from './dom.js';
import { t } from '../words.js';

/**
 * A page: `{ title, about?, field?, closing?, items }`. An item: `{ id, label, danger?, act }`, or `next` in place of `act` for an item
 * that leads to another page. With `field` (a label) the page has a line to write in, and `act` is given what was written.
 */
export function dialog(root, { run }) {
  const title = el('h2', { id: 'menu-title' });
  const note = el('p.muted');
  const items = el('div.menu-items');
  const close = el('button.plain', { testid: 'menu-close', on: { click: () => box.close() } });
  const box = el('dialog.menu', { testid: 'menu', 'aria-labelledby': 'menu-title', on: { click: outside } }, el('div.menu-body', {}, title, note, items, close));
  root.append(box);

  function outside(event) {
    if (event.target === box) box.close();
  }

  function item({ id, label, danger, act, next }, input) {
    const press = () => {
      if (next) return open(next());
      box.close();
      run(() => act(input?.value.trim() || undefined));
    };
    return el(danger ? 'button.plain.danger' : 'button.plain', { testid: `menu-${id}`, on: { click: press }, text: label });
  }

  function open({ title: heading, about, field, closing, items: list }) {
    set(title, { text: heading });
    set(note, { text: about ?? '', hidden: !about });
    set(close, { text: closing ?? t('menu.close') });
    const input = field ? el('input', { type: 'text', testid: 'menu-field', maxlength: '200', 'aria-label': field, placeholder: field }) : null;
    items.replaceChildren(...(input ? [input] : []), ...list.map((one) => item(one, input)));
    if (!box.open) box.showModal();
    (items.querySelector('input, button') ?? close).focus();
  }

  return { open, close: () => box.close() };
}
