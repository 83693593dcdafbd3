/**
 * A participant is the web client's own module, `web/podium.js`, on libwebrtc as mobile apps have it: no browser, no DOM.
 *
 * It speaks with a tone of its own and tells which tones it hears. What a browser lends the module (peer connections, sockets,
 * a microphone) is handed to it here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import wrtc from '@roamhq/wrtc';
import { Room } from './web/podium.js';
import { Ear, Microphone } from './tone.mjs';

const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket; // Node has its own since version 22

export class Participant {
  constructor({ server, room, token, hz }) {
    this.hz = hz;
    this.microphone = new Microphone(hz);
    this.ear = new Ear();
    this.room = new Room({
      server,
      room,
      token,
      audio: (track, mid) => this.ear.attach(track, mid),
      platform: {
        RTCPeerConnection: wrtc.RTCPeerConnection,
        WebSocket,
        getUserMedia: async () => this.microphone.open(),
      },
    });
  }

  get identity() {
    return this.room.state.self.identity;
  }

  get self() {
    return this.room.state.self;
  }

  async join() {
    await this.room.join();
    await this.until('the media is connected', () => this.room.connection === 'connected');
  }

  /** Waits until exactly `wanted` of `tones` are heard, and go on being heard for a while. */
  async hears(wanted, tones) {
    const right = () => String(this.ear.hears(tones)) === String(wanted);
    let since = null;
    await this.until(`it hears ${wanted.join(' and ') || 'nothing'}`, () => {
      since = right() ? (since ?? performance.now()) : null;
      return since !== null && performance.now() - since >= STEADY_MS;
    });
  }

  async until(what, holds) {
    const deadline = performance.now() + PATIENCE_MS;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`${this.identity}: not within ${PATIENCE_MS} ms: ${what}; ${await this.report()}`);
      await sleep(POLL_MS);
    }
  }

  async close() {
    await this.room.leave();
    this.microphone.close();
    this.ear.close();
  }

  async report() {
    const { phase, end, connection } = this.room;
    return JSON.stringify({ phase, end, connection, level_dbfs: this.ear.level(), self: this.room.state?.self, stats: await this.room.stats() });
  }
}

const POLL_MS = 50;
const STEADY_MS = 700;
const PATIENCE_MS = 30_000; // on a machine that does much else at once
