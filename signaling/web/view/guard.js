/**
 * A guard keeps a finger that comes down twice from doing two things. For `QUIET_MS` after a press, or after a button has come to mean
 * something else, a further press is not taken:
 *
 *   - of a button that now does something other than a moment ago (*Take seat* has become *Leave seat*);
 *   - of anything else that has come to lie under the finger, such as the backdrop of a menu that the first press has opened;
 *   - of a switch that has just been turned.
 *
 * `data-early-presses` of `root` counts those that were not taken. Presses of the same button that mean the same go through, such as reactions. Keys are guarded as fingers are, but for the place.
 */
export function guardPresses(root, now = () => performance.now()) {
  const known = new WeakMap(); // button → { meaning, changedAt }
  let last = null; // the last press that was taken: { button, x, y, at }

  const watch = new MutationObserver((changes) => {
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node.querySelectorAll);
    const buttons = [...changes.map(({ target }) => buttonOf(target)), ...added.flatMap((node) => [buttonOf(node), ...node.querySelectorAll('button')])];
    for (const button of new Set(buttons.filter(Boolean))) note(button);
  });
  watch.observe(root, {
    subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ['data-action', 'data-state', 'aria-pressed', 'aria-label'],
  });
  root.addEventListener('click', judge, { capture: true });

  function note(button) {
    const meaning = meaningOf(button);
    const before = known.get(button);
    if (before?.meaning === meaning) return before;
    const entry = { meaning, changedAt: before ? now() : -Infinity };
    known.set(button, entry);
    return entry;
  }

  function judge(event) {
    const control = event.target.closest?.(CONTROLS) ?? null;
    if (isEarly(control, event)) {
      root.dataset.earlyPresses = String(Number(root.dataset.earlyPresses ?? 0) + 1);
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (control) last = { control, x: event.clientX, y: event.clientY, at: now(), byFinger: event.detail > 0 };
  }

  function isEarly(control, { clientX, clientY, detail }) {
    const isQuick = last !== null && now() - last.at < QUIET_MS;
    if (control?.matches(SWITCHES)) return isQuick && last.control === control;
    if (control && now() - note(control).changedAt < QUIET_MS) return true;
    if (!isQuick || control === last.control) return false;
    return detail > 0 && last.byFinger && Math.hypot(clientX - last.x, clientY - last.y) < NEAR_PX;
  }

  return { close: () => { watch.disconnect(); root.removeEventListener('click', judge, { capture: true }); } };
}

const buttonOf = (node) => (node.closest ? node : node.parentElement)?.closest?.('button') ?? null;

/** What a press does, as the button itself says it; numbers in its words count time or people and mean nothing. */
function meaningOf(button) {
  const { dataset } = button;
  const said = dataset.action ?? (button.getAttribute('aria-label') ?? button.textContent).replace(/\d+/gu, '');
  return [said, dataset.state, button.getAttribute('aria-pressed')].join(' ');
}

const SWITCHES = 'input[type="checkbox"]';
const CONTROLS = `button, ${SWITCHES}`;
const QUIET_MS = 700;
const NEAR_PX = 24;
