/** The line: how far apart in time one is from the others and why, and how good one's connection is. Under the stage, in words. */
import { el, icon, set, text } from './dom.js';
import { ICONS } from './icons.js';
import { delayOf } from '../podium/fold.js';
import { delayText, said, t } from '../words.js';

/** The signal bars open what lies behind them: the connection's figures and how the join went. */
export function line(root, { room, say, panel }) {
  const feel = el('strong', { testid: 'delay-class' });
  const ms = el('span.ms', { testid: 'delay-ms' });
  const estimated = el('span.estimated', { testid: 'delay-estimated', title: t('delay.estimated.hint'), text: t('delay.estimated') });
  const badge = el('p.delay', { testid: 'delay' }, icon(ICONS.wave), feel, ' ', ms, ' ', estimated);
  const cause = el('p.cause', { testid: 'delay-cause' });
  const connection = el('span', { testid: 'quality-text' });
  const quality = el('button.quality', { testid: 'quality', 'aria-controls': 'connection-panel', on: { click: panel.toggle } }, icon(ICONS.bars), connection);
  const row = el('div.line', { role: 'group', 'aria-label': t('line'), testid: 'line' }, badge, cause, quality);
  root.append(row);
  let told = {};

  function update(state) {
    const { quality: how } = state;
    const latency = delayOf(state);
    const isAway = room.phase !== 'joined';
    set(row, { hidden: isAway });
    set(badge, { hidden: !latency });
    set(cause, { hidden: !latency });
    set(quality, { 'data-quality': how ?? 'unknown', 'aria-expanded': String(panel.isOpen) });
    text(connection, said(`quality.${how}`) ?? t('connection'));
    if (latency) showDelay(latency);
    if (!isAway) tell({ feel: latency?.class ?? null, how }, latency);
  }

  function showDelay(latency) {
    const { class: shown, mouth_to_ear_ms, dominant_term, side } = latency;
    const words = delayText(latency);
    set(badge, { 'data-class': shown, 'data-ms': mouth_to_ear_ms, 'data-cause': dominant_term, 'data-side': side, 'data-estimated': String(latency.estimated) });
    text(feel, words.feel);
    text(ms, words.ms);
    set(estimated, { hidden: !latency.estimated });
    text(cause, `${words.cause} · ${words.side}`);
  }

  /** Aloud only what calls for attention, and that it is over. */
  function tell(now, latency) {
    const lags = now.feel === 'laggy';
    const lagged = told.feel === 'laggy';
    const isBad = BAD.has(now.how);
    const wasBad = BAD.has(told.how);
    if (lags && !lagged) say(t('delay.said.laggy', { delay: delayText(latency).ms, cause: delayText(latency).cause }));
    else if (isBad && now.how !== told.how) say(t(`quality.said.${now.how}`));
    else if (lagged && now.feel && !lags) say(t('delay.said.better'));
    else if (wasBad && now.how && !isBad) say(t('quality.said.better'));
    told = now;
  }

  return { update };
}

/**
 * What a host should know of someone on stage: `{ kind, label, more }`, or null while all is well. That nobody hears them goes first. The one who lags is
 * named before the one whose connection is poor, because all others have to wait for them. Pure.
 */
export function flagOf({ lines }, seat) {
  const known = seat.state === 'occupied' ? lines.get(seat.identity) : undefined;
  if (!known) return null;
  const { latency, quality, unheard: why } = known;
  if (why) return { kind: 'unheard', label: t('flag.unheard'), more: t('flag.unheard.more', { why: t(`unheard.${why}`) }) };
  if (quality === 'lost') return { kind: 'lost', label: t('flag.lost'), more: t('flag.lost') };
  if (latency?.class === 'laggy') {
    const { feel, ms, cause, side } = delayText(latency, 'their');
    const label = t('flag.laggy', { feel, ms });
    return { kind: 'laggy', label, more: `${label}, ${side}: ${cause}${latency.estimated ? ` (${t('delay.estimated')})` : ''}` };
  }
  return quality === 'poor' ? { kind: 'poor', label: t('flag.poor'), more: t('flag.poor') } : null;
}

const BAD = new Set(['poor', 'lost']);
