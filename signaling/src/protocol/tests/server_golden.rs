//! Every frame of the server, byte for byte.

use std::{sync::Arc, time::Duration};

use super::{examples::*, golden_names, hold};
use crate::{
    protocol::server::{self, LimitsJson, Welcome},
    room::{
        AudienceView, BanView, CanJoin, CannotJoin, ConnectionQuality, DecisionCause, DelayClass, DelaySide, DelayTerm,
        Details, Done, Duplicates, Event, HandChange, HandView, Interrupt, InviteChange, InviteView, LatencyState,
        LeftReason, MuteView, OfferOutcome, Phase, Promote, Rank, RankCause, Refusal, Refused, ReservedWhy, Role,
        RoomView, SeatCause, SeatMode, SeatView, SeatViewState, SelfView, Slot, Snapshot, Speaker, UnheardWhy,
    },
};

#[test]
fn every_frame_of_the_server_is_as_promised() {
    let frames: Vec<_> = answers().into_iter().chain(logged()).chain(moderators_log()).chain(passing()).collect();
    for (name, text) in &frames {
        let kind = name.split('.').next().unwrap();
        assert!(text.starts_with(&format!(r#"{{"type":"{kind}""#)), "{name}: {text}");
        hold(&format!("golden/server/{name}.json"), &format!("{text}\n"));
    }
    let mut names: Vec<_> = frames.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(golden_names("server"), names);
}

type Named = (&'static str, String);

fn answers() -> Vec<Named> {
    let done = |id, done: Done| server::reply_ok(&request(id), &done);
    let in_phase = |room| Snapshot { room, ..snapshot() };
    let limited = RoomView { turn: Some(seconds(120)), ..room() };
    let hosts = Snapshot { moderation: Some(moderation()), ..in_phase(limited) };
    let busy = Details {
        seat: Some(Box::new(occupied(1))),
        holder: Some(identity("ben")),
        next_open: Some(seat(3)),
        retry_after: None,
    };
    let busy = Refused { refusal: Refusal::SeatOccupied, details: busy };
    let soon = Details { retry_after: Some(Duration::from_millis(50)), ..Details::default() };
    let fast = Refused { refusal: Refusal::RateLimited, details: soon };
    let own_words = Some("`text` must have 1 to 500 characters");
    vec![
        ("welcome", welcome("1", false, Some("v=0…"), Some(&snapshot()), &listener())),
        ("welcome.console", welcome("2", false, None, Some(&hosts), &host())),
        ("welcome.resumed", welcome("3", true, None, None, &guest())),
        ("welcome.resumed_anew", welcome("3", true, None, Some(&snapshot()), &guest())),
        ("welcome.scheduled", welcome("2", false, None, Some(&in_phase(scheduled())), &host())),
        ("welcome.hostless", welcome("1", false, Some("v=0…"), Some(&in_phase(hostless())), &listener())),
        ("welcome.closing", welcome("3", true, None, Some(&in_phase(closing())), &guest())),
        ("reply", done("7", Done::default())),
        ("reply.seat", done("6", Done { seat: Some(occupied(1)), ..Done::default() })),
        ("reply.hand", done("21", Done { position: Some(1), hand: Some(hand()), ..Done::default() })),
        ("reply.invite", done("28", Done { invite: Some(invite()), ..Done::default() })),
        ("reply.pending", done("10", Done { pending: true, ..Done::default() })),
        ("reply.in_memory", server::reply_ok_in_memory(&request("9"), &Done::default())),
        ("reply.pong", server::pong(&request("54"), 1_800_000_000_000)),
        (
            "reply.people",
            server::people(&request("55"), &[participant("Dan", Rank::Member, Role::Listener)], Some(&identity("dan"))),
        ),
        ("reply.restarted", server::restarted(&request("4"), "v=0…")),
        ("reply.error", server::reply_error(Some(&request("3")), &busy, None)),
        ("reply.error_rate", server::reply_error(Some(&request("3")), &fast, None)),
        ("reply.error_argument", server::reply_error(Some(&request("3")), &Refusal::InvalidArgument.into(), own_words)),
        ("reply.error_unreadable", server::reply_error(None, &Refusal::InvalidArgument.into(), Some("not an object"))),
        ("bye.kicked", server::bye("kicked", "stop", None)),
        ("bye.kicked_with_reason", server::put_out("kicked", "stop", None, Some("Shouting, again."))),
        ("bye.duplicate", server::bye("duplicate", "stop", None)),
        ("bye.forbidden_with_detail", bye_with_detail()),
        ("bye.slow_consumer", server::bye("slow_consumer", "resume", None)),
        ("bye.session_stale", server::bye("session_stale", "rejoin", None)),
        ("bye.draining", server::bye("draining", "retry", Some(seconds(2)))),
        ("bye.latency_at_risk", server::bye("latency_at_risk", "retry", Some(Duration::from_millis(4200)))),
        ("bye.scheduled", server::bye("room_not_found", "retry", Some(seconds(3600)))),
    ]
}

/// A `bye` that says what is wrong with a token, on a connection that has an id.
fn bye_with_detail() -> String {
    let bye = server::bye("forbidden", "stop", None);
    let bye = server::with_text(&bye, "detail", "The token is for the room \"lobby\", not for this one (video.room).");
    server::with_text(&bye, "connection", "01JD8Y2N5Q")
}

fn welcome(id: &str, resumed: bool, answer: Option<&str>, snapshot: Option<&Snapshot>, own: &SelfView) -> String {
    let welcome = Welcome {
        request: &request(id),
        session: &session(),
        identity: &own.identity,
        answer,
        resumed,
        resume_token: "k3Vd0u9mXq",
        limits: LimitsJson { frame_bytes: 65536, commands_per_second: 20, burst: 40 },
        event_id: Some(4711),
    };
    server::welcome(&welcome, snapshot, Some(own))
}

fn scheduled() -> RoomView {
    RoomView { phase: Phase::Scheduled, opens_in: Some(seconds(3600)), ..room() }
}

fn hostless() -> RoomView {
    RoomView { phase: Phase::Hostless, hostless_for: Some(seconds(60)), ..room() }
}

fn closing() -> RoomView {
    RoomView { phase: Phase::Closing, closes_in: Some(seconds(30)), ..room() }
}

fn host() -> SelfView {
    SelfView {
        identity: identity("ada"),
        name: Arc::from("Ada"),
        rank: Rank::Host,
        role: Role::Host,
        self_muted: false,
        ..listener()
    }
}

fn logged() -> Vec<Named> {
    let told = |event| server::event(Some(17), &event);
    let ben = || Some(identity("ben"));
    let changed = |cause, by, seat, other| told(Event::SeatChanged { cause, by, seat, other });
    let limited = SeatView { turn_ends_in: Some(seconds(120)), muted_by_host: true, ..occupied(1) };
    let agent = |kind: &str| {
        let mut agent = participant("Echo", Rank::Cohost, Role::Listener);
        agent.kind = Some(Arc::from(kind));
        agent
    };
    let ranked =
        |cause, by, rank| told(Event::RankChanged { cause, by, participant: participant("Ben", rank, Role::Guest) });
    let left = |reason| told(Event::ParticipantLeft { identity: identity("ben"), reason });
    let updated = |by, room| told(Event::RoomUpdated { by, room });
    let all = RoomView {
        seat_mode: SeatMode::Free,
        hands: false,
        interrupt: Interrupt::Hold,
        auto_offer: true,
        turn: Some(seconds(120)),
        promote: Promote::LongestSeated,
        duplicates: Duplicates::Allow,
        ..room()
    };
    let open = || empty(1, SeatViewState::Open);
    let message = Event::Message { from: identity("cy"), name: Arc::from("Cy"), text: Arc::from("Hello,\neveryone.") };
    vec![
        ("seat_changed.occupied", changed(SeatCause::Taken, ben(), occupied(1), None)),
        ("seat_changed.agent", changed(SeatCause::Taken, ben(), occupied_by_agent(1), None)),
        ("seat_changed.limited", changed(SeatCause::Muted, Some(identity("ada")), limited, None)),
        ("seat_changed.reserved", changed(SeatCause::Reserved, None, reserved(1, ReservedWhy::Offered), None)),
        ("seat_changed.reconnect", changed(SeatCause::Interrupted, None, reserved(1, ReservedWhy::Reconnect), None)),
        ("seat_changed.open", changed(SeatCause::TurnOver, None, open(), None)),
        (
            "seat_changed.locked",
            changed(SeatCause::Locked, Some(identity("ada")), empty(1, SeatViewState::Locked), None),
        ),
        ("seat_changed.moved", changed(SeatCause::Moved, ben(), occupied(4), Some(open()))),
        ("seat_changed.swapped", changed(SeatCause::Swapped, Some(identity("ada")), occupied(2), Some(swapped()))),
        (
            "participant_joined",
            told(Event::ParticipantJoined { participant: participant("Ada", Rank::Host, Role::Host) }),
        ),
        ("participant_joined.agent", told(Event::ParticipantJoined { participant: agent("agent") })),
        ("participant_left", left(LeftReason::Left)),
        ("participant_left.banned", left(LeftReason::Banned)),
        ("rank_changed.given", ranked(RankCause::Given, Some(identity("ada")), Rank::Cohost)),
        ("rank_changed.promoted", ranked(RankCause::Promoted, None, Rank::Host)),
        ("room_updated", updated(Some(identity("ada")), all)),
        ("room_updated.scheduled", updated(None, scheduled())),
        ("room_updated.hostless", updated(None, hostless())),
        ("room_updated.closing", updated(None, closing())),
        ("message", told(message.clone())),
        ("events", {
            let batch = [
                changed(SeatCause::Left, ben(), open(), None),
                server::event(Some(18), &message),
                server::event(None, &Event::Audience(AudienceView { count: 13, ..audience() })),
            ];
            server::events(batch.iter().map(String::as_str))
        }),
    ]
}

/// Cy on seat 1, whom a swap has brought there.
fn swapped() -> SeatView {
    let mut seat = occupied(1);
    if let SeatViewState::Occupied { holder, csrc } = &mut seat.state {
        holder.identity = identity("cy");
        holder.name = Arc::from("Cy");
        *csrc = csrc.saturating_add(1);
    }
    seat
}

fn moderators_log() -> Vec<Named> {
    let told = |event| server::event(Some(21), &event);
    let ada = || Some(identity("ada"));
    let hand_changed = |change, by, count| Event::HandChanged { change, by, hand: hand(), count };
    let plain = HandView { mic_ready: false, wanted_seat: None, tier: 2, ..hand() };
    let invite_changed = |change, by| Event::InviteChanged { change, by, invite: invite() };
    let no_reason = BanView { reason: None, since: Duration::ZERO, ends_in: None, ..ban() };
    let for_good = MuteView { ends_in: None, ..mute() };
    let ban_changed = |banned, cause, by, ban| Event::BanChanged { banned, cause, by, ban };
    let mute_changed = |muted, cause, by, mute| Event::MuteChanged { muted, cause, by, mute };
    vec![
        ("hand_changed.raised", told(hand_changed(HandChange::Raised, None, 3))),
        (
            "hand_changed.plain",
            told(Event::HandChanged { change: HandChange::Raised, by: None, hand: plain, count: 3 }),
        ),
        ("hand_changed.approved", told(hand_changed(HandChange::Approved, ada(), 2))),
        ("hand_changed.own", server::event(None, &hand_changed(HandChange::Denied, ada(), 2))),
        ("invite_changed.sent", told(invite_changed(InviteChange::Sent, ada()))),
        ("invite_changed.own", server::event(None, &invite_changed(InviteChange::Expired, None))),
        ("ban_changed", told(ban_changed(true, DecisionCause::Set, ada(), ban()))),
        ("ban_changed.lifted", told(ban_changed(false, DecisionCause::Lifted, ada(), no_reason))),
        ("ban_changed.expired", told(ban_changed(false, DecisionCause::Expired, None, ban()))),
        ("ban_changed.afterwards", server::event(None, &ban_changed(false, DecisionCause::Forgotten, ada(), ban()))),
        ("mute_changed", told(mute_changed(true, DecisionCause::Set, ada(), mute()))),
        ("mute_changed.expired", told(mute_changed(false, DecisionCause::Expired, None, for_good))),
    ]
}

fn passing() -> Vec<Named> {
    let told = |event| server::event(None, &event);
    let cue = |can_join| told(Event::SeatCue { seat: seat(2), can_join });
    let any_seat = InviteView { seat: None, hold: false, ..invite() };
    let slot = Slot { mid: "1".to_owned(), seat: seat(2), identity: identity("ben"), csrc: csrc() };
    let speaker = Speaker { identity: identity("ben"), seat: seat(2), level: -28 };
    let interrupted = |by, mode| told(Event::Interruption { by, mode });
    let natural = LatencyState {
        class: DelayClass::Natural,
        mouth_to_ear_ms: 142,
        dominant_term: DelayTerm::JitterBuffer,
        side: DelaySide::Speaking,
        estimated: true,
    };
    let quality = |identity, quality| told(Event::ConnectionQuality { identity, quality });
    let (ada, ben) = (identity("ada"), identity("ben"));
    let ended = Event::HostOfferEnded { from: ada.clone(), to: ben.clone(), outcome: OfferOutcome::Declined };
    vec![
        ("seat_cue.yes", cue(CanJoin::Yes)),
        ("seat_cue.apply", cue(CanJoin::Apply)),
        ("seat_cue.no", cue(CanJoin::No(CannotJoin::CoolingDown))),
        ("seat_offer", told(Event::SeatOffer { seat: seat(2), why: ReservedWhy::Offered, expires_in: seconds(10) })),
        ("hand_position", told(Event::HandPosition { position: 3 })),
        ("invite", told(Event::Invite { invite: invite() })),
        ("invite.any", told(Event::Invite { invite: any_seat })),
        (
            "swap_proposed",
            told(Event::SwapProposed { from: ben.clone(), seat: seat(1), with: seat(2), expires_in: seconds(30) }),
        ),
        ("host_offer", told(Event::HostOffer { from: ada.clone(), expires_in: seconds(30) })),
        ("host_offer_ended", told(ended)),
        ("turn_ending", told(Event::TurnEnding { seat: seat(1), identity: ben, ends_in: seconds(15) })),
        ("lost_seat", told(Event::LostSeat { seat: seat(1), position: Some(1) })),
        ("lost_seat.only", told(Event::LostSeat { seat: seat(1), position: None })),
        ("interruption", interrupted(Some(ada), Interrupt::Duck)),
        ("interruption.over", interrupted(None, Interrupt::Duck)),
        ("moderation", told(Event::Moderation(moderation()))),
        ("reaction_tally", told(Event::ReactionTally { tally: vec![("👏".to_owned(), 12), ("heart".to_owned(), 3)] })),
        ("audience", told(Event::Audience(audience()))),
        ("slots", told(Event::Slots { slots: vec![slot] })),
        ("slots.none", told(Event::Slots { slots: Vec::new() })),
        ("speakers", told(Event::Speakers { speakers: vec![speaker] })),
        ("latency_state", told(Event::LatencyState { identity: None, state: Some(lagging()) })),
        ("latency_state.stage", told(Event::LatencyState { identity: Some(identity("ben")), state: Some(natural) })),
        ("latency_state.unknown", told(Event::LatencyState { identity: None, state: None })),
        ("connection_quality", quality(None, ConnectionQuality::Poor)),
        ("connection_quality.stage", quality(Some(identity("ben")), ConnectionQuality::Lost)),
        ("unheard", told(Event::Unheard { identity: None, why: Some(UnheardWhy::Ssrc) })),
        ("unheard.stage", told(Event::Unheard { identity: Some(identity("ben")), why: Some(UnheardWhy::SrtpAuth) })),
        ("unheard.over", told(Event::Unheard { identity: None, why: None })),
        ("self_changed", told(Event::SelfChanged(guest()))),
        ("self_changed.sought", told(Event::SelfChanged(sought()))),
    ]
}

fn lagging() -> LatencyState {
    LatencyState {
        class: DelayClass::Laggy,
        mouth_to_ear_ms: 512,
        dominant_term: DelayTerm::Downlink,
        side: DelaySide::Hearing,
        estimated: false,
    }
}
