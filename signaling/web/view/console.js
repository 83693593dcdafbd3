/** The host's console: raised hands to answer, and how people come on stage. */
import { el, keep, set, text } from './dom.js';
import { SEAT_MODES, elapsed, seatName } from '../words.js';

export function hostConsole(root, { run, room }) {
  const count = el('span.count', { testid: 'hand-count' });
  const hands = el('ol.hands', { testid: 'hands', 'aria-label': 'Raised hands' });
  const none = el('p.muted', { testid: 'no-hands', text: 'No hands are up.' });
  const modes = el('fieldset.segments', { testid: 'seat-mode' }, el('legend', { text: 'Going on stage' }),
    ...Object.entries(SEAT_MODES).map(([mode, [label, about]]) => {
      const input = el('input', { type: 'radio', name: 'seat-mode', value: mode, testid: `seat-mode-${mode}`, on: { change: () => change({ seatMode: mode }) } });
      return el('label', { title: about }, input, el('span', { text: label }));
    }));
  const modeHint = el('p.hint');
  const handsOn = el('input', { type: 'checkbox', role: 'switch', testid: 'hands-switch', on: { change: () => change({ hands: handsOn.checked ? 'on' : 'off' }) } });
  root.append(
    el('h2', {}, 'Raised hands ', count), hands, none,
    el('h2', { text: 'Room' }), modes, modeHint,
    el('label.switch', {}, el('span', { text: 'Accept raised hands' }), handsOn));

  let changing = 0; // while an answer is awaited the controls show what was asked for

  function change(wanted) {
    changing += 1;
    run(() => room.updateRoom(wanted)).finally(() => {
      changing -= 1;
      if (room.state) update(room.state);
    });
  }

  function make(hand) {
    const { identity } = hand;
    const approve = el('button.primary.small', { testid: `approve-${identity}`, on: { click: () => run(() => room.approveHand(identity), approve) }, text: 'Approve' });
    const deny = el('button.plain.small', { testid: `deny-${identity}`, on: { click: () => run(() => room.denyHand(identity), deny) }, text: 'Deny' });
    return el('li.hand', { testid: `hand-row-${identity}` },
      el('span.place'), el('span.label', {}, el('span.name'), el('span.status')), el('span.buttons', {}, deny, approve));
  }

  function draw(row, hand) {
    const name = hand.name ?? hand.identity;
    const [place, label, buttons] = row.children;
    text(place, hand.position);
    text(label.firstElementChild, name);
    const wants = hand.wanted_seat === undefined || hand.wanted_seat === null ? null : `wants ${seatName(hand.wanted_seat).toLowerCase()}`;
    text(label.lastElementChild, [elapsed(performance.now() - hand.since), hand.mic_ready ? 'mic ready' : null, wants].filter(Boolean).join(' · '));
    set(row, { 'data-position': hand.position, 'data-mic-ready': String(Boolean(hand.mic_ready)) });
    set(buttons.firstElementChild, { 'aria-label': `Deny ${name}` });
    set(buttons.lastElementChild, { 'aria-label': `Approve ${name}` });
  }

  function update(state) {
    const queue = state.room.hand_queue ?? [];
    keep(hands, queue, (hand) => hand.identity, make, draw);
    set(none, { hidden: queue.length > 0 });
    set(count, { text: queue.length, hidden: queue.length === 0 });
    if (changing > 0) return;
    for (const input of modes.querySelectorAll('input')) set(input, { checked: input.value === state.room.seat_mode });
    text(modeHint, `${SEAT_MODES[state.room.seat_mode]?.[1] ?? ''}.`);
    set(handsOn, { checked: state.room.hands === 'on' });
  }

  return { update };
}
