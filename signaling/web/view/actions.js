/**
 * What one can do now. `mainAction` is pure: from the state to the one step that makes sense, with its words;
 * `actionBar` shows it, with one's role and microphone.
 */
import { el, icon, set, text } from './dom.js';
import { ICONS } from './icons.js';
import { isHost, nameOf } from './permit.js';
import { ordinal, roleText, seatIn, seatName, secondsUntil, t, timeUntil } from '../words.js';

/** `{ id, label, hint, tone, act, second? }`; no `label` when there is nothing to do but listen. */
export function mainAction(state, room) {
  const { self } = state;
  if (self.seat_state === 'occupied') {
    return { id: 'leave-seat', label: t('act.leave_seat'), tone: 'plain', icon: 'down', hint: '', act: () => room.leaveSeat() };
  }
  if (self.offer || self.seat_state === 'reserved') return acceptSeat(state, room);
  if (self.can_publish === false) return { id: 'none', hint: t('act.listening_only') };
  if (self.hand) {
    const place = self.hand.position ? t('act.in_line', { place: ordinal(self.hand.position) }) : t('act.hand_up');
    return { id: 'lower-hand', label: t('act.lower_hand'), tone: 'plain', icon: 'hand', hint: place, act: () => room.lowerHand() };
  }
  return seatOrHand(state, room);
}

function acceptSeat({ self, room: { seats } }, room) {
  const seat = self.offer?.seat ?? self.seat;
  const why = self.offer?.why ?? seats[seat]?.why;
  if (why === 'invited' && self.invite) return { id: 'none', hint: '' }; // the invite itself asks, with more to choose from
  if (why === 'reconnect') return { id: 'none', hint: t('act.audio_back') };
  return {
    id: 'accept-seat', label: t('act.go_on_stage'), tone: 'primary', icon: 'mic',
    hint: t(why === 'approved' ? 'act.host_said_yes' : 'act.kept', { seat: seatName(seat) }), until: self.offer?.until ?? seats[seat]?.until,
    act: () => room.confirmSeat(seat),
    second: { id: 'decline-seat', label: t('act.no_thanks'), act: () => room.declineSeat(seat) },
  };
}

function seatOrHand({ self, room: { seats, seat_mode, hands } }, room) {
  const host = isHost(self);
  const open = seats.find((seat) => seat.state === 'open' && (host || seat.index > 0));
  if (open && (host || seat_mode === 'free')) return afterDenial(self, takeSeat(open.index, room));
  if (hands === 'on' && !host) {
    const hint = seat_mode === 'free' ? t('act.all_taken') : t('act.want_to_speak');
    return afterDenial(self, { id: 'raise-hand', label: t('act.raise_hand'), tone: 'primary', icon: 'hand', hint, act: () => room.raiseHand() });
  }
  return { id: 'none', hint: open ? t('act.hands_closed') : t('act.all_taken') };
}

/** After a denial the button counts down to the next try. */
function afterDenial(self, button) {
  const wait = waitOf(self);
  return wait > 0 ? { ...button, label: t('act.in_seconds', { label: button.label, seconds: wait }), hint: t('act.denied'), isWaiting: true } : button;
}

const waitOf = ({ handAfter }) => (handAfter === undefined ? 0 : secondsUntil(handAfter));

export function takeSeat(index, room) {
  return { id: 'take-seat', label: t('act.take', { seat: seatIn(index) }), tone: 'primary', icon: 'mic', hint: '', act: () => room.takeSeat(index) };
}

/** What a press on that seat's tile does for someone who is no host; null: nothing. `menu` in place of `act`: it opens the seat's menu. */
export function seatAction(state, seat, room) {
  const { self } = state;
  if (self.can_publish === false) return null;
  if (self.seat !== undefined) return seatActionFromStage(state, seat, room);
  if (seat.state !== 'open') return null;
  if (isHost(self)) return takeSeat(seat.index, room);
  if (seat.index === 0 || waitOf(self) > 0) return null;
  if (state.room.seat_mode === 'free') return takeSeat(seat.index, room);
  if (state.room.hands !== 'on' || self.hand) return null;
  return { id: 'ask-seat', label: t('act.raise_hand'), act: () => room.raiseHand({ wantedSeat: seat.index }) };
}

/** Who is on stage may move where seats are free, and ask another guest to change places. */
function seatActionFromStage({ self, room: { seat_mode } }, seat, room) {
  if (self.seat_state !== 'occupied' || seat.index === self.seat || seat.index === 0) return null;
  if (seat.state === 'occupied') return { id: 'propose-swap', label: t('act.propose_swap'), menu: true };
  if (seat.state !== 'open' || seat_mode !== 'free') return null;
  return { id: 'move-seat', label: t('act.move', { seat: seatIn(seat.index) }), act: () => room.moveSeat(seat.index) };
}

