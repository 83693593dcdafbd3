/**
 * Podium's client core: one room as one participant lives it. No DOM; a page, a program, or another web app imports this file.
 *
 *   import { join } from './podium.js';
 *   const room = await join({ server: location.origin, room: 'demo', token, audio: (track, mid) => play(track, mid) });
 *   room.on('change', () => draw(room.state));
 *   await room.raiseHand();
 *
 * options: `server` (the address of the page that serves the client, with its path), `room`, `token` (a string, or a function that fetches one at each join), `audio(track, mid)` (called for
 * each slot), `slots` (4), `media: false` (a console, no audio), `wait: true` (ask again and again at a room that is not open), `processing` ({ echoCancellation, noiseSuppression, autoGainControl }, on),
 * `platform` (see podium/platform.js: what to use instead of the browser's own).
 *
 * events: `change` (the state), `phase` (idle, joining, joined, rejoining, over), `unsaved` (something was done that the server
 * could not write to disk), `status` (the same for people: `connected`, `reconnecting` since when and which try, `ended` and why), `timing` (a stage of the join), `connection` (the peer connection's
 * state), `stats` (once a second), `problem` (a PodiumError nobody asked for), `gap`, and every event of the server by its own type,
 * as `seat_changed` or `seat_cue`; `event` is all of those, each with the state before it. A refused command throws PodiumError.
 *
 *              ┌──────── welcome ───────┐    ┌── the socket is lost: `resume`, while audio goes on ──┐
 *   idle ─► joining                  joined ─┤                                                   rejoining ─► joined
 *              └─ refused ─► over ◄─ bye stop┘    └── the session is lost: `join`, from the beginning ┘
 */
