//! A judge takes a frame whose fields have the right type and says what is asked by it, or what is wrong with it.

use std::time::Duration;

use super::{
    Command, PeopleList,
    frame::{Frame, OptionalInvite, OptionalSeatField, Person, RoomUpdate, SeatAtRev, SeatField, Stats},
    words::HandsWord,
};
use crate::{
    ids::{Identity, InviteId, SeatIndex},
    protocol::{
        FOR_MS, MESSAGE_CHARS_MAX, NOTICE_MS_MAX, OFFER_BYTES_MAX, PEOPLE_PAGE_DEFAULT, PEOPLE_PAGE_MAX,
        QUERY_CHARS_MAX, REACTION_CHARS_MAX, REASON_CHARS_MAX, RESUME_TOKEN_CHARS_MAX, STATS_COUNT_MAX, STATS_MS_MAX,
        TURN_MS,
    },
    room::{Act, InviteName, Rank, Refusal, RoomChange},
    text::{self, Lines, TextFault},
};

/// What is wrong: a code, and the same in words for developers.
pub(in crate::protocol) type Wrong = (Refusal, String);

/// What a frame asks.
pub(super) fn command(frame: Frame) -> Result<Command, Wrong> {
    let act = match frame {
        Frame::Join { offer, mic_ready } => {
            let offer = offer.map(short_offer).transpose()?;
            return Ok(Command::Join { offer, mic_ready: mic_ready.unwrap_or(false) });
        }
        Frame::Resume { resume_token, last_seq } => {
            return Ok(Command::Resume { resume_token: short_token(resume_token)?, last_seq });
        }
        Frame::IceRestart { offer } => return Ok(Command::IceRestart { offer: short_offer(offer)? }),
        Frame::PeopleList { after, limit, query } => return people(after, limit, query).map(Command::PeopleList),
        Frame::Ping => return Ok(Command::Ping),
        Frame::Stats(stats) => return possible(stats).map(Command::Stats),
        Frame::Unknown => return Err((Refusal::UnknownType, "this type is not known".to_owned())),
        Frame::Leave => Act::Leave,
        Frame::SeatTake(SeatField { seat }) => Act::SeatTake { seat: seat_index(seat)? },
        Frame::SeatLeave => Act::SeatLeave,
        Frame::SeatMove { seat, identity } => Act::SeatMove { seat: seat_index(seat)?, identity },
        Frame::SeatSwap { seat, with } => Act::SeatSwap { seat: seat_index(seat)?, with: seat_index(with)? },
        Frame::SeatAssign { seat, identity, expect_rev } => {
            Act::SeatAssign { seat: seat_index(seat)?, identity, expect_rev }
        }
        Frame::SeatConfirm(OptionalSeatField { seat }) => Act::SeatConfirm { seat: maybe_seat(seat)? },
        Frame::SeatDecline(OptionalSeatField { seat }) => Act::SeatDecline { seat: maybe_seat(seat)? },
        Frame::SeatLock { seat, evict, expect_rev } => {
            Act::SeatLock { seat: seat_index(seat)?, evict: evict.unwrap_or(false), expect_rev }
        }
        Frame::SeatUnlock(SeatAtRev { seat, expect_rev }) => Act::SeatUnlock { seat: seat_index(seat)?, expect_rev },
        Frame::SeatMute(SeatAtRev { seat, expect_rev }) => Act::SeatMute { seat: seat_index(seat)?, expect_rev },
        Frame::SeatUnmute(SeatAtRev { seat, expect_rev }) => Act::SeatUnmute { seat: seat_index(seat)?, expect_rev },
        Frame::SeatKick(SeatAtRev { seat, expect_rev }) => Act::SeatKick { seat: seat_index(seat)?, expect_rev },
        Frame::HandRaise { wanted_seat, mic_ready } => {
            Act::HandRaise { wanted_seat: maybe_seat(wanted_seat)?, mic_ready: mic_ready.unwrap_or(false) }
        }
        Frame::HandLower => Act::HandLower,
        Frame::HandApprove(Person { identity }) => Act::HandApprove { identity },
        Frame::HandDeny(Person { identity }) => Act::HandDeny { identity },
        Frame::HandNext => Act::HandNext,
        Frame::HandsLowerAll => Act::HandsLowerAll,
        Frame::InviteSend { identity, seat, hold } => {
            Act::InviteSend { identity, seat: maybe_seat(seat)?, hold: hold.unwrap_or(false) }
        }
        Frame::InviteRevoke { invite, identity } => Act::InviteRevoke(invite_name(invite, identity)?),
        Frame::InviteAccept(OptionalInvite { invite }) => Act::InviteAccept { invite },
        Frame::InviteDecline(OptionalInvite { invite }) => Act::InviteDecline { invite },
        Frame::MemberMute { identity, for_ms } => Act::MemberMute { identity, lasts: lasts(for_ms).map_err(wrong)? },
        Frame::MemberUnmute(Person { identity }) => Act::MemberUnmute { identity },
        Frame::MemberKick { identity, deny, reason: why } => {
            Act::MemberKick { identity, deny: deny.unwrap_or(false), reason: reason(why)? }
        }
        Frame::MemberBan { identity, reason: why, for_ms } => {
            Act::MemberBan { identity, reason: reason(why)?, lasts: lasts(for_ms).map_err(wrong)? }
        }
        Frame::MemberUnban(Person { identity }) => Act::MemberUnban { identity },
        Frame::MemberRank { identity, rank } => Act::MemberRank { identity, rank: Rank::from(rank) },
        Frame::HostTransfer { to } => Act::HostTransfer { to },
        Frame::HostAccept => Act::HostAccept,
        Frame::HostDecline => Act::HostDecline,
        Frame::MuteSelf { muted } => Act::MuteSelf { muted },
        Frame::Prefs { do_not_invite } => Act::Prefs { do_not_invite },
        Frame::Reaction { kind } => Act::Reaction { kind: shown("kind", &kind, REACTION_CHARS_MAX, Lines::One)? },
        Frame::Message { text: words } => Act::Message { text: shown("text", &words, MESSAGE_CHARS_MAX, Lines::Many)? },
        Frame::RoomUpdate(update) => Act::RoomUpdate(change(update)?),
        Frame::RoomClose { notice_ms } => Act::RoomClose { notice: notice(notice_ms.unwrap_or(0))? },
    };
    Ok(Command::Act(act))
}

