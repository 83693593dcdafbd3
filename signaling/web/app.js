/** The page: from the invitation to the entry screen, the room, and its end. For tests, `window.podium` is the Room. */
import { Room } from './podium.js';
import { obtainToken, readInvitation, remember, remembered } from './invitation.js';
import { endScreen, entryScreen } from './view/entry.js';
import { guardPresses } from './view/guard.js';
import { notices as makeNotices } from './view/notices.js';
import { roomScreen } from './view/room.js';
import { sound as makeSound } from './view/sound.js';
import { bestLanguage, currentLanguage, direction, endingText, errorText, secondsUntil, setLanguage, t } from './words.js';

const root = document.querySelector('#app');
guardPresses(document.body);
useLanguage(bestLanguage([new URLSearchParams(location.search).get('lang'), remembered('language'), ...navigator.languages]));
const notices = makeNotices(document.querySelector('#notices'));
const sound = makeSound(document.querySelector('#sound'), (blocked, play) => notices.sound(blocked, play), Number(remembered('volume') ?? 1));
const invitation = readInvitation();
const processing = JSON.parse(remembered('processing') ?? '{}');
let screen = null;
let redraw = () => {};

function useLanguage(tag) {
  setLanguage(tag);
  document.documentElement.lang = currentLanguage();
  document.documentElement.dir = direction();
}

function changeLanguage(tag) {
  remember('language', tag);
  useLanguage(tag);
  redraw();
}

function showEntry(join) {
  const entry = entryScreen(root, { person: invitation, join: (person) => (join ?? enter)(person, entry), onLanguage: changeLanguage });
  redraw = () => showEntry(join);
  return entry;
}

function start() {
  const entry = showEntry();
  if (invitation.autojoin && invitation.room) enter({ room: invitation.room, name: invitation.name }, entry);
}

async function enter({ room: id, name }, entry) {
  entry.busy(true);
  if (!invitation.nameFixed && name) {
    remember('name', name);
    invitation.name = name;
  }
  const room = new Room({
    server: new URL('./', location.href).href,
    room: id,
    token: () => obtainToken({ ...invitation, room: id, name }),
    audio: sound.attach,
    wait: true,
    processing,
  });
  window.podium = room;
  room.on('phase', ({ phase, end }) => phaseChanged(room, phase, end, { room: id, name }, entry));
  await room.join().catch(() => {}); // its end is told by `phase`
}

function phaseChanged(room, phase, end, person, entry) {
  if (phase === 'joined' && !screen) begin(room, person);
  if (phase === 'rejoining' && !screen) waiting(end, entry, room);
  if (phase !== 'over') return;
  sound.close();
  notices.clear();
  if (!screen) return entry.fail(withReason(endingText(end.reason)[1], end), end.reason);
  screen.close();
  screen = null;
  document.title = 'Podium';
  redraw = () => endScreen(root, { reason: end.reason, said: end.details?.text, canRenew: !invitation.given, again: () => enter(person, showEntry()) });
  redraw();
}

function begin(room, person) {
  document.title = `${person.room} · Podium`;
  let isFirst = true;
  redraw = () => {
    screen?.close();
    screen = roomScreen(root, { room, notices, sound, remember, onLanguage: changeLanguage, isFirst });
    isFirst = false;
  };
  redraw();
  if (remembered('do_not_invite') === '1' && !room.state.self.do_not_invite) room.setPrefs({ doNotInvite: true }).catch(() => {});
}

/** What a moderator said of it, if they did. */
const withReason = (words, { details }) => (details?.text ? `${words} ${t('end.reason', { reason: details.text })}` : words);

/** Not in the room yet, and not refused for good either: a scheduled room, a full server, no network. */
function waiting(end, entry, room) {
  if (room.phase !== 'rejoining' || room.end !== end) return;
  const seconds = secondsUntil(end.at);
  if (seconds > 1) setTimeout(() => waiting(end, entry, room), 1_000);
  const reason = end.reason === 'offline' ? 'unreachable' : end.reason;
  entry.fail(WAITED.has(reason) ? t(`entry.${reason}`) : errorText(reason), reason, seconds > 1 ? t('entry.next_try', { seconds }) : null);
  entry.busy(true);
}

/** Rooms that are not open: the page waits before them. */
const WAITED = new Set(['room_not_found', 'room_closed']);

window.addEventListener('hashchange', () => location.hash.includes('token=') && location.reload());
start();
