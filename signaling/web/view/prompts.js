/** Prompts: questions that wait for one's answer, each with the time that is left. `promptsOf` is pure. */
import { el, keep, set, text } from './dom.js';
import { nameOf } from './permit.js';
import { seatIn, secondsUntil, t, timeUntil } from '../words.js';

/** `{ id, key, text, until, whole, answers }`; `key` tells a new question from the one before. */
export function promptsOf(state, room, now) {
  return [hostOffer, invite, swap, turn].map((ask) => ask(state, room, now)).filter((one) => one && (one.until === undefined || one.until > now));
}

function hostOffer(state, room) {
  const offer = state.self.host_offer;
  return offer && {
    id: 'host-offer', key: `host-offer ${offer.from}`, until: offer.until, text: t('ask.host', { name: nameOf(state, offer.from) }),
    answers: [yes('host-offer', t('ask.accept'), () => room.acceptHost()), no('host-offer', () => room.declineHost())],
  };
}

function invite({ self }, room) {
  const { invite: asked } = self;
  if (!asked) return null;
  const name = asked.from_name ?? asked.from;
  const to = asked.seat === undefined ? 'ask.invite' : asked.hold ? 'ask.invite_held' : 'ask.invite_seat';
  const never = () => room.setPrefs({ doNotInvite: true }).finally(() => room.declineInvite(asked.id).catch(() => {}));
  return {
    id: 'invite', key: `invite ${asked.id}`, until: asked.until, text: t(to, { name, seat: asked.seat === undefined ? '' : seatIn(asked.seat) }),
    answers: [
      yes('invite', t('ask.accept'), () => room.acceptInvite(asked.id)),
      no('invite', () => room.declineInvite(asked.id)),
      { testid: 'invite-never', label: t('ask.no_more_invites'), tone: 'quiet', act: never },
    ],
  };
}

function swap({ swap: asked, room: { seats } }, room) {
  if (!asked) return null;
  const name = seats[asked.seat]?.name ?? asked.from;
  return {
    id: 'swap', key: `swap ${asked.from} ${asked.seat}`, until: asked.until,
    text: t('ask.swap', { name, mine: seatIn(asked.with), theirs: seatIn(asked.seat) }),
    answers: [yes('swap', t('ask.swap_yes'), () => room.swapSeats(asked.with, asked.seat)), { ...no('swap', () => room.forgetSwap()) }],
  };
}

function turn({ self, room: { seats } }, room, now) {
  const until = self.seat_state === 'occupied' ? seats[self.seat]?.turnUntil : undefined;
  if (until === undefined || until - now > TURN_WARNING_MS) return null;
  return { id: 'turn', key: 'turn', until, text: t('act.turn_ends', { time: timeUntil(until, now) }), answers: [] };
}

const yes = (id, label, act) => ({ testid: `${id}-accept`, label, tone: 'primary', act });
const no = (id, act) => ({ testid: `${id}-decline`, label: t('ask.decline'), tone: 'plain', act });

export function prompts(root, { run, room, say }) {
  const list = el('div.prompts', { testid: 'prompts' });
  root.append(list);
  const began = new Map(); // when each question was first seen, for the bar that shrinks

  function make(prompt) {
    began.set(prompt.key, performance.now());
    say(prompt.text);
    const buttons = prompt.answers.map(({ testid, label, tone, act }) =>
      el(`button.${tone}.small`, { testid, on: { click: (event) => run(act, event.currentTarget) }, text: label }));
    return el(`div.prompt.${prompt.id}`, { testid: `prompt-${prompt.id}`, role: 'group' },
      el('p', {}, el('span.asked'), ' ', el('span.left', { 'aria-hidden': 'true' })), el('div.buttons', {}, ...buttons), el('span.time', { 'aria-hidden': 'true' }));
  }

  function draw(node, prompt) {
    const now = performance.now();
    const [line, buttons, bar] = node.children;
    text(line.firstElementChild, prompt.text);
    set(node, { 'aria-label': prompt.text });
    const isCounting = prompt.until !== undefined && prompt.answers.length > 0;
    text(line.lastElementChild, isCounting ? t('ask.seconds', { seconds: secondsUntil(prompt.until, now) }) : '');
    for (const button of buttons.children) set(button, { disabled: room.phase !== 'joined' });
    const start = began.get(prompt.key) ?? now;
    bar.style.setProperty('--left', prompt.until === undefined ? 1 : Math.max(0, (prompt.until - now) / Math.max(1, prompt.until - start)));
  }

  function update(state) {
    const shown = promptsOf(state, room, performance.now());
    keep(list, shown, (prompt) => prompt.key, make, draw);
    for (const key of began.keys()) if (!shown.some((prompt) => prompt.key === key)) began.delete(key);
  }

  return { update };
}

const TURN_WARNING_MS = 15_000;
