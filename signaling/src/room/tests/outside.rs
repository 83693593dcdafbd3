//! Acts from outside: a back end, or a host without a socket, moderates without being in the room.

use super::*;

/// What is answered to someone outside.
fn ask_outside(story: &mut Story, by: Outsider, act: Act) -> Result<Done, Refused> {
    let outputs = story.room.handle(Input::Outside { by, act }, story.now);
    let mut answers = outputs.into_iter().filter_map(|output| match output {
        Output::Answer { result } => Some(result),
        _ => None,
    });
    let answer = answers.next().expect("whoever asks is answered");
    assert!(answers.next().is_none(), "and once");
    answer
}

fn admin() -> Outsider {
    Outsider {
        identity: id("console"),
        is_admin: true,
        is_person: false,
        is_banned: false,
        token_age: None,
        expect_seq: None,
    }
}

fn known_as(name: &str) -> Outsider {
    Outsider {
        identity: id(name),
        is_admin: false,
        is_person: false,
        is_banned: false,
        token_age: Some(seconds(600)),
        expect_seq: None,
    }
}

fn refusal_outside(story: &mut Story, by: Outsider, act: Act) -> Option<Refusal> {
    ask_outside(story, by, act).err().map(|refused| refused.refusal)
}

#[test]
fn a_back_end_acts_on_hosts_too() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", take(0));
    ask_outside(&mut story, admin(), Act::MemberMute { identity: id("ada"), lasts: None }).unwrap();
    assert!(story.own("ada").host_muted);
    assert_eq!(story.heard(), [""; 0]);
    ask_outside(&mut story, admin(), Act::SeatKick { seat: seat(0), expect_rev: None }).unwrap();
    ask_outside(&mut story, admin(), kick("ada")).unwrap();
    assert_eq!(story.room.participants(), 3);
}

#[test]
fn a_back_end_gives_the_room_to_someone_at_once() {
    let mut story = Story::begun(SeatMode::Free);
    ask_outside(&mut story, admin(), Act::HostTransfer { to: id("ben") }).unwrap();
    assert_eq!((story.own("ben").rank, story.own("ada").rank), (Rank::Host, Rank::Cohost));
}

#[test]
fn from_outside_only_moderation_is_done() {
    let mut story = Story::begun(SeatMode::Free);
    for act in [take(1), raise(true), Act::Leave, Act::SeatMove { seat: seat(2), identity: None }, CONFIRM] {
        assert_eq!(refusal_outside(&mut story, admin(), act), Some(Refusal::InvalidArgument));
    }
    let myself = Act::SeatAssign { seat: seat(1), identity: id("console"), expect_rev: None };
    assert_eq!(refusal_outside(&mut story, admin(), myself), Some(Refusal::ParticipantNotFound));
    let myself = Act::SeatMove { seat: seat(1), identity: Some(id("console")) };
    assert_eq!(refusal_outside(&mut story, admin(), myself), Some(Refusal::ParticipantNotFound));
}

#[test]
fn without_being_an_admin_the_rooms_record_decides() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(refusal_outside(&mut story, known_as("eve"), lock(3, false)), Some(Refusal::Forbidden));
    assert_eq!(refusal_outside(&mut story, known_as("ben"), lock(3, false)), Some(Refusal::Forbidden));
    assert_eq!(refusal_outside(&mut story, known_as("cleo"), lock(3, false)), None);
    assert_eq!(refusal_outside(&mut story, known_as("cleo"), kick("ada")), Some(Refusal::Forbidden));
    story.act("cleo", Act::Leave);
    assert_eq!(refusal_outside(&mut story, known_as("cleo"), lock(4, false)), None, "a cohost without a socket");
    story.act("ada", Act::MemberBan { identity: id("cleo"), reason: None, lasts: None });
    assert_eq!(refusal_outside(&mut story, known_as("cleo"), lock(5, false)), Some(Refusal::Forbidden));
}

#[test]
fn a_cohost_who_was_kicked_and_denied_has_no_say_from_outside_either() {
    let mut story = Story::begun(SeatMode::Free);
    let denied = Act::MemberKick { identity: id("cleo"), deny: true, reason: None };
    story.ask("ada", denied).unwrap();
    assert_eq!(refusal_outside(&mut story, known_as("cleo"), lock(3, false)), Some(Refusal::Forbidden));
    story.after(seconds(120));
    let fresh = Outsider { token_age: Some(seconds(1)), ..known_as("cleo") };
    assert_eq!(refusal_outside(&mut story, fresh, lock(3, false)), None, "by a token that was issued since");
}

#[test]
fn a_host_who_is_away_can_hand_the_room_over_and_has_no_microphone_to_unmute() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::Leave);
    let unmute = Act::MemberUnmute { identity: id("ada") };
    assert_eq!(refusal_outside(&mut story, known_as("ada"), unmute), Some(Refusal::Forbidden));
    ask_outside(&mut story, known_as("ada"), Act::HostTransfer { to: id("cleo") }).unwrap();
    story.join("ada", Rank::Host);
    assert_eq!((story.own("cleo").rank, story.own("ada").rank), (Rank::Host, Rank::Cohost));
}

