/**
 * Tones: a microphone that hums one frequency, and an ear that tells which frequencies arrive.
 *
 * Both work on samples only; they know nothing of rooms. A tone is recognised by its share of all the power in the last half
 * second (Goertzel), so the level that a codec or a jitter buffer leaves of it does not matter.
 */
import wrtc from '@roamhq/wrtc';

const { MediaStream, nonstandard } = wrtc;

/** A stand-in for a microphone: `open()` gives a new stream, as getUserMedia does, and each hums until its track is stopped. */
export class Microphone {
  #hz;
  #source = new nonstandard.RTCAudioSource();
  #sent = 0;
  #timer;

  constructor(hz) {
    this.#hz = hz;
    const startedAt = performance.now();
    this.#timer = setInterval(() => this.#catchUp(performance.now() - startedAt), FRAME_MS / 2);
  }

  open() {
    return new MediaStream([this.#source.createTrack()]);
  }

  close() {
    clearInterval(this.#timer);
  }

  /** Timers come late on a busy machine, and sound must not: every frame that is due goes out, but after a long pause only the newest. */
  #catchUp(elapsedMs) {
    const due = Math.floor(elapsedMs / FRAME_MS);
    this.#sent = Math.max(this.#sent, due - FRAMES_LATE_MAX);
    for (; this.#sent < due; this.#sent += 1) this.#source.onData(this.#frame(this.#sent));
  }

  #frame(index) {
    const samples = new Int16Array(FRAME_SAMPLES);
    for (let n = 0; n < FRAME_SAMPLES; n += 1) {
      const seconds = (index * FRAME_SAMPLES + n) / RATE;
      samples[n] = Math.round(AMPLITUDE * Math.sin(2 * Math.PI * this.#hz * seconds));
    }
    return { samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: FRAME_SAMPLES };
  }
}

/** Everything that one participant hears, slot by slot. */
export class Ear {
  #slots = new Map();

  /** Takes a slot's track; a later one of the same section takes its place. */
  attach(track, mid) {
    this.#slots.get(mid)?.sink.stop();
    const slot = { sink: new nonstandard.RTCAudioSink(track), rate: RATE, samples: [], length: 0, heardAt: 0 };
    slot.sink.ondata = ({ samples, sampleRate, channelCount }) => {
      const mono = channelCount === 1 ? samples.slice() : samples.filter((_, index) => index % channelCount === 0);
      slot.rate = sampleRate;
      slot.heardAt = performance.now();
      slot.samples.push(mono);
      slot.length += mono.length;
      while (slot.length - slot.samples[0].length >= (sampleRate * WINDOW_MS) / 1000) slot.length -= slot.samples.shift().length;
    };
    this.#slots.set(mid, slot);
  }

  /** Which of `tones` are heard now, in any slot. */
  hears(tones) {
    const flowing = [...this.#slots.values()].filter(({ heardAt }) => performance.now() - heardAt < WINDOW_MS);
    const windows = flowing.map((slot) => ({ samples: joined(slot), rate: slot.rate }));
    return tones.filter((hz) => windows.some(({ samples, rate }) => isTone(samples, rate, hz)));
  }

  /** The loudest slot's level in dBFS, for a report. */
  level() {
    const powers = [...this.#slots.values()].map((slot) => power(joined(slot)));
    return Math.round(10 * Math.log10(Math.max(...powers, SILENCE)));
  }

  close() {
    for (const { sink } of this.#slots.values()) sink.stop();
    this.#slots.clear();
  }
}

function joined({ samples, length }) {
  const whole = new Float32Array(length);
  let at = 0;
  for (const part of samples) {
    for (const sample of part) {
      whole[at] = sample / 32768;
      at += 1;
    }
  }
  return whole;
}

/** Mean square, where 1 is a square wave at full scale. */
function power(samples) {
  return samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length);
}

export function isTone(samples, rate, hz) {
  const all = power(samples);
  return all > AUDIBLE && goertzel(samples, rate, hz) / all > SHARE;
}

/** The power of one frequency among the samples, in the unit of `power`. */
export function goertzel(samples, rate, hz) {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let [last, before] = [0, 0];
  for (const sample of samples) [last, before] = [sample + turn * last - before, last];
  const square = last * last + before * before - turn * last * before;
  return (2 * square) / Math.max(1, samples.length) ** 2;
}

const RATE = 48_000;
const FRAME_MS = 10; // what libwebrtc takes at once
const FRAME_SAMPLES = (RATE * FRAME_MS) / 1000;
const FRAMES_LATE_MAX = 20;
const AMPLITUDE = 9_000; // of 32,767: loud, and far from clipping
const WINDOW_MS = 500;
const AUDIBLE = 1e-5; // -50 dBFS
const SHARE = 0.5; // of all power; a lone tone has nearly all of it
const SILENCE = 1e-10;