/**
 * Why one's microphone is not heard, or that it is; null off stage. By others' word: `host`, `held`, and `seat_on` or `seat_off`, which
 * tell one's own switch under a muted seat. By one's own: `off`, `on`. By the device or the line, as `outgoing` of the room tells:
 * `none`, `silenced`, `unsent`; and by the server's word on what comes of it: `unsent` where nothing does, `unheard` where it drops all.
 */
export function microphoneState({ self, room, interruption, quality, unheard }, outgoing) {
  if (self.seat_state !== 'occupied') return null;
  if (self.host_muted) return 'host';
  if (room.seats[self.seat]?.muted_by_host) return self.self_muted ? 'seat_off' : 'seat_on';
  if (self.self_muted) return 'off';
  if (outgoing !== 'sent') return outgoing;
  if (unheard) return 'unheard';
  if (quality === 'lost') return 'unsent';
  return interruption?.mode === 'hold' && !isHost(self) ? 'held' : 'on';
}

export function actionBar(root, { run, room }) {
  const role = el('p.role', { testid: 'role' });
  const hint = el('p.hint', { testid: 'main-hint' });
  const main = el('button.primary', { testid: 'main-action', on: { click: () => run(current.act, main) } });
  const second = el('button.plain', { testid: 'second-action', on: { click: () => run(current.second.act, second) } });
  const micLabel = el('span');
  const mic = el('button.mic', { testid: 'mic', 'aria-label': t('mic'), on: { click: toggle } }, el('span.glyph'), micLabel);
  root.append(el('div.who', {}, role, hint), el('div.buttons', {}, mic, second, main));
  let current = {};
  let shownIcon = '';

  function toggle() {
    const { self } = room.state;
    const wantsMicrophone = microphoneState(room.state, room.outgoing) === 'none';
    run(() => room.mute(!wantsMicrophone && !self.self_muted), mic);
  }

  function update(state) {
    const { self } = state;
    const away = room.phase !== 'joined';
    set(role, { text: roleText(self), 'data-role': self.role, 'data-rank': self.rank, 'data-seat': self.seat ?? null });
    current = mainAction(state, room);
    set(main, { hidden: !current.label, disabled: away || Boolean(current.isWaiting), 'data-action': current.id, 'data-position': self.hand?.position ?? null });
    if (current.label) {
      main.className = current.tone;
      const wanted = `${current.icon} ${current.label}`;
      if (main.dataset.shown !== wanted) main.replaceChildren(icon(ICONS[current.icon]), current.label);
      main.dataset.shown = wanted;
    }
    set(second, { hidden: !current.second, disabled: away, 'data-action': current.second?.id ?? null, text: current.second?.label ?? '' });
    const status = microphoneState(state, room.outgoing);
    text(hint, hintOf(state, status, away));
    updateMicrophone(state, status, away);
  }

  function hintOf(state, status, away) {
    if (away) return t(!status ? 'phase.rejoining' : room.end?.resuming && status === 'on' && room.hasMediaPath ? 'act.away_heard' : 'act.away');
    if (!status && room.isAskingMicrophone) return t('act.allow_microphone');
    if (!status) return countdown(current);
    const said = t(`mic.${status}.hint`, { name: nameOf(state, state.interruption?.by) });
    const until = state.room.seats[state.self.seat]?.turnUntil;
    return until === undefined ? said : `${said} ${t('act.turn_left', { time: timeUntil(until) })}`;
  }

  /** Muting works even while the line is down: one must always be able to close one's own microphone. */
  function updateMicrophone(state, status, away) {
    const open = OPEN.has(status);
    set(mic, { hidden: !status, 'data-state': status, 'aria-pressed': String(open), disabled: (away && !open) || status === 'host' });
    if (!status) return;
    const label = t(`mic.${status}`);
    text(micLabel, label);
    set(mic, { 'aria-label': status === 'on' || status === 'off' ? t('mic') : t('mic.is', { state: label }) });
    const wanted = open ? 'mic' : 'micOff';
    if (shownIcon !== wanted) mic.firstElementChild.replaceChildren(icon(ICONS[wanted]));
    shownIcon = wanted;
  }

  return { update };
}

/** One's own switch is on: pressing it mutes. */
const OPEN = new Set(['on', 'held', 'silenced', 'unsent', 'unheard', 'seat_on']);

function countdown({ hint, until }) {
  return until === undefined ? hint : t('act.seconds', { hint, seconds: secondsUntil(until) });
}
