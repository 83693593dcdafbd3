/**
 * Sound: one audio element a slot, each as loud as the listener likes, and lower while a host speaks over the others.
 * A browser may hold sound back until the page is touched: `onBlocked` tells of it, and any press or key starts the sound.
 */
import { el } from './dom.js';

export function sound(root, onBlocked, volumeAtFirst = 1) {
  const players = new Map();
  const lowered = new Map(); // mid → what is left of its loudness
  let volume = volumeAtFirst;
  let ramp = 0;
  const held = new Set(); // the mids whose players the browser holds back

  function attach(track, mid) {
    const player = players.get(mid) ?? el('audio', { testid: `audio-${mid}`, autoplay: true, 'data-mid': mid });
    player.srcObject = new MediaStream([track]);
    player.volume = target(mid);
    if (!players.has(mid)) root.append(player);
    players.set(mid, player);
    play();
  }

  /** A player that has nothing to play yet may leave its promise open, so each is judged by itself. */
  function play() {
    for (const [mid, player] of players) {
      player.play().then(() => held.delete(mid), (error) => error.name === 'NotAllowedError' && held.add(mid)).finally(tell);
    }
  }

  function tell() {
    const isHeld = [...held].some((mid) => players.has(mid));
    onBlocked(isHeld, play);
    for (const touch of TOUCHES) {
      if (isHeld) document.addEventListener(touch, play, { capture: true });
      else document.removeEventListener(touch, play, { capture: true });
    }
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
    held.clear();
    tell();
  }

  return { attach, play, follow, setVolume, close, get volume() { return volume; } };
}

/** What browsers take for a person's touch. */
const TOUCHES = ['click', 'pointerup', 'touchend', 'keydown'];
const DUCKED = 0.2;
const STEP = 0.1;
const STEP_MS = 25; // from full to ducked in a fifth of a second
