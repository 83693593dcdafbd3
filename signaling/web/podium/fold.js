/**
 * A room as one participant sees it: a snapshot, then every event folded over it.
 *
 * Pure: the clock is an argument, a state is never changed but replaced. Times that count down on the wire
 * (`expires_in_ms`, `waited_ms`) become points on the caller's clock (`until`, `since`), so that a view can show them later.
 *
 * A state is:
 *   room          the snapshot: settings, phase, seats, participants, audience; for hosts also hand_queue, invites, bans, mutes, ban_count
 *   self          what one is and may do: rank, role, seat, mute bits, hand, offer, invite, host_offer; `handAfter`: no hand before then
 *   speakers      Map of identity → level in dBov, those who are heard just now
 *   slots         which downstream section (`mid`) carries which seat, and whom
 *   cue           the last open-seat cue `{ index, can_join, why, at }`, until that seat is no longer open
 *   left          the seat that one has left and nobody has had since, or null: its cue is not for oneself
 *   interruption  who speaks over the others, `{ by, mode }`, or null
 *   swap          who would change places with us, `{ from, seat, with, until }`, or null
 *   lost          the seat that one came back too late for, `{ seat, position, at }`, or null
 *   messages      the last 100, `{ seq, from, name, text, at }`
 *   tally         how people react just now, `{ tally, at }`, or null
 *   latency       the delay from mouth to ear that one has, `{ class, mouth_to_ear_ms, dominant_term, side, estimated }`, or null
 *   quality       how good one's connection is, `excellent`, `good`, `poor` or `lost`, or null
 *   unheard       why the server drops everything that one says, or null
 *   lines         for hosts and cohosts: Map of identity → `{ latency, quality, unheard }` of those on stage
 *   seq           the number of the last event of the log that is in it
 *   whole         whether every event of the log comes here, as it does for hosts and cohosts from the word of their rank on
 */

export function fromWelcome(welcome, now) {
  const { room } = welcome;
  return {
    room: {
      ...room,
      ...phaseDated(room, now),
      seats: room.seats.map((seat) => dated(seat, now)),
      participants: room.participants ?? [],
      audience: room.audience ?? { count: 0, sample: [] },
      ...moderation(room, now),
    },
    self: ownView(welcome.self, now),
    speakers: new Map(),
    slots: [],
    cue: null,
    left: null,
    interruption: null,
    swap: null,
    lost: null,
    messages: [],
    tally: null,
    latency: null,
    quality: null,
    unheard: null,
    lines: new Map(),
    seq: room.seq ?? 0,
    whole: Boolean(room.hand_queue),
  };
}

/**
 * After a resume: without a snapshot the state goes on, and what was missed follows as events. What passes by, delays and connections
 * included, is told anew; what became unknown meanwhile is not.
 */
export function fromResume(state, welcome, now) {
  if (welcome.room) {
    const { messages, lost } = state;
    return { ...fromWelcome(welcome, now), messages, lost };
  }
  const self = welcome.self ? ownView(welcome.self, now, state.self) : state.self;
  return { ...state, self, interruption: null, speakers: new Map(), latency: null, quality: null, unheard: null, lines: new Map() };
}

/** What the order of the log says about an event: `old` is known already, `gap` means one was lost, else `next`. */
export function order(state, event) {
  const { seq } = event;
  if (seq === undefined || seq === null) return 'next';
  if (seq <= state.seq) return 'old';
  return state.whole && seq > state.seq + 1 && !isOwnEnd(state, event) ? 'gap' : 'next';
}

/** Who leaves, or is put out, no longer hears as a host what their going causes; that is no loss to mend by joining again. */
const isOwnEnd = ({ self }, { type, identity }) => type === 'participant_left' && identity === self.identity;

export function fold(state, event, now) {
  if (order(state, event) === 'old') return state;
  const next = apply(state, event, now);
  const heard = next.room === state.room && next.self === state.self ? next : withoutOldLines(next);
  if (event.seq === undefined || event.seq === null) return heard;
  return { ...heard, seq: event.seq };
}

