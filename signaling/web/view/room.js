/** The room as a page: header, stage, what one can do, the host's console, audience and connection. */
import { actionBar, isHost, seatAction } from './actions.js';
import { connectionPanel } from './connection.js';
import { hostConsole } from './console.js';
import { el, icon, set, text } from './dom.js';
import { ICONS } from './icons.js';
import { hostMenu } from './menu.js';
import { newsOfSelf } from './news.js';
import { audience } from './people.js';
import { stage } from './stage.js';
import { NEWS, people } from '../words.js';

/** Draws `room` into `root` until the returned `close` is called. */
export function roomScreen(root, { room, notices, onProcessing }) {
  let own = null; // the last act done here, so that its effect is not told as news
  let cause = null;
  let before = room.state;
  let scheduled = false;
  let offerNotice = null;

  async function run(act, button) {
    if (!act) return;
    own = button?.dataset?.action ?? null;
    button?.setAttribute('aria-busy', 'true');
    try {
      await act();
    } catch (error) {
      notices.error(error);
    } finally {
      button?.removeAttribute('aria-busy');
    }
  }

  const status = el('span.pill', { testid: 'phase' });
  const count = el('span', { testid: 'audience-count' });
  const counted = el('span.pill.plain', {}, icon(ICONS.ear), count);
  const handsUp = el('button.hands-up', { testid: 'hands-up', hidden: true, on: { click: showHands } }, icon(ICONS.hand), el('span'));
  const leave = el('button.quiet', { testid: 'leave', 'aria-label': 'Leave the room', on: { click: () => room.leave() } }, icon(ICONS.leave), el('span.wide', { text: 'Leave' }));
  const stageCard = el('section.stage', { 'aria-label': 'Stage' });
  const consoleCard = el('section.card', { testid: 'console', 'aria-label': 'Host console' });
  const peopleCard = el('section.card', { 'aria-label': 'Audience' });
  const connectionCard = el('section.card', { 'aria-label': 'Connection' });
  const bar = el('section.bar-bottom', { testid: 'actions', 'aria-label': 'What you can do' });
  root.replaceChildren(el('div.room', { testid: 'room' },
    el('header', {}, el('h1', { testid: 'room-title', tabindex: '-1', text: room.state.room.id }), status, counted, handsUp, leave),
    el('main', {}, stageCard, bar),
    el('aside', {}, consoleCard, peopleCard, connectionCard)));

  const menu = hostMenu(root, { run, room });
  const views = [
    stage(stageCard, { run, menu, room }), actionBar(bar, { run, room }), audience(peopleCard, { menu, room }),
    connectionPanel(connectionCard, { room, run, onProcessing }),
  ];
  const host = hostConsole(consoleCard, { run, room });

  function draw() {
    scheduled = false;
    const { state, phase } = room;
    if (!state || phase === 'over') return;
    const total = state.room.audience.count;
    set(status, { text: phase === 'joined' ? 'Live' : 'Reconnecting…', 'data-state': phase });
    set(count, { text: total.toLocaleString('en'), 'data-count': total });
    set(counted, { title: people(total) });
    root.firstElementChild.dataset.rank = state.self.rank;
    set(consoleCard, { hidden: !isHost(state.self) });
    if (isHost(state.self)) host.update(state);
    const waiting = state.room.hand_queue?.length ?? 0;
    set(handsUp, { hidden: waiting === 0, 'aria-label': `Raised hands: ${waiting}` });
    text(handsUp.lastElementChild, waiting);
    for (const view of views) view.update(state);
    notices.cue(state, cueAction(state));
  }

  function showHands() {
    consoleCard.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    consoleCard.querySelector('button, input')?.focus({ preventScroll: true });
  }

  function cueAction(state) {
    // The cue may overtake the seat's own event, which comes to the audience in a batch: so the seat counts as open.
    const action = state.cue && state.cue.can_join !== 'no' ? seatAction(state, { index: state.cue.index, state: 'open' }, room) : null;
    return action ? { label: action.label, act: () => run(action.act) } : null;
  }

  /** Frames may come faster than the eye; a hidden page has no animation frames. */
  function schedule() {
    if (scheduled) return;
    scheduled = true;
    if (document.hidden) setTimeout(draw, 200);
    else requestAnimationFrame(draw);
  }

  const ends = [
    room.on('change', () => {
      tellNews();
      schedule();
    }),
    room.on('seat_changed', (event) => {
      if (event.seat.index === before.self.seat) cause = event.cause;
    }),
    room.on('hand_changed', (event) => {
      const mine = event.hand.identity === room.state.self.identity;
      if (mine && HAND_NEWS[event.change]) notices.info(HAND_NEWS[event.change], { testid: 'news' });
      if (event.change === 'raised' && !mine) notices.say(NEWS.handRaised(event.hand.name ?? event.hand.identity));
    }),
    room.on('problem', (error) => notices.error(error)),
    room.on('stats', schedule), room.on('timing', schedule), room.on('connection', schedule),
  ];
  const clock = setInterval(schedule, 500);
  draw();
  root.querySelector('h1').focus({ preventScroll: true });

  function tellNews() {
    const after = room.state;
    if (!after || after.self === before.self) return;
    for (const line of newsOfSelf(before, after, cause, own)) notices.info(line, { testid: 'news' });
    tellOffer(after.self.offer);
    if (before.self.seat !== after.self.seat) own = cause = null;
    before = after;
  }

  /** An offer is told as long as it stands. */
  function tellOffer(offer) {
    if (!offer) offerNotice?.remove();
    if (!offer || before.self.offer) return;
    offerNotice = notices.info(NEWS.offered(offer.seat), { testid: 'offer' });
    navigator.vibrate?.(200);
  }

  return {
    close() {
      clearInterval(clock);
      for (const end of ends) end();
      menu.close();
      root.replaceChildren();
    },
  };
}

const HAND_NEWS = { denied: NEWS.handDenied, expired: NEWS.handExpired };
