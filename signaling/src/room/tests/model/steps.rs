//! Steps are what may happen to a room under trial, drawn at random but weighted so that something comes of them.

use proptest::prelude::*;

use super::super::*;
use super::aims::{Aim, aim};
use crate::ids::InviteId;

/// How many different people there are. More than the room has places for.
pub(super) const PEOPLE: u8 = 7;
/// How many seats the room has. The steps name one more, which is not found.
pub(super) const SEATS: u8 = 4;
/// How many places the room has.
pub(super) const PLACES: usize = 6;

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Join(Newcomer),
    /// Someone acts by the session they joined with last.
    Act {
        who: u8,
        act: Act,
    },
    /// Someone acts by the session they had before.
    ActStale {
        who: u8,
        act: Act,
    },
    /// Someone acts without using a session.
    ActOutside(FromOutside),
    Detached {
        who: u8,
    },
    Resume {
        who: u8,
    },
    Media {
        who: u8,
        kind: MediaKind,
    },
    /// The latency monitor has found something out, perhaps about the session that someone had before.
    Sound {
        who: u8,
        is_old: bool,
        found: Found,
    },
    Interruption {
        who: Option<u8>,
    },
    Wait {
        millis: u64,
    },
    /// Time passes until something is due.
    Jump,
    /// If the room is over another one is made under its name.
    Remake,
    /// The process ends, and another one goes on by what was written down.
    Restart,
    /// Something that makes sense in the room as it is.
    Aim {
        aim: Aim,
        pick: u8,
    },
}

/// An act from outside, but for what the trial knows.
#[derive(Clone, Debug)]
pub(super) struct FromOutside {
    pub(super) who: u8,
    pub(super) is_admin: bool,
    pub(super) token_age: Option<Duration>,
    /// By how many events what they saw is old, if they say what they saw.
    pub(super) behind: Option<u64>,
    pub(super) act: Act,
}

/// A join, but for what the trial numbers.
#[derive(Clone, Debug)]
pub(super) struct Newcomer {
    pub(super) who: u8,
    pub(super) rank: Rank,
    pub(super) can_publish: bool,
    pub(super) can_publish_data: bool,
    pub(super) hidden: bool,
    pub(super) has_media: bool,
    pub(super) mic_ready: bool,
    pub(super) tier: u32,
    pub(super) token_age: Option<Duration>,
}

/// Which fact of a session's media.
#[derive(Clone, Copy, Debug)]
pub(super) enum MediaKind {
    Connected,
    Interrupted,
    Restored,
    Closed,
}

/// What the latency monitor can find out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Latency(Option<LatencyState>),
    Quality(ConnectionQuality),
    Unheard(Option<UnheardWhy>),
}

impl Found {
    pub(super) fn about(self, session: SessionId) -> MediaFact {
        match self {
            Self::Latency(state) => MediaFact::Latency { session, state },
            Self::Quality(quality) => MediaFact::Quality { session, quality },
            Self::Unheard(why) => MediaFact::Unheard { session, why },
        }
    }
}

/// How the room is made.
pub(super) fn settings() -> BoxedStrategy<Settings> {
    let mode = prop_oneof![Just(SeatMode::Free), Just(SeatMode::Apply), Just(SeatMode::InviteOnly)];
    let turn = prop::option::weighted(0.3, Just(seconds(40)));
    let opens_in = prop::option::weighted(0.1, Just(seconds(20)));
    (mode, interrupt(), any::<bool>(), turn, promote(), duplicates(), opens_in)
        .prop_map(|(seat_mode, interrupt, auto_offer, turn, promote, duplicates, opens_in)| Settings {
            seats: SEATS,
            seat_mode,
            interrupt,
            auto_offer,
            turn,
            promote,
            duplicates,
            opens_in,
            participants_max: PLACES,
            hands_max: 3,
            invites_max: 2,
            bans_max: 2,
            ..Settings::default()
        })
        .boxed()
}

