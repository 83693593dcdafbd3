/** The room as a page: header, banners, stage, what one can do, the host's console, messages, audience and connection. */
import { actionBar, seatAction } from './actions.js';
import { banners } from './banners.js';
import { connectionPanel } from './connection.js';
import { directory } from './directory.js';
import { hostConsole } from './console.js';
import { el, icon, set, text } from './dom.js';
import { dragging } from './drag.js';
import { feed, tally } from './feed.js';
import { ICONS } from './icons.js';
import { line } from './line.js';
import { menus } from './menu.js';
import { drop } from './moves.js';
import { newsOfEvent, newsOfReturn, newsOfSelf } from './news.js';
import { audience } from './people.js';
import { isHost, isLastHost, nameOf } from './permit.js';
import { preferences } from './preferences.js';
import { prompts } from './prompts.js';
import { stage } from './stage.js';
import { number, people, said, seatName, t } from '../words.js';

/** Draws `room` into `root` until the returned `close` is called. `isFirst`: it is drawn because one has come, not in another language. */
export function roomScreen(root, { room, notices, sound, remember, onLanguage, isFirst }) {
  let own = null; // the last act done here, so that its effect is not told as news
  let cause = null;
  let before = room.state;
  let scheduled = false;
  let offerNotice = null;

  async function run(act, button) {
    if (!act || button?.hasAttribute('aria-busy')) return; // a second press while the first is on its way
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
  const gear = el('button.quiet', { testid: 'open-settings', 'aria-label': t('header.settings'), 'aria-haspopup': 'dialog', on: { click: () => settings.open() } }, icon(ICONS.gear));
  const leave = el('button.quiet', { testid: 'leave', 'aria-label': t('header.leave_room'), on: { click: goAway } }, icon(ICONS.leave), el('span.wide', { text: t('header.leave') }));
  const above = el('div.above');
  const stageCard = el('section.stage', { 'aria-label': t('stage') });
  const consoleCard = el('section.card', { testid: 'console', 'aria-label': t('console') });
  const feedCard = el('section.card', { testid: 'chat', 'aria-label': t('chat') });
  const peopleCard = el('section.card', { 'aria-label': t('audience') });
  const connectionCard = el('section.card', { 'aria-label': t('connection') });
  const bar = el('section.bar-bottom', { testid: 'actions', 'aria-label': t('act.what') });
  root.replaceChildren(el('div.room', { testid: 'room' },
    el('header', {}, el('h1', { testid: 'room-title', tabindex: '-1', text: room.state.room.id }), status, counted, handsUp, gear, leave),
    above,
    el('main', {}, stageCard, bar, feedCard),
    el('aside', {}, consoleCard, peopleCard, connectionCard)));

  const say = notices.say;
  const menu = menus(root, { run, room });
  const settings = preferences(root, { run, room, sound, remember, onLanguage });
  const talk = feed(feedCard, { run, room, notices });
  const questions = prompts(bar, { run, room, say });
  const connection = connectionPanel(connectionCard, { room, run, onProcessing: (now) => remember('processing', JSON.stringify(now)) });
  const all = directory(root, { menu, room, notices });
  const views = [
    banners(above, { run, room, say }), stage(stageCard, { run, menu, room }), tally(stageCard),
    line(stageCard, { room, say, panel: connection }), questions,
    actionBar(bar, { run, room }), talk, audience(peopleCard, { menu, room, everyone: () => all.open() }), connection, settings,
  ];
  const host = hostConsole(consoleCard, { run, room, menu });
  const drags = dragging(root, {
    enabled: () => isHost(room.state.self) && room.phase === 'joined',
    judge: (source, index) => drop(room.state, room, source, index),
    run,
  });

  function draw() {
    scheduled = false;
    const { state, phase } = room;
    if (!state || phase === 'over') return;
    const total = state.room.audience.count;
    const life = state.room.phase ?? 'live';
    set(status, { text: said(`phase.${phase === 'joined' ? life : 'rejoining'}`) ?? t('phase.live'), 'data-state': phase, 'data-life': life });
    set(count, { text: number(total), 'data-count': total });
    set(counted, { title: people(total) });
    root.firstElementChild.dataset.rank = state.self.rank;
    set(consoleCard, { hidden: !isHost(state.self) });
    if (isHost(state.self)) host.update(state);
    const waiting = state.room.hand_queue?.length ?? 0;
    set(handsUp, { hidden: waiting === 0, 'aria-label': t('header.hands', { count: waiting }) });
    text(handsUp.lastElementChild, waiting);
    for (const view of views) view.update(state);
    sound.follow(state);
    if (room.hasMicrophone) notices.heard();
    notices.below(above.offsetHeight);
    notices.cue(isHost(state.self) ? null : state, cueAction(state)); // a host sees the seats anyway
  }

  /** The last host's going leaves the others without one: it asks first. */
  function goAway() {
    if (isLastHost(room.state)) menu.leaving();
    else room.leave();
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
    room.on('seat_changed', ({ seat, other, cause: why }) => {
      if (seat.index === before.self.seat || other?.index === before.self.seat) cause = why;
    }),
    room.on('event', (event, then) => {
      talk.happened(event, then);
      const line = newsOfEvent(event, room.state, (identity) => nameOf(room.state, identity));
      if (line) notices.info(line, { testid: 'news' });
      const isRaised = event.type === 'hand_changed' && event.change === 'raised' && event.hand.identity !== room.state.self.identity;
      if (isRaised) say(t('hand.raised', { name: event.hand.name ?? event.hand.identity }));
    }),
    room.on('problem', (error) => notices.error(error)),
    room.on('unsaved', () => isHost(room.state.self) && notices.error({ code: 'unsaved' })), // one at a time: a newer one takes its place
    room.on('phase', ({ phase }) => {
      if (phase === 'joined') say(t('news.rejoined'));
    }),
    room.on('stats', schedule), room.on('timing', schedule), room.on('connection', schedule), room.on('phase', schedule),
  ];
  const clock = setInterval(schedule, 500);
  draw();
  const back = isFirst ? newsOfReturn(room.state) : null;
  if (back) notices.info(back, { testid: 'news' });
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
    if (!offer || before.self.offer || offer.why === 'invited') return;
    offerNotice = notices.info(t('news.offered', { seat: seatName(offer.seat) }), { testid: 'offer' });
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(200);
  }

  return {
    close() {
      clearInterval(clock);
      for (const end of ends) end();
      drags.close();
      menu.close();
      all.close();
      root.replaceChildren();
    },
  };
}
