/**
 * What one can do now. `mainAction` is pure: from the state to the one step that makes sense, with its words;
 * `actionBar` shows it, with one's role and microphone.
 */
import { el, icon, set, text } from './dom.js';
import { ICONS } from './icons.js';
import { ordinal, roleText, seatName } from '../words.js';

export const isHost = (self) => self.rank === 'host' || self.rank === 'cohost';

/** `{ id, label, hint, tone, act, second? }`; no `label` when there is nothing to do but listen. */
export function mainAction(state, room) {
  const { self } = state;
  if (self.seat_state === 'occupied') {
    return { id: 'leave-seat', label: 'Leave seat', tone: 'plain', icon: 'down', hint: '', act: () => room.leaveSeat() };
  }
  if (self.offer || self.seat_state === 'reserved') return acceptSeat(state, room);
  if (self.can_publish === false) return { id: 'none', hint: 'Your invitation is for listening.' };
  if (self.hand) {
    const place = self.hand.position ? `You are ${ordinal(self.hand.position)} in line.` : 'Your hand is up.';
    return { id: 'lower-hand', label: 'Lower hand', tone: 'plain', icon: 'hand', hint: place, act: () => room.lowerHand() };
  }
  return seatOrHand(state, room);
}

function acceptSeat({ self, room: { seats } }, room) {
  const seat = self.offer?.seat ?? self.seat;
  const why = self.offer?.why ?? seats[seat]?.why;
  if (why === 'reconnect') return { id: 'none', hint: 'Your audio is coming back. The seat is kept for you.' };
  return {
    id: 'accept-seat', label: 'Go on stage', tone: 'primary', icon: 'mic',
    hint: `${why === 'approved' ? 'A host said yes! ' : ''}${seatName(seat)} is kept for`, until: self.offer?.until ?? seats[seat]?.until,
    act: () => room.confirmSeat(seat),
    second: { id: 'decline-seat', label: 'No, thanks', act: () => room.declineSeat(seat) },
  };
}

function seatOrHand({ self, room: { seats, seat_mode, hands } }, room) {
  const host = isHost(self);
  const open = seats.find((seat) => seat.state === 'open' && (host || seat.index > 0));
  if (open && (host || seat_mode === 'free')) return takeSeat(open.index, room);
  if (hands === 'on' && !host) {
    const hint = seat_mode === 'free' ? 'All seats are taken just now.' : 'Want to speak? A host will see your hand.';
    return { id: 'raise-hand', label: 'Raise hand', tone: 'primary', icon: 'hand', hint, act: () => room.raiseHand() };
  }
  return { id: 'none', hint: open ? 'Hands are closed just now. Enjoy listening.' : 'All seats are taken just now.' };
}

export function takeSeat(index, room) {
  return { id: 'take-seat', label: `Take ${index === 0 ? 'the host seat' : `seat ${index}`}`, tone: 'primary', icon: 'mic', hint: '', act: () => room.takeSeat(index) };
}

/** What a press on that seat's tile does for someone who is no host; null: nothing. */
export function seatAction(state, seat, room) {
  const { self } = state;
  if (seat.state !== 'open' || self.seat !== undefined || self.can_publish === false) return null;
  if (isHost(self)) return takeSeat(seat.index, room);
  if (seat.index === 0) return null;
  if (state.room.seat_mode === 'free') return takeSeat(seat.index, room);
  if (state.room.hands !== 'on' || self.hand) return null;
  return { id: 'ask-seat', label: 'Raise hand', act: () => room.raiseHand({ wantedSeat: seat.index }) };
}

/** Why one's microphone is not heard, or that it is: `off`, `on`, `host`, `seat`; null off stage. */
export function microphoneState({ self, room }) {
  if (self.seat_state !== 'occupied') return null;
  if (self.host_muted) return 'host';
  if (room.seats[self.seat]?.muted_by_host) return 'seat';
  return self.self_muted ? 'off' : 'on';
}

const AWAY = 'Reconnecting. You are not heard for a moment.';
const MICROPHONE = {
  on: ['Mic on', 'Everyone hears you.'],
  off: ['Mic off', 'Turn it on to be heard.'],
  host: ['Muted by host', 'A host has to allow you to speak first.'],
  seat: ['Seat muted', 'A host has muted this seat.'],
};

export function actionBar(root, { run, room }) {
  const role = el('p.role', { testid: 'role' });
  const hint = el('p.hint', { testid: 'main-hint' });
  const main = el('button.primary', { testid: 'main-action', on: { click: () => run(current.act, main) } });
  const second = el('button.plain', { testid: 'second-action', on: { click: () => run(current.second.act, second) } });
  const micLabel = el('span');
  const mic = el('button.mic', { testid: 'mic', 'aria-label': 'Microphone', on: { click: toggle } }, el('span.glyph'), micLabel);
  root.append(el('div.who', {}, role, hint), el('div.buttons', {}, mic, second, main));
  let current = {};
  let shownIcon = '';

  function toggle() {
    const { self } = room.state;
    run(() => room.mute(!self.self_muted), mic);
  }

  function update(state) {
    const { self } = state;
    const away = room.phase !== 'joined';
    set(role, { text: roleText(self), 'data-role': self.role, 'data-rank': self.rank, 'data-seat': self.seat ?? null });
    current = mainAction(state, room);
    set(main, { hidden: !current.label, disabled: away, 'data-action': current.id, 'data-position': self.hand?.position ?? null });
    if (current.label) {
      main.className = current.tone;
      const wanted = `${current.icon} ${current.label}`;
      if (main.dataset.shown !== wanted) main.replaceChildren(icon(ICONS[current.icon]), current.label);
      main.dataset.shown = wanted;
    }
    set(second, { hidden: !current.second, disabled: away, 'data-action': current.second?.id ?? null, text: current.second?.label ?? '' });
    const status = microphoneState(state);
    text(hint, away ? AWAY : status ? MICROPHONE[status][1] : countdown(current));
    updateMicrophone(status, away);
  }

  function updateMicrophone(status, away) {
    set(mic, { hidden: !status, 'data-state': status, 'aria-pressed': String(status === 'on'), disabled: away || status === 'host' });
    if (!status) return;
    text(micLabel, MICROPHONE[status][0]);
    set(mic, { 'aria-label': status === 'host' || status === 'seat' ? `Microphone, ${MICROPHONE[status][0].toLowerCase()}` : 'Microphone' });
    const wanted = status === 'on' ? 'mic' : 'micOff';
    if (shownIcon !== wanted) mic.firstElementChild.replaceChildren(icon(ICONS[wanted]));
    shownIcon = wanted;
  }

  return { update };
}

function countdown({ hint, until }) {
  if (until === undefined) return hint;
  return `${hint} ${Math.max(0, Math.ceil((until - performance.now()) / 1000))} s.`;
}
