//! What moderators decide belongs to the room's id: it outlives the room, however that ended, until it is lifted, forgotten or runs out.

use super::*;

fn ban(who: &str, lasts: Option<Duration>) -> Act {
    Act::MemberBan { identity: id(who), reason: Some("noise".to_owned()), lasts }
}

fn mute(who: &str, lasts: Option<Duration>) -> Act {
    Act::MemberMute { identity: id(who), lasts }
}

fn deny(who: &str) -> Act {
    Act::MemberKick { identity: id(who), deny: true, reason: None }
}

fn demote(who: &str) -> Act {
    Act::MemberRank { identity: id(who), rank: Rank::Member }
}

/// Makes a room under the same name, of what is left of the one before: the rows that outlive it.
fn made_again(story: &mut Story) {
    assert!(story.room.is_closed(), "the room is over");
    let calendar = Calendar { now: story.now, unix_ms: 1_790_000_000_000 };
    let rows = story.room.decisions_record(&calendar);
    let (name, settings) = (story.room.id().clone(), story.room.settings.clone());
    story.room = Room::remembering(name, settings, &rows, &calendar, story.now).unwrap();
    assert_eq!(story.room.decisions_record(&calendar), rows, "it remembers the same");
    assert_eq!(story.room.take_changes(&calendar).len(), 1, "only the room itself is new");
}

/// The ways in which a room ends.
fn ends() -> [fn(&mut Story); 3] {
    [
        |story| {
            story.act("ada", Act::RoomClose { notice: Duration::ZERO });
        },
        |story| {
            story.act("ada", Act::RoomClose { notice: seconds(30) });
            story.after(seconds(31));
        },
        |story| {
            for name in ["ada", "cleo", "ben", "dan"] {
                if story.room.session_of(&id(name)).is_some() {
                    story.act(name, Act::Leave);
                }
            }
            story.after(seconds(301));
        },
    ]
}

fn refusal_of_join(story: &mut Story, name: &str, rank: Rank, token_age: Option<Duration>) -> Option<Refusal> {
    let join = Join { token_age, ..story.arrival(name, rank) };
    let outputs = story.enter(join);
    outputs.iter().find_map(|output| match output {
        Output::Reply { result: Err(refused), .. } => Some(refused.refusal),
        _ => None,
    })
}

fn ban_events(outputs: &[Output]) -> Vec<(bool, DecisionCause)> {
    let events = outputs.iter().filter_map(|output| match output {
        Output::Tell { event: Event::BanChanged { banned, cause, .. }, .. } => Some((*banned, *cause)),
        _ => None,
    });
    events.collect()
}

fn mute_events(outputs: &[Output]) -> Vec<(bool, DecisionCause)> {
    let events = outputs.iter().filter_map(|output| match output {
        Output::Tell { event: Event::MuteChanged { muted, cause, .. }, .. } => Some((*muted, *cause)),
        _ => None,
    });
    events.collect()
}

#[test]
fn whichever_way_a_room_ends_what_was_decided_holds_in_the_next_one() {
    for end in ends() {
        let mut story = Story::begun(SeatMode::Free);
        story.act("ada", ban("eve", None));
        story.act("ada", mute("ben", None));
        story.act("ada", deny("dan"));
        story.act("ada", demote("cleo"));
        story.act("ben", Act::Leave);
        end(&mut story);
        made_again(&mut story);
        story.join("ada", Rank::Host);
        assert_eq!(refusal_of_join(&mut story, "eve", Rank::Host, Some(seconds(0))), Some(Refusal::Banned));
        assert_eq!(refusal_of_join(&mut story, "dan", Rank::Member, None), Some(Refusal::Forbidden), "the same token");
        assert_eq!(refusal_of_join(&mut story, "cleo", Rank::Host, None), None);
        assert_eq!(story.own("cleo").rank, Rank::Member, "the room's record wins over the token");
        story.join("ben", Rank::Member);
        story.act("ben", take(2));
        story.act("ben", Act::MuteSelf { muted: false });
        assert!(story.own("ben").host_muted);
        assert_eq!(story.heard(), [""; 0], "the mute holds on the packet path");
        story.act("ada", Act::MemberUnmute { identity: id("ben") });
        assert_eq!(story.heard(), ["ben"]);
    }
}

#[test]
fn what_is_lifted_stays_lifted() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", ban("eve", None));
    story.act("ada", mute("ben", None));
    story.act("ada", Act::MemberUnban { identity: id("eve") });
    story.act("ada", Act::MemberUnmute { identity: id("ben") });
    story.act("ada", Act::RoomClose { notice: Duration::ZERO });
    made_again(&mut story);
    assert_eq!(story.room.decisions(), 0);
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), None);
}

