/** The panel "Connection": how the join went, stage by stage, and how the line is now; and how the microphone is processed. */
import { el, set, text } from './dom.js';
import { STAGES } from '../words.js';

const PROCESSING = [
  ['echoCancellation', 'Echo cancellation', 'echo'],
  ['noiseSuppression', 'Noise suppression', 'noise'],
  ['autoGainControl', 'Automatic volume', 'gain'],
];

export function connectionPanel(root, { room, run, onProcessing }) {
  const state = el('span.pill', { testid: 'connection-state' });
  const figures = {};
  const figure = (id, label, title) => {
    figures[id] = el('dd', { testid: `stats-${id}`, text: '–' });
    return el('div.figure', { title }, el('dt', { text: label }), figures[id]);
  };
  const stages = STAGES.map(([key, label, about]) => {
    const bar = el('span.bar', { 'aria-hidden': 'true' }, el('span.fill'));
    const value = el('span.value', { testid: `stats-join-${key.replace('_', '-')}`, text: '–' });
    return { key, bar, value, row: el('li', { title: about }, el('span.name', { text: label }), bar, value) };
  });
  const total = el('span', { testid: 'stats-join-total', text: '–' });
  root.append(el('details.connection', { testid: 'stats-panel', open: matchMedia('(min-width: 900px)').matches },
    el('summary', {}, el('h2', { text: 'Connection' }), state),
    el('dl.figures', {},
      figure('rtt', 'Round trip', 'to the server and back'), figure('loss', 'Loss', 'of the last packets sent to you'),
      figure('jitter-buffer', 'Buffer', 'how long sound waits here so that it plays evenly'), figure('received', 'Packets', 'received since you joined')),
    el('h3', {}, 'Your join: ', total),
    el('ol.stages', {}, ...stages.map(({ row }) => row))),
  processing(room, run, onProcessing));

  function update() {
    const label = { connected: 'connected', connecting: 'connecting', new: 'connecting', disconnected: 'interrupted', failed: 'lost', closed: 'closed' }[room.connection] ?? room.connection;
    set(state, { text: label, 'data-state': room.connection });
    updateJoin(room.timings);
    const now = room.lastStats;
    if (!now) return;
    set(figures.rtt, { text: milliseconds(now.rtt_ms), 'data-value': now.rtt_ms });
    set(figures.loss, { text: now.loss === null ? '–' : `${(now.loss * 100).toFixed(1)} %`, 'data-value': now.loss });
    set(figures['jitter-buffer'], { text: milliseconds(now.jitter_buffer_ms), 'data-value': now.jitter_buffer_ms });
    set(figures.received, { text: now.received.toLocaleString('en'), 'data-value': now.received });
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
    text(total, done === undefined ? '…' : `${milliseconds(done)}${heard === undefined ? ' (nobody was speaking)' : ' to the first sound'}`);
  }

  return { update };
}

function processing(room, run, onProcessing) {
  return el('fieldset.processing', { testid: 'processing' }, el('legend', { text: 'Your microphone' }),
    ...PROCESSING.map(([key, label, id]) => {
      const input = el('input', {
        type: 'checkbox', role: 'switch', testid: `processing-${id}`, checked: room.processing[key],
        on: { change: () => run(() => room.setProcessing({ [key]: input.checked })).then(() => onProcessing(room.processing)) },
      });
      return el('label.switch', {}, el('span', { text: label }), input);
    }));
}

const milliseconds = (value) => (value === null || value === undefined ? '–' : `${value < 1 ? '< 1' : Math.round(value)} ms`);