function apply(state, event, now) {
  const { room, self } = state;
  switch (event.type) {
    case 'seat_changed':
      return [event.seat, event.other].filter(Boolean).reduce((before, seat) => seatChanged(before, dated(seat, now)), state);
    case 'room_updated':
      return inRoom(state, settingsOf(event, room, now));
    case 'participant_joined':
      return inRoom(state, { participants: withPerson(room.participants, event.participant) });
    case 'participant_left':
      return {
        ...inRoom(state, { participants: withoutPerson(room.participants, event.identity) }),
        whole: isOwnEnd(state, event) ? false : state.whole,
      };
    case 'rank_changed':
      return rankChanged(state, event.participant);
    case 'audience':
      return inRoom(state, { audience: { count: event.count, sample: event.sample ?? [] } });
    case 'hand_changed':
      return room.hand_queue ? inRoom(state, { hand_queue: handChanged(room.hand_queue, event, now) }) : state; // others hear only of their own
    case 'invite_changed':
      return inviteChanged(state, event, now);
    case 'ban_changed':
      return room.bans ? inRoom(state, bansAfter(room, event, now)) : state;
    case 'mute_changed':
      return room.mutes ? inRoom(state, mutesAfter(room, event, now)) : state;
    case 'moderation':
      return inRoom(state, moderation(event, now));
    case 'self_changed':
      return selfChanged(state, ownView(event.self, now, self));
    case 'hand_position':
      return inSelf(state, { hand: { ...self.hand, position: event.position } });
    case 'seat_offer':
      return inSelf(state, { offer: { seat: event.seat, why: event.why, until: now + event.expires_in_ms } });
    case 'invite':
      return inSelf(state, { invite: expiring(event.invite, now) });
    case 'host_offer':
      return inSelf(state, { host_offer: { from: event.from, until: now + event.expires_in_ms } });
    case 'host_offer_ended':
      return event.to === self.identity ? inSelf(state, { host_offer: undefined }) : state;
    case 'swap_proposed':
      return { ...state, swap: { from: event.from, seat: event.seat, with: event.with, until: now + event.expires_in_ms } };
    case 'turn_ending':
      return turnEnding(state, event, now);
    case 'lost_seat':
      return { ...state, lost: { seat: event.seat, position: event.position, at: now } };
    case 'interruption':
      return { ...state, interruption: event.by ? { by: event.by, mode: event.mode } : null };
    case 'message':
      return { ...state, messages: [...state.messages, messageOf(event, now)].slice(-MESSAGES_MAX) };
    case 'reaction_tally':
      return { ...state, tally: { tally: event.tally, at: now } };
    case 'seat_cue':
      if (event.index === state.left) return state;
      return { ...state, cue: { index: event.index, can_join: event.can_join, why: event.why, at: now } };
    case 'slots':
      return { ...state, slots: event.slots };
    case 'latency_state':
      return lineChanged(state, event.identity, { latency: latencyOf(event) });
    case 'connection_quality':
      return lineChanged(state, event.identity, { quality: event.quality });
    case 'unheard':
      return lineChanged(state, event.identity, { unheard: event.why ?? null });
    case 'speakers':
      return { ...state, speakers: new Map(event.speakers.map((speaker) => [speaker.identity, speaker.level])) };
    default:
      return state; // A newer server may say more than we know.
  }
}

// --- seats and people ---

function seatChanged(state, seat) {
  const { room, self, cue, left, swap } = state;
  const before = room.seats[seat.index];
  if (before && seat.rev < before.rev) return state;
  const seats = room.seats.slice();
  seats[seat.index] = seat;
  const next = inRoom(state, { seats, participants: participantsAfter(room.participants, seats, before, seat) });
  return {
    ...next,
    cue: cue?.index === seat.index && seat.state !== 'open' ? null : cue,
    left: left === seat.index && seat.state !== 'open' && seat.identity !== self.identity ? null : left,
    swap: swap && concerns(swap, seat) ? null : swap,
  };
}

/** A proposed swap is over once one of the two sits elsewhere. */
const concerns = (swap, seat) =>
  (seat.index === swap.seat && seat.identity !== swap.from) || (seat.index === swap.with && seat.identity === swap.from);

/** Does anyone else send audio just now, by what the seats say? */
export const someoneIsOnAir = ({ room, self }) => room.seats.some((seat) =>
  seat.state === 'occupied' && seat.identity !== self.identity && !seat.self_muted && !seat.host_muted && !seat.muted_by_host);

/** Should audio of a speaker arrive here just now? Someone who speaks while a host holds the floor is not sent. */
export function isSoundDue({ speakers, slots, interruption, self }) {
  const isHeld = (identity) => interruption?.mode === 'hold' && interruption.by !== identity;
  return slots.some(({ identity }) => identity !== self.identity && speakers.has(identity) && !isHeld(identity));
}

