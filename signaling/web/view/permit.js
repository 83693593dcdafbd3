/** Permits: who may act on whom, as far as a page can tell; the server decides. Pure. */

const RANK = { member: 0, cohost: 1, host: 2 };

/** Hosts and cohosts: they see the console. */
export const isHost = (self) => self.rank !== 'member';
/** Hosts only: bans, ranks, settings, the room itself. */
export const isOwner = (self) => self.rank === 'host';
/** A host whose going leaves people behind without one. */
export const isLastHost = ({ self, room }) => isOwner(self) && room.audience.count + room.seats.filter((seat) => seat.state === 'occupied').length > 1
  && !room.participants.some((person) => person.rank === 'host' && person.identity !== self.identity);
export const outranks = (self, rank) => RANK[self.rank] > RANK[rank ?? 'member'];

export function rankOf({ room }, identity) {
  return room.seats.find((seat) => seat.identity === identity)?.rank
    ?? room.participants.find((person) => person.identity === identity)?.rank ?? 'member';
}

export function nameOf({ room, self }, identity) {
  if (identity === self.identity) return self.name ?? identity;
  const known = [...room.seats, ...room.participants, ...room.audience.sample, ...(room.hand_queue ?? [])];
  return known.find((one) => one.identity === identity)?.name ?? identity;
}

/** Everyone without a seat whom a host could bring on stage: hands first, then those of the audience who are known by name. */
export function candidates(state) {
  const { room, self } = state;
  const seated = new Set(room.seats.map((seat) => seat.identity));
  const found = new Map();
  for (const { identity, name } of [...(room.hand_queue ?? []), ...room.participants, ...room.audience.sample]) {
    if (!seated.has(identity) && identity !== self.identity && !found.has(identity)) found.set(identity, { identity, name: name ?? identity });
  }
  return [...found.values()].filter(({ identity }) => outranks(self, rankOf(state, identity)));
}
