/** Banners: what holds for everyone just now, above the stage: the line is down, one is unheard, the room closes, a host speaks over the others. */
import { el, keep, set, text } from './dom.js';
import { isOwner, nameOf } from './permit.js';
import { secondsUntil, t, timeUntil } from '../words.js';

/** `{ id, tone, text, button? }`. Pure. */
export function bannersOf(state, room, now) {
  return [line, unheard, life, interruption].map((one) => one(state, room, now)).filter(Boolean);
}

function line(_state, { phase, end, connection, stuck, hears, isDeaf }, now) {
  if (phase === 'rejoining') {
    const waits = end.at - now > 900 ? t('banner.next', { seconds: secondsUntil(end.at, now) }) : t('banner.attempt', { n: end.attempt });
    return { id: 'reconnecting', tone: 'warn', text: [t(end.resuming ? (hears ? 'banner.resuming_heard' : 'banner.resuming') : BUSY.has(end.reason) ? 'banner.busy' : 'banner.rejoining'), waits].join(' '), said: t('banner.reconnecting') };
  }
  if (stuck) return { id: 'stuck', tone: 'bad', text: t(`banner.stuck.${stuck}`) };
  if (connection === 'disconnected' || connection === 'failed') return { id: 'audio', tone: 'warn', text: t('banner.audio') };
  if (isDeaf) return { id: 'deaf', tone: 'warn', text: t('banner.deaf') };
  return null;
}

function life({ room: { phase, opensAt, hostlessUntil, closesAt }, self }, room, now) {
  if (phase === 'scheduled') {
    const button = isOwner(self) ? { label: t('banner.go_live'), act: () => room.updateRoom({ phase: 'live' }) } : null;
    const about = opensAt === undefined ? t('banner.scheduled') : t('banner.scheduled_in', { time: timeUntil(opensAt, now) });
    return { id: 'scheduled', tone: 'plain', text: about, said: t('banner.scheduled'), button };
  }
  if (phase === 'hostless') return { id: 'hostless', tone: 'warn', text: t('banner.hostless', { time: timeUntil(hostlessUntil ?? now, now) }) };
  if (phase === 'closing') return { id: 'closing', tone: 'bad', text: t('banner.closing', { time: timeUntil(closesAt ?? now, now) }) };
  return null;
}

function unheard(state, { phase }) {
  const why = state.unheard;
  if (!why || phase !== 'joined') return null;
  return { id: 'unheard', tone: 'bad', text: t('banner.unheard', { why: t(`unheard.${why}`) }) };
}

function interruption(state) {
  const now = state.interruption;
  if (!now || now.mode === 'off') return null;
  const isMine = now.by === state.self.identity;
  return { id: 'interruption', tone: 'plain', text: isMine ? t(`banner.${now.mode}_you`) : t(`banner.${now.mode}`, { name: nameOf(state, now.by) }), mode: now.mode };
}

export function banners(root, { run, room, say }) {
  const list = el('div.banners', { testid: 'banners' });
  root.append(list);

  function make(banner) {
    if (banner.id !== 'interruption') say(banner.said ?? banner.text); // words over one's head while a host speaks would help nobody
    const { button } = banner;
    const press = button && el('button.primary.small', { testid: `${banner.id}-button`, on: { click: (event) => run(button.act, event.currentTarget) }, text: button.label });
    return el(`div.banner.${banner.tone}`, { testid: `banner-${banner.id}` }, el('p'), press);
  }

  function update(state) {
    const view = { phase: room.phase, end: room.end, connection: room.connection, stuck: room.stuck, hears: room.hears, isDeaf: room.isDeaf, updateRoom: room.updateRoom };
    keep(list, bannersOf(state, view, performance.now()), (banner) => banner.id, make, (node, banner) => {
      text(node.firstElementChild, banner.text);
      set(node, { 'data-mode': banner.mode ?? null });
    });
  }

  return { update };
}

/** The server has no room for more at present. */
const BUSY = new Set(['node_full', 'latency_at_risk']);
