/**
 * Podium's client core: one room as one participant lives it. No DOM; a page, or another web app, imports this file.
 *
 *   import { join } from './podium.js';
 *   const room = await join({ server: location.origin, room: 'demo', token, audio: (track, mid) => play(track, mid) });
 *   room.on('change', () => draw(room.state));
 *   await room.raiseHand();
 *
 * options: `server` (origin), `room`, `token` (a string, or a function that fetches one at each join), `audio(track, mid)` (called for
 * each slot), `slots` (4), `media: false` (a console, no audio), `processing` ({ echoCancellation, noiseSuppression, autoGainControl }, on),
 * `platform` ({ RTCPeerConnection, WebSocket, getUserMedia(constraints) → Promise<MediaStream> }, each the browser's own unless given).
 *
 * events: `change` (the state), `phase` (idle, joining, joined, rejoining, over), `timing` (a stage of the join), `connection`
 * (the peer connection's state), `stats` (once a second), `problem` (a PodiumError nobody asked for), `gap`, and every event
 * of the server by its own type, as `seat_changed` or `seat_cue`; `event` is all of those. A refused command throws PodiumError.
 */
import { PodiumError } from './podium/errors.js';
import { fold, fromWelcome, order, someoneIsOnAir } from './podium/fold.js';
import { Media, microphonePermission } from './podium/media.js';

export { PodiumError, microphonePermission };

export async function join(options) {
  const room = new Room(options);
  await room.join();
  return room;
}

export class Room {
  /** The room as seen from here (see podium/fold.js); null before the first welcome. */
  state = null;
  phase = 'idle';
  /** When `over`: why (`left`, `kicked`, `duplicate`, a refusal's code …). When `rejoining`: why, and `at` the next attempt. */
  end = null;
  /** Milliseconds from the start of the join to: token, socket, welcome, ice, dtls, first_packet, first_played. */
  timings = {};
  connection = 'new';
  lastStats = null;

  #options;
  #platform;
  #media;
  #handlers = new Map();
  #socket = null;
  #round = 0; // one attempt to join; whatever belongs to an earlier one is ignored
  #attempts = 0;
  #startedAt = 0;
  #nextId = 1;
  #pending = new Map();
  #timers = { retry: 0, stats: 0, settled: 0 };
  #joined = null; // settles `join()`
  #gapAt = -Infinity;
  #joinReported = false;
  #raising = false;

