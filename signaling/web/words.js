/** What the page says to people. One place, so that it can be translated; nothing here knows the DOM. */

const ERRORS = {
  // the room
  room_not_found: 'There is no such room right now. A host has to open it first.',
  room_closed: 'This room has ended.',
  room_full: 'The room is full. Please try again in a moment.',
  node_full: 'The server is full right now. Trying again shortly.',
  draining: 'The server is restarting. You will be reconnected in a moment.',
  latency_at_risk: 'The server is very busy. Trying again shortly.',
  storage: 'The server cannot save this right now. Please try again later.',
  internal: 'Something went wrong on the server. Please try again.',
  // who one is
  unauthenticated: 'Your invitation link is not valid. Ask for a new one.',
  token_expired: 'Your invitation link has expired. Ask for a new one.',
  no_invitation: 'You need an invitation link to join this room.',
  forbidden: 'You are not allowed to do that.',
  banned: 'You have been banned from this room.',
  kicked: 'A host has removed you from this room.',
  duplicate: 'You opened this room somewhere else, so it was disconnected here.',
  session_stale: 'You were away for a while. Joining again…',
  slow_consumer: 'Your connection could not keep up. Joining again…',
  // seats and hands
  seat_occupied: 'Someone was faster: that seat is taken.',
  seat_reserved: 'That seat is being kept for someone.',
  seat_locked: 'That seat is locked.',
  seat_not_found: 'That seat does not exist.',
  already_seated: 'You already have a seat.',
  not_seated: 'You have no seat right now.',
  all_seats_taken: 'All seats are taken. Free one first; the hand stays up.',
  wrong_seat_mode: 'Seats cannot be taken freely right now. Raise your hand to ask for one.',
  offer_expired: 'That came too late: the seat is no longer kept for you.',
  hand_gone: 'That person has lowered their hand or left.',
  hand_already_handled: 'That hand has already been answered.',
  participant_not_found: 'That person is no longer here.',
  rev_conflict: 'This seat changed a moment ago. Have a look and try again.',
  precondition_failed: 'This changed a moment ago. Have a look and try again.',
  do_not_invite: 'That person does not want to be invited.',
  screening_required: 'A host has to talk to you first.',
  rate_limited: 'That was a bit fast. Please wait a moment.',
  // the line
  offline: 'The connection was lost.',
  unreachable: 'The server cannot be reached right now. Trying again…',
  timeout: 'The server did not answer in time. Please try again.',
  media_failed: 'The audio connection was lost. Joining again…',
  gap: 'Getting up to date…',
  too_large: 'That was too long.',
  invalid_argument: 'The server did not understand that. Reloading the page may help.',
  unknown_type: 'This server cannot do that yet.',
  webrtc_unsupported: 'This browser cannot play live audio. Please use a current Chrome, Firefox, Edge or Safari.',
  // the microphone
  microphone_denied: 'Your microphone is blocked. Allow it in the browser’s address bar, then turn it on again.',
  microphone_missing: 'No microphone was found. Plug one in, then turn it on again.',
  microphone_busy: 'Your microphone is used by another program.',
  microphone_failed: 'Your microphone could not be started.',
  microphone_lost: 'Your microphone was unplugged, so you are muted.',
  microphone_unsupported: 'This page may not use a microphone. It has to be opened over https.',
};

export function errorText(code, details = {}) {
  const text = ERRORS[code] ?? `That did not work (${code}).`;
  if (code === 'seat_occupied' && details?.next_open !== undefined && details.next_open !== null) {
    return `${text} ${seatName(details.next_open)} is open.`;
  }
  if (details?.retry_after_ms) return `${text} (${Math.ceil(details.retry_after_ms / 1000)} s)`;
  return text;
}

const ENDINGS = {
  left: ['You left the room', 'See you next time.'],
  kicked: ['You were removed', ERRORS.kicked],
  banned: ['You were banned', ERRORS.banned],
  duplicate: ['Opened somewhere else', ERRORS.duplicate],
  room_closed: ['The room has ended', 'Thank you for listening.'],
  room_not_found: ['No such room', ERRORS.room_not_found],
};

export const endingText = (code) => ENDINGS[code] ?? ['You could not stay in the room', errorText(code)];

export const seatName = (index) => (index === 0 ? 'The host seat' : `Seat ${index}`);
export const seatNameShort = (index) => (index === 0 ? 'Host seat' : `Seat ${index}`);

export function ordinal(position) {
  const tens = position % 100;
  const suffix = tens > 10 && tens < 14 ? 'th' : ({ 1: 'st', 2: 'nd', 3: 'rd' }[position % 10] ?? 'th');
  return `${position}${suffix}`;
}

export const people = (count) => `${count.toLocaleString('en')} ${count === 1 ? 'listener' : 'listeners'}`;

export function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export const RANKS = { host: 'Host', cohost: 'Co-host', member: 'Member' };

export function roleText(self) {
  const seat = self.seat_state === 'occupied' ? ` · on stage, ${seatNameShort(self.seat).toLowerCase()}` : '';
  if (self.rank !== 'member') return `${RANKS[self.rank]}${seat}`;
  return seat ? `Guest${seat}` : 'Listener';
}

export const SEAT_MODES = {
  free: ['Free', 'Anyone may take an open seat'],
  apply: ['By hand', 'People raise a hand, hosts approve'],
  invite_only: ['Invite only', 'Hosts bring people on stage'],
};

export const WHY_RESERVED = { approved: 'Joining', invited: 'Invited', offered: 'Offered', assigned: 'Called', reconnect: 'Reconnecting' };

const CUE_WHY = { cooling_down: 'you can ask again in a little while', hands_off: 'hands are closed', forbidden: 'your invitation is for listening only' };

export function cueText(cue) {
  const open = `${seatName(cue.index)} is open`;
  if (cue.can_join === 'yes') return `${open}. Take it?`;
  if (cue.can_join === 'apply') return `${open}. Want it?`;
  return CUE_WHY[cue.why] ? `${open}; ${CUE_WHY[cue.why]}.` : `${open}.`;
}

/** The stages of a join in order: key of `room.timings`, what it is called, what it means. */
export const STAGES = [
  ['token', 'Token', 'your pass was issued'],
  ['socket', 'Socket', 'the server answered'],
  ['welcome', 'Welcome', 'the room let you in'],
  ['ice', 'Path', 'audio can reach you (ICE)'],
  ['dtls', 'Keys', 'audio is encrypted (DTLS)'],
  ['first_packet', 'First packet', 'the first voice arrived'],
  ['first_played', 'First sound', 'the first voice was played'],
];

export const NEWS = {
  onStage: (seat, heard) => `You are on stage: ${seatNameShort(seat).toLowerCase()}. ${heard ? 'Everyone hears you.' : 'Your microphone is off.'}`,
  offered: (seat) => `${seatName(seat)} is kept for you. Accept it to speak.`,
  offStage: 'You are back in the audience.',
  takenOff: 'A host took you off the seat.',
  lostSeat: 'Your seat was given up because your connection was away too long.',
  seatGone: 'The seat is no longer kept for you.',
  handDenied: 'Not this time: a host has put your hand down.',
  handExpired: 'Your hand was up for a long time and has been lowered. You can raise it again.',
  mutedByHost: 'A host muted you.',
  maySpeak: 'You may speak again. Turn your microphone on when you are ready.',
  handRaised: (name) => `${name} raised a hand.`,
  rejoined: 'You are back in the room.',
};
