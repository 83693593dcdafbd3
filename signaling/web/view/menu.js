/** The menus: what can be done with one seat, one person. Everything that can be dragged can be done here, too. */
import { takeSeat } from './actions.js';
import { dialog } from './dialog.js';
import { flagOf } from './line.js';
import { drop, openSeats } from './moves.js';
import { candidates, isHost, isOwner, nameOf, outranks, rankOf } from './permit.js';
import { seatIn, seatName, seatNameShort, t } from '../words.js';

export function menus(root, { run, room }) {
  const box = dialog(root, { run });
  const mayActOn = (identity) => outranks(room.state.self, rankOf(room.state, identity));

  /** Puts someone, or a seat, onto a seat: the same as a drag does. */
  const put = (source, index) => drop(room.state, room, source, index)?.act;

  // --- a seat ---

  function seat({ index }) {
    const present = room.state.room.seats[index];
    const isHeld = present.identity !== undefined && (present.state === 'occupied' || present.state === 'reserved');
    const name = present.name ?? present.identity;
    if (!isHost(room.state.self)) return guest(present, name);
    box.open({
      title: isHeld ? `${seatName(index)}: ${name}` : seatName(index),
      about: aboutSeat(present),
      items: isHeld ? heldItems(present, name) : freeItems(present),
    });
  }

  /** Someone on stage may ask another to change places. */
  function guest(present, name) {
    const mine = room.state.self.seat;
    box.open({
      title: `${seatName(present.index)}: ${name}`,
      items: [{ id: 'propose-swap', label: t('act.propose_swap'), act: () => room.swapSeats(mine, present.index) }],
    });
  }

  function aboutSeat(present) {
    const isAbove = present.identity && present.identity !== room.state.self.identity && !mayActOn(present.identity);
    const rule = isAbove ? t('menu.same_rank') : present.state === 'locked' ? t('menu.locked') : null;
    return [flagOf(room.state, present)?.more, rule].filter(Boolean).join(' · ');
  }

  function muteSeat({ index, muted_by_host: muted }) {
    return muted
      ? { id: 'unmute-seat', label: t('menu.unmute_seat'), act: () => room.unmuteSeat(index) }
      : { id: 'mute-seat', label: t('menu.mute_seat'), act: () => room.muteSeat(index) };
  }

  function freeItems(present) {
    const { index } = present;
    if (present.state === 'locked') return [{ id: 'unlock-seat', label: t('menu.unlock'), act: () => room.unlockSeat(index) }, muteSeat(present)];
    return [
      ...(present.state === 'open' ? [sitItem(index), { id: 'assign', label: t('menu.assign'), next: () => assignPage(index) }] : []),
      { id: 'lock-seat', label: t('menu.lock'), act: () => room.lockSeat(index) },
      muteSeat(present),
    ];
  }

  function sitItem(index) {
    const { self } = room.state;
    if (self.seat === undefined) return { id: 'take-seat', label: t('menu.sit'), act: takeSeat(index, room).act };
    return { id: 'move-me', label: t('menu.move_me'), act: () => room.moveSeat(index) };
  }

  function assignPage(index) {
    const able = candidates(room.state).filter(({ identity }) => put({ kind: 'person', identity }, index));
    return {
      title: t('menu.assign_title', { seat: seatIn(index) }),
      about: able.length > 0 ? t('menu.assign_about') : t('menu.nobody'),
      items: able.map(({ identity, name }) => ({ id: `assign-${identity}`, label: name, act: put({ kind: 'person', identity }, index) })),
    };
  }

  function heldItems(present, name) {
    const { index, identity, rev } = present;
    const isMine = identity === room.state.self.identity;
    if (isMine) return [{ id: 'leave-seat', label: t('act.leave_seat'), act: () => room.leaveSeat() }, ...placeItems(present, name)];
    if (!mayActOn(identity)) return [];
    const member = present.host_muted
      ? { id: 'unmute-member', label: t('menu.unmute', { name }), act: () => room.unmuteMember(identity) }
      : { id: 'mute-member', label: t('menu.mute', { name }), act: () => room.muteMember(identity) };
    return [
      member,
      muteSeat(present),
      ...placeItems(present, name),
      ...rankItems(identity, name),
      { id: 'kick-seat', label: t('menu.kick_off'), danger: true, act: () => room.kickSeat(index, { expectRev: rev }) },
      { id: 'lock-seat', label: t('menu.evict'), danger: true, act: () => room.lockSeat(index, { evict: true, expectRev: rev }) },
      ...endItems(identity, name),
    ];
  }

  function placeItems({ index, state }, name) {
    if (state !== 'occupied') return [];
    const to = (other) => put({ kind: 'seat', index }, other.index);
    const places = room.state.room.seats.filter((one) => to(one));
    const page = (title, id, label) => (list) => ({ title: t(title, { name }), items: list.map((one) => ({ id: `${id}-${one.index}`, label: label(one), act: to(one) })) });
    const open = places.filter((one) => one.state === 'open');
    const taken = places.filter((one) => one.state === 'occupied');
    const movePage = page('menu.move_title', 'move-to', (one) => seatNameShort(one.index));
    const swapPage = page('menu.swap_title', 'swap-with', (one) => `${one.name ?? one.identity} · ${seatNameShort(one.index)}`);
    return [
      ...(open.length > 0 ? [{ id: 'move', label: t('menu.move'), next: () => movePage(open) }] : []),
      ...(taken.length > 0 ? [{ id: 'swap', label: t('menu.swap'), next: () => swapPage(taken) }] : []),
    ];
  }

  // --- a person ---

  /** `name`: as a list tells it, for someone whom the state does not show. */
  function person({ identity, name: told }) {
    const known = nameOf(room.state, identity);
    const name = known === identity ? (told ?? identity) : known;
    const { self } = room.state;
    if (identity === self.identity || !mayActOn(identity)) return box.open({ title: name, about: t('menu.same_rank'), items: [] });
    box.open({
      title: name,
      items: [
        { id: 'invite', label: t('menu.invite'), next: () => invitePage(identity, name) },
        { id: 'call', label: t('menu.call'), next: () => callPage(identity, name) },
        { id: 'mute-member', label: t('menu.mute', { name }), act: () => room.muteMember(identity) },
        { id: 'unmute-member', label: t('menu.unmute', { name }), act: () => room.unmuteMember(identity) },
        ...rankItems(identity, name),
        ...endItems(identity, name),
      ],
    });
  }

  function invitePage(identity, name) {
    const seats = openSeats(room.state, identity);
    return {
      title: t('menu.invite_title', { name }),
      about: t('menu.invite_about'),
      items: [
        { id: 'invite-any', label: t('menu.invite_any'), act: () => room.invite(identity) },
        ...seats.flatMap(({ index }) => [
          { id: `invite-${index}`, label: t('menu.invite_seat', { seat: seatIn(index) }), act: () => room.invite(identity, { seat: index }) },
          { id: `invite-hold-${index}`, label: t('menu.invite_hold', { seat: seatIn(index) }), act: () => room.invite(identity, { seat: index, hold: true }) },
        ]),
      ],
    };
  }

  function callPage(identity, name) {
    const seats = openSeats(room.state, identity);
    return {
      title: t('menu.call_title', { name }),
      about: seats.length > 0 ? t('menu.assign_about') : t('act.all_taken'),
      items: seats.map(({ index }) => ({ id: `call-${index}`, label: seatNameShort(index), act: put({ kind: 'person', identity }, index) })),
    };
  }

  function rankItems(identity, name) {
    if (!isOwner(room.state.self)) return [];
    const isMember = rankOf(room.state, identity) === 'member';
    const rank = isMember
      ? { id: 'make-cohost', label: t('menu.make_cohost'), act: () => room.rankMember(identity, 'cohost') }
      : { id: 'make-member', label: t('menu.make_member'), act: () => room.rankMember(identity, 'member') };
    return [rank, { id: 'transfer', label: t('menu.transfer'), next: () => transferPage(identity, name) }];
  }

  function transferPage(identity, name) {
    return {
      title: t('menu.transfer_title', { name }), about: t('menu.transfer_about'), closing: t('menu.cancel'),
      items: [{ id: 'confirm', label: t('menu.transfer_confirm'), act: () => room.transferHost(identity) }],
    };
  }

  /** What cannot be undone by a second press asks once. */
  function endItems(identity, name) {
    const kick = { id: 'kick-member', label: t('menu.kick'), danger: true, next: () => kickPage(identity, name) };
    const ban = { id: 'ban-member', label: t('menu.ban'), danger: true, next: () => banPage(identity, name) };
    return isOwner(room.state.self) ? [kick, ban] : [kick];
  }

  function kickPage(identity, name) {
    return {
      title: t('menu.kick_title', { name }), about: t('menu.kick_about'), field: t('menu.reason'), closing: t('menu.cancel'),
      items: [
        { id: 'confirm', label: t('menu.kick_confirm'), danger: true, act: (reason) => room.kickMember(identity, { reason }) },
        { id: 'confirm-deny', label: t('menu.kick_deny'), danger: true, act: (reason) => room.kickMember(identity, { deny: true, reason }) },
      ],
    };
  }

  function banPage(identity, name) {
    return {
      title: t('menu.ban_title', { name }), about: t('menu.ban_about'), field: t('menu.reason'), closing: t('menu.cancel'),
      items: [{ id: 'confirm', label: t('menu.ban_confirm'), danger: true, act: (reason) => room.banMember(identity, { reason }) }],
    };
  }

  // --- the room ---

  const closing = () => box.open(closingPage());

  function closingPage() {
    return {
      title: t('close.title'), about: t('close.about'), closing: t('menu.cancel'),
      items: CLOSE_NOTICES_MS.map((noticeMs) => ({
        id: `close-${noticeMs}`, danger: true, act: () => room.closeRoom({ noticeMs }),
        label: noticeMs === 0 ? t('close.now') : t('close.in', { time: t('turn.seconds', { count: noticeMs / 1000 }) }),
      })),
    };
  }

  /** The last host is about to go. */
  function leaving() {
    const { room: { promote, participants } } = room.state;
    const heir = promote !== 'none' && (promote === 'longest_seated' || participants.some((one) => one.rank === 'cohost'));
    box.open({
      title: t('leave.title'), about: t(heir ? 'leave.about_heir' : 'leave.about'), closing: t('leave.stay'),
      items: [
        { id: 'leave', label: t('leave.go'), danger: true, act: () => room.leave() },
        { id: 'leave-close', label: t('leave.close'), danger: true, next: closingPage },
      ],
    });
  }

  return { seat, person, closing, leaving, close: box.close };
}

const CLOSE_NOTICES_MS = [30_000, 0];
