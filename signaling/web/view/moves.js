/** Moves: what it means to put a person, or a whole seat, onto a seat. Pure; the menu and the drag both ask here. */
import { nameOf, outranks, rankOf } from './permit.js';
import { seatIn, t } from '../words.js';

/** `source` is `{ kind: 'seat', index }`, `{ kind: 'hand' | 'person', identity }`. Answers `{ label, act }`, or null where it cannot go. */
export function drop(state, room, source, index) {
  const target = state.room.seats[index];
  if (!target) return null;
  return source.kind === 'seat' ? dropSeat(state, room, state.room.seats[source.index], target) : dropPerson(state, room, source.identity, target);
}

function dropSeat(state, room, from, to) {
  if (from?.state !== 'occupied' || from.index === to.index || !mayAct(state, from.identity)) return null;
  const name = nameOf(state, from.identity);
  if (to.state === 'open' && maySit(state, from.identity, to)) {
    const identity = from.identity === state.self.identity ? undefined : from.identity;
    return { label: t('drag.move', { name, seat: seatIn(to.index) }), act: () => room.moveSeat(to.index, { identity }) };
  }
  const canSwap = to.state === 'occupied' && mayAct(state, to.identity) && maySit(state, from.identity, to) && maySit(state, to.identity, from);
  if (!canSwap) return null;
  return { label: t('drag.swap', { name, other: nameOf(state, to.identity) }), act: () => room.swapSeats(from.index, to.index) };
}

function dropPerson(state, room, identity, to) {
  if (to.state !== 'open' || !outranks(state.self, rankOf(state, identity)) || !maySit(state, identity, to)) return null;
  const label = t('drag.assign', { name: nameOf(state, identity), seat: seatIn(to.index) });
  return { label, act: () => room.assignSeat(to.index, identity, { expectRev: to.rev }) };
}

const mayAct = (state, identity) => identity === state.self.identity || outranks(state.self, rankOf(state, identity));
const maySit = (state, identity, seat) => seat.index > 0 || rankOf(state, identity) !== 'member';

export const openSeats = (state, identity) => state.room.seats.filter((seat) => seat.state === 'open' && maySit(state, identity, seat));
