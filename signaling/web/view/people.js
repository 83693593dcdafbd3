/** The audience: how many, and a sample of who; hosts off stage are named too. */
import { el, initials, keep, set, text, tint } from './dom.js';
import { isHost } from './permit.js';
import { number, people, rankName, t } from '../words.js';

const SHOWN_MAX = 20;

/** `everyone()` opens the list of all, which moderators may read. */
export function audience(root, { menu, room, everyone }) {
  const count = el('span');
  const list = el('ul.people', { testid: 'audience', 'aria-label': t('audience.some') });
  const more = el('p.muted', { testid: 'people-more' });
  const all = el('button.plain.small', { testid: 'people-all', 'aria-haspopup': 'dialog', on: { click: everyone } });
  root.append(el('h2', {}, `${t('audience')} `, el('span.muted', {}, '· ', count)), list, more, all);

  function make(person) {
    return el('li', {}, el('button.person', { testid: `person-${person.identity}`, on: { click: () => menu.person(person) } },
      el('span.face', { 'aria-hidden': 'true' }, el('span.letters', { text: initials(person.name ?? person.identity) })), el('span.name')));
  }

  function draw(node, person, state) {
    const button = node.firstElementChild;
    const isYou = person.identity === state.self.identity;
    const name = person.name ?? person.identity;
    const rank = person.rank && person.rank !== 'member' ? ` · ${rankName(person.rank)}` : '';
    text(button.lastElementChild, `${isYou ? t('people.you', { name }) : name}${rank}`);
    const isMenu = isHost(state.self) && !isYou;
    set(button, {
      'data-tint': tint(person.identity), disabled: !isMenu, 'aria-haspopup': isMenu ? 'dialog' : null,
      'data-drag': isMenu ? `person:${person.identity}` : null, 'data-drag-name': name,
    });
  }

  function update(state) {
    const { audience: { count: total, sample = [] }, participants, seats } = state.room;
    const seated = new Set(seats.filter((seat) => seat.state === 'occupied').map((seat) => seat.identity));
    const ranked = participants.filter((person) => person.rank !== 'member' && !seated.has(person.identity));
    const known = new Set(ranked.map((person) => person.identity));
    const shown = [...ranked, ...sample.filter((person) => !known.has(person.identity) && !seated.has(person.identity))].slice(0, SHOWN_MAX);
    text(count, people(total));
    keep(list, shown, (person) => person.identity, make, (node, person) => draw(node, person, state));
    set(list, { hidden: shown.length === 0 });
    const rest = total - shown.length;
    set(more, { text: t('people.and_more', { count: number(rest) }), hidden: rest <= 0 || isHost(state.self) });
    set(all, { text: rest > 0 ? t('people.all_more', { count: rest }) : t('people.all'), hidden: !isHost(state.self) });
  }

  return { update };
}
