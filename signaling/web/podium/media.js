/**
 * Media is one participant's audio path: a peer connection with a microphone section and N slots to listen on.
 *
 * Every section is offered once, at the join. Going on stage only puts a track on the sender, so it needs no SDP. It knows
 * nothing of rooms, seats or sockets: who may be heard is decided at the server, and by whoever calls `setLive`.
 *
 * hooks: `track(track, mid)` a slot's audio, `mark(stage)` a stage of the join is over, `state(state)` the connection's
 * state changed, `path(state)` that of ICE, `stuck(why)` no way to the server was found for some seconds (`null`: one was
 * found after all), `lost()` the microphone went away (unplugged, or its permission withdrawn), `microphone()` it came, or
 * the system muted or unmuted it.
 */
import { PodiumError } from './errors.js';
import { figuresOf, sumsOf, tellable } from './figures.js';

export class Media {
  #hooks;
  #platform;
  #slots;
  #processing;
  #peer = null;
  #sender = null;
  #microphone = null; // a track
  #asked = null; // the promise of one
  #live = false;
  #before = new Map(); // the last reading of each name, for delays over the time since
  #output_ms = null; // what the loudspeaker adds, by the surroundings' word
  #isOutputAsked = false;
  #watch = 0;
  #patience = 0; // until it is said that no way to the server is found

  constructor({ platform, slots, processing, hooks }) {
    this.#platform = platform;
    this.#slots = slots;
    this.#processing = processing;
    this.#hooks = hooks;
  }