/** People are listed for their rank or their seat; who has neither is part of the audience and only counted. */
function participantsAfter(participants, seats, before, seat) {
  let people = participants;
  const gone = before?.identity !== seat.identity ? before?.identity : undefined;
  if (gone && !seatOf(seats, gone)) {
    people = people
      .filter((person) => person.identity !== gone || person.rank !== 'member')
      .map((person) => (person.identity === gone ? { ...person, role: roleOf(person.rank, false) } : person));
  }
  if (seat.state !== 'occupied') return people;
  const known = people.find((person) => person.identity === seat.identity);
  const rank = seat.rank ?? known?.rank ?? 'member';
  const kind = seat.kind ? { kind: seat.kind } : {};
  return withPerson(people, { ...known, ...kind, identity: seat.identity, name: seat.name ?? seat.identity, rank, role: roleOf(rank, true) });
}

function rankChanged(state, person) {
  const { room: { participants, seats }, self } = state;
  const isListed = person.rank !== 'member' || seatOf(seats, person.identity);
  const whole = person.identity === self.identity ? person.rank !== 'member' : state.whole;
  return inRoom({ ...state, whole }, {
    participants: isListed ? withPerson(participants, person) : withoutPerson(participants, person.identity),
    seats: seats.map((seat) => (seat.identity === person.identity ? { ...seat, rank: person.rank } : seat)),
  });
}

function turnEnding(state, { seat: index, identity, ends_in_ms }, now) {
  const seats = state.room.seats.map((seat) =>
    (seat.index === index && seat.identity === identity ? { ...seat, turnUntil: now + ends_in_ms } : seat));
  return inRoom(state, { seats });
}

const seatOf = (seats, identity) => seats.find((seat) => seat.state === 'occupied' && seat.identity === identity);
const roleOf = (rank, seated) => (rank === 'host' ? 'host' : seated ? 'guest' : 'listener');
const withPerson = (people, person) => [...withoutPerson(people, person.identity), person];
const withoutPerson = (people, identity) => people.filter((one) => one.identity !== identity);

// --- how it sounds ---

/** Without a class no delay is known any more. */
const latencyOf = ({ class: feel, mouth_to_ear_ms, dominant_term, side, estimated }) =>
  (feel ? { class: feel, mouth_to_ear_ms, dominant_term, side, estimated: Boolean(estimated) } : null);

/** With an identity it is about someone on stage, else about oneself. What comes too late for the stage is not kept. */
function lineChanged(state, identity, change) {
  if (identity === undefined || identity === null) return { ...state, ...change };
  const seat = seatOf(state.room.seats, identity);
  if (!seat) return state;
  const line = { latency: null, quality: null, unheard: null, ...state.lines.get(identity), ...change, csrc: seat.csrc };
  return { ...state, lines: new Map(state.lines).set(identity, line) };
}

/**
 * One's delay while there is anyone to hear, or to be heard by. The server bridges the moment between two speakers and tells the delay anew
 * only if it is another one, so it is kept meanwhile and only not shown.
 */
export function delayOf({ room, self, latency }) {
  if (!latency || !room) return null;
  const isSeated = self.seat_state === 'occupied';
  const hears = room.seats.some((seat) => seat.state === 'occupied' && seat.identity !== self.identity);
  return (latency.side === 'speaking' ? isSeated : hears) ? latency : null;
}

/**
 * What hosts were told of someone on stage ends with that occupancy of the seat, and with the rank by which one was told. The server tells
 * what changes and cannot tell of who is no longer there.
 */
function withoutOldLines(state) {
  const { room: { seats }, self } = state;
  const isOf = ([identity, { csrc }]) => seatOf(seats, identity)?.csrc === csrc;
  const lines = self.rank === 'member' ? [] : [...state.lines].filter(isOf);
  return lines.length === state.lines.size ? state : { ...state, lines: new Map(lines) };
}

// --- the room ---

function settingsOf(event, room, now) {
  return {
    phase: event.phase ?? room.phase,
    seat_mode: event.seat_mode ?? room.seat_mode,
    hands: event.hands ?? room.hands,
    interrupt: event.interrupt ?? room.interrupt,
    auto_offer: event.auto_offer ?? room.auto_offer,
    turn_ms: event.turn_ms,
    promote: event.promote ?? room.promote,
    duplicates: event.duplicates ?? room.duplicates,
    ...phaseDated(event, now),
  };
}

