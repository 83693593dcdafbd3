/**
 * A path keeper brings audio back when its way through the network is lost while the room is still within reach: it restarts ICE,
 * not more than once a second and with growing waits, and gives up after a few tries.
 *
 *   steady ──disconnected, failed, another network──► restarting ──connected──► steady
 *                                                         └──tries used up, or refused──► given up: the room joins anew
 *
 * It knows nothing of rooms: `isLinked()` says whether the server can be asked, `ask(offer)` asks it, `giveUp()` is called once.
 */
import { backoff } from './backoff.js';

export class PathKeeper {
  #media;
  #hooks;
  #tries = 0;
  #timer = 0;
  #restartedAt = -Infinity;
  #round = 0;

  constructor(media, { isLinked, ask, giveUp }) {
    this.#media = media;
    this.#hooks = { isLinked, ask, giveUp };
  }

  /** The state of ICE has changed. */
  changed(state) {
    if (state === 'connected' || state === 'completed') return this.stop();
    if (state === 'disconnected') this.#later(PATIENCE_MS);
    if (state === 'failed') this.#later(0);
  }

  /** The path is likely to be another one from now on: do not wait until it is noticed. */
  now() {
    this.#later(0);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#round += 1;
  }

  #later(ms) {
    clearTimeout(this.#timer);
    const soonest = this.#restartedAt + BETWEEN_MS - performance.now();
    this.#timer = setTimeout(() => this.#restart(), Math.max(ms, soonest, 0));
  }

  async #restart() {
    if (!this.#hooks.isLinked()) return; // the room calls again once it is linked
    if (this.#tries >= TRIES_MAX) return this.#giveUp();
    this.#restartedAt = performance.now();
    const round = this.#round;
    try {
      const offer = await this.#media.restartOffer();
      const { answer } = await this.#hooks.ask(offer);
      if (round !== this.#round) return;
      await this.#media.accept(answer);
    } catch (error) {
      if (round !== this.#round || error.code === 'offline') return;
      if (error.code !== 'timeout' && error.code !== 'rate_limited') return this.#giveUp();
    }
    const wait = backoff(this.#tries, FIRST_MS, MOST_MS);
    this.#tries += 1;
    this.#timer = setTimeout(() => (this.#media.hasPath ? this.stop() : this.#restart()), Math.max(wait, BETWEEN_MS));
  }

  #giveUp() {
    this.stop();
    this.#hooks.giveUp();
  }
}

const PATIENCE_MS = 1_000; // a short silence often ends by itself
const BETWEEN_MS = 1_100; // the server takes one restart a second
const FIRST_MS = 2_500;
const MOST_MS = 8_000;
const TRIES_MAX = 3;
