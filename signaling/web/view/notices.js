/** Notices: one polite live region for what happened, what went wrong, and the open-seat cue. */
import { el, set } from './dom.js';
import { cueText, errorText, t } from '../words.js';

export function notices(root) {
  const list = el('div.notices', { testid: 'notices' });
  const spoken = el('p.unseen', { 'aria-live': 'polite', role: 'status', testid: 'spoken' });
  root.append(list, spoken);
  let cueNode = null;
  let cueShown = null;

  function show(kind, message, props = {}, ...buttons) {
    const close = el('button.quiet.small', { 'aria-label': t('notice.dismiss'), on: { click: () => node.remove() }, text: '✕' });
    const node = el(`div.notice.${kind}`, props, el('p', { text: message }), ...buttons, close);
    list.append(node);
    while (list.children.length > NOTICES_MAX) list.firstElementChild.remove();
    say(message);
    return node;
  }

  function say(message) {
    spoken.textContent = '';
    requestAnimationFrame(() => { spoken.textContent = message; });
  }

  function error(fault) {
    console.info('podium:', fault.code ?? fault, fault.message);
    const code = fault.code ?? 'internal';
    list.querySelectorAll(`[data-code="${CSS.escape(code)}"]`).forEach((old) => old.remove());
    const node = show('bad', errorText(code, fault.details), { testid: 'error', 'data-code': code });
    setTimeout(() => node.remove(), ERROR_MS);
  }

  function info(message, props) {
    const node = show('good', message, props);
    setTimeout(() => node.remove(), INFO_MS);
    return node;
  }

  /** The cue stays while its seat is open, at most `CUE_MS`; `action` is what one can do about it. */
  function cue(state, action) {
    const present = state?.cue && performance.now() - state.cue.at < CUE_MS && state.self.seat === undefined && !state.self.hand ? state.cue : null;
    if (present === cueShown) return;
    cueNode?.remove();
    cueShown = present;
    if (!present) return;
    const button = action && el('button.small', { testid: 'cue-action', on: { click: () => { cueNode.remove(); action.act(); } }, text: action.label });
    cueNode = show('cue', cueText(present), { testid: 'cue', 'data-seat': present.index, 'data-can-join': present.can_join }, button);
  }

  /** Browsers keep a page silent until it is touched. */
  function sound(blocked, play) {
    const node = list.querySelector('[data-testid="sound-blocked"]');
    if (!blocked) node?.remove();
    if (!blocked || node) return;
    const button = el('button.primary.small', { testid: 'sound-on', on: { click: play }, text: t('notice.tap') });
    set(show('cue', t('notice.sound_blocked'), {}, button), { testid: 'sound-blocked' });
  }

  /** Leaves so much room at the top for what must stay in sight. */
  function below(px) {
    list.style.setProperty('--below', `${px}px`);
  }

  function clear() {
    below(0);
    list.replaceChildren();
    cueShown = null;
  }

  return { error, info, cue, say, sound, below, clear };
}

const NOTICES_MAX = 3;
const ERROR_MS = 9_000;
const INFO_MS = 6_000;
const CUE_MS = 20_000;
