/**
 * A room as one participant sees it: a snapshot, then every event folded over it.
 *
 * Pure: the clock is an argument, a state is never changed but replaced. Times that count down on the wire
 * (`expires_in_ms`, `waited_ms`) become points on the caller's clock (`until`, `since`), so that a view can show them later.
 *
 * A state is `{ room, self, speakers, slots, cue, seq }`:
 *   room      the snapshot: seats, participants, audience, hand_queue, seat_mode, hands
 *   self      what one is and may do: rank, role, seat, mute bits, hand, offer
 *   speakers  Map of identity → level in dBov, those who are heard just now
 *   slots     which downstream section carries which seat
 *   cue       the last open-seat cue `{ index, can_join, why, at }`, until that seat is no longer open
 */

export function fromWelcome(welcome, now) {
  const room = welcome.room;
  return {
    room: {
      ...room,
      seats: room.seats.map((seat) => dated(seat, now)),
      participants: room.participants ?? [],
      audience: room.audience ?? { count: 0, sample: [] },
      hand_queue: room.hand_queue?.map((hand) => waiting(hand, now)),
    },
    self: ownView(welcome.self, now),
    speakers: new Map(),
    slots: [],
    cue: null,
    seq: room.seq ?? 0,
    since: room.seq ?? 0,
  };
}

/** What the order of the log says about an event: `old` is in the snapshot already, `gap` means one was lost, else `next`. */
export function order(state, event) {
  if (event.seq === undefined || event.seq === null) return 'next';
  if (event.seq <= state.since) return 'old';
  return seesWholeLog(state) && event.seq > state.seq + 1 ? 'gap' : 'next';
}

export function fold(state, event, now) {
  if (order(state, event) === 'old') return state;
  const next = apply(state, event, now);
  return event.seq > next.seq ? { ...next, seq: event.seq } : next;
}

function apply(state, event, now) {
  const { room } = state;
  switch (event.type) {
    case 'seat_changed':
      return seatChanged(state, dated(event.seat, now));
    case 'room_updated':
      return inRoom(state, { seat_mode: event.seat_mode ?? room.seat_mode, hands: event.hands ?? room.hands });
    case 'participant_joined':
      return inRoom(state, { participants: withPerson(room.participants, event.participant) });
    case 'participant_left':
      return inRoom(state, { participants: room.participants.filter((person) => person.identity !== event.identity) });
    case 'audience':
      return inRoom(state, { audience: { count: event.count, sample: event.sample ?? [] } });
    case 'hand_changed':
      return room.hand_queue ? inRoom(state, { hand_queue: handChanged(room.hand_queue, event, now) }) : state; // others hear only of their own
    case 'self_changed':
      return { ...state, self: ownView(event.self, now, state.self) };
    case 'hand_position':
      return { ...state, self: { ...state.self, hand: { ...state.self.hand, position: event.position } } };
    case 'seat_offer':
      return { ...state, self: { ...state.self, offer: { seat: event.seat, why: event.why, until: now + event.expires_in_ms } } };
    case 'seat_cue':
      return { ...state, cue: { index: event.index, can_join: event.can_join, why: event.why, at: now } };
    case 'slots':
      return { ...state, slots: event.slots };
    case 'speakers':
      return { ...state, speakers: new Map(event.speakers.map((speaker) => [speaker.identity, speaker.level])) };
    default:
      return state; // A newer server may say more than we know.
  }
}

function seatChanged(state, seat) {
  const { room, cue } = state;
  const before = room.seats[seat.index];
  if (before && seat.rev < before.rev) return state;
  const seats = room.seats.slice();
  seats[seat.index] = seat;
  const next = inRoom(state, { seats, participants: participantsAfter(room.participants, before, seat) });
  return cue?.index === seat.index && seat.state !== 'open' ? { ...next, cue: null } : next;
}

/** Does anyone else send audio just now, by what the seats say? */
export const someoneIsOnAir = ({ room, self }) => room.seats.some((seat) =>
  seat.state === 'occupied' && seat.identity !== self.identity && !seat.self_muted && !seat.host_muted && !seat.muted_by_host);

/** People are listed for their rank or their seat; who has neither is part of the audience and only counted. */
function participantsAfter(participants, before, seat) {
  let people = participants;
  if (before?.identity && before.identity !== seat.identity) {
    people = people
      .filter((person) => person.identity !== before.identity || person.rank !== 'member')
      .map((person) => (person.identity === before.identity ? { ...person, role: roleOf(person.rank, false) } : person));
  }
  if (seat.state !== 'occupied') return people;
  const rank = seat.rank ?? people.find((person) => person.identity === seat.identity)?.rank ?? 'member';
  return withPerson(people, { identity: seat.identity, name: seat.name ?? seat.identity, rank, role: roleOf(rank, true) });
}

function handChanged(queue, event, now) {
  if (event.change === 'changed') return queue.map((hand) => (hand.identity === event.hand.identity ? { ...waiting(event.hand, now), position: hand.position } : hand));
  const others = queue.filter((hand) => hand.identity !== event.hand.identity);
  if (event.change === 'raised') {
    const place = Math.min(Math.max((event.hand.position ?? others.length + 1) - 1, 0), others.length);
    others.splice(place, 0, waiting(event.hand, now));
  }
  return others.map((hand, index) => ({ ...hand, position: index + 1 }));
}

const roleOf = (rank, seated) => (rank === 'host' ? 'host' : seated ? 'guest' : 'listener');
const seesWholeLog = ({ self }) => self.rank === 'host' || self.rank === 'cohost';
const inRoom = (state, change) => ({ ...state, room: { ...state.room, ...change } });
const withPerson = (people, person) => [...people.filter((one) => one.identity !== person.identity), person];
const dated = (seat, now) => (seat.expires_in_ms === undefined ? seat : { ...seat, until: now + seat.expires_in_ms });
const waiting = (hand, now) => ({ ...hand, since: now - (hand.waited_ms ?? 0) });

function ownView(self, now, before) {
  if (!self.offer) return self;
  const known = before?.offer?.seat === self.offer.seat ? before.offer.until : undefined;
  const until = self.offer.expires_in_ms === undefined ? known : now + self.offer.expires_in_ms;
  return { ...self, offer: { ...self.offer, until } };
}