  constructor(options) {
    this.#options = { slots: 4, media: true, ...options };
    this.#platform = { ...browser(), ...options.platform };
    this.#media = new Media({
      platform: this.#platform,
      slots: this.#options.slots,
      processing: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...options.processing },
      hooks: {
        track: (track, mid) => this.#options.audio?.(track, mid),
        mark: (stage) => this.#mark(stage),
        state: (state) => this.#connectionChanged(state),
        lost: () => this.#microphoneFailed(new PodiumError('microphone_lost')),
      },
    });
  }

  /** Calls `handler` at each such event; the returned function ends that. */
  on(event, handler) {
    if (!this.#handlers.has(event)) this.#handlers.set(event, new Set());
    this.#handlers.get(event).add(handler);
    return () => this.#handlers.get(event).delete(handler);
  }

  /** Resolves at the welcome, rejects when the room cannot be joined; what is only temporary is tried again. */
  join() {
    if (this.phase !== 'idle' && this.phase !== 'over') return Promise.reject(new PodiumError('already_joined'));
    this.#attempts = 0;
    const joined = new Promise((resolve, reject) => { this.#joined = { resolve, reject }; });
    this.#become('joining', null);
    this.#attempt();
    return joined;
  }

  async leave() {
    if (this.phase === 'over') return;
    if (this.phase === 'joined') await Promise.race([this.#ask('leave').catch(() => {}), delay(LEAVE_MS)]);
    this.#over('left');
  }

  takeSeat = (seat) => this.#ask('seat_take', { seat });
  leaveSeat = () => this.#ask('seat_leave');
  confirmSeat = (seat) => this.#ask('seat_confirm', { seat });
  declineSeat = (seat) => this.#ask('seat_decline', { seat });
  lowerHand = () => this.#ask('hand_lower');

  approveHand = (identity) => this.#ask('hand_approve', { identity });
  denyHand = (identity) => this.#ask('hand_deny', { identity });
  lockSeat = (seat, { evict, expectRev } = {}) => this.#ask('seat_lock', { seat, evict, expect_rev: expectRev });
  unlockSeat = (seat, { expectRev } = {}) => this.#ask('seat_unlock', { seat, expect_rev: expectRev });
  muteSeat = (seat, { expectRev } = {}) => this.#ask('seat_mute', { seat, expect_rev: expectRev });
  unmuteSeat = (seat, { expectRev } = {}) => this.#ask('seat_unmute', { seat, expect_rev: expectRev });
  kickSeat = (seat, { expectRev } = {}) => this.#ask('seat_kick', { seat, expect_rev: expectRev });
  muteMember = (identity) => this.#ask('member_mute', { identity });
  unmuteMember = (identity) => this.#ask('member_unmute', { identity });
  kickMember = (identity) => this.#ask('member_kick', { identity });
  updateRoom = ({ seatMode, hands }) => this.#ask('room_update', { seat_mode: seatMode, hands });
  ping = () => this.#ask('ping');

  /** Who raises a hand wants to speak, so the microphone is asked for now: an approval then puts them on air at once. */
  async raiseHand({ wantedSeat } = {}) {
    this.#raising = true;
    try {
      const asked = this.#options.media ? this.#media.openMicrophone() : Promise.reject(new PodiumError('no_media'));
      const ready = await Promise.race([asked.then(() => true, () => false), delay(PERMISSION_MS, false)]);
      return await this.#ask('hand_raise', { wanted_seat: wantedSeat, mic_ready: ready });
    } finally {
      this.#raising = false;
      this.#syncMicrophone();
    }
  }

  /** One's own microphone. Muting acts here at once, whatever the network does; unmuting waits for the server's word. */
  async mute(muted) {
    if (muted) this.#media.setLive(false);
    else await this.#media.openMicrophone();
    const ok = await this.#ask('mute_self', { muted });
    this.#change({ ...this.state, self: { ...this.state.self, self_muted: muted } });
    return ok;
  }

  get processing() {
    return this.#media.processing;
  }

  async setProcessing(change) {
    await this.#media.setProcessing(change);
    this.#emit('change', this.state);
  }

  get hasMicrophone() {
    return this.#media.hasMicrophone;
  }

  /** Fresh figures: rtt_ms, jitter_buffer_ms, loss (0..1), received, lost, concealed, sent, and one entry a slot; and the timings. */
  async stats() {
    return { ...(await this.#media.stats()), timings: { ...this.timings } };
  }

  // --- joining, and joining again ---

  async #attempt() {
    const round = (this.#round += 1);
    const current = () => round === this.#round;
    this.#startedAt = performance.now();
    this.timings = {};
    this.#joinReported = false;
    try {
      const { token } = this.#options;
      const asking = typeof token === 'function' ? token() : token; // on its way while the offer is made
      const offering = this.#options.media ? this.#media.offer() : undefined;
      offering?.catch(() => {}); // it is awaited below; a token that fails first must not leave it unheard
      const bearer = await asking;
      if (!current()) return;
      this.#mark('token');
      const socket = this.#open(bearer, current);
      const offer = await offering;
      await socket.opened;
      if (!current()) return;
      const welcome = await this.#ask('join', { offer, mic_ready: this.#media.hasMicrophone });
      if (current()) await this.#welcomed(welcome);
    } catch (error) {
      if (!current()) return;
      const fault = error instanceof PodiumError ? error : new PodiumError('offline', error.message);
      if (TEMPORARY.has(fault.code)) this.#again(fault.code, fault.details?.retry_after_ms);
      else this.#over(fault.code);
    }
  }

  #open(token, current) {
    const url = new URL(`/v1/rooms/${encodeURIComponent(this.#options.room)}/session`, this.#options.server);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new this.#platform.WebSocket(url, ['podium.v1', `bearer.${token}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => current() && this.#receive(JSON.parse(data));
    socket.opened = new Promise((resolve, reject) => {
      socket.onopen = () => {
        if (current()) this.#mark('socket');
        resolve();
      };
      socket.onclose = () => {
        reject(new PodiumError('offline'));
        if (current()) this.#rejectPending('offline');
        if (current() && this.phase === 'joined') this.#again('offline');
      };
    });
    socket.opened.catch(() => {});
    return socket;
  }

  async #welcomed(welcome) {
    this.#mark('welcome');
    this.#change(fromWelcome(welcome, performance.now()));
    if (welcome.answer && this.#options.media) await this.#media.accept(welcome.answer, { audible: someoneIsOnAir(this.state) });
    this.#timers.settled = setTimeout(() => { this.#attempts = 0; }, SETTLED_MS);
    let ticks = 0;
    this.#timers.stats = setInterval(() => this.#tick((ticks += 1)), TICK_MS);
    this.#become('joined', null);
    this.#joined?.resolve(this);
    this.#joined = null;
  }

  #again(reason, afterMs) {
    this.#drop();
    const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
    const wait = Math.max(afterMs ?? 0, this.#attempts === 0 && reason !== 'offline' ? 0 : backoff);
    this.#attempts += 1;
    this.#timers.retry = setTimeout(() => this.#attempt(), wait);
    this.#become('rejoining', { reason, at: performance.now() + wait });
  }

  #over(reason, details = {}) {
    this.#drop();
    this.#media.close();
    this.#become('over', { reason, details });
    this.#joined?.reject(new PodiumError(reason, reason, details));
    this.#joined = null;
  }

  /** Lets go of the present connection; the microphone stays, so that a rejoin is heard at once. */
  #drop() {
    this.#round += 1;
    clearTimeout(this.#timers.retry);
    clearTimeout(this.#timers.settled);
    clearInterval(this.#timers.stats);
    this.#rejectPending('offline');
    this.#socket?.close();
    this.#socket = null;
    this.#media.closePeer();
    this.connection = 'closed';
  }

  #connectionChanged(connection) {
    this.connection = connection;
    this.#emit('connection', connection);
    if (connection === 'failed' && this.phase === 'joined') this.#again('media_failed');
  }

  #become(phase, end) {
    this.phase = phase;
    this.end = end;
    this.#emit('phase', { phase, end });
    this.#emit('change', this.state);
  }

  // --- frames ---

  #ask(type, fields = {}) {
    const socket = this.#socket;
    if (socket?.readyState !== SOCKET_OPEN) return Promise.reject(new PodiumError('offline'));
    const request_id = String(this.#nextId);
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(request_id, (waiting) => waiting.reject(new PodiumError('timeout'))), REPLY_MS);
      this.#pending.set(request_id, { resolve, reject, timer });
      socket.send(JSON.stringify({ type, request_id, ...fields }));
    });
  }

  #settle(request_id, act) {
    const waiting = this.#pending.get(request_id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#pending.delete(request_id);
    act(waiting);
  }

  #rejectPending(code) {
    for (const id of [...this.#pending.keys()]) this.#settle(id, (waiting) => waiting.reject(new PodiumError(code)));
  }

  #receive(frame) {
    switch (frame.type) {
      case 'welcome':
        return this.#settle(frame.request_id, (waiting) => waiting.resolve(frame));
      case 'reply': {
        const { error } = frame;
        return this.#settle(frame.request_id, (waiting) =>
          error ? waiting.reject(new PodiumError(error.code, error.message, error.details)) : waiting.resolve(frame.ok));
      }
      case 'events':
        return frame.events.forEach((event) => this.#event(event));
      case 'bye':
        return this.#bye(frame);
      default:
        return this.#event(frame);
    }
  }

  #event(event) {
    if (!this.state) return;
    const lost = order(this.state, event) === 'gap';
    this.#change(fold(this.state, event, performance.now()));
    for (const name of [event.type, 'event']) this.#emit(name, event);
    if (lost) this.#gap(event);
  }

  /** Events were lost: only a new snapshot helps. Not more than once a minute, so that a faulty server cannot make us spin. */
  #gap(event) {
    console.warn(`podium: events before ${event.seq} were lost`);
    this.#emit('gap', event);
    const now = performance.now();
    if (now - this.#gapAt < GAP_MS) return;
    this.#gapAt = now;
    this.#again('gap');
  }

  #bye({ reason, action, retry_after_ms }) {
    this.#emit('bye', { reason, action });
    if (action === 'stop') this.#over(reason);
    else this.#again(reason, retry_after_ms);
  }

  #change(state) {
    this.state = state;
    this.#syncMicrophone();
    this.#emit('change', state);
  }

  // --- the microphone ---

  /** Open on stage and unmuted, held (closed) while one waits for a seat, and given back otherwise. */
  #syncMicrophone() {
    if (!this.#options.media || !this.state) return;
    const { self, room } = this.state;
    const seated = self.seat_state === 'occupied';
    const waiting = this.#raising || self.hand || self.offer || self.seat !== undefined;
    const live = seated && !self.self_muted && !self.host_muted && !room.seats[self.seat]?.muted_by_host;
    if (!seated && !waiting) return this.#media.release();
    this.#media.setLive(live);
    if (live && !this.#media.hasMicrophone) this.#media.openMicrophone().catch((error) => this.#microphoneFailed(error));
  }

  #microphoneFailed(error) {
    this.#emit('problem', error);
    if (this.state?.self.seat_state === 'occupied' && !this.state.self.self_muted) this.mute(true).catch(() => {});
  }

  // --- figures ---

  #mark(stage) {
    if (this.timings[stage] !== undefined) return;
    if (stage === 'first_packet') this.#mark('dtls'); // audio may be noticed before the event that says so
    this.timings[stage] = performance.now() - this.#startedAt;
    this.#emit('timing', { stage, ms: this.timings[stage] });
  }

  async #tick(count) {
    const figures = await this.#media.sample();
    if (!figures || this.phase !== 'joined') return;
    this.lastStats = figures;
    this.#emit('stats', figures);
    if (count % STATS_EVERY === 0) this.#report(figures);
  }

  #report(figures) {
    const tenths = (ms) => (ms === null || ms === undefined ? undefined : Math.round(ms * 10) / 10);
    const { first_played, dtls } = this.timings;
    const join_ms = this.#joinReported ? undefined : tenths(first_played ?? dtls);
    this.#joinReported ||= join_ms !== undefined;
    const { lost, received, concealed } = figures;
    this.#ask('stats', {
      rtt_ms: tenths(figures.rtt_ms), jitter_buffer_ms: tenths(figures.jitter_buffer_ms), lost, received, concealed, join_ms,
    }).catch(() => {});
  }

  #emit(event, detail) {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(detail);
      } catch (error) {
        console.error(error); // a faulty view must not stop the room
      }
    }
  }
}

/** What a browser lends; elsewhere the caller's `platform` stands in, and what neither has is missed only when it is used. */
const browser = () => ({
  RTCPeerConnection: globalThis.RTCPeerConnection,
  WebSocket: globalThis.WebSocket,
  getUserMedia: globalThis.navigator?.mediaDevices && ((constraints) => navigator.mediaDevices.getUserMedia(constraints)),
});

const delay = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

/** Refusals that pass by themselves: the join is tried again. */
const TEMPORARY = new Set(['offline', 'timeout', 'rate_limited', 'internal', 'node_full', 'latency_at_risk', 'draining', 'storage']);
const SOCKET_OPEN = 1;
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 10_000;
const SETTLED_MS = 10_000; // joined this long, the next loss starts from a short backoff again
const REPLY_MS = 10_000;
const LEAVE_MS = 500;
const PERMISSION_MS = 15_000; // how long a hand waits for the answer to the browser's question
const GAP_MS = 60_000;
const TICK_MS = 1_000;
const STATS_EVERY = 5;
