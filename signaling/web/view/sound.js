/**
 * Sound: one audio element a slot, each as loud as the listener likes, and lower while a host speaks over the others.
 * A browser that holds sound back until a touch is told of by `onBlocked`.
 */
import { el } from './dom.js';

export function sound(root, onBlocked, volumeAtFirst = 1) {
  const players = new Map();
  const lowered = new Map(); // mid → what is left of its loudness
  let volume = volumeAtFirst;
  let ramp = 0;

  function attach(track, mid) {
    const player = players.get(mid) ?? el('audio', { testid: `audio-${mid}`, autoplay: true, 'data-mid': mid });
    player.srcObject = new MediaStream([track]);
    player.volume = target(mid);
    if (!players.has(mid)) root.append(player);
    players.set(mid, player);
    play();
  }

  async function play() {
    const results = await Promise.allSettled([...players.values()].map((player) => player.play()));
    const held = results.some(({ reason }) => reason?.name === 'NotAllowedError');
    onBlocked(held, play);
  }

  /** While a host interrupts and the others are to be quieter, every slot but the host's own is. */
  function follow({ interruption, slots }) {
    const isDuck = interruption?.mode === 'duck';
    const spared = new Set(slots.filter((slot) => slot.identity === interruption?.by).map((slot) => slot.mid));
    for (const mid of players.keys()) lowered.set(mid, isDuck && !spared.has(mid) ? DUCKED : 1);
    glide();
  }

  function setVolume(wanted) {
    volume = Math.min(1, Math.max(0, wanted));
    glide();
  }

  const target = (mid) => volume * (lowered.get(mid) ?? 1);

  /** A sudden change would click. */
  function glide() {
    if (ramp !== 0) return;
    ramp = setInterval(() => {
      let isThere = true;
      for (const [mid, player] of players) {
        const rest = target(mid) - player.volume;
        player.volume = Math.abs(rest) <= STEP ? target(mid) : player.volume + Math.sign(rest) * STEP;
        isThere &&= player.volume === target(mid);
      }
      if (!isThere) return;
      clearInterval(ramp);
      ramp = 0;
    }, STEP_MS);
  }

  function close() {
    clearInterval(ramp);
    ramp = 0;
    for (const player of players.values()) {
      player.srcObject = null;
      player.remove();
    }
    players.clear();
    lowered.clear();
  }

  return { attach, play, follow, setVolume, close, get volume() { return volume; } };
}

const DUCKED = 0.2;
const STEP = 0.1;
const STEP_MS = 25; // from full to ducked in a fifth of a second
