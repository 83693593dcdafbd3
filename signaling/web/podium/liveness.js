/**
 * Liveness is what the last seconds say of both ways to the server: whether audio arrives, whether it leaves, whether the media path
 * and the socket give signs of life. A page that claims more than this says what is not so.
 *
 * Pure but for the default clock: times are milliseconds of `performance.now()`.
 */
export class Liveness {
  #clock;
  #sums = null;
  #readAt = -Infinity; // the last reading of the media path
  #receivedAt = -Infinity;
  #sentAt = -Infinity;
  #pathAt = -Infinity;
  #signAt = -Infinity;
  #askedAt = -Infinity;
  #dueSince = null; // since when audio should arrive

  constructor(clock = () => performance.now()) {
    this.#clock = clock;
  }

  /** Something came by the socket. */
  sign(now) {
    this.#signAt = now;
  }

  /** The server was asked whether it is there. */
  asked(now) {
    this.#askedAt = now;
  }

  /** A reading of the media path: `received`, `sent` and `arrived` grow while it lives. */
  figures({ received, sent, arrived }, now) {
    const before = this.#sums;
    this.#sums = { received, sent, arrived };
    this.#readAt = now;
    if (!before) return;
    if (received > before.received) this.#receivedAt = now;
    if (sent > before.sent) this.#sentAt = now;
    if (received > before.received || arrived > before.arrived) this.#pathAt = now;
  }

  /** Whether audio should arrive just now. */
  expects(isDue, now) {
    this.#dueSince = isDue ? (this.#dueSince ?? now) : null;
  }

  /** The media path is closed. */
  closed() {
    this.#sums = null;
    this.#receivedAt = this.#sentAt = this.#pathAt = -Infinity;
  }

  get hears() {
    return this.#wasRead(this.#receivedAt, HEARD_MS);
  }

  /** Audio should have arrived for a while, and none has. */
  get isDeaf() {
    return this.#dueSince !== null && !this.#within(this.#dueSince, DEAF_MS) && !this.hears;
  }

  get sends() {
    return this.#wasRead(this.#sentAt, SENT_MS);
  }

  get hasPath() {
    return this.#wasRead(this.#pathAt, PATH_MS);
  }

  /** The last word of the server is not old. Audio is a word, too: it comes from the same server. */
  get isCurrent() {
    return this.hears || this.#within(this.#signAt, CURRENT_MS);
  }

  /** So long without a word that it should be asked, and was not asked just now. */
  get isDoubtful() {
    return !this.hears && !this.#within(this.#signAt, DOUBT_MS) && !this.#within(this.#askedAt, CURRENT_MS);
  }

  /** Counted from the last reading: a device that is slow to read has not lost its sound. */
  #wasRead(at, ms) {
    return this.#readAt - at < ms && this.#within(this.#readAt, READ_MS);
  }

  #within(at, ms) {
    return this.#clock() - at < ms;
  }
}

const HEARD_MS = 2_500; // figures are read once a second
const DEAF_MS = 5_000; // who speaks is told before their first packet has come, and for a moment after the last
const SENT_MS = 3_500;
const PATH_MS = 6_000; // a browser checks a quiet path every few seconds
const READ_MS = 5_000; // an older reading says nothing of the present
const DOUBT_MS = 3_000;
const CURRENT_MS = 6_000;