const phaseDated = ({ opens_in_ms, hostless_for_ms, closes_in_ms }, now) => ({
  opensAt: later(opens_in_ms, now), hostlessUntil: later(hostless_for_ms, now), closesAt: later(closes_in_ms, now),
});

// --- what hosts see ---

function moderation({ hand_queue, invites, bans, ban_count, mutes, mute_count }, now) {
  if (!hand_queue) return {};
  return {
    hand_queue: hand_queue.map((hand) => waiting(hand, now)),
    invites: (invites ?? []).map((invite) => expiring(invite, now)),
    bans: (bans ?? []).map((ban) => banDated(ban, now)),
    ban_count: ban_count ?? bans?.length ?? 0,
    mutes: (mutes ?? []).map((mute) => banDated(mute, now)),
    mute_count: mute_count ?? mutes?.length ?? 0,
  };
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

/** To hosts it is about their list; to the one who was invited, about their own. */
function inviteChanged(state, { change, invite }, now) {
  const { self, room } = state;
  const isOver = change !== 'sent';
  const next = isOver && self.invite?.id === invite.id ? inSelf(state, { invite: undefined }) : state;
  if (!room.invites) return next;
  const others = room.invites.filter((one) => one.id !== invite.id);
  return inRoom(next, { invites: isOver ? others : [...others, expiring(invite, now)] });
}

function bansAfter({ bans, ban_count }, { banned, ban }, now) {
  const others = bans.filter((one) => one.identity !== ban.identity);
  if (!banned) return { bans: others, ban_count: Math.max(0, ban_count - 1) };
  return { bans: [banDated(ban, now), ...others].slice(0, BANS_SHOWN_MAX), ban_count: ban_count + (others.length === bans.length ? 1 : 0) };
}

function mutesAfter({ mutes, mute_count }, { muted, mute }, now) {
  const { bans, ban_count } = bansAfter({ bans: mutes, ban_count: mute_count }, { banned: muted, ban: mute }, now);
  return { mutes: bans, mute_count: ban_count };
}

// --- oneself ---

/** Who is no longer a host or cohost no longer sees what they see. */
function selfChanged(state, self) {
  const hadSeat = state.self.seat_state === 'occupied' && state.self.seat !== self.seat;
  const next = { ...state, self, left: hadSeat ? state.self.seat : state.left };
  if (self.rank !== 'member' || !state.room.hand_queue) return next;
  const { hand_queue, invites, bans, ban_count, mutes, mute_count, ...room } = state.room;
  return { ...next, room, whole: false };
}

function ownView(self, now, before) {
  const { offer, invite, host_offer: hostOffer, hand_after_ms: handAfterMs } = self;
  const known = (name, same) => (same ? before?.[name]?.until : undefined);
  return {
    ...self,
    handAfter: later(handAfterMs, now),
    offer: offer && { ...offer, until: later(offer.expires_in_ms, now) ?? known('offer', before?.offer?.seat === offer.seat) },
    invite: invite && { ...invite, until: later(invite.expires_in_ms, now) ?? known('invite', before?.invite?.id === invite.id) },
    host_offer: hostOffer && { ...hostOffer, until: later(hostOffer.expires_in_ms, now) ?? known('host_offer', before?.host_offer?.from === hostOffer.from) },
  };
}

const inRoom = (state, change) => ({ ...state, room: { ...state.room, ...change } });
const inSelf = (state, change) => ({ ...state, self: { ...state.self, ...change } });
const messageOf = ({ seq, from, name, text }, at) => ({ seq, from, name, text, at });

// --- times ---

const later = (ms, now) => (ms === undefined || ms === null ? undefined : now + ms);
const expiring = (thing, now) => ({ ...thing, until: later(thing.expires_in_ms, now) });
const dated = (seat, now) => ({ ...seat, until: later(seat.expires_in_ms, now), turnUntil: later(seat.turn_ends_in_ms, now) });
const waiting = (hand, now) => ({ ...hand, since: now - (hand.waited_ms ?? 0) });
const banDated = (ban, now) => ({ ...ban, since: now - (ban.since_ms ?? 0), endsAt: later(ban.ends_in_ms, now) });

const MESSAGES_MAX = 100;
const BANS_SHOWN_MAX = 100;