  get processing() {
    return { ...this.#processing };
  }

  get hasMicrophone() {
    return this.#microphone !== null;
  }

  get isAsking() {
    return this.#asked !== null;
  }

  /** The microphone is there, and the system gives silence in place of its sound. */
  get isSilenced() {
    return this.#microphone?.muted === true;
  }

  /** A new peer connection and its offer. Candidates are not waited for: the server learns our address from our checks. */
  async offer() {
    const { RTCPeerConnection } = this.#platform;
    if (!RTCPeerConnection) throw new PodiumError('webrtc_unsupported');
    this.closePeer();
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#peer = peer;
    const track = this.hasMicrophone ? this.#microphone : 'audio';
    this.#sender = peer.addTransceiver(track, { direction: 'sendonly' }).sender;
    for (let slot = 0; slot < this.#slots; slot += 1) peer.addTransceiver('audio', { direction: 'recvonly' });
    const current = (act) => () => peer === this.#peer && act();
    peer.ontrack = ({ track: slot, transceiver }) => peer === this.#peer && this.#hooks.track(slot, transceiver.mid);
    peer.oniceconnectionstatechange = current(() => {
      if (ALIVE.includes(peer.iceConnectionState)) {
        this.#calm();
        this.#hooks.stuck?.(null);
        this.#hooks.mark('ice');
      }
      this.#hooks.path?.(peer.iceConnectionState);
    });
    peer.onconnectionstatechange = current(() => {
      if (peer.connectionState === 'connected') this.#hooks.mark('dtls');
      this.#hooks.state(peer.connectionState);
    });
    const offer = await peer.createOffer();
    await peer.setLocalDescription(offer);
    return speechOf(offer.sdp);
  }

  /** `audible`: someone is on air, so the join is over only when they are heard here. */
  async accept(answer, { audible } = {}) {
    const peer = this.#peer;
    if (!peer) return;
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    if (!this.hasPath) this.#patience ||= setTimeout(() => this.#tellStuck(peer, answer), STUCK_MS);
    if (audible) this.#watchForAudio(peer);
  }

  /** Whether there is a path for audio just now. */
  get hasPath() {
    return ALIVE.includes(this.#peer?.iceConnectionState);
  }

  /** An offer for the same connection over a new path; `accept` takes its answer. */
  async restartOffer() {
    const peer = this.#peer;
    if (!peer) throw new PodiumError('no_media');
    if (peer.signalingState === 'have-local-offer') await peer.setLocalDescription({ type: 'rollback' });
    const offer = await peer.createOffer({ iceRestart: true });
    await peer.setLocalDescription(offer);
    return speechOf(offer.sdp);
  }

  /** Ends the connection and keeps the microphone, for the next join. */
  closePeer() {
    clearInterval(this.#watch);
    this.#calm();
    const peer = this.#peer;
    this.#peer = this.#sender = null;
    this.#before = new Map();
    this.#isOutputAsked = false;
    peer?.close();
  }

  close() {
    this.closePeer();
    this.release();
  }

  /** Asks for the microphone if it is not held; it stays closed until `setLive(true)`. */
  async openMicrophone() {
    if (this.#microphone) return;
    if (!this.#asked) {
      this.#asked = this.#ask();
      this.#hooks.microphone?.();
    }
    const asked = this.#asked;
    try {
      const track = await asked;
      if (this.#asked !== asked) return; // released meanwhile, or another call was first
      this.#asked = null;
      this.#microphone = track;
      track.enabled = this.#live;
      await this.#sender?.replaceTrack(track);
      this.#hooks.microphone?.();
    } catch (error) {
      if (this.#asked === asked) this.#asked = null;
      throw error;
    }
  }

  setLive(live) {
    this.#live = live;
    if (this.hasMicrophone) this.#microphone.enabled = live;
  }

  release() {
    const [held, asked] = [this.#microphone, this.#asked];
    this.#microphone = this.#asked = null;
    this.#live = false;
    asked?.then((track) => track.stop(), () => {});
    held?.stop();
    if (held) this.#sender?.replaceTrack(null).catch(() => {});
  }

  /** Echo cancellation, noise suppression, gain control. Browsers change them reliably only on a new track. */
  async setProcessing(change) {
    this.#processing = { ...this.#processing, ...change };
    if (!this.hasMicrophone) return;
    const old = this.#microphone;
    this.#microphone = null;
    old.onended = null;
    old.stop();
    await this.openMicrophone();
  }

  /** Figures since the join. */
  async stats() {
    const sums = await this.#sums();
    return sums && figuresOf(sums, null, this.#output_ms);
  }

  /** Figures over the time since the last `sample` of the same `name`. */
  async sample(name) {
    const sums = await this.#sums();
    if (!sums) return null;
    const since = this.#before.get(name);
    this.#before.set(name, sums);
    if (sums.received > 0 && sums.played.times === 0) this.#askOutput();
    return figuresOf(sums, since, this.#output_ms);
  }

  async #sums() {
    const peer = this.#peer;
    if (!peer || peer.connectionState === 'closed') return null;
    const stats = await peer.getStats();
    return peer === this.#peer ? sumsOf(stats, this.#microphone?.getSettings?.().latency) : null;
  }

  /** Where the statistics do not tell how long the loudspeaker takes, the surroundings may. Once a connection. */
  async #askOutput() {
    if (this.#isOutputAsked) return;
    this.#isOutputAsked = true;
    this.#output_ms = tellable(await this.#platform.outputLatency?.().catch(() => null)) ?? null;
  }

  async #ask() {
    const { getUserMedia } = this.#platform;
    if (!getUserMedia) throw new PodiumError('microphone_unsupported');
    try {
      const stream = await getUserMedia({ audio: { ...this.#processing } });
      const [track] = stream.getAudioTracks();
      track.contentHint = 'speech';
      track.enabled = false;
      track.onmute = track.onunmute = () => this.#microphone === track && this.#hooks.microphone?.();
      track.onended = () => {
        if (this.#microphone !== track) return;
        this.release();
        this.#hooks.lost();
      };
      return track;
    } catch (error) {
      throw new PodiumError(MICROPHONE_FAULTS[error.name] ?? 'microphone_failed', error.message);
    }
  }

  #calm() {
    clearTimeout(this.#patience);
    this.#patience = 0;
  }

  /** Browsers do not tell why they find no way; what they were offered and how far they came does. */
  #tellStuck(peer, answer) {
    this.#calm();
    if (peer !== this.#peer || this.hasPath) return;
    const isLoopback = addressesOf(answer).every((address) => LOOPBACK.test(address));
    this.#hooks.stuck?.(isLoopback ? 'loopback' : peer.iceConnectionState === 'new' ? 'no_pair' : 'unanswered');
  }

  /** Tells when audio first arrives and when it is first handed to the ear; gives up on speakers who send nothing. */
  #watchForAudio(peer) {
    clearInterval(this.#watch);
    let polls = 0;
    const receivers = peer.getReceivers();
    this.#watch = setInterval(async () => {
      polls += 1;
      if (peer !== this.#peer || polls * POLL_MS > WATCH_MS) return clearInterval(this.#watch);
      if (receivers.some((receiver) => receiver.getSynchronizationSources?.().length > 0)) {
        this.#hooks.mark('first_packet');
        this.#hooks.mark('first_played');
        return clearInterval(this.#watch);
      }
      if (polls % 2 === 0 && peer.connectionState === 'connected' && (await this.stats())?.received > 0) this.#hooks.mark('first_packet');
    }, POLL_MS);
  }
}

/** The offer as the server sees it. Firefox always asks for stereo, and a voice in stereo takes twice the bits. */
const speechOf = (sdp) => sdp.replace(/^(a=fmtp:.*[ ;])stereo=1;?/gm, '$1');

/** The addresses that an answer offers as candidates. */
const addressesOf = (answer) => [...answer.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+)/gm)].map(([, address]) => address);

/** May the microphone be opened without asking the person? Unknown counts as no. */
export async function microphonePermission() {
  try {
    return (await navigator.permissions.query({ name: 'microphone' })).state;
  } catch {
    return 'prompt';
  }
}

const MICROPHONE_FAULTS = {
  NotAllowedError: 'microphone_denied',
  SecurityError: 'microphone_denied',
  NotFoundError: 'microphone_missing',
  OverconstrainedError: 'microphone_missing',
  NotReadableError: 'microphone_busy',
  AbortError: 'microphone_busy',
};
const ALIVE = ['connected', 'completed'];
const LOOPBACK = /^(127\.|::1$)/;
const STUCK_MS = 5_000; // checks are answered within a second or two, if at all
const POLL_MS = 20;
const WATCH_MS = 10_000;
