/**
 * Words are what the page says to people, in the language they chose or their browser asks for. The server sends codes only.
 * Nothing here knows the DOM or the room.
 */
import en from './words/en.js';
import pseudo from './words/pseudo.js';
import zh from './words/zh.js';

const DICTIONARIES = { en, zh, 'ar-XB': pseudo };
const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ku|ps|sd|ug|ur|yi)\b/u;

/** Those one can choose from; each names itself. */
export const LANGUAGES = [['en', 'English'], ['zh', '简体中文']];

let language = 'en';
let plurals = new Intl.PluralRules('en');

/** The first of these that there are words for. */
export function bestLanguage(wanted) {
  for (const tag of wanted.filter(Boolean)) {
    if (DICTIONARIES[tag]) return tag;
    const [base] = tag.toLowerCase().split('-');
    if (DICTIONARIES[base]) return base;
  }
  return 'en';
}

export function setLanguage(tag) {
  language = DICTIONARIES[tag] ? tag : 'en';
  plurals = new Intl.PluralRules(language);
}

export const currentLanguage = () => language;
export const direction = () => (RIGHT_TO_LEFT.test(language) ? 'rtl' : 'ltr');

/** The text of a key, filled in; with `count` among the values, the form that goes with it. */
export function t(key, values = {}) {
  const text = lookup(key, values) ?? key;
  return text.replace(/\{(\w+)\}/gu, (whole, name) => (values[name] === undefined ? whole : isolated(values[name])));
}

export const has = (key) => key in en;

/** The same for what a newer server may say: null where there are no words for it, rather than a raw key. */
export const said = (key, values) => (has(key) ? t(key, values) : null);

function lookup(key, { count }) {
  const words = DICTIONARIES[language];
  const form = count === undefined ? undefined : words[`${key}.${plurals.select(count)}`] ?? words[`${key}.other`];
  return form ?? words[key] ?? en[key];
}

/** A name written the other way round must not turn the sentence around it. */
function isolated(value) {
  const text = typeof value === 'number' ? number(value) : String(value);
  return direction() === 'rtl' || HAS_RTL.test(text) ? `\u2068${text}\u2069` : text;
}

const HAS_RTL = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/u;

export const number = (value) => value.toLocaleString(language === 'ar-XB' ? 'en' : language);

// --- phrases made of several ---

export function errorText(code, details = {}) {
  const parts = [has(`error.${code}`) ? t(`error.${code}`, { how: t(`unblock.${details?.browser ?? 'other'}`) }) : t('error.unknown', { code })];
  const open = details?.next_open;
  if (code === 'seat_occupied' && open !== undefined && open !== null) parts.push(t('error.next_open', { seat: seatName(open) }));
  if (details?.retry_after_ms) parts.push(t('error.retry_in', { seconds: Math.ceil(details.retry_after_ms / 1000) }));
  return parts.join(' ');
}

/** A title and a sentence. */
export function endingText(code) {
  const title = has(`end.${code}`) ? t(`end.${code}`) : t('end.other');
  return [title, has(`end.${code}.more`) ? t(`end.${code}.more`) : errorText(code)];
}

const seat = (form) => (index) => (index === 0 ? t(`${form}.host`) : t(form, { n: index }));
/** "The host seat", at the beginning of a sentence. */
export const seatName = seat('seat.the');
/** "Host seat", as a label. */
export const seatNameShort = seat('seat');
/** "the host seat", within a sentence. */
export const seatIn = seat('seat.in');

export function ordinal(position) {
  if (language === 'zh') return `第 ${position} 位`;
  const suffix = { one: 'st', two: 'nd', few: 'rd', other: 'th' }[ordinals.select(position)];
  return `${position}${suffix}`;
}
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });

export const people = (count) => t('people.listeners', { count });

export function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Seconds until a point of `performance.now()`, for people: never below zero, and a whole second is shown as such. */
export const secondsUntil = (until, now = performance.now()) => Math.max(0, Math.ceil((until - now) / 1000));
export const timeUntil = (until, now = performance.now()) => elapsed(secondsUntil(until, now) * 1000);

export const rankName = (rank) => said(`rank.${rank}`) ?? rank;

export function roleText(self) {
  const isSeated = self.seat_state === 'occupied';
  const role = self.rank !== 'member' ? rankName(self.rank) : t(isSeated ? 'role.guest' : 'role.listener');
  return isSeated ? `${role} · ${t('role.on_stage', { seat: seatIn(self.seat) })}` : role;
}

/** A delay in words: how it feels, how long, mostly why, and for whom; `whose`: `your` own, or `their`s to a host. */
export function delayText({ class: feel, mouth_to_ear_ms: ms, dominant_term: term, side }, whose = 'your') {
  const cause = `term.${whose}.${side}.${term}`;
  return {
    feel: t(`delay.${feel}`),
    ms: t('delay.ms', { ms }),
    cause: t(has(cause) ? cause : `term.${term}`),
    side: t(`side.${whose}.${side}`),
  };
}

export function cueText({ index, can_join: can, why }) {
  const seatText = seatName(index);
  if (can === 'no' && why && has(`cannot.${why}`)) return t('cue.no_why', { seat: seatText, why: t(`cannot.${why}`) });
  return t(`cue.${can}`, { seat: seatText });
}
