/** The feed: what people write and what happens on stage, in one small list; and how they react just now. */
import { el, keep, set, text } from './dom.js';
import { nameOf } from './permit.js';
import { rankName, said as saidOf, seatIn, t } from '../words.js';

const REACTIONS = ['👏', '❤️', '😂', '👍', '🎉'];

export function feed(root, { run, room, notices }) {
  const list = el('ol.feed', { testid: 'feed', role: 'log', 'aria-label': t('chat'), tabindex: '0' });
  const none = el('p.muted', { text: t('chat.none') });
  const input = el('input', { type: 'text', testid: 'message', maxlength: '500', autocomplete: 'off', 'aria-label': t('chat.write'), placeholder: t('chat.write') });
  const send = set(el('button.plain.small', { testid: 'send' }, t('chat.send')), { type: 'submit' });
  const form = el('form.write', { on: { submit } }, input, send);
  const reactions = el('div.reactions', {}, ...REACTIONS.map((kind, index) =>
    el('button.quiet', { testid: `react-${index}`, 'aria-label': t('chat.react', { kind }), on: { click: () => run(() => room.react(kind)) }, text: kind })));
  const barred = el('p.muted', { text: t('chat.not_allowed'), hidden: true });
  root.append(el('h2', { text: t('chat') }), list, none, reactions, form, barred);
  let happenings = [];
  let shown = '';

  async function submit(event) {
    event.preventDefault();
    const written = input.value.trim();
    if (!written) return;
    try {
      await room.say(written);
      if (input.value.trim() === written) input.value = '';
    } catch (error) {
      notices.error(error);
    }
  }

  function happened(event, before) {
    const said = sentence(event, room.state, before);
    if (!said) return;
    happenings = [...happenings, { key: `event-${event.seq}`, seq: event.seq, said }].slice(-HAPPENINGS_MAX);
  }

  function make(entry) {
    return entry.said
      ? el('li.happening', { text: entry.said })
      : el('li.message', { 'data-mine': entry.from === room.state.self.identity ? 'true' : null }, el('span.name', { dir: 'auto', text: entry.name ?? entry.from }), ' ', el('span.words', { dir: 'auto', text: entry.text }));
  }

  function update(state) {
    const entries = [...happenings, ...state.messages].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0)).slice(-SHOWN_MAX);
    const key = (entry) => entry.key ?? `message-${entry.seq}`;
    const wanted = entries.map(key).join();
    if (wanted !== shown) {
      const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      keep(list, entries, key, make);
      if (isAtEnd) list.scrollTop = list.scrollHeight;
      shown = wanted;
    }
    set(none, { hidden: entries.length > 0 });
    set(list, { hidden: entries.length === 0 });
    const may = state.self.can_publish_data !== false;
    set(form, { hidden: !may });
    set(reactions, { hidden: !may });
    set(barred, { hidden: may });
    set(send, { disabled: room.phase !== 'joined' });
  }

  return { update, happened };
}

/** What an event says to people, or nothing. `before` is the state before it: who has left a seat is named there. */
export function sentence(event, state, before) {
  const by = event.by ? nameOf(state, event.by) : t('people.a_host');
  switch (event.type) {
    case 'seat_changed': {
      if (QUIET.has(event.cause)) return null;
      const { seat, other } = event;
      const holder = seat.identity === undefined ? before.room.seats[seat.index] : seat;
      const name = holder?.name ?? holder?.identity ?? t('people.someone');
      return saidOf(`cause.${event.cause}`, { name, by, other: other?.name ?? other?.identity ?? '', seat: seatIn(seat.index) });
    }
    case 'rank_changed':
      return saidOf(`rank_cause.${event.cause}`, { name: event.participant.name, rank: rankName(event.participant.rank) });
    case 'participant_left':
      return saidOf(`left.${event.reason}`, { name: nameOf(before, event.identity) });
    default:
      return null;
  }
}

/** A bubble for each kind of reaction, over the stage, for a moment. */
export function tally(root) {
  const list = el('ul.tally', { testid: 'tally', 'aria-hidden': 'true' });
  root.append(list);

  function update(state) {
    const isFresh = state.tally && performance.now() - state.tally.at < TALLY_MS;
    const kinds = isFresh ? state.tally.tally.slice(0, TALLY_KINDS_MAX) : [];
    keep(list, kinds, ({ kind }) => kind, ({ kind }) => el('li', {}, el('span', { text: kind }), el('span')), (node, { count }) => text(node.lastElementChild, count));
  }

  return { update };
}

/** Too many to tell, or told elsewhere. */
const QUIET = new Set(['self_muted', 'self_unmuted', 'taken_over', 'restored', 'interrupted', 'reserved', 'released', 'rank']);
const HAPPENINGS_MAX = 50;
const SHOWN_MAX = 100;
const TALLY_MS = 2_500;
const TALLY_KINDS_MAX = 5;