/// What happens: a host, a cohost and three members come in, and then anything.
pub(super) fn steps() -> BoxedStrategy<Vec<Step>> {
    let ranks = [Rank::Host, Rank::Cohost, Rank::Member, Rank::Member, Rank::Member];
    let first: Vec<Step> = (0..).zip(ranks).map(|(who, rank)| Step::Join(plain(who, rank))).collect();
    let act = (0..PEOPLE, acts()).prop_map(|(who, act)| Step::Act { who, act });
    // Most of what makes sense is done by a host or a cohost.
    let moderate = (0..2_u8, acts()).prop_map(|(who, act)| Step::Act { who, act });
    let stale = (0..PEOPLE, acts()).prop_map(|(who, act)| Step::ActStale { who, act });
    let outside = (0..PEOPLE, prop::bool::weighted(0.5), token_age(), prop::option::weighted(0.1, 0..2_u64), acts())
        .prop_map(|(who, is_admin, token_age, behind, act)| FromOutside { who, is_admin, token_age, behind, act });
    let kind = prop_oneof![
        2 => Just(MediaKind::Connected),
        3 => Just(MediaKind::Interrupted),
        3 => Just(MediaKind::Restored),
        1 => Just(MediaKind::Closed),
    ];
    let media = (0..PEOPLE, kind).prop_map(|(who, kind)| Step::Media { who, kind });
    let wait = prop_oneof![8 => 0..3_000_u64, 4 => 3_000..40_000_u64, 1 => Just(1_000_000)]
        .prop_map(|millis| Step::Wait { millis });
    let step = prop_oneof![
        5 => newcomer().prop_map(Step::Join),
        16 => act,
        20 => moderate,
        36 => aim(),
        1 => stale,
        12 => outside.prop_map(Step::ActOutside),
        3 => media,
        1 => (0..PEOPLE).prop_map(|who| Step::Detached { who }),
        2 => (0..PEOPLE).prop_map(|who| Step::Resume { who }),
        1 => prop::option::of(0..PEOPLE).prop_map(|who| Step::Interruption { who }),
        6 => sound(),
        4 => wait,
        3 => Just(Step::Jump),
        2 => Just(Step::Restart),
        2 => Just(Step::Remake),
    ];
    prop::collection::vec(step, 1..STEPS_MAX)
        .prop_map(move |later| first.iter().cloned().chain(later).collect::<Vec<_>>())
        .boxed()
}

fn sound() -> BoxedStrategy<Step> {
    let state = (0..3_u32).prop_map(|step| LatencyState {
        class: [DelayClass::Natural, DelayClass::Ok, DelayClass::Laggy][step as usize],
        mouth_to_ear_ms: 150 + 200 * step,
        dominant_term: DelayTerm::Downlink,
        side: DelaySide::Hearing,
        estimated: step == 0,
    });
    let quality = prop_oneof![Just(ConnectionQuality::Excellent), Just(ConnectionQuality::Poor)];
    let found = prop_oneof![
        3 => prop::option::weighted(0.8, state).prop_map(Found::Latency),
        2 => quality.prop_map(Found::Quality),
        1 => prop::option::of(Just(UnheardWhy::Ssrc)).prop_map(Found::Unheard),
    ];
    (0..PEOPLE, prop::bool::weighted(0.1), found)
        .prop_map(|(who, is_old, found)| Step::Sound { who, is_old, found })
        .boxed()
}

fn plain(who: u8, rank: Rank) -> Newcomer {
    Newcomer {
        who,
        rank,
        can_publish: true,
        can_publish_data: true,
        hidden: false,
        has_media: true,
        mic_ready: false,
        tier: 0,
        token_age: None,
    }
}

fn newcomer() -> BoxedStrategy<Newcomer> {
    let rank = prop_oneof![6 => Just(Rank::Member), 1 => Just(Rank::Cohost), 1 => Just(Rank::Host)];
    let mostly = || prop::bool::weighted(0.9);
    let rarely = || prop::bool::weighted(0.1);
    let flags = (mostly(), mostly(), rarely(), mostly(), any::<bool>());
    (0..PEOPLE, rank, flags, 0..3_u32, token_age())
        .prop_map(|(who, rank, flags, tier, token_age)| {
            let (can_publish, can_publish_data, hidden, has_media, mic_ready) = flags;
            Newcomer { who, rank, can_publish, can_publish_data, hidden, has_media, mic_ready, tier, token_age }
        })
        .boxed()
}

