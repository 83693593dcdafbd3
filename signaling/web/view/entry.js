/** Entry is what one sees before the room and after it: a name and a big button, or how it ended. */
import { el, set } from './dom.js';
import { languageChoice } from './preferences.js';
import { endingText, has, t } from '../words.js';

/** `person`: { room, name, nameFixed, rank }; `join({ room, name })` is called from the person's own click. */
export function entryScreen(root, { person, join, onLanguage }) {
  const name = el('input', { testid: 'name', id: 'name', maxlength: '64', autocomplete: 'nickname', required: true, placeholder: t('entry.name_hint') });
  const room = el('input', { testid: 'room-name', id: 'room', maxlength: '64', pattern: '[A-Za-z0-9_\\-]{1,64}', required: true, autocapitalize: 'off', spellcheck: 'false', placeholder: 'demo' });
  name.value = person.name;
  room.value = person.room;
  const button = set(el('button.primary.big', { testid: 'join' }, t('entry.join')), { type: 'submit' });
  const fault = el('p.fault', { testid: 'entry-error', role: 'alert', hidden: true });
  const later = el('p.hint', { testid: 'entry-next-try', hidden: true }); // not within the alert: it counts down
  const asHost = !has(`entry.as_${person.rank}`) ? null : el('p.badge', { text: t(`entry.as_${person.rank}`) });
  const form = el('form.card.entry', { testid: 'entry', on: { submit: submitted } },
    el('h1', { text: person.room ? person.room : 'Podium' }),
    el('p.muted', { text: t(person.room ? 'entry.what' : 'entry.which') }),
    asHost,
    person.room ? null : field(t('entry.room'), room),
    person.nameFixed ? el('p', { text: person.name ? t('entry.as', { name: person.name }) : '' }) : field(t('entry.name'), name),
    fault,
    later,
    button,
    el('p.hint', { text: t('entry.quiet') }),
    el('label.choice.language', {}, el('span', { text: t('settings.language') }), languageChoice(changeLanguage)));
  root.replaceChildren(form);
  if (!person.nameFixed && !person.name) name.focus({ preventScroll: true });
  else button.focus({ preventScroll: true });

  /** The screen is drawn anew; what was typed stays. */
  function changeLanguage(tag) {
    if (!person.nameFixed) person.name = name.value;
    onLanguage(tag);
  }

  function submitted(event) {
    event.preventDefault();
    fail(null);
    join({ room: person.room || room.value.trim(), name: name.value.trim() });
  }

  function fail(message, code, next) {
    set(fault, { text: message ?? '', hidden: !message, 'data-code': code });
    set(later, { text: next ?? '', hidden: !next });
    busy(false);
  }

  function busy(on) {
    set(button, { disabled: on, text: t(on ? 'entry.joining' : 'entry.join') });
  }

  return { fail, busy };
}

/** `said`: what a moderator gave as the reason. `canRenew`: this page can ask for a fresh pass. */
export function endScreen(root, { reason, said, canRenew, again }) {
  const [title, body] = endingText(reason);
  const label = t({ duplicate: 'end.use_this_tab', room_closed: 'end.wait' }[reason] ?? 'end.again');
  const isFinal = FINAL.has(reason) || (!canRenew && PASSES.has(reason));
  const button = isFinal ? null : el('button.primary.big', { testid: 'join-again', on: { click: again }, text: label });
  const heading = el('h1', { tabindex: '-1', text: title });
  root.replaceChildren(el('section.card.entry', { testid: 'ended', 'data-reason': reason }, heading, el('p', { text: body, role: 'status' }),
    said ? el('p.said', { testid: 'ended-reason', dir: 'auto', text: t('end.reason', { reason: said }) }) : null, button));
  heading.focus({ preventScroll: true });
}

/** After these there is nothing to press: the decision was a host's. */
const FINAL = new Set(['kicked', 'banned', 'no_invitation']);
/** After these a fresh pass may help, where one can be had. */
const PASSES = new Set(['unauthenticated', 'token_expired']);

function field(label, input) {
  return el('label.field', { for: input.id }, el('span', { text: label }), input);
}