fn change(update: RoomUpdate) -> Result<RoomChange, Wrong> {
    let RoomUpdate { seat_mode, hands, interrupt, auto_offer, turn_ms, promote, duplicates, phase } = update;
    Ok(RoomChange {
        seat_mode: seat_mode.map(Into::into),
        hands: hands.map(HandsWord::is_on),
        interrupt: interrupt.map(Into::into),
        auto_offer,
        turn: turn_ms.map(turn).transpose().map_err(wrong)?,
        promote: promote.map(Into::into),
        duplicates: duplicates.map(Into::into),
        go_live: phase.is_some(),
    })
}

fn people(after: Option<Identity>, limit: Option<u64>, query: Option<String>) -> Result<PeopleList, Wrong> {
    let limit = usize::try_from(limit.unwrap_or(PEOPLE_PAGE_DEFAULT)).unwrap_or(usize::MAX);
    if !(1..=PEOPLE_PAGE_MAX).contains(&limit) {
        return Err(wrong("`limit` must be from 1 to 200"));
    }
    let query = query.map(short_query).transpose()?;
    let query = query.map(|query| query.trim().to_lowercase()).filter(|query| !query.is_empty());
    Ok(PeopleList { after, limit, query })
}

/// How long a turn is, if it has an end.
pub(in crate::protocol) fn turn(turn_ms: u64) -> Result<Option<Duration>, &'static str> {
    if turn_ms == 0 {
        return Ok(None);
    }
    if !TURN_MS.contains(&turn_ms) {
        return Err("`turn_ms` must be 0 or from 10000 to 3600000");
    }
    Ok(Some(Duration::from_millis(turn_ms)))
}