fn token_age() -> BoxedStrategy<Option<Duration>> {
    prop::option::of((0..120_u64).prop_map(seconds)).boxed()
}

fn acts() -> BoxedStrategy<Act> {
    prop_oneof![6 => by_hand(), 5 => on_own_seat(), 6 => on_seats(), 5 => by_invite(), 4 => on_people(), 3 => on_oneself(), 2 => on_room()].boxed()
}

pub(super) fn person(who: u8) -> String {
    format!("p{who}")
}

fn whom() -> BoxedStrategy<Identity> {
    (0..PEOPLE).prop_map(|who| id(&person(who))).boxed()
}

fn a_seat() -> BoxedStrategy<SeatIndex> {
    (0..=SEATS).prop_map(seat).boxed()
}

fn maybe_seat() -> BoxedStrategy<Option<SeatIndex>> {
    prop::option::weighted(0.3, a_seat()).boxed()
}

fn rev() -> BoxedStrategy<Option<u64>> {
    prop::option::weighted(0.1, 0..6_u64).boxed()
}

fn reason() -> BoxedStrategy<Option<String>> {
    prop::option::weighted(0.3, Just("noise".to_owned())).boxed()
}

fn lasts() -> BoxedStrategy<Option<Duration>> {
    prop::option::weighted(0.5, (1..200_u64).prop_map(seconds)).boxed()
}

fn invite_id() -> BoxedStrategy<Option<InviteId>> {
    prop::option::weighted(0.3, (0..8_u64).prop_map(InviteId)).boxed()
}

fn by_hand() -> BoxedStrategy<Act> {
    prop_oneof![
        6 => (maybe_seat(), any::<bool>()).prop_map(|(wanted_seat, mic_ready)| Act::HandRaise { wanted_seat, mic_ready }),
        1 => Just(Act::HandLower),
        3 => whom().prop_map(|identity| Act::HandApprove { identity }),
        2 => Just(Act::HandNext),
        1 => whom().prop_map(|identity| Act::HandDeny { identity }),
        1 => prop::bool::weighted(0.2).prop_map(|all| if all { Act::HandsLowerAll } else { Act::HandNext }),
    ].boxed()
}

fn on_own_seat() -> BoxedStrategy<Act> {
    prop_oneof![
        4 => a_seat().prop_map(|seat| Act::SeatTake { seat }),
        1 => Just(Act::SeatLeave),
        3 => maybe_seat().prop_map(|seat| Act::SeatConfirm { seat }),
        1 => maybe_seat().prop_map(|seat| Act::SeatDecline { seat }),
    ]
    .boxed()
}

fn on_seats() -> BoxedStrategy<Act> {
    let other = prop::option::of(whom());
    prop_oneof![
        2 => (a_seat(), other).prop_map(|(seat, identity)| Act::SeatMove { seat, identity }),
        3 => (a_seat(), a_seat()).prop_map(|(seat, with)| Act::SeatSwap { seat, with }),
        2 => (a_seat(), whom(), rev()).prop_map(|(seat, identity, expect_rev)| Act::SeatAssign { seat, identity, expect_rev }),
        1 => (a_seat(), any::<bool>(), rev()).prop_map(|(seat, evict, expect_rev)| Act::SeatLock { seat, evict, expect_rev }),
        2 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatUnlock { seat, expect_rev }),
        1 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatMute { seat, expect_rev }),
        1 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatUnmute { seat, expect_rev }),
        1 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatKick { seat, expect_rev }),
    ].boxed()
}

