/** Sound: one audio element a slot. A browser that holds sound back until a touch is told of by `onBlocked`. */
import { el } from './dom.js';

export function sound(root, onBlocked) {
  const players = new Map();

  function attach(track, mid) {
    const player = players.get(mid) ?? el('audio', { testid: `audio-${mid}`, autoplay: true, 'data-mid': mid });
    player.srcObject = new MediaStream([track]);
    if (!players.has(mid)) root.append(player);
    players.set(mid, player);
    play();
  }

  async function play() {
    const results = await Promise.allSettled([...players.values()].map((player) => player.play()));
    const held = results.some(({ reason }) => reason?.name === 'NotAllowedError');
    onBlocked(held, play);
  }

  function close() {
    for (const player of players.values()) {
      player.srcObject = null;
      player.remove();
    }
    players.clear();
  }

  return { attach, play, close };
}
