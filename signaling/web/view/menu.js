/** The host's menu: what can be done with one seat, one person. A native dialog: it keeps the focus, and Escape closes it. */
import { el, set } from './dom.js';
import { takeSeat } from './actions.js';
import { seatName } from '../words.js';

const RANK = { member: 0, cohost: 1, host: 2 };

export function hostMenu(root, { run, room }) {
  const title = el('h2', { id: 'menu-title' });
  const note = el('p.muted');
  const items = el('div.menu-items');
  const close = el('button.plain', { testid: 'menu-close', on: { click: () => dialog.close() }, text: 'Close' });
  const dialog = el('dialog.menu', { testid: 'menu', 'aria-labelledby': 'menu-title', on: { click: outside } }, el('div.menu-body', {}, title, note, items, close));
  root.append(dialog);

  function outside(event) {
    if (event.target === dialog) dialog.close();
  }

  function item([id, label, act, danger]) {
    const press = () => {
      dialog.close();
      run(act);
    };
    return el(danger ? 'button.plain.danger' : 'button.plain', { testid: `menu-${id}`, on: { click: press }, text: label });
  }

  function open(heading, about, list, closing = 'Close') {
    set(title, { text: heading });
    set(note, { text: about, hidden: !about });
    set(close, { text: closing });
    items.replaceChildren(...list.map(item));
    dialog.showModal();
  }

  /** Kicking cannot be undone by a second press, so it asks once. */
  function confirmKick(identity, name) {
    open(`Remove ${name} from the room?`, 'They leave the room at once.', [['confirm', `Remove ${name}`, () => room.kickMember(identity), true]], 'Cancel');
  }

  const kickItem = (identity, name) => ['kick-member', 'Remove from room…', async () => confirmKick(identity, name), true];
  const outranks = (rank) => RANK[room.state.self.rank] > RANK[rank ?? 'member'];

  function seat(present) {
    const { index } = present;
    const held = present.identity !== undefined && (present.state === 'occupied' || present.state === 'reserved');
    const name = present.name ?? present.identity;
    open(held ? `${seatName(index)}: ${name}` : seatName(index), about(present), held ? heldItems(present, name) : freeItems(present));
  }

  function about(present) {
    if (present.identity && present.identity !== room.state.self.identity && !outranks(present.rank)) return 'You cannot act on someone of your own rank.';
    if (present.state === 'locked') return 'Nobody can take this seat while it is locked.';
    return '';
  }

  function muteItem({ index, muted_by_host: muted }) {
    return muted ? ['unmute-seat', 'Unmute this seat', () => room.unmuteSeat(index)] : ['mute-seat', 'Mute this seat, whoever sits here', () => room.muteSeat(index)];
  }

  function freeItems(present) {
    const { index } = present;
    if (present.state === 'locked') return [['unlock-seat', 'Unlock', () => room.unlockSeat(index)], muteItem(present)];
    const take = present.state === 'open' && room.state.self.seat === undefined ? [['take-seat', 'Sit here', takeSeat(index, room).act]] : [];
    return [...take, ['lock-seat', 'Lock', () => room.lockSeat(index)], muteItem(present)];
  }

  function heldItems(present, name) {
    const { index, identity, rev } = present;
    if (identity === room.state.self.identity) return [['leave-seat', 'Leave this seat', () => room.leaveSeat()]];
    if (!outranks(present.rank)) return [];
    const member = present.host_muted
      ? ['unmute-member', `Allow ${name} to speak`, () => room.unmuteMember(identity)]
      : ['mute-member', `Mute ${name}`, () => room.muteMember(identity)];
    return [
      member,
      muteItem(present),
      ['kick-seat', 'Take off the seat', () => room.kickSeat(index, { expectRev: rev }), true],
      ['lock-seat', 'Take off the seat and lock it', () => room.lockSeat(index, { evict: true, expectRev: rev }), true],
      kickItem(identity, name),
    ];
  }

  function person({ identity, name, rank }) {
    const shown = name ?? identity;
    if (identity === room.state.self.identity || !outranks(rank)) return open(shown, 'You cannot act on someone of your own rank.', []);
    const muted = room.state.room.seats.find((one) => one.identity === identity)?.host_muted;
    const mute = muted ? ['unmute-member', 'Allow to speak', () => room.unmuteMember(identity)] : ['mute-member', 'Mute', () => room.muteMember(identity)];
    return open(shown, '', [mute, kickItem(identity, shown)]);
  }

  return { seat, person, close: () => dialog.close() };
}
