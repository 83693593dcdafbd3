/**
 * Dragging, by mouse, pen or finger: from an element with `data-drag` (`seat:3`, `hand:ben`, `person:ben`) to one with `data-drop` (a seat).
 * A finger has to rest a moment first, or it would scroll. Whatever can be dragged can be done by a menu as well.
 *
 * `judge(source, index)` answers what a drop would do, `{ label, act }`, or null; `enabled()` says whether one may drag at all.
 */
import { el, set } from './dom.js';
import { t } from '../words.js';

export function dragging(root, { enabled, judge, run }) {
  let drag = null;
  const stop = new AbortController();
  const listen = (type, handler, options) => document.addEventListener(type, handler, { signal: stop.signal, ...options });

  root.addEventListener('pointerdown', (event) => {
    const handle = event.target.closest?.('[data-drag]');
    if (!handle || event.button !== 0 || !event.isPrimary || event.target.closest('[data-nodrag]') || !enabled()) return;
    drag = { handle, source: sourceOf(handle.dataset.drag), x: event.clientX, y: event.clientY, isTouch: event.pointerType === 'touch', begun: false, hold: 0 };
    if (drag.isTouch) drag.hold = setTimeout(() => begin(drag.x, drag.y), HOLD_MS);
  }, { signal: stop.signal });
  listen('pointermove', (event) => {
    if (!drag) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > SLACK_PX;
    if (!drag.begun && far && drag.isTouch) return end();
    if (!drag.begun && far) begin();
    if (drag?.begun) follow(event.clientX, event.clientY);
  });
  listen('pointerup', () => {
    const { begun, target } = drag ?? {};
    end();
    if (!begun) return;
    // The click that ends a drag is not a press.
    document.addEventListener('click', (event) => { event.stopPropagation(); event.preventDefault(); }, { capture: true, once: true, signal: AbortSignal.timeout(100) });
    if (target) run(target.act);
  });
  listen('pointercancel', end);
  listen('keydown', (event) => event.key === 'Escape' && end());
  listen('touchmove', (event) => drag?.begun && event.preventDefault(), { passive: false });
  listen('contextmenu', (event) => drag?.begun && event.preventDefault());
  listen('dragstart', (event) => event.target.closest?.('[data-drag]') && event.preventDefault());

  function begin(x, y) {
    drag.begun = true;
    drag.ghost = el('div.ghost', { testid: 'ghost', 'aria-hidden': 'true' });
    document.body.append(drag.ghost);
    drag.handle.setAttribute('data-dragged', '');
    for (const seat of root.querySelectorAll('[data-drop]')) set(seat, { 'data-allowed': judge(drag.source, Number(seat.dataset.drop)) ? 'true' : null });
    if (x !== undefined) follow(x, y);
  }

  function follow(x, y) {
    const over = document.elementFromPoint(x, y)?.closest('[data-drop]');
    drag.target = over ? judge(drag.source, Number(over.dataset.drop)) : null;
    for (const seat of root.querySelectorAll('[data-over]')) if (seat !== over) seat.removeAttribute('data-over');
    if (over) set(over, { 'data-over': drag.target ? 'yes' : 'no' });
    set(drag.ghost, { text: drag.target?.label ?? (over ? t('drag.nothing') : drag.handle.dataset.dragName ?? '') });
    drag.ghost.style.setProperty('transform', `translate(${x}px, ${y}px)`);
  }

  function end() {
    if (!drag) return;
    clearTimeout(drag.hold);
    drag.ghost?.remove();
    drag.handle.removeAttribute('data-dragged');
    for (const seat of root.querySelectorAll('[data-over], [data-allowed]')) set(seat, { 'data-over': null, 'data-allowed': null });
    drag = null;
  }

  return { close: () => { end(); stop.abort(); } };
}

function sourceOf(text) {
  const at = text.indexOf(':');
  const [kind, rest] = [text.slice(0, at), text.slice(at + 1)];
  return kind === 'seat' ? { kind, index: Number(rest) } : { kind, identity: rest };
}

const HOLD_MS = 300;
const SLACK_PX = 7;