fn by_invite() -> BoxedStrategy<Act> {
    let name = prop_oneof![(0..8_u64).prop_map(|id| InviteName::Id(InviteId(id))), whom().prop_map(InviteName::To)];
    prop_oneof![
        4 => (whom(), maybe_seat(), any::<bool>()).prop_map(|(identity, seat, hold)| Act::InviteSend { identity, seat, hold }),
        1 => name.prop_map(Act::InviteRevoke),
        4 => invite_id().prop_map(|invite| Act::InviteAccept { invite }),
        1 => invite_id().prop_map(|invite| Act::InviteDecline { invite }),
    ].boxed()
}

fn on_people() -> BoxedStrategy<Act> {
    let rank = prop_oneof![4 => Just(Rank::Member), 4 => Just(Rank::Cohost), 1 => Just(Rank::Host)];
    prop_oneof![
        3 => (whom(), lasts()).prop_map(|(identity, lasts)| Act::MemberMute { identity, lasts }),
        3 => whom().prop_map(|identity| Act::MemberUnmute { identity }),
        1 => (whom(), any::<bool>(), reason()).prop_map(|(identity, deny, reason)| Act::MemberKick { identity, deny, reason }),
        1 => (whom(), reason(), lasts()).prop_map(|(identity, reason, lasts)| Act::MemberBan { identity, reason, lasts }),
        1 => prop::option::weighted(0.8, whom()).prop_map(|identity| Act::ModerationForget { identity }),
        2 => whom().prop_map(|identity| Act::MemberUnban { identity }),
        3 => (whom(), rank).prop_map(|(identity, rank)| Act::MemberRank { identity, rank }),
        2 => whom().prop_map(|to| Act::HostTransfer { to }),
        2 => Just(Act::HostAccept),
        1 => Just(Act::HostDecline),
    ].boxed()
}

fn on_oneself() -> BoxedStrategy<Act> {
    prop_oneof![
        6 => any::<bool>().prop_map(|muted| Act::MuteSelf { muted }),
        1 => prop::option::of(prop::bool::weighted(0.3)).prop_map(|do_not_invite| Act::Prefs { do_not_invite }),
        1 => Just(Act::Reaction { kind: "wave".to_owned() }),
        2 => Just(Act::Message { text: "hello".to_owned() }),
        1 => Just(Act::Leave),
    ]
    .boxed()
}

fn on_room() -> BoxedStrategy<Act> {
    let mode = prop_oneof![Just(SeatMode::Free), Just(SeatMode::Apply), Just(SeatMode::InviteOnly)];
    let turn = prop_oneof![Just(None), Just(Some(seconds(10))), Just(Some(seconds(40)))];
    let flags = (prop::option::weighted(0.3, prop::bool::weighted(0.7)), prop::option::weighted(0.3, any::<bool>()));
    let rarely = 0.2;
    let change = (
        prop::option::weighted(0.4, mode),
        flags,
        prop::option::weighted(rarely, interrupt()),
        prop::option::weighted(rarely, turn),
        prop::option::weighted(rarely, promote()),
        prop::option::weighted(rarely, duplicates()),
        prop::bool::weighted(rarely),
    );
    let update = change.prop_map(|(seat_mode, (hands, auto_offer), interrupt, turn, promote, duplicates, go_live)| {
        Act::RoomUpdate(RoomChange { seat_mode, hands, interrupt, auto_offer, turn, promote, duplicates, go_live })
    });
    let close = prop_oneof![2 => Just(seconds(20)), 1 => Just(Duration::ZERO)];
    prop_oneof![10 => update, 1 => close.prop_map(|notice| Act::RoomClose { notice })].boxed()
}

fn interrupt() -> BoxedStrategy<Interrupt> {
    prop_oneof![Just(Interrupt::Off), Just(Interrupt::Duck), Just(Interrupt::Hold)].boxed()
}

fn promote() -> BoxedStrategy<Promote> {
    prop_oneof![Just(Promote::Cohost), Just(Promote::LongestSeated), Just(Promote::None)].boxed()
}

fn duplicates() -> BoxedStrategy<Duplicates> {
    prop_oneof![6 => Just(Duplicates::Takeover), 2 => Just(Duplicates::Reject), 2 => Just(Duplicates::Allow)].boxed()
}

/// The most steps of one run, after the first joins.
const STEPS_MAX: usize = 150;
