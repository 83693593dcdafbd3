/** The room's settings, for hosts: who may go on stage and how, what a host's voice does to others, what becomes of the room. */
import { el, set, text } from './dom.js';
import { t } from '../words.js';

const SEAT_MODES = ['free', 'apply', 'invite_only'];
/** Choices: the name in the room, the name in `updateRoom`, what a choice is called. */
const CHOICES = [
  { id: 'interrupt', field: 'interrupt', values: ['off', 'duck', 'hold'] },
  { id: 'promote', field: 'promote', values: ['cohost', 'longest_seated', 'none'] },
  { id: 'duplicates', field: 'duplicates', values: ['takeover', 'reject', 'allow'] },
];
const TURNS_MS = [0, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000];

export function roomSettings(root, { run, room, menu }) {
  const modes = el('fieldset.segments', { testid: 'seat-mode' }, el('legend', { text: t('console.seat_mode') }),
    ...SEAT_MODES.map((mode) => {
      const input = el('input', { type: 'radio', name: 'seat-mode', value: mode, testid: `seat-mode-${mode}`, on: { change: () => change({ seatMode: mode }) } });
      return el('label', { title: t(`mode.${mode}.hint`) }, input, el('span', { text: t(`mode.${mode}`) }));
    }));
  const modeHint = el('p.hint');
  const hands = toggle('hands-switch', t('console.accept_hands'), (on) => change({ hands: on ? 'on' : 'off' }));
  const autoOffer = toggle('auto-offer', t('console.auto_offer'), (on) => change({ autoOffer: on }));
  const choices = CHOICES.map(({ id, field, values }) => {
    const options = values.map((value) => [value, t(`${id}.${value}`)]);
    return { field, ...choice(id, t(`console.${id}`), options, (value) => change({ [field]: value })) };
  });
  const turn = choice('turn', t('console.turn'), TURNS_MS.map((ms) => [String(ms), turnText(ms)]), (value) => change({ turnMs: Number(value) }));
  const close = el('button.plain.danger', { testid: 'close-room', on: { click: () => menu.closing() }, text: t('console.close') });
  const all = el('details.room-settings', { testid: 'room-settings' }, el('summary', {}, el('h2', { text: t('console.room') })),
    hands.label, autoOffer.label, ...choices.map(({ label }) => label), turn.label, close);
  const part = el('div.settings', {}, el('h2', { text: t('console.seat_mode') }), modes, modeHint, all);
  root.append(part);
  let changing = 0; // while an answer is awaited the controls show what was asked for

  function change(wanted) {
    changing += 1;
    run(() => room.updateRoom(wanted)).finally(() => {
      changing -= 1;
      if (room.state) update(room.state, true);
    });
  }

  function update({ room: now }, isShown) {
    set(part, { hidden: !isShown });
    if (!isShown || changing > 0) return;
    for (const input of modes.querySelectorAll('input')) set(input, { checked: input.value === now.seat_mode });
    text(modeHint, t(`mode.${now.seat_mode}.hint`));
    set(hands.input, { checked: now.hands === 'on' });
    set(autoOffer.input, { checked: Boolean(now.auto_offer) });
    for (const { field, select } of choices) pick(select, now[field] ?? '');
    offerTurn(now.turn_ms ?? 0);
    pick(turn.select, String(now.turn_ms ?? 0));
  }

  /** A turn that was set elsewhere may be none of ours. */
  function offerTurn(ms) {
    if ([...turn.select.options].some((option) => option.value === String(ms))) return;
    turn.select.append(el('option', { value: String(ms), text: turnText(ms) }));
  }

  return { update };
}

function pick(select, value) {
  if (select.value !== value && document.activeElement !== select) select.value = value;
}

function turnText(ms) {
  if (ms === 0) return t('turn.none');
  return ms % 60_000 === 0 ? t('turn.minutes', { count: ms / 60_000 }) : t('turn.seconds', { count: ms / 1000 });
}

function toggle(testid, label, act) {
  const input = el('input', { type: 'checkbox', role: 'switch', testid, on: { change: () => act(input.checked) } });
  return { input, label: el('label.switch', {}, el('span', { text: label }), input) };
}

function choice(id, label, options, act) {
  const select = el('select', { testid: `setting-${id}`, on: { change: () => act(select.value) } }, ...options.map(([value, name]) => el('option', { value, text: name })));
  return { select, label: el('label.choice', {}, el('span', { text: label }), select) };
}