/// How long a ban or a mute lasts, if it has an end.
pub(in crate::protocol) fn lasts(for_ms: Option<u64>) -> Result<Option<Duration>, &'static str> {
    if for_ms.is_some_and(|for_ms| !FOR_MS.contains(&for_ms)) {
        return Err("`for_ms` must be from 1 to 315360000000");
    }
    Ok(for_ms.map(Duration::from_millis))
}

fn notice(notice_ms: u64) -> Result<Duration, Wrong> {
    if notice_ms > NOTICE_MS_MAX {
        return Err(wrong("`notice_ms` must be from 0 to 600000"));
    }
    Ok(Duration::from_millis(notice_ms))
}

fn invite_name(invite: Option<InviteId>, identity: Option<Identity>) -> Result<InviteName, Wrong> {
    match (invite, identity) {
        (Some(id), None) => Ok(InviteName::Id(id)),
        (None, Some(identity)) => Ok(InviteName::To(identity)),
        (Some(_), Some(_)) | (None, None) => Err(wrong("name the invite by `invite` or by `identity`, not by both")),
    }
}

/// A blank reason is none.
pub(in crate::protocol) fn reason(why: Option<String>) -> Result<Option<String>, Wrong> {
    match why.map(|why| text::checked(&why, REASON_CHARS_MAX, Lines::One).map(str::to_owned)) {
        None | Some(Err(TextFault::Blank)) => Ok(None),
        Some(Ok(why)) => Ok(Some(why)),
        Some(Err(fault @ (TextFault::TooLong { .. } | TextFault::Character(_)))) => Err(unshown("reason", fault)),
    }
}

/// A text that others see.
fn shown(field: &str, text: &str, chars_max: usize, lines: Lines) -> Result<String, Wrong> {
    text::checked(text, chars_max, lines).map(str::to_owned).map_err(|fault| unshown(field, fault))
}

fn unshown(field: &str, fault: TextFault) -> Wrong {
    (Refusal::InvalidArgument, format!("`{field}` {fault}"))
}

/// Nobody else sees it.
fn short_query(query: String) -> Result<String, Wrong> {
    if query.chars().count() > QUERY_CHARS_MAX || query.chars().any(char::is_control) {
        return Err((
            Refusal::InvalidArgument,
            format!("`query` must have at most {QUERY_CHARS_MAX} characters, none of them a control"),
        ));
    }
    Ok(query)
}

fn short_token(token: String) -> Result<String, Wrong> {
    if token.is_empty() || token.chars().count() > RESUME_TOKEN_CHARS_MAX || token.chars().any(char::is_control) {
        return Err(wrong("`resume_token` must have 1 to 256 characters, none of them a control"));
    }
    Ok(token)
}

fn short_offer(offer: String) -> Result<String, Wrong> {
    if offer.len() > OFFER_BYTES_MAX {
        return Err(wrong("`offer` is longer than 32 KiB"));
    }
    Ok(offer)
}

/// Measurements that cannot be true are refused, so that no clock gone wild spoils a histogram.
fn possible(stats: Stats) -> Result<Stats, Wrong> {
    let times = [stats.rtt_ms, stats.jitter_buffer_ms, stats.device_ms, stats.join_ms];
    if times.into_iter().flatten().any(|ms| !(0.0..=f64::from(STATS_MS_MAX)).contains(&ms)) {
        return Err(wrong("a time must be from 0 to 60000 ms"));
    }
    let counts = [stats.lost, stats.received, stats.concealed];
    if counts.into_iter().flatten().any(|count| count > STATS_COUNT_MAX) {
        return Err(wrong("a count must be from 0 to 1000000000000"));
    }
    Ok(stats)
}

/// A number that no room can have as a seat is a seat that is not there, like any other.
fn seat_index(seat: i64) -> Result<SeatIndex, Wrong> {
    u8::try_from(seat)
        .ok()
        .and_then(|seat| SeatIndex::new(seat).ok())
        .ok_or_else(|| (Refusal::SeatNotFound, Refusal::SeatNotFound.message().to_owned()))
}

fn maybe_seat(seat: Option<i64>) -> Result<Option<SeatIndex>, Wrong> {
    seat.map(seat_index).transpose()
}

fn wrong(why: &str) -> Wrong {
    (Refusal::InvalidArgument, why.to_owned())
}