#[test]
fn every_act_of_everyone_from_outside_is_answered_also_by_those_who_are_away() {
    for name in ["ada", "cleo", "ben", "eve"] {
        for away in [false, true] {
            for target in ["ada", "cleo", "ben", "dan", "eve"] {
                let mut story = Story::begun(SeatMode::Free);
                story.act("dan", take(1));
                if away && name != "eve" {
                    story.act(name, Act::Leave);
                }
                let to = || id(target);
                for act in [
                    Act::SeatAssign { seat: seat(2), identity: to(), expect_rev: None },
                    Act::SeatMove { seat: seat(3), identity: Some(to()) },
                    Act::SeatSwap { seat: seat(1), with: seat(2) },
                    Act::InviteSend { identity: to(), seat: None, hold: true },
                    Act::InviteRevoke(InviteName::To(to())),
                    Act::MemberMute { identity: to(), lasts: None },
                    Act::MemberUnmute { identity: to() },
                    Act::MemberRank { identity: to(), rank: Rank::Cohost },
                    Act::HostTransfer { to: to() },
                    approve(target),
                    deny(target),
                    Act::HandNext,
                    Act::HandsLowerAll,
                    Act::MemberBan { identity: to(), reason: None, lasts: None },
                    Act::MemberUnban { identity: to() },
                    kick(target),
                ] {
                    for by in [known_as(name), Outsider { is_admin: true, ..known_as(name) }] {
                        let _answered = ask_outside(&mut story, by, act.clone());
                    }
                }
            }
        }
    }
}

#[test]
fn a_change_of_the_room_can_want_it_as_it_was_seen() {
    let mut story = Story::begun(SeatMode::Free);
    let seen = story.room.snapshot(&Viewer::Admin, story.now).seq;
    let change = || Act::RoomUpdate(RoomChange { hands: Some(false), ..RoomChange::default() });
    let seeing = |seq| Outsider { expect_seq: Some(seq), ..admin() };
    story.act("ben", take(1));
    assert_eq!(refusal_outside(&mut story, seeing(seen), change()), Some(Refusal::PreconditionFailed));
    assert!(story.room.snapshot(&Viewer::Admin, story.now).room.hands, "a refusal changes nothing");
    assert_eq!(refusal_outside(&mut story, seeing(seen + 1), change()), None);
}

#[test]
fn a_room_that_is_over_answers_so() {
    let mut story = Story::begun(SeatMode::Free);
    ask_outside(&mut story, admin(), Act::RoomClose { notice: Duration::ZERO }).unwrap();
    assert_eq!(refusal_outside(&mut story, admin(), lock(1, false)), Some(Refusal::RoomClosed));
}

#[test]
fn a_host_who_was_put_out_has_no_say_from_outside_whatever_the_token_allows() {
    let mut story = Story::begun(SeatMode::Free);
    let host = || Outsider { is_admin: true, is_person: true, ..known_as("ada") };
    let unban = |who: &str| Act::MemberUnban { identity: id(who) };
    assert_eq!(refusal_outside(&mut story, host(), unban("nobody")), None, "a host in good standing");
    ask_outside(&mut story, admin(), Act::MemberBan { identity: id("ada"), reason: None, lasts: None }).unwrap();
    assert_eq!(
        refusal_outside(&mut story, host(), unban("ada")),
        Some(Refusal::Forbidden),
        "nobody lifts their own ban"
    );
    ask_outside(&mut story, admin(), unban("ada")).unwrap();
    assert_eq!(refusal_outside(&mut story, host(), unban("nobody")), None);
}

#[test]
fn a_room_forgets_whom_it_is_told_to_forget() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::MemberBan { identity: id("eve"), reason: None, lasts: None });
    story.act("ada", Act::MemberMute { identity: id("ben"), lasts: None });
    story.act("ben", Act::Leave);
    story.act("ada", Act::Leave);
    let forget = |name: &str, keep_decisions| Input::Forget { who: id(name), keep_decisions };
    let now = story.now;
    assert!(story.room.handle(forget("ben", true), now).is_empty());
    assert!(story.room.decisions.mutes(&id("ben")) && !story.room.memory.knows(&id("ben")), "a mute may stay");
    let outputs = story.room.handle(forget("ben", false), now);
    assert!(matches!(&outputs[..], [Output::Tell { event: Event::MuteChanged { muted: false, .. }, .. }]));
    story.room.handle(forget("ada", false), now);
    assert!(!story.room.decisions.know(&id("ben")) && !story.room.memory.knows(&id("ada")));
    assert_eq!(story.room.bans_after(None, 9, story.now)[0].by, Identity::erased());
}

/// What the last words of an input say besides their code: whose, and the reason that was given.
fn last_words(outputs: &[Output]) -> Vec<(&'static str, Option<&str>)> {
    let words = |output| match output {
        &Output::Bye { reason, ref said, .. } => Some((reason.code(), said.as_deref())),
        _ => None,
    };
    outputs.iter().filter_map(words).collect()
}

#[test]
fn the_reason_for_a_kick_or_a_ban_reaches_the_person() {
    let because = |text: &str| Some(text.to_owned());
    let mut story = Story::begun(SeatMode::Free);
    let kick = |reason| Act::MemberKick { identity: id("ben"), deny: false, reason };
    assert_eq!(last_words(&story.act("ada", kick(because("Shouting")))), [("kicked", Some("Shouting"))]);
    story.join("ben", Rank::Member);
    assert_eq!(last_words(&story.act("ada", kick(None))), [("kicked", None)]);
    story.join("ben", Rank::Member);
    let asked = Input::Outside { by: admin(), act: kick(because("By the back end")) };
    assert_eq!(last_words(&story.room.handle(asked, story.now)), [("kicked", Some("By the back end"))]);

    story.join("ben", Rank::Member);
    let ban = Act::MemberBan { identity: id("ben"), reason: because("Again"), lasts: None };
    assert_eq!(last_words(&story.act("ada", ban)), [("banned", Some("Again"))]);
    assert_eq!(last_words(&story.join("ben", Rank::Member)), [("banned", Some("Again"))], "at the door, too");
    assert_eq!(last_words(&story.act("dan", Act::Leave)), [], "a leave has no last words");
}
