/** The page: from the invitation to the entry screen, the room, and its end. For tests, `window.podium` is the Room. */
import { Room } from './podium.js';
import { obtainToken, readInvitation, remember, remembered } from './invitation.js';
import { endScreen, entryScreen } from './view/entry.js';
import { notices as makeNotices } from './view/notices.js';
import { roomScreen } from './view/room.js';
import { sound as makeSound } from './view/sound.js';
import { endingText, errorText } from './words.js';

const root = document.querySelector('#app');
const notices = makeNotices(document.querySelector('#notices'));
const sound = makeSound(document.querySelector('#sound'), (blocked, play) => notices.sound(blocked, play));
const invitation = readInvitation();
const processing = JSON.parse(remembered('processing') ?? '{}');
let screen = null;

function showEntry() {
  const entry = entryScreen(root, { person: invitation, join: (person) => enter(person, entry) });
  if (invitation.autojoin && invitation.room) enter({ room: invitation.room, name: invitation.name }, entry);
}

async function enter({ room: id, name }, entry) {
  entry.busy(true);
  if (!invitation.nameFixed && name) remember('name', name);
  const room = new Room({
    server: location.origin,
    room: id,
    token: () => obtainToken({ ...invitation, room: id, name }),
    audio: sound.attach,
    processing,
  });
  window.podium = room;
  room.on('phase', ({ phase, end }) => phaseChanged(room, phase, end, { room: id, name }, entry));
  await room.join().catch(() => {}); // its end is told by `phase`
}

function phaseChanged(room, phase, end, person, entry) {
  if (phase === 'joined' && !screen) {
    document.title = `${person.room} · Podium`;
    screen = roomScreen(root, { room, notices, onProcessing: (now) => remember('processing', JSON.stringify(now)) });
  }
  if (phase === 'rejoining') {
    const reason = screen || end.reason !== 'offline' ? end.reason : 'unreachable';
    if (!screen) entry.fail(errorText(reason), reason);
    entry.busy(true);
    notices.say(errorText(reason));
  }
  if (phase !== 'over') return;
  sound.close();
  notices.clear();
  if (!screen) return entry.fail(endingText(end.reason)[1], end.reason);
  screen.close();
  screen = null;
  document.title = 'Podium';
  endScreen(root, { reason: end.reason, again: () => rejoin(person) });
}

function rejoin(person) {
  const entry = entryScreen(root, { person: invitation, join: (next) => enter(next, entry) });
  enter(person, entry);
}

window.addEventListener('hashchange', () => location.hash.includes('token=') && location.reload());
showEntry();
