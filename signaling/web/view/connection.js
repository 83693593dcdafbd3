/** The panel "Connection", folded away behind the signal bars: how the join went, stage by stage, and how the line is now; and how the microphone is processed. */
import { el, icon, set, text } from './dom.js';
import { ICONS } from './icons.js';
import { number, t } from '../words.js';

const PROCESSING = [
  ['echoCancellation', 'echo'],
  ['noiseSuppression', 'noise'],
  ['autoGainControl', 'gain'],
];
/** The stages of a join in order, as `room.timings` names them. */
const STAGES = ['token', 'socket', 'welcome', 'ice', 'dtls', 'first_packet', 'first_played'];

export function connectionPanel(root, { room, run, onProcessing }) {
  const state = el('span.pill', { testid: 'connection-state' });
  const figures = {};
  const figure = (id, key) => {
    figures[id] = el('dd', { testid: `stats-${id}`, text: '–' });
    return el('div.figure', { title: t(`connection.${key}.hint`) }, el('dt', { text: t(`connection.${key}`) }), figures[id]);
  };
  const stages = STAGES.map((key) => {
    const bar = el('span.bar', { 'aria-hidden': 'true' }, el('span.fill'));
    const value = el('span.value', { testid: `stats-join-${key.replace('_', '-')}`, text: '–' });
    return { key, bar, value, row: el('li', { title: t(`join.${key}.hint`) }, el('span.name', { text: t(`join.${key}`) }), bar, value) };
  });
  const total = el('span', { testid: 'stats-join-total', text: '–' });
  const panel = el('details.connection', { testid: 'stats-panel', id: 'connection-panel' },
    el('summary', {}, el('h2', {}, icon(ICONS.bars), t('connection')), state),
    el('dl.figures', {}, figure('rtt', 'rtt'), figure('loss', 'loss'), figure('jitter-buffer', 'buffer'), figure('received', 'packets')),
    el('h3', {}, `${t('connection.join')} `, total),
    el('ol.stages', {}, ...stages.map(({ row }) => row)));
  root.append(panel, processing(room, run, onProcessing));

  /** Opens what is folded away and goes there, or folds it again. */
  function toggle() {
    panel.open = !panel.open;
    if (!panel.open) return;
    panel.scrollIntoView({ block: 'nearest' });
    panel.querySelector('summary').focus({ preventScroll: true });
  }

  function update() {
    set(state, { text: t(`connection.${room.connection}`), 'data-state': room.connection });
    updateJoin(room.timings);
    const now = room.lastStats;
    if (!now) return;
    set(figures.rtt, { text: milliseconds(now.rtt_ms), 'data-value': now.rtt_ms });
    set(figures.loss, { text: now.loss === null ? '–' : `${(now.loss * 100).toFixed(1)} %`, 'data-value': now.loss });
    set(figures['jitter-buffer'], { text: milliseconds(now.jitter_buffer_ms), 'data-value': now.jitter_buffer_ms });
    set(figures.received, { text: number(now.received), 'data-value': now.received });
  }

  function updateJoin(timings) {
    const end = Math.max(1, ...Object.values(timings));
    let start = 0;
    for (const { key, bar, value, row } of stages) {
      const at = timings[key];
      set(row, { 'data-done': at === undefined ? 'false' : 'true' });
      set(value, { text: milliseconds(at), 'data-value': at ?? null });
      bar.firstElementChild.style.setProperty('--from', at === undefined ? 0 : Math.min(start, at) / end);
      bar.firstElementChild.style.setProperty('--to', at === undefined ? 0 : at / end);
      if (at !== undefined) start = at;
    }
    const heard = timings.first_played ?? timings.first_packet;
    const done = heard ?? timings.dtls;
    set(total, { 'data-value': done ?? null });
    text(total, done === undefined ? '…' : t(heard === undefined ? 'connection.silent' : 'connection.to_sound', { ms: milliseconds(done) }));
  }

  return { update, toggle, get isOpen() { return panel.open; } };
}

function processing(room, run, onProcessing) {
  return el('fieldset.processing', { testid: 'processing' }, el('legend', { text: t('connection.microphone') }),
    ...PROCESSING.map(([key, id]) => {
      const input = el('input', {
        type: 'checkbox', role: 'switch', testid: `processing-${id}`, checked: room.processing[key],
        on: { change: () => run(() => room.setProcessing({ [key]: input.checked })).then(() => onProcessing(room.processing)) },
      });
      return el('label.switch', {}, el('span', { text: t(`connection.${id}`) }), input);
    }));
}

const milliseconds = (value) => (value === null || value === undefined ? '–' : `${value < 1 ? '< 1' : Math.round(value)} ms`);
