/**
 * A link is one WebSocket to a room: requests with their replies, and every other frame as it comes.
 *
 * It knows nothing of joining again. Once `close` was called, or another link has taken its place, it is silent.
 *
 * hooks: `frame(frame)` for what is no reply, `sign()` whenever something comes, `lost()` when the socket closed by itself.
 */
import { PodiumError } from './errors.js';

export class Link {
  #socket;
  #hooks;
  #nextId;
  #pending = new Map();
  #silent = false;
  /** Resolves when the socket is open; rejects when it cannot be opened, or not in time. */
  opened;

  /** `firstId`: request ids go on from here, because a resumed session remembers those it has answered. */
  constructor({ WebSocket, url, token, firstId, hooks }) {
    this.#hooks = hooks;
    this.#nextId = firstId;
    const socket = new WebSocket(url, ['podium.v1', `bearer.${token}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => !this.#silent && this.#receive(JSON.parse(data));
    this.opened = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(reject), OPEN_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.onerror = () => {}; // `close` follows and says the same
      socket.onclose = () => {
        clearTimeout(timer);
        this.#fail(reject);
      };
    });
    this.opened.catch(() => {});
  }

  get nextId() {
    return this.#nextId;
  }

  get isOpen() {
    return !this.#silent && this.#socket.readyState === OPEN;
  }

  ask(type, fields = {}) {
    if (!this.isOpen) return Promise.reject(new PodiumError('offline'));
    const request_id = String(this.#nextId);
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(request_id, (waiting) => waiting.reject(new PodiumError('timeout'))), REPLY_MS);
      this.#pending.set(request_id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ type, request_id, ...fields }));
    });
  }

  /** Ends it without another word from here. */
  close() {
    this.#silent = true;
    this.#rejectPending();
    this.#socket.close();
  }

  /** As if the line had broken: for tests, and for a socket that no longer answers. */
  cut() {
    if (this.#silent) return;
    this.close();
    this.#hooks.lost();
  }

  #fail(reject) {
    reject(new PodiumError('offline'));
    this.cut();
  }

  #receive(frame) {
    this.#hooks.sign?.();
    if (frame.type === 'welcome') return this.#settle(frame.request_id, (waiting) => waiting.resolve(frame));
    // A socket may hand over several frames in one turn: whoever waits for a welcome goes first, then what follows it.
    if (frame.type !== 'reply') return queueMicrotask(() => !this.#silent && this.#hooks.frame(frame));
    const { error } = frame;
    this.#settle(frame.request_id, (waiting) =>
      error ? waiting.reject(new PodiumError(error.code, error.message, error.details)) : waiting.resolve(frame.ok));
  }

  #settle(request_id, act) {
    const waiting = this.#pending.get(request_id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#pending.delete(request_id);
    act(waiting);
  }

  #rejectPending() {
    for (const id of [...this.#pending.keys()]) this.#settle(id, (waiting) => waiting.reject(new PodiumError('offline')));
  }
}

const OPEN = 1; // WebSocket.OPEN, also where the class is a given one
const OPEN_MS = 10_000;
const REPLY_MS = 10_000;
