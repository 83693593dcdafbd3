/**
 * A walk: five people in one room ask for things at random, and after each few what every one of them has put together from the
 * snapshot of the join and the events since must be what the server shows that person afresh.
 *
 *   node walk.mjs SERVER ROOM SEED IDENTITY=TOKEN ...
 *
 * Most of what they ask is refused, as it should be; a refusal must change nothing either. Consoles walk here: no audio, no browser.
 * It prints one line of JSON with what was asked and done, or ends with 1 and the first difference.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { PodiumError, Room } from './web/podium.js';
import { fromWelcome } from './web/podium/fold.js';

const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket;

const [server, roomId, seed, ...people] = process.argv.slice(2);
const dice = seeded(Number(seed));
const below = (count) => Math.floor(dice() * count);
const pick = (list) => list[below(list.length)];

/** What may be asked, by the client's own names. `who` is anyone; whoever leaves or is put out comes back, so that all can compare to the end. */
const ACTS = {
  takeSeat: () => [seat()],
  leaveSeat: () => [],
  confirmSeat: () => [],
  declineSeat: () => [],
  moveSeat: () => (dice() < 0.5 ? [seat()] : [seat(), { identity: who() }]),
  swapSeats: () => [seat(), seat()],
  assignSeat: () => [seat(), who()],
  lockSeat: () => [seat(), { evict: dice() < 0.3 }],
  unlockSeat: () => [seat()],
  muteSeat: () => [seat()],
  unmuteSeat: () => [seat()],
  kickSeat: () => [seat()],
  raiseHand: () => [{ wantedSeat: dice() < 0.3 ? seat() : undefined }],
  lowerHand: () => [],
  approveHand: () => [who()],
  denyHand: () => [who()],
  nextHand: () => [],
  lowerAllHands: () => [],
  invite: () => [who(), dice() < 0.5 ? {} : { seat: seat(), hold: dice() < 0.5 }],
  revokeInvite: () => [{ identity: who() }],
  acceptInvite: () => [],
  declineInvite: () => [],
  muteMember: () => [who()],
  unmuteMember: () => [who()],
  mute: () => [dice() < 0.5],
  rankMember: () => [who(), pick(['member', 'cohost'])],
  transferHost: () => [who()],
  acceptHost: () => [],
  declineHost: () => [],
  leave: () => [],
  kickMember: () => [who(), { reason: 'for the test' }],
  banMember: () => ['nobody', { reason: 'for the test' }],
  unbanMember: () => ['nobody'],
  setPrefs: () => [{ doNotInvite: dice() < 0.2 }],
  say: () => ['a word'],
  react: () => ['clap'],
  updateRoom: () => [pick([
    { seatMode: pick(['free', 'apply', 'invite_only']) },
    { hands: pick(['on', 'on', 'off']) },
    { interrupt: pick(['off', 'duck', 'hold']) },
    { autoOffer: dice() < 0.5 },
    { turnMs: pick([0, 3_600_000]) },
    { promote: pick(['cohost', 'longest_seated', 'none']) },
  ])],
};
const seat = () => below(SEATS);
const who = () => pick(rooms).state.self.identity;

const rooms = [];
const gaps = [];
const counts = { asked: 0, done: 0 };
const codes = {};

async function walk() {
  for (const person of people) await enter(...person.split('='));
  const known = Object.keys(ACTS).filter((act) => typeof rooms[0].room[act] === 'function');
  for (let burst = 0; burst < BURSTS; burst += 1) {
    // The first two are host and cohost at first, and have more to ask for.
    await Promise.all(Array.from({ length: BURST }, () => ask(pick(dice() < 0.4 ? rooms.slice(0, 2) : rooms), pick(known))));
    await Promise.all(rooms.map((one) => compare(one, burst)));
    assert.deepEqual(gaps, []);
    await sleep(PAUSE_MS);
  }
  console.log(JSON.stringify({ step: 'walked', ...counts, acts: known.length, codes, seq: rooms[0].state.seq }));
}

async function enter(identity, token) {
  const devices = { getAudioTracks: () => [{ enabled: false, stop() {} }] };
  const room = new Room({
    server, room: roomId, token, media: false, platform: { WebSocket, getUserMedia: async () => devices },
  });
  const one = { identity, token, room, recent: [], get state() { return room.state; } };
  room.on('event', (event) => one.recent.push(event) > RECENT_MAX && one.recent.shift());
  room.on('gap', () => gaps.push(`${identity}: a gap before the last of\n${told(one)}`));
  await room.join();
  rooms.push(one);
}

async function ask(one, act) {
  counts.asked += 1;
  try {
    await one.room[act](...ACTS[act]());
    counts.done += 1;
  } catch (error) {
    if (!(error instanceof PodiumError)) throw error;
    codes[error.code] = (codes[error.code] ?? 0) + 1;
    assert.ok(!FAULTS.includes(error.code), `${one.identity} ${act}: ${error.code} ${error.message}`);
  }
}

/** What was folded becomes what is shown; the audience hears in batches, so it may take a moment, but not long. */
async function compare(one, burst) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    if (one.room.phase === 'over') await one.room.join();
    const shown = plain(fromWelcome({ room: seenBy(one, await look(one)), self: one.state.self }, 0).room);
    const folded = plain(one.state.room);
    if (JSON.stringify(shown) === JSON.stringify(folded)) return;
    if (performance.now() > deadline) {
      console.error(`${one.identity}, burst ${burst}, seed ${seed}; last events:\n${told(one)}`);
      assert.deepEqual(folded, shown, 'the fold is not the snapshot');
    }
    await sleep(POLL_MS);
  }
}

const told = ({ recent }) => recent.map((event) => JSON.stringify(event)).join('\n');

async function look({ token }) {
  const answer = await fetch(new URL(`/v1/rooms/${roomId}`, server), { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

/** The first host's token administers the room, and so shows what hosts see even when that person is no longer one. */
function seenBy({ state }, room) {
  if (state.self.rank !== 'member') return room;
  const { hand_queue, invites, bans, ban_count, mutes, mute_count, ...rest } = room;
  return rest;
}

/** A room without its clock, its numbering, and the order of what has none. */
function plain(room) {
  const keep = (key, value) => {
    if (TIMES.has(key) || (key.endsWith('_ms') && key !== 'turn_ms') || value === null) return undefined;
    if (key === 'participants' || key === 'bans' || key === 'mutes' || key === 'invites' || key === 'sample') return [...value].sort(byIdentity);
    return value;
  };
  const sorted = (key, value) => {
    const kept = keep(key, value);
    return kept && typeof kept === 'object' && !Array.isArray(kept) ? Object.fromEntries(Object.entries(kept).sort()) : kept;
  };
  return JSON.parse(JSON.stringify(room, sorted));
}

const nameOf = (one) => one.identity ?? one.id ?? String(one);
const byIdentity = (a, b) => (nameOf(a) < nameOf(b) ? -1 : 1);

/** A small generator of even numbers in [0, 1): the same seed, the same walk. */
function seeded(state) {
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

const SEATS = 9;
const BURSTS = 40;
const BURST = 12; // acts at once: some of them cross
const PAUSE_MS = 120; // 5 people at 20 commands a second each ask for no more than the server takes
const PATIENCE_MS = 5_000;
const POLL_MS = 50;
const RECENT_MAX = 40;
const TIMES = new Set(['event_id', 'until', 'since', 'turnUntil', 'opensAt', 'hostlessUntil', 'closesAt', 'seq', 'revision']);
/** Answers that no act of this walk may have. */
const FAULTS = ['internal', 'timeout', 'unknown_type'];

walk().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
