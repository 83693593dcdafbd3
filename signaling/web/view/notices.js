/**
 * Notices: one polite live region for what happened, what went wrong, and the open-seat cue.
 *
 * Most go by themselves and give way to newer ones. Those that wait for the person (sound that a touch starts, a microphone that must be
 * unblocked) stand apart and stay until they are done with.
 */
import { el, set } from './dom.js';
import { cueText, errorText, t } from '../words.js';

export function notices(root) {
  const standing = el('div.notices-standing', { testid: 'notices-standing' });
  const passing = el('div.notices-passing', { testid: 'notices' });
  const list = el('div.notices', {}, standing, passing);
  const spoken = el('p.unseen', { 'aria-live': 'polite', role: 'status', testid: 'spoken' });
  root.append(list, spoken);
  let cueNode = null;
  let cueShown = null;

  function notice(kind, message, props, buttons, isClosable) {
    const close = isClosable ? el('button.quiet.small', { 'aria-label': t('notice.dismiss'), on: { click: () => node.remove() }, text: '✕' }) : null;
    const node = el(`div.notice.${kind}`, props, el('p', { text: message }), ...buttons, close);
    say(message);
    return node;
  }

  function show(kind, message, props = {}, ...buttons) {
    const node = notice(kind, message, props, buttons, true);
    passing.append(node);
    while (passing.children.length > PASSING_MAX) passing.firstElementChild.remove();
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
    const props = { testid: 'error', 'data-code': code };
    if (STANDING.has(code)) return microphone(code, props);
    const node = show('bad', errorText(code, fault.details), props);
    setTimeout(() => node.remove(), ERROR_MS);
  }

  /** One notice about the microphone at a time. It says what to do and stays until the microphone works or the person closes it. */
  function microphone(code, props) {
    heard();
    standing.append(notice('bad', errorText(code, { browser: browserName(navigator) }), { ...props, 'data-about': 'microphone' }, [], true));
  }

  /** The microphone works. */
  function heard() {
    standing.querySelector('[data-about="microphone"]')?.remove();
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

  /** Browsers keep a page silent until it is touched. Nothing pushes this notice out, and nothing but sound ends it. */
  function sound(blocked, play) {
    const node = standing.querySelector('[data-testid="sound-blocked"]');
    if (!blocked) node?.remove();
    if (!blocked || node) return;
    const button = el('button.primary.small', { testid: 'sound-on', on: { click: play }, text: t('notice.tap') });
    standing.prepend(set(notice('cue', t('notice.sound_blocked'), {}, [button], false), { testid: 'sound-blocked' }));
  }

  /** Leaves so much room at the top for what must stay in sight. */
  function below(px) {
    list.style.setProperty('--below', `${px}px`);
  }

  function clear() {
    below(0);
    passing.replaceChildren();
    standing.replaceChildren();
    cueShown = null;
  }

  return { error, heard, info, cue, say, sound, below, clear };
}

/** Which browser this is, as far as it matters for where it hides its permissions. Pure. */
export function browserName({ userAgent = '', maxTouchPoints = 0 }) {
  if (/iPhone|iPad|iPod/u.test(userAgent) || (/Macintosh/u.test(userAgent) && maxTouchPoints > 1)) return 'ios';
  if (/Firefox\//u.test(userAgent)) return 'firefox';
  if (/Android/u.test(userAgent)) return 'android';
  if (/Chrome\//u.test(userAgent)) return 'chrome';
  return /Safari\//u.test(userAgent) ? 'safari' : 'other';
}

const STANDING = new Set(['microphone_denied', 'microphone_missing', 'microphone_busy', 'microphone_failed', 'microphone_unsupported']);
const PASSING_MAX = 3;
const ERROR_MS = 9_000;
const INFO_MS = 6_000;
const CUE_MS = 20_000;