#[test]
fn a_room_that_was_handed_over_stays_so_and_one_that_fell_to_an_heir_does_not() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::HostTransfer { to: id("cleo") });
    story.act("cleo", Act::RoomClose { notice: Duration::ZERO });
    made_again(&mut story);
    story.join("ada", Rank::Host);
    story.join("cleo", Rank::Member);
    assert_eq!((story.own("ada").rank, story.own("cleo").rank), (Rank::Cohost, Rank::Host));

    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::Leave);
    story.after(seconds(61));
    assert_eq!(story.own("cleo").rank, Rank::Host, "nobody decided that");
    story.act("cleo", Act::RoomClose { notice: Duration::ZERO });
    made_again(&mut story);
    story.join("ada", Rank::Host);
    story.join("cleo", Rank::Cohost);
    assert_eq!((story.own("ada").rank, story.own("cleo").rank), (Rank::Host, Rank::Cohost));
}

#[test]
fn a_ban_for_a_while_runs_out_and_says_so() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", ban("eve", Some(seconds(60))));
    let shown = story.room.bans_after(None, 9, story.now);
    assert_eq!(shown[0].ends_in, Some(seconds(60)));
    assert_eq!(ban_events(&story.after(seconds(59))), []);
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), Some(Refusal::Banned));
    assert_eq!(ban_events(&story.after(seconds(1))), [(false, DecisionCause::Expired)]);
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), None, "with the same token");
}

#[test]
fn a_ban_that_is_set_again_has_the_new_end() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", ban("eve", Some(seconds(60))));
    assert_eq!(ban_events(&story.act("ada", ban("eve", None))), [(true, DecisionCause::Set)]);
    assert_eq!(ban_events(&story.act("ada", ban("eve", None))), [], "nothing new");
    story.after(seconds(3_600));
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), Some(Refusal::Banned));
    story.act("ada", ban("eve", Some(seconds(5))));
    story.after(seconds(5));
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), None);
}

#[test]
fn a_mute_for_a_while_runs_out_and_opens_no_microphone() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(2));
    story.act("ben", Act::MuteSelf { muted: false });
    assert_eq!(story.heard(), ["ben"]);
    assert_eq!(mute_events(&story.act("ada", mute("ben", Some(seconds(30))))), [(true, DecisionCause::Set)]);
    let outputs = story.after(seconds(30));
    assert_eq!((mute_events(&outputs), causes(&outputs)), (vec![(false, DecisionCause::Expired)], vec!["mute_over"]));
    assert_eq!(story.heard(), [""; 0], "only its owner opens it");
    story.act("ben", Act::MuteSelf { muted: false });
    assert_eq!(story.heard(), ["ben"]);
}

#[test]
fn an_end_that_comes_while_there_is_no_room_has_come_when_there_is_one() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", ban("eve", Some(seconds(60))));
    story.act("ada", mute("ben", Some(seconds(900))));
    story.act("ada", Act::RoomClose { notice: Duration::ZERO });
    story.now += seconds(600);
    made_again(&mut story);
    let outputs = story.room.handle(Input::Timeout, story.now);
    assert_eq!(ban_events(&outputs), [(false, DecisionCause::Expired)]);
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), None);
    story.join("ben", Rank::Member);
    assert!(story.own("ben").host_muted, "this one goes on");
    story.after(seconds(300));
    assert!(!story.own("ben").host_muted);
}

#[test]
fn someone_who_is_away_is_muted_and_unmuted_too() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", Act::Leave);
    assert_eq!(story.refusal("cleo", mute("ben", None)), None);
    story.join("ben", Rank::Member);
    assert!(story.own("ben").host_muted);
    story.act("ben", Act::Leave);
    assert_eq!(
        mute_events(&story.act("cleo", Act::MemberUnmute { identity: id("ben") })),
        [(false, DecisionCause::Lifted)]
    );
    story.join("ben", Rank::Member);
    assert!(!story.own("ben").host_muted);
    assert_eq!(story.refusal("cleo", mute("nobody", None)), Some(Refusal::ParticipantNotFound));
}

