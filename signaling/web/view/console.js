/** The host's console: raised hands to answer, invitations, bans, and the room's settings. Cohosts see what they may do. */
import { el, keep, set, text } from './dom.js';
import { bans, invitations } from './lists.js';
import { isOwner } from './permit.js';
import { roomSettings } from './settings.js';
import { elapsed, seatIn, t } from '../words.js';

export function hostConsole(root, { run, room, menu }) {
  const count = el('span.count', { testid: 'hand-count' });
  const hands = el('ol.hands', { testid: 'hands', 'aria-label': t('console.hands') });
  const none = el('p.muted', { testid: 'no-hands', text: t('console.no_hands') });
  const next = button('hand-next', t('console.next'), () => room.nextHand(), 'primary');
  set(next, { title: t('console.next_hint') });
  const lowerAll = button('hands-lower-all', t('console.lower_all'), () => room.lowerAllHands(), 'plain');
  const all = el('div.buttons.row', {}, next, lowerAll);
  root.append(el('h2', {}, `${t('console.hands')} `, count), hands, none, all);
  const invited = invitations(root, { run, room });
  const banned = bans(root, { run, room });
  const settings = roomSettings(root, { run, room, menu });

  function button(testid, label, act, tone) {
    return el(`button.${tone}.small`, { testid, on: { click: (event) => run(act, event.currentTarget) }, text: label });
  }

  function make({ identity }) {
    const approve = button(`approve-${identity}`, t('console.approve'), () => room.approveHand(identity), 'primary');
    const deny = button(`deny-${identity}`, t('console.deny'), () => room.denyHand(identity), 'plain');
    return el('li.hand', { testid: `hand-row-${identity}`, 'data-drag': `hand:${identity}` },
      el('span.place'), el('span.label', {}, el('span.name'), el('span.status')), el('span.buttons', { 'data-nodrag': '' }, deny, approve));
  }

  function draw(row, hand) {
    const name = hand.name ?? hand.identity;
    const [place, label, buttons] = row.children;
    text(place, hand.position);
    text(label.firstElementChild, name);
    const wants = hand.wanted_seat === undefined || hand.wanted_seat === null ? null : t('console.wants', { seat: seatIn(hand.wanted_seat) });
    const tier = hand.tier ? t('console.tier', { tier: hand.tier }) : null;
    text(label.lastElementChild, [elapsed(performance.now() - hand.since), tier, hand.mic_ready ? t('console.mic_ready') : null, wants].filter(Boolean).join(' · '));
    set(row, { 'data-position': hand.position, 'data-mic-ready': String(Boolean(hand.mic_ready)), 'data-drag-name': name });
    set(buttons.firstElementChild, { 'aria-label': t('console.deny_name', { name }) });
    set(buttons.lastElementChild, { 'aria-label': t('console.approve_name', { name }) });
  }

  function update(state) {
    const queue = state.room.hand_queue ?? [];
    keep(hands, queue, (hand) => hand.identity, make, draw);
    set(none, { hidden: queue.length > 0 });
    set(all, { hidden: queue.length === 0 });
    set(count, { text: queue.length, hidden: queue.length === 0 });
    invited.update(state);
    banned.update(state);
    settings.update(state, isOwner(state.self));
  }

  return { update };
}
