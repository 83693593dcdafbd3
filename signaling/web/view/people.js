/** The audience: how many, and a sample of who; hosts off stage are named too. */
import { el, initials, keep, set, text, tint } from './dom.js';
import { isHost } from './actions.js';
import { RANKS, people } from '../words.js';

const SHOWN_MAX = 20;

export function audience(root, { menu, room }) {
  const count = el('span');
  const list = el('ul.people', { testid: 'audience', 'aria-label': 'Some of the audience' });
  const more = el('p.muted');
  root.append(el('h2', {}, 'Audience ', el('span.muted', {}, '· ', count)), list, more);

  function make(person) {
    return el('li', {}, el('button.person', { testid: `person-${person.identity}`, on: { click: () => menu.person(person) } },
      el('span.face', { 'aria-hidden': 'true' }, el('span.letters', { text: initials(person.name ?? person.identity) })), el('span.name')));
  }

  function draw(node, person, state) {
    const button = node.firstElementChild;
    const you = person.identity === state.self.identity ? ' (you)' : '';
    const rank = person.rank && person.rank !== 'member' ? ` · ${RANKS[person.rank]}` : '';
    text(button.lastElementChild, `${person.name ?? person.identity}${you}${rank}`);
    set(button, { 'data-tint': tint(person.identity), disabled: !isHost(state.self) || Boolean(you) });
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
    set(more, { text: `and ${rest.toLocaleString('en')} more`, hidden: rest <= 0 });
  }

  return { update };
}