#[test]
fn a_room_without_places_refuses_every_kind_and_forgets_none() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", ban("eve", None));
    story.room.set_places(1);
    for act in [ban("mia", None), mute("ben", None), deny("ben"), demote("cleo"), Act::HostTransfer { to: id("cleo") }]
    {
        assert_eq!(story.refusal("ada", act.clone()), Some(Refusal::MemoryFull), "{act:?}");
    }
    assert_eq!(story.refusal("ada", kick("dan")), None, "a kick needs no place");
    assert_eq!(story.refusal("ada", ban("eve", Some(seconds(5)))), None, "nor does a ban that is changed");
    assert_eq!(story.room.decisions(), 1);
    assert_eq!(refusal_of_join(&mut story, "eve", Rank::Member, None), Some(Refusal::Banned));
    story.act("ada", Act::MemberUnban { identity: id("eve") });
    assert_eq!(story.refusal("ada", mute("ben", None)), None);
}

#[test]
fn a_crowd_that_comes_and_goes_makes_the_room_forget_no_decision() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", mute("ben", None));
    story.act("ben", Act::Leave);
    for number in 0..memory::REMEMBERED_MAX + 10 {
        let name = format!("p{number}");
        story.join(&name, Rank::Member);
        story.act(&name, Act::Leave);
    }
    assert!(!story.room.memory.knows(&id("ben")), "that he was here is forgotten");
    story.join("ben", Rank::Member);
    assert!(story.own("ben").host_muted, "and his mute is not");
}

#[test]
fn a_back_end_has_the_room_forget() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", ban("eve", None));
    story.act("ada", mute("ben", None));
    story.act("ada", demote("cleo"));
    story.act("ada", deny("dan"));
    let forget = |who: Option<&str>| Act::ModerationForget { identity: who.map(id) };
    assert_eq!(story.refusal("ada", forget(None)), Some(Refusal::Forbidden), "a host lifts what there is to lift");
    let admin = || Outsider {
        identity: id("console"),
        is_admin: true,
        is_person: false,
        is_banned: false,
        token_age: None,
        expect_seq: None,
    };
    let now = story.now;
    let outputs = story.room.handle(Input::Outside { by: admin(), act: forget(Some("eve")) }, now);
    assert_eq!(ban_events(&outputs), [(false, DecisionCause::Forgotten)]);
    assert!(outputs.iter().any(|output| matches!(output, Output::Audit(_))), "it is audited");
    let outputs = story.room.handle(Input::Outside { by: admin(), act: forget(None) }, now);
    assert_eq!(mute_events(&outputs), [(false, DecisionCause::Forgotten)]);
    assert_eq!(story.room.decisions(), 0);
    assert_eq!(story.own("cleo").rank, Rank::Member, "as long as the room lasts");
    assert_eq!(refusal_of_join(&mut story, "dan", Rank::Member, None), None);
    story.act("ada", Act::RoomClose { notice: Duration::ZERO });
    made_again(&mut story);
    story.join("cleo", Rank::Cohost);
    assert_eq!(story.own("cleo").rank, Rank::Cohost, "then her token counts");
}

#[test]
fn rows_of_version_1_become_decisions() {
    let mut story = Story::begun(SeatMode::Free);
    let calendar = Calendar { now: story.now, unix_ms: 1_790_000_000_000 };
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for Change { key, value } in story.room.take_changes(&calendar) {
        rows.insert(key, value.unwrap());
    }
    let room = rows.get_mut("room").unwrap();
    *room = room.replacen(r#""version":2"#, r#""version":1"#, 1);
    let muted = r#"{"rank":"member","rank_given":true,"host_muted":true,"left":7}"#;
    rows.insert("person:dan".to_owned(), muted.to_owned());
    let rows: Vec<_> = rows.into_iter().collect();
    let name = story.room.id().clone();
    story.room = Room::restore(name, Settings::default(), &rows, &calendar, story.now).unwrap();
    let written = story.room.take_changes(&calendar);
    let keys: Vec<_> = written.iter().map(|change| change.key.as_str()).collect();
    assert!(keys.contains(&"mute:dan") && keys.contains(&"rank:dan") && keys.contains(&"room"), "{keys:?}");
    story.join("dan", Rank::Host);
    assert!(story.own("dan").host_muted);
    assert_eq!(story.own("dan").rank, Rank::Member);
}

#[test]
fn whoever_is_banned_from_all_rooms_goes_and_does_not_come_in() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(2));
    let now = story.now;
    let outputs = story.room.handle(Input::ShutOut { who: id("ben"), by: id("ops") }, now);
    let bye = outputs.iter().any(|output| {
        matches!(output, Output::Bye { reason: ByeReason::Refused(Refusal::Banned), action: ByeAction::Stop, .. })
    });
    assert!(bye && story.seat_is(2) == "open", "{outputs:?}");
    let join = Join { is_banned: true, ..story.arrival("ben", Rank::Host) };
    let outputs = story.enter(join);
    assert_eq!(reply_of(&outputs).unwrap_err().refusal, Refusal::Banned);
}
