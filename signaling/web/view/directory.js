/** The directory: everyone who is in the room, for hosts and cohosts: searched by name, read page by page, each with their menu. */
import { el, initials, keep, set, text, tint } from './dom.js';
import { rankName, t } from '../words.js';

export function directory(root, { menu, room, notices }) {
  const search = el('input', { type: 'text', testid: 'people-search', maxlength: '64', autocomplete: 'off', 'aria-label': t('people.search'), placeholder: t('people.search'), on: { input: later } });
  const list = el('ul.entries.directory', { testid: 'people-found', 'aria-label': t('people.everyone') });
  const said = el('p.muted', { testid: 'people-said', role: 'status' });
  const more = el('button.plain.small', { testid: 'people-next', on: { click: () => read(next) }, text: t('people.next') });
  const close = el('button.plain', { testid: 'people-close', on: { click: () => box.close() }, text: t('menu.close') });
  const box = el('dialog.menu', { testid: 'people', 'aria-labelledby': 'people-title', on: { click: (event) => event.target === box && box.close() } },
    el('div.menu-body', {}, el('h2', { id: 'people-title', text: t('people.everyone') }), search, list, said, more, close));
  root.append(box);
  let found = [];
  let next = null;
  let timer = 0;
  let asked = 0; // the newest question; answers to older ones are passed over

  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => read(null), TYPING_MS);
  }

  async function read(after) {
    const question = (asked += 1);
    const wanted = search.value.trim();
    set(more, { disabled: true });
    try {
      const page = await room.listPeople({ after: after ?? undefined, limit: PAGE, query: wanted || undefined });
      if (question !== asked) return;
      found = after === null ? page.people : [...found, ...page.people];
      next = page.next ?? null;
      draw();
    } catch (error) {
      notices.error(error);
    } finally {
      set(more, { disabled: false });
    }
  }

  function draw() {
    keep(list, found, (person) => person.identity, make, fill);
    set(list, { hidden: found.length === 0 });
    set(more, { hidden: next === null });
    text(said, found.length > 0 ? t('people.shown', { count: found.length }) : t(next === null ? 'people.nobody' : 'people.search_on'));
  }

  function make(person) {
    const isYou = person.identity === room.state.self.identity;
    return el('li', {}, el('button.person', { testid: `found-${person.identity}`, disabled: isYou, 'aria-haspopup': 'dialog', on: { click: () => choose(person) } },
      el('span.face', { 'aria-hidden': 'true' }, el('span.letters', { text: initials(person.name ?? person.identity) })), el('span.name'), el('span.about')));
  }

  function fill(row, person) {
    const button = row.firstElementChild;
    const name = person.name ?? person.identity;
    const rank = person.rank && person.rank !== 'member' ? rankName(person.rank) : t(`role.${person.role === 'guest' ? 'guest' : 'listener'}`);
    set(button, { 'data-tint': tint(person.identity) });
    text(button.children[1], person.identity === room.state.self.identity ? t('people.you', { name }) : name);
    text(button.children[2], name === person.identity ? rank : `${rank} · ${person.identity}`);
  }

  function choose(person) {
    box.close();
    menu.person(person);
  }

  function open() {
    found = [];
    next = null;
    search.value = '';
    draw();
    text(said, '');
    box.showModal();
    search.focus();
    read(null);
  }

  return { open, close: () => { clearTimeout(timer); box.close(); } };
}

const PAGE = 50;
const TYPING_MS = 250;