import { backoff, doorstep, patience } from './podium/backoff.js';
import { commands } from './podium/commands.js';
import { PodiumError } from './podium/errors.js';
import { tellable } from './podium/figures.js';
import { fold, fromResume, fromWelcome, isSoundDue, order, someoneIsOnAir } from './podium/fold.js';
import { Link } from './podium/link.js';
import { Liveness } from './podium/liveness.js';
import { Media, microphonePermission } from './podium/media.js';
import { PathKeeper } from './podium/path.js';
import { platformOf } from './podium/platform.js';
import { BUSY, RENEWABLE, SHUT, STALE, TEMPORARY, UNHEARD } from './podium/refusals.js';

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
  /**
   * When `over`: why (`left`, `kicked`, `duplicate`, a refusal's code …). When `rejoining`: why, `since` when, which `attempt` comes
   * next, `at` when, and whether it is `resuming` (the session goes on) or joins anew. Times are those of `performance.now()`.
   */
  end = null;
  /** Milliseconds from the start of the join to: token, socket, welcome, ice, dtls, first_packet, first_played. */
  timings = {};
  connection = 'new';
  stuck = null; // why no way for audio is found, if it takes too long: `loopback`, `no_pair` or `unanswered`
  lastStats = null;

  #options;
  #platform;
  #media;
  #path;
  #handlers = new Map();
  #link = null;
  #round = 0; // one attempt; whatever belongs to an earlier one is ignored
  #attempts = 0;
  #startedAt = 0;
  #lostAt = null; // since when we are not in the room
  #bearer = null;
  #resumeToken = null;
  #timers = { retry: 0, stats: 0, settled: 0 };
  #unwatch = null;
  #joined = null; // settles `join()`
  #gapAt = -Infinity;
  #joinReported = false;
  #expectsSound = false; // someone was on air when we came
  #isHearing = false;
  #nextReportAt = null;
  #raising = 0; // how many acts need the microphone just now
  #mutedMeanwhile = false; // one muted oneself while the server could not be told
  #life = new Liveness();
  #isRenewed = false; // the token was refused and a fresh one is tried

  constructor(options) {
    this.#options = { slots: 4, media: true, ...options };
    this.#platform = platformOf(options.platform);
    this.#media = new Media({
      platform: this.#platform,
      slots: this.#options.slots,
      processing: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...options.processing },
      hooks: {
        track: (track, mid) => this.#options.audio?.(track, mid),
        mark: (stage) => this.#mark(stage),
        state: (state) => this.#connectionChanged(state),
        path: (state) => this.#path.changed(state),
        stuck: (why) => { this.stuck = why; this.#emit('change', this.state); },
        lost: () => this.#microphoneFailed(new PodiumError('microphone_lost')),
        microphone: () => this.#emit('change', this.state),
      },
    });
    this.#path = new PathKeeper(this.#media, {
      isLinked: () => this.phase === 'joined',
      ask: (offer) => this.#ask('ice_restart', { offer }),
      giveUp: () => this.phase === 'joined' && this.#again('media_failed'),
    });
    Object.assign(this, commands((type, fields) => this.#ask(type, fields)));
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
    this.#unwatch = this.#platform.onNetworkChange((what) => this.#networkChanged(what));
    this.#become('joining', null);
    this.#attempt({ resuming: false });
    return joined;
  }

  async leave() {
    if (this.phase === 'over') return;
    if (this.phase === 'joined') await Promise.race([this.#ask('leave').catch(() => {}), delay(LEAVE_MS)]);
    this.#over('left');
  }

  /**
   * One who raises a hand wants to speak, so the microphone is asked for first: an approval then puts them on air at once.
   * Without a microphone no hand goes up. While the browser's question waits for its answer the hand is up and not ready.
   */
  raiseHand({ wantedSeat } = {}) {
    return this.#withMicrophone(async (asked) => {
      const ready = await Promise.race([asked, delay(PERMISSION_MS, false)]);
      return this.#ask('hand_raise', { wanted_seat: wantedSeat, mic_ready: ready });
    });
  }

  /** A seat is for speaking: without a microphone none is taken, and a seat that is kept is not confirmed. */
  takeSeat(seat) {
    return this.#seated('seat_take', { seat });
  }

  confirmSeat(seat) {
    return this.#seated('seat_confirm', { seat });
  }

  acceptInvite(invite) {
    return this.#seated('invite_accept', { invite });
  }

  #seated(type, fields) {
    return this.#withMicrophone(async (asked) => {
      await asked;
      return this.#ask(type, fields);
    });
  }

  /** `act` is given the promise of a microphone: true once it is open, false for a session without media. */
  async #withMicrophone(act) {
    this.#raising += 1;
    try {
      const asked = this.#options.media ? this.#media.openMicrophone().then(() => true) : Promise.resolve(false);
      asked.catch(() => {}); // `act` may have ceased to wait for it
      return await act(asked);
    } finally {
      this.#raising -= 1;
      this.#syncMicrophone();
    }
  }

  /**
   * One's own microphone. Muting acts here at once, whatever the network does, and is told later if it cannot be told now;
   * unmuting waits for the server's word.
   */
  async mute(muted) {
    this.#mutedMeanwhile = false;
    if (muted) this.#media.setLive(false);
    else await this.#media.openMicrophone();
    try {
      const ok = await this.#ask('mute_self', { muted });
      this.#selfMuted(muted);
      return ok;
    } catch (error) {
      if (!muted || !UNHEARD.has(error.code)) throw error;
      this.#mutedMeanwhile = true;
      this.#selfMuted(true);
      return {};
    }
  }

  /** Lets a proposed change of places pass; nobody is told. */
  async forgetSwap() {
    this.#change({ ...this.state, swap: null });
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

  /**
   * What becomes of one's own sound on its way out: `none` (there is no microphone), `silenced` (the system gives silence in place
   * of its sound), `unsent` (no audio leaves), `sent`. Whether others hear it is the seat's matter.
   */
  get outgoing() {
    if (!this.#options.media || !this.#media.hasMicrophone) return 'none';
    if (this.#media.isSilenced) return 'silenced';
    return this.connection === 'connected' && this.#life.sends ? 'sent' : 'unsent';
  }

  /** The browser asks the person for the microphone and has no answer yet. */
  get isAskingMicrophone() {
    return this.#media.isAsking;
  }

  /** Audio of others arrives just now. */
  get hears() {
    return this.#life.hears;
  }

  /** Someone has spoken for a while, and none of it has arrived. */
  get isDeaf() {
    return this.phase === 'joined' && this.#life.isDeaf;
  }

  /** The server gives signs of life over the media path. */
  get hasMediaPath() {
    return this.#life.hasPath;
  }

  /** What the server told of the present still counts: the socket is there, and it has not been silent for long. */
  get isCurrent() {
    return this.phase === 'joined' && this.#life.isCurrent;
  }

  /** Figures since the join: rtt_ms, jitter_buffer_ms, device_ms, loss (0..1), received, lost, concealed, sent, and one entry a slot; and the timings. */
  async stats() {
    return { ...(await this.#media.stats()), timings: { ...this.timings } };
  }

  /** Breaks the socket as a bad network would. For tests. */
  breakLink() {
    this.#link?.cut();
  }

  // --- joining, resuming, and joining again ---

  async #attempt({ resuming }) {
    const round = (this.#round += 1);
    const current = () => round === this.#round;
    try {
      if (resuming) await this.#resume(current);
      else await this.#joinAnew(current);
    } catch (error) {
      if (!current()) return;
      const fault = error instanceof PodiumError ? error : new PodiumError('offline', error.message);
      if (!UNHEARD.has(fault.code)) await delay(BYE_MS); // a refusal's `bye` follows, and says what to do
      if (!current()) return;
      if (resuming && STALE.has(fault.code)) this.#again(fault.code);
      else if (TEMPORARY.has(fault.code)) this.#again(fault.code, { afterMs: fault.details?.retry_after_ms, resume: resuming });
      else this.#refused(fault.code, { afterMs: fault.details?.retry_after_ms, details: fault.details });
    }
  }

  async #joinAnew(current) {
    this.#startedAt = performance.now();
    this.timings = {};
    this.#joinReported = this.#isHearing = false;
    this.#nextReportAt = null;
    this.#resumeToken = null;
    const { token } = this.#options;
    const asking = typeof token === 'function' ? token() : token; // on its way while the offer is made
    const offering = this.#options.media ? this.#media.offer() : undefined;
    offering?.catch(() => {}); // it is awaited below; a token that fails first must not leave it unheard
    const bearer = await asking;
    if (!current()) return;
    this.#bearer = bearer;
    this.#mark('token');
    const link = this.#open(current);
    const offer = await offering;
    await link.opened;
    if (!current()) return;
    this.#mark('socket');
    const welcome = await link.ask('join', { offer, mic_ready: this.#media.hasMicrophone });
    if (!current()) return;
    this.#mark('welcome');
    this.#resumeToken = welcome.resume_token;
    const messages = this.state?.messages ?? []; // a snapshot has none
    this.#change({ ...fromWelcome(welcome, performance.now()), messages });
    this.#expectsSound = someoneIsOnAir(this.state);
    if (welcome.answer && this.#options.media) await this.#media.accept(welcome.answer, { audible: this.#expectsSound });
    if (!current()) return;
    if (!link.isOpen) throw new PodiumError('offline');
    this.#entered();
  }

  /** The same session by a new socket; audio has gone on meanwhile, if it could. */
  async #resume(current) {
    const link = this.#open(current);
    await link.opened;
    if (!current()) return;
    const welcome = await link.ask('resume', { resume_token: this.#resumeToken, last_seq: this.state.seq });
    if (!current()) return;
    this.#resumeToken = welcome.resume_token ?? this.#resumeToken;
    this.#joinReported = true; // the session is not new to the server
    this.#change(fromResume(this.state, welcome, performance.now()));
    this.#entered();
    if (this.#options.media && !this.#media.hasPath) this.#path.now();
  }

  #open(current) {
    const { server } = this.#options;
    const url = new URL(`v1/rooms/${encodeURIComponent(this.#options.room)}/session`, server.endsWith('/') ? server : `${server}/`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const firstId = this.#link?.nextId ?? 1;
    this.#link?.close();
    this.#link = new Link({
      WebSocket: this.#platform.WebSocket,
      url: url.href,
      token: this.#bearer,
      firstId,
      hooks: {
        frame: (frame) => current() && this.#receive(frame),
        sign: () => this.#life.sign(performance.now()),
        lost: () => current() && this.phase === 'joined' && this.#again('offline', { resume: true }),
      },
    });
    return this.#link;
  }

  #entered() {
    clearTimeout(this.#timers.settled);
    this.#timers.settled = setTimeout(() => { this.#attempts = 0; }, SETTLED_MS);
    clearInterval(this.#timers.stats);
    let ticks = 0;
    this.#timers.stats = setInterval(() => this.#tick((ticks += 1)), TICK_MS);
    this.#lostAt = null;
    this.#isRenewed = false;
    this.#become('joined', null);
    if (this.#mutedMeanwhile) this.#ask('mute_self', { muted: true }).then(() => { this.#mutedMeanwhile = false; }, () => {});
    this.#joined?.resolve(this);
    this.#joined = null;
  }

  /** Tries again: resumes the session if it can go on, or lets go of everything and joins. */
  #again(reason, { afterMs, resume = false } = {}) {
    const now = performance.now();
    const since = (this.#lostAt ??= now);
    const resuming = resume && this.#resumeToken !== null && this.state !== null && now - since < RESUME_MS;
    this.#drop({ keepMedia: resuming });
    const isFirst = this.#attempts === 0 && reason !== 'offline';
    const wait = SHUT.has(reason) ? doorstep(afterMs) : BUSY.has(reason)
      ? patience(afterMs, this.#attempts, BACKOFF_MS, BACKOFF_MAX_MS)
      : Math.max(afterMs ?? 0, isFirst ? 0 : backoff(this.#attempts, BACKOFF_MS, BACKOFF_MAX_MS));
    this.#attempts += 1;
    this.#timers.retry = setTimeout(() => this.#attempt({ resuming }), wait);
    this.#become('rejoining', { reason, resuming, since, attempt: this.#attempts, at: now + wait });
  }

  #over(reason, details = {}) {
    this.#drop({ keepMedia: false });
    this.#unwatch?.();
    this.#media.close();
    this.#become('over', { reason, details });
    this.#joined?.reject(new PodiumError(reason, reason, details));
    this.#joined = null;
  }

  /** Lets go of the socket, and of the audio path unless it is kept; the microphone stays, so that a rejoin is heard at once. */
  #drop({ keepMedia }) {
    this.#round += 1;
    clearTimeout(this.#timers.retry);
    clearTimeout(this.#timers.settled);
    this.#link?.close();
    this.#path.stop();
    if (keepMedia) return; // figures are still read: they say whether audio goes on
    clearInterval(this.#timers.stats);
    this.#life.closed();
    this.#media.closePeer();
    this.connection = 'closed';
  }

  #connectionChanged(connection) {
    this.connection = connection;
    this.#emit('connection', connection);
    // A path that failed is restarted; keys that failed need a new connection.
    if (connection === 'failed' && this.phase === 'joined' && this.#media.hasPath) this.#again('media_failed');
  }

  #networkChanged(what) {
    if (this.phase === 'rejoining' && what === 'online' && this.end.reason === 'offline') {
      clearTimeout(this.#timers.retry);
      this.#attempt({ resuming: this.end.resuming });
    }
    if (this.phase !== 'joined') return;
    if (this.#options.media) this.#path.now();
    const link = this.#link;
    Promise.race([this.#ask('ping').catch(() => {}), delay(PROBE_MS, 'late')]).then((first) => first === 'late' && link === this.#link && link.cut());
  }

  #become(phase, end) {
    this.phase = phase;
    this.end = end;
    this.#emit('phase', { phase, end });
    if (STATUS[phase]) this.#emit('status', { status: STATUS[phase], ...end });
    this.#emit('change', this.state);
  }

  // --- frames ---

  #ask(type, fields) {
    if (!this.#link) return Promise.reject(new PodiumError('offline'));
    return this.#link.ask(type, fields).then((ok) => {
      if (ok?.durable === false) this.#emit('unsaved', { type });
      return ok;
    });
  }

  #receive(frame) {
    if (frame.type === 'events') frame.events.forEach((event) => this.#event(event));
    else if (frame.type === 'bye') this.#bye(frame);
    else this.#event(frame);
  }

  #event(event) {
    if (!this.state) return;
    const place = order(this.state, event);
    if (place === 'old') return; // told before the socket was lost
    const before = this.state;
    this.#change(fold(before, event, performance.now()));
    for (const name of [event.type, 'event']) this.#emit(name, event, before);
    if (place === 'gap') this.#gap(event);
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

  /**
   * The join, or the whole session, is refused. A fresh token is asked for once where tokens can be had; a room that is not open is
   * waited for if that is wished. Everything else is the end.
   */
  #refused(reason, { afterMs, details } = {}) {
    const isStale = RENEWABLE.has(reason) && typeof this.#options.token === 'function' && !this.#isRenewed;
    if (isStale) {
      this.#isRenewed = true;
      return this.#again(reason);
    }
    if (SHUT.has(reason) && this.#options.wait && this.phase !== 'joined') return this.#again(reason, { afterMs });
    this.#over(reason, details);
  }

  #bye({ reason, action, retry_after_ms: afterMs, text }) {
    this.#emit('bye', { reason, action });
    if (action === 'stop') this.#refused(reason, { details: text ? { text } : {} });
    else this.#again(reason, { afterMs, resume: action === 'resume' });
  }

  #change(state) {
    this.state = this.#mutedMeanwhile ? { ...state, self: { ...state.self, self_muted: true } } : state;
    this.#syncMicrophone();
    this.#emit('change', this.state);
  }

  #selfMuted(self_muted) {
    if (this.state) this.#change({ ...this.state, self: { ...this.state.self, self_muted } });
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
    this.#listen();
    this.#life.expects(this.phase === 'joined' && isSoundDue(this.state), performance.now());
    if (!this.#options.media && count % PROBE_EVERY === 0) return this.#probe('ping');
    const figures = await this.#media.sample('view');
    if (figures) this.#life.figures(figures, performance.now());
    if (figures && this.phase === 'rejoining') this.#emit('stats', figures);
    if (!figures || this.phase !== 'joined') return;
    this.lastStats = figures;
    this.#emit('stats', figures);
    const now = performance.now();
    const next = (this.#nextReportAt ??= now + REPORT_MS);
    if (figures.received > 0 && !this.#isHearing) {
      this.#isHearing = true;
      this.#nextReportAt = Math.min(next, now + EARLY_MS);
      await this.#media.sample('report'); // a jitter buffer that has only begun to fill is not yet what one hears
    }
    if (now < this.#nextReportAt - TICK_MS / 2) return; // a tick may come a little early
    this.#nextReportAt = now + REPORT_MS;
    await this.#report();
  }

  async #report() {
    const figures = await this.#media.sample('report');
    if (!figures || this.phase !== 'joined') return;
    const join_ms = this.#joinReported ? undefined : tellable(this.#joinTook());
    const { lost, received, concealed } = figures;
    const taken = await this.#probe('stats', {
      rtt_ms: tellable(figures.rtt_ms), jitter_buffer_ms: tellable(figures.jitter_buffer_ms), device_ms: tellable(figures.device_ms),
      lost, received, concealed, join_ms,
    });
    this.#joinReported ||= taken && join_ms !== undefined; // a report that was refused is no word of it
  }

  /** A server that says nothing while someone is said to speak is asked whether it is there. */
  #listen() {
    if (this.phase !== 'joined' || this.state.speakers.size === 0 || !this.#life.isDoubtful) return;
    this.#life.asked(performance.now());
    this.#probe('ping');
  }

  /** To the first sound; where nobody spoke when one came, to the keys. */
  #joinTook() {
    const { first_played, dtls } = this.timings;
    return first_played ?? (this.#expectsSound ? undefined : dtls);
  }

  /** Something that the server answers in time, or the socket is dead without saying so. True if it did not refuse. */
  async #probe(type, fields) {
    const link = this.#link;
    try {
      await this.#ask(type, fields);
      return true;
    } catch (error) {
      if (error.code === 'timeout' && link === this.#link) link.cut();
      return false;
    }
  }

  #emit(event, ...details) {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(...details);
      } catch (error) {
        console.error(error); // a faulty view must not stop the room
      }
    }
  }
}

const delay = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

const STATUS = { joined: 'connected', rejoining: 'reconnecting', over: 'ended' };
const BACKOFF_MS = 300;
const BACKOFF_MAX_MS = 10_000;
const RESUME_MS = 60_000; // longer than the server keeps a session whose socket is lost
const SETTLED_MS = 10_000; // joined this long, the next loss starts from a short backoff again
const LEAVE_MS = 500;
const BYE_MS = 1_500; // a refusal's `bye` says what to do; a busy server may be slow to send it
const PROBE_MS = 3_000;
const PERMISSION_MS = 15_000; // how long a hand waits for the answer to the browser's question
const GAP_MS = 60_000;
const TICK_MS = 1_000;
const REPORT_MS = 5_000;
const EARLY_MS = 2_000; // the first report after sound has come: long enough to know how the jitter buffer fares
const PROBE_EVERY = 15;
