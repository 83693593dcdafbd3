/**
 * Commands are what one can ask of a room, each by its own name; `ask(type, fields)` sends it and answers with the server's `ok`.
 * What is not given is not sent.
 */
export function commands(ask) {
  const onSeat = (type) => (seat, { expectRev } = {}) => ask(type, { seat, expect_rev: expectRev });
  const about = (type) => (identity) => ask(type, { identity });
  return {
    leaveSeat: () => ask('seat_leave'),
    declineSeat: (seat) => ask('seat_decline', { seat }),
    /** Oneself, or, for hosts and cohosts, someone else. */
    moveSeat: (seat, { identity } = {}) => ask('seat_move', { seat, identity }),
    /** A host's word is enough; two guests must both ask for it: the first is answered with `pending`. */
    swapSeats: (seat, other) => ask('seat_swap', { seat, with: other }),
    assignSeat: (seat, identity, { expectRev } = {}) => ask('seat_assign', { seat, identity, expect_rev: expectRev }),
    lockSeat: (seat, { evict, expectRev } = {}) => ask('seat_lock', { seat, evict, expect_rev: expectRev }),
    unlockSeat: onSeat('seat_unlock'),
    muteSeat: onSeat('seat_mute'),
    unmuteSeat: onSeat('seat_unmute'),
    kickSeat: onSeat('seat_kick'),

    lowerHand: () => ask('hand_lower'),
    approveHand: about('hand_approve'),
    denyHand: about('hand_deny'),
    nextHand: () => ask('hand_next'),
    lowerAllHands: () => ask('hands_lower_all'),

    invite: (identity, { seat, hold } = {}) => ask('invite_send', { identity, seat, hold }),
    /** By the invite's id, or by whom it is for. */
    revokeInvite: ({ invite, identity }) => ask('invite_revoke', { invite, identity }),
    declineInvite: (invite) => ask('invite_decline', { invite }),

    /** For hosts and cohosts: a page of everyone in the room by identity, `{ people, next }`; `query` is part of a name or an identity. */
    listPeople: ({ after, limit, query } = {}) => ask('people_list', { after, limit, query }),

    muteMember: about('member_mute'),
    unmuteMember: about('member_unmute'),
    /** With `deny`, the pass they came in with is refused from now on. */
    kickMember: (identity, { deny, reason } = {}) => ask('member_kick', { identity, deny, reason }),
    banMember: (identity, { reason } = {}) => ask('member_ban', { identity, reason }),
    unbanMember: about('member_unban'),
    rankMember: (identity, rank) => ask('member_rank', { identity, rank }),
    transferHost: (to) => ask('host_transfer', { to }),
    acceptHost: () => ask('host_accept'),
    declineHost: () => ask('host_decline'),

    setPrefs: ({ doNotInvite } = {}) => ask('prefs', { do_not_invite: doNotInvite }),
    react: (kind) => ask('reaction', { kind }),
    say: (text) => ask('message', { text }),

    updateRoom: ({ seatMode, hands, interrupt, autoOffer, turnMs, promote, duplicates, phase } = {}) => ask('room_update', {
      seat_mode: seatMode, hands, interrupt, auto_offer: autoOffer, turn_ms: turnMs, promote, duplicates, phase,
    }),
    closeRoom: ({ noticeMs } = {}) => ask('room_close', { notice_ms: noticeMs }),
    ping: () => ask('ping'),
  };
}
