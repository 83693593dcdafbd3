/** The stage: numbered seats, who sits there, whether they are heard. A tile is a button only where pressing it does something. */
import { el, icon, initials, keep, set, text, tint } from './dom.js';
import { ICONS } from './icons.js';
import { seatAction } from './actions.js';
import { flagOf } from './line.js';
import { isHost } from './permit.js';
import { rankName, said, seatName, seatNameShort, secondsUntil, t, timeUntil } from '../words.js';

export function stage(root, { run, menu, room }) {
  const list = el('ol.seats', { role: 'list', testid: 'stage', 'aria-label': t('stage') });
  root.append(list);

  function pressed(index, tile) {
    const seat = room.state.room.seats[index];
    if (isHost(room.state.self)) return menu.seat(seat);
    const action = seatAction(room.state, seat, room);
    if (action?.menu) menu.seat(seat);
    else if (action) run(action.act, tile);
  }

  function make(seat) {
    const face = el('button.tile', { testid: `seat-${seat.index}-button`, on: { click: () => pressed(seat.index, face) } },
      el('span.number', { 'aria-hidden': 'true' }), el('span.face', { 'aria-hidden': 'true' }, el('span.letters')),
      el('span.label', {}, el('span.name'), el('span.status')),
      el('span.flag', { 'aria-hidden': 'true', testid: `seat-${seat.index}-flag`, hidden: true }, icon(ICONS.wave), icon(ICONS.bars)),
      seat.index === 0 ? el('span.crown', { 'aria-hidden': 'true' }, icon(ICONS.crown), el('span', { text: seatNameShort(0) })) : null);
    return el(seat.index === 0 ? 'li.seat.host-seat' : 'li.seat', { testid: `seat-${seat.index}`, 'data-drop': seat.index }, face);
  }

  function draw(node, seat, state) {
    const mute = muteOf(seat);
    const speaking = room.isCurrent && seat.state === 'occupied' && mute === 'none' && state.speakers.has(seat.identity);
    const mine = seat.index === state.self.seat;
    set(node, {
      'data-state': seat.state, 'data-muted': mute, 'data-speaking': speaking ? 'true' : 'false', 'data-mine': mine ? 'true' : null,
      'data-identity': seat.identity ?? null, 'data-tint': seat.identity ? tint(seat.identity) : null, 'data-rank': seat.rank ?? null,
      'data-connected': seat.connected === false ? 'false' : null,
    });
    node.style.setProperty('--level', speaking ? loudness(state.speakers.get(seat.identity)) : 0);
    const tile = node.firstElementChild;
    const draggable = isHost(state.self) && seat.state === 'occupied';
    set(tile, { 'data-drag': draggable ? `seat:${seat.index}` : null, 'data-drag-name': seat.name ?? seat.identity ?? null });
    const [number, face, label, flagged] = tile.children;
    const flag = mine ? null : flagOf(state, seat); // of oneself it stands below the stage
    set(flagged, { hidden: !flag, 'data-flag': flag?.kind, title: flag?.more });
    text(number, seat.index);
    drawFace(face, seat, mute);
    const action = isHost(state.self) ? { label: t('stage.options') } : seatAction(state, seat, room);
    text(label.firstElementChild, nameOf(seat, state, action));
    text(label.lastElementChild, statusOf(seat, mute, flag));
    set(node, { 'data-flag': flag?.kind });
    const left = seat.turnUntil === undefined ? null : secondsUntil(seat.turnUntil);
    set(node, { 'data-turn': left === null ? null : left <= TURN_WARNING_S ? 'ending' : 'limited' });
    set(tile, { 'data-action': isHost(state.self) ? 'menu' : (action?.id ?? 'none') });
    set(tile, { disabled: !action, 'aria-label': described(seat, mute, speaking, mine, action, flag), 'aria-haspopup': isHost(state.self) ? 'dialog' : null });
  }

  function update(state) {
    keep(list, state.room.seats, (seat) => seat.index, make, (node, seat) => draw(node, seat, state));
    set(list, { 'data-seats': state.room.seats.length });
  }

  return { update };
}

/** Whose mute it is: the host's (`host`), the seat's (`seat`) or one's own (`self`). */
function muteOf(seat) {
  if (seat.host_muted) return 'host';
  if (seat.muted_by_host) return 'seat';
  return seat.state === 'occupied' && seat.self_muted ? 'self' : 'none';
}

function drawFace(face, seat, mute) {
  const glyph = seat.identity && seat.state !== 'open' ? null : seat.state === 'locked' ? 'lock' : seat.state === 'reserved' ? 'clock' : 'plus';
  const badge = mute === 'none' ? null : mute === 'self' ? 'micOff' : 'lock';
  const wanted = [glyph ?? '-', badge ?? '-', seat.name ?? seat.identity ?? ''].join(' ');
  if (face.dataset.shown === wanted) return;
  face.dataset.shown = wanted;
  face.replaceChildren(glyph ? icon(ICONS[glyph]) : el('span.letters', { text: initials(seat.name ?? seat.identity) }));
  if (badge) face.append(el(`span.badge-icon.${mute}`, {}, icon(ICONS.micOff), mute === 'self' ? null : icon(ICONS.lock)));
}

function nameOf(seat, state, action) {
  if (seat.identity && (seat.state === 'occupied' || seat.state === 'reserved')) {
    return seat.index === state.self.seat ? t('stage.you') : (seat.name ?? seat.identity);
  }
  if (seat.state === 'locked') return t('stage.locked');
  if (seat.state === 'reserved') return t('stage.reserved');
  return { 'take-seat': t('stage.take'), 'move-seat': t('stage.move_here') }[action?.id] ?? t('stage.open');
}

function statusOf(seat, mute, flag) {
  if (seat.state === 'reserved') return [said(`why.${seat.why}`) ?? t('stage.reserved'), seat.until === undefined ? null : t('stage.seconds', { seconds: secondsUntil(seat.until) })].filter(Boolean).join(' · ');
  if (seat.state === 'occupied' && seat.connected === false) return t('stage.reconnecting');
  if (mute !== 'none') return t(`mute.${mute}`);
  if (flag) return flag.label;
  if (seat.turnUntil !== undefined) return t('stage.turn_left', { time: timeUntil(seat.turnUntil) });
  if (seat.state === 'occupied' && seat.rank && seat.rank !== 'member') return rankName(seat.rank);
  return '';
}

function described(seat, mute, speaking, mine, action, flag) {
  const name = seat.name ?? seat.identity;
  const who = seat.identity ? (mine ? t('people.you', { name }) : name) : null;
  const state = who ? (seat.state === 'reserved' ? t('stage.kept_for', { name: who }) : who) : said(`seat_state.${seat.state}`);
  const heard = mute === 'none' ? (speaking ? t('stage.speaking') : null) : t(`muted.${mute}`);
  return [seatName(seat.index), state, heard, flag?.more, action?.label].filter(Boolean).join(', ');
}

/** From dBov to 0..1 for the ring: a quiet room is about -60, a close voice about -20. */
const loudness = (level) => Math.min(1, Math.max(0.15, (level + 60) / 40)).toFixed(2);
const TURN_WARNING_S = 15;
