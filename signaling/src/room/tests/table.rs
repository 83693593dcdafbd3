//! The table: every command by every kind of person in every situation, with the one answer it has. Whatever is refused changes nothing.
//!
//! A row is a command and who asks: a host, a cohost, a member, or a listener, which is either someone whose token lets them neither speak nor
//! write, or someone hidden (both get the same answer, or else both are shown). A column is a situation. `-`: it cannot be.
//! The cells are short names of the wire's codes: [`short`].

use super::*;
use crate::ids::InviteId;

const WHO: [&str; 4] = ["host", "cohost", "member", "listener"];

/// Commands about seat 1, where hosts give the seats. kept: for tom, who is to confirm. kept+: for me. below, equal, above: someone of a lower,
/// the same, a higher rank sits there. mine: I sit there.
const SEATS: &str = "
command        who      open     locked   kept     kept+    below    equal    above    mine
take           host     ok       locked   reserved seated   occupied occupied -        seated
take           cohost   ok       locked   reserved seated   occupied occupied occupied seated
take           member   mode     mode     mode     seated   -        mode     mode     seated
take           listener no       no       no       -        -        no       no       -
take host's    host     ok       ok       ok       seated   ok       ok       -        seated
take host's    cohost   ok       ok       ok       seated   ok       ok       ok       seated
take host's    member   no       no       no       no       -        no       no       no
take host's    listener no       no       no       -        -        no       no       -
leave          host     seatless seatless seatless ok       seatless seatless -        ok
leave          cohost   seatless seatless seatless ok       seatless seatless seatless ok
leave          member   seatless seatless seatless ok       -        seatless seatless ok
leave          listener seatless seatless seatless -        -        seatless seatless -
confirm        host     seatless seatless seatless ok       seatless seatless -        seated
confirm        cohost   seatless seatless seatless ok       seatless seatless seatless seated
confirm        member   seatless seatless seatless ok       -        seatless seatless seated
confirm        listener seatless seatless seatless -        -        seatless seatless -
confirm other  host     seatless seatless seatless expired  seatless seatless -        seated
confirm other  cohost   seatless seatless seatless expired  seatless seatless seatless seated
confirm other  member   seatless seatless seatless expired  -        seatless seatless seated
confirm other  listener seatless seatless seatless -        -        seatless seatless -
decline        host     seatless seatless seatless ok       seatless seatless -        seated
decline        cohost   seatless seatless seatless ok       seatless seatless seatless seated
decline        member   seatless seatless seatless ok       -        seatless seatless seated
decline        listener seatless seatless seatless -        -        seatless seatless -
move           host     seatless seatless seatless seatless seatless seatless -        ok
move           cohost   seatless seatless seatless seatless seatless seatless seatless ok
move           member   seatless seatless seatless seatless -        seatless seatless ok
move           listener seatless seatless seatless -        -        seatless seatless -
swap           host     seatless seatless seatless seatless seatless seatless -        seatless
swap           cohost   seatless seatless seatless seatless seatless seatless seatless seatless
swap           member   seatless seatless seatless seatless -        seatless seatless seatless
swap           listener seatless seatless seatless -        -        seatless seatless -
swap itself    host     invalid  invalid  invalid  invalid  invalid  invalid  -        invalid
swap itself    cohost   invalid  invalid  invalid  invalid  invalid  invalid  invalid  invalid
swap itself    member   invalid  invalid  invalid  invalid  -        invalid  invalid  invalid
swap itself    listener invalid  invalid  invalid  -        -        invalid  invalid  -
assign         host     ok       locked   reserved reserved occupied occupied -        occupied
assign         cohost   ok       locked   reserved reserved occupied occupied occupied occupied
assign         member   no       no       no       no       -        no       no       no
assign         listener no       no       no       -        -        no       no       -
assign myself  host     ok       locked   reserved seated   occupied occupied -        seated
assign myself  cohost   ok       locked   reserved seated   occupied occupied occupied seated
assign myself  member   no       no       no       no       -        no       no       no
assign myself  listener no       no       no       -        -        no       no       -
lock           host     ok       ok       ok       ok       occupied no       -        occupied
lock           cohost   ok       ok       ok       ok       occupied no       no       occupied
lock           member   no       no       no       no       -        no       no       no
lock           listener no       no       no       -        -        no       no       -
evict          host     ok       ok       ok       ok       ok       no       -        ok
evict          cohost   ok       ok       ok       ok       ok       no       no       ok
evict          member   no       no       no       no       -        no       no       no
evict          listener no       no       no       -        -        no       no       -
unlock         host     ok       ok       ok       ok       ok       ok       -        ok
unlock         cohost   ok       ok       ok       ok       ok       ok       ok       ok
unlock         member   no       no       no       no       -        no       no       no
unlock         listener no       no       no       -        -        no       no       -
mute           host     ok       ok       ok       ok       ok       no       -        ok
mute           cohost   ok       ok       ok       ok       ok       no       no       ok
mute           member   no       no       no       no       -        no       no       no
mute           listener no       no       no       -        -        no       no       -
unmute         host     ok       ok       ok       ok       ok       no       -        ok
unmute         cohost   ok       ok       ok       ok       ok       no       no       ok
unmute         member   no       no       no       no       -        no       no       no
unmute         listener no       no       no       -        -        no       no       -
kick off       host     ok       ok       ok       ok       ok       no       -        ok
kick off       cohost   ok       ok       ok       ok       ok       no       no       ok
kick off       member   no       no       no       no       -        no       no       no
kick off       listener no       no       no       -        -        no       no       -
stale rev      host     rev      rev      rev      rev      rev      no       -        rev
stale rev      cohost   rev      rev      rev      rev      rev      no       no       rev
stale rev      member   no       no       no       no       -        no       no       no
stale rev      listener no       no       no       -        -        no       no       -
no such seat   host     no seat  no seat  no seat  no seat  no seat  no seat  -        no seat
no such seat   cohost   no seat  no seat  no seat  no seat  no seat  no seat  no seat  no seat
no such seat   member   no       no       no       no       -        no       no       no
no such seat   listener no       no       no       -        -        no       no       -
";

/// Commands about someone else. stranger: nobody has ever seen them. left: they were here. The next are tom's, a member: he has nothing; his
/// hand is up; he was approved and is to confirm; he sits; he is invited. equal, above: someone of my rank, or a higher one. me: myself.
const PEOPLE: &str = "
command        who      stranger left     tom      hand     approved seated   invited  equal    above    me
approve        host     nobody   gone     gone     ok       handled  handled  gone     no       -        no
approve        cohost   nobody   gone     gone     ok       handled  handled  gone     no       no       no
approve        member   no       no       no       no       no       no       no       no       no       no
approve        listener no       no       no       no       no       no       no       no       no       no
deny           host     nobody   gone     gone     ok       handled  handled  gone     no       -        no
deny           cohost   nobody   gone     gone     ok       handled  handled  gone     no       no       no
deny           member   no       no       no       no       no       no       no       no       no       no
deny           listener no       no       no       no       no       no       no       no       no       no
move           host     nobody   nobody   seatless seatless seatless ok       seatless no       -        seatless
move           cohost   nobody   nobody   seatless seatless seatless ok       seatless no       no       seatless
move           member   no       no       no       no       no       no       no       no       no       seatless
move           listener no       no       no       no       no       no       no       no       no       seatless
assign         host     nobody   nobody   ok       ok       seated   seated   ok       no       -        ok
assign         cohost   nobody   nobody   ok       ok       seated   seated   ok       no       no       ok
assign         member   no       no       no       no       no       no       no       no       no       no
assign         listener no       no       no       no       no       no       no       no       no       no
invite         host     nobody   nobody   ok       ok       seated   seated   ok       seated   -        invalid
invite         cohost   nobody   nobody   ok       ok       seated   seated   ok       seated   seated   invalid
invite         member   no       no       no       no       no       no       no       no       no       no
invite         listener no       no       no       no       no       no       no       no       no       no
invite, hold   host     nobody   nobody   ok       ok       seated   seated   ok       seated   -        invalid
invite, hold   cohost   nobody   nobody   ok       ok       seated   seated   ok       seated   seated   invalid
invite, hold   member   no       no       no       no       no       no       no       no       no       no
invite, hold   listener no       no       no       no       no       no       no       no       no       no
revoke         host     ok       ok       ok       ok       ok       ok       ok       ok       -        ok
revoke         cohost   ok       ok       ok       ok       ok       ok       ok       ok       ok       ok
revoke         member   no       no       no       no       no       no       no       no       no       no
revoke         listener no       no       no       no       no       no       no       no       no       no
mute           host     nobody   ok       ok       ok       ok       ok       ok       no       -        no
mute           cohost   nobody   ok       ok       ok       ok       ok       ok       no       no       no
mute           member   no       no       no       no       no       no       no       no       no       no
mute           listener no       no       no       no       no       no       no       no       no       no
unmute         host     nobody   ok       ok       ok       ok       ok       ok       no       -        ok
unmute         cohost   nobody   ok       ok       ok       ok       ok       ok       no       no       no
unmute         member   no       no       no       no       no       no       no       no       no       no
unmute         listener no       no       no       no       no       no       no       no       no       no
kick           host     nobody   ok       ok       ok       ok       ok       ok       no       -        no
kick           cohost   nobody   ok       ok       ok       ok       ok       ok       no       no       no
kick           member   no       no       no       no       no       no       no       no       no       no
kick           listener no       no       no       no       no       no       no       no       no       no
ban            host     ok       ok       ok       ok       ok       ok       ok       no       -        no
ban            cohost   no       no       no       no       no       no       no       no       no       no
ban            member   no       no       no       no       no       no       no       no       no       no
ban            listener no       no       no       no       no       no       no       no       no       no
unban          host     ok       ok       ok       ok       ok       ok       ok       ok       -        ok
unban          cohost   no       no       no       no       no       no       no       no       no       no
unban          member   no       no       no       no       no       no       no       no       no       no
unban          listener no       no       no       no       no       no       no       no       no       no
make member    host     nobody   ok       ok       ok       ok       ok       ok       no       -        no
make member    cohost   no       no       no       no       no       no       no       no       no       no
make member    member   no       no       no       no       no       no       no       no       no       no
make member    listener no       no       no       no       no       no       no       no       no       no
make cohost    host     nobody   ok       ok       ok       ok       ok       ok       no       -        no
make cohost    cohost   no       no       no       no       no       no       no       no       no       no
make cohost    member   no       no       no       no       no       no       no       no       no       no
make cohost    listener no       no       no       no       no       no       no       no       no       no
make host      host     no       no       no       no       no       no       no       no       -        no
make host      cohost   no       no       no       no       no       no       no       no       no       no
make host      member   no       no       no       no       no       no       no       no       no       no
make host      listener no       no       no       no       no       no       no       no       no       no
hand over      host     nobody   nobody   pending  pending  pending  pending  pending  no       -        invalid
hand over      cohost   no       no       no       no       no       no       no       no       no       no
hand over      member   no       no       no       no       no       no       no       no       no       no
hand over      listener no       no       no       no       no       no       no       no       no       no
";

/// Commands about oneself and about the room. hand: my hand is up. invited: I am invited. offered: the room is offered to me. cooling: my hand was
/// just turned down. off: hands are off. The others are phases of the room.
const ROOM: &str = "
command        who      live     hand     invited  offered  cooling  off      scheduled hostless closing  closed
raise          host     ok       ok       ok       -        -        no       ok       -        ok       closed
raise          cohost   ok       ok       ok       -        later    no       ok       ok       ok       closed
raise          member   ok       ok       ok       ok       later    no       -        ok       ok       closed
raise          listener no       no       no       no       -        no       -        no       no       closed
lower          host     gone     ok       gone     -        -        gone     gone     -        gone     closed
lower          cohost   gone     ok       gone     -        handled  gone     gone     gone     gone     closed
lower          member   gone     ok       gone     gone     handled  gone     -        gone     gone     closed
lower          listener gone     gone     gone     gone     -        gone     -        gone     gone     closed
next hand      host     gone     ok       gone     -        -        gone     gone     -        gone     closed
next hand      cohost   gone     ok       gone     -        gone     gone     gone     gone     gone     closed
next hand      member   no       no       no       no       no       no       -        no       no       closed
next hand      listener no       no       no       no       -        no       -        no       no       closed
lower all      host     ok       ok       ok       -        -        ok       ok       -        ok       closed
lower all      cohost   ok       ok       ok       -        ok       ok       ok       ok       ok       closed
lower all      member   no       no       no       no       no       no       -        no       no       closed
lower all      listener no       no       no       no       -        no       -        no       no       closed
accept invite  host     expired  expired  ok       -        -        expired  expired  -        expired  closed
accept invite  cohost   expired  expired  ok       -        expired  expired  expired  expired  expired  closed
accept invite  member   expired  expired  ok       expired  expired  expired  -        expired  expired  closed
accept invite  listener expired  expired  expired  expired  -        expired  -        expired  expired  closed
accept another host     expired  expired  no       -        -        expired  expired  -        expired  closed
accept another cohost   expired  expired  no       -        expired  expired  expired  expired  expired  closed
accept another member   expired  expired  no       expired  expired  expired  -        expired  expired  closed
accept another listener expired  expired  no       expired  -        expired  -        expired  expired  closed
decline invite host     expired  expired  ok       -        -        expired  expired  -        expired  closed
decline invite cohost   expired  expired  ok       -        expired  expired  expired  expired  expired  closed
decline invite member   expired  expired  ok       expired  expired  expired  -        expired  expired  closed
decline invite listener expired  expired  expired  expired  -        expired  -        expired  expired  closed
accept room    host     expired  expired  expired  -        -        expired  expired  -        expired  closed
accept room    cohost   expired  expired  expired  -        expired  expired  expired  expired  expired  closed
accept room    member   expired  expired  expired  ok       expired  expired  -        expired  expired  closed
accept room    listener expired  expired  expired  ok       -        expired  -        expired  expired  closed
decline room   host     expired  expired  expired  -        -        expired  expired  -        expired  closed
decline room   cohost   expired  expired  expired  -        expired  expired  expired  expired  expired  closed
decline room   member   expired  expired  expired  ok       expired  expired  -        expired  expired  closed
decline room   listener expired  expired  expired  ok       -        expired  -        expired  expired  closed
unmute myself  host     ok       ok       ok       -        -        ok       ok       -        ok       closed
unmute myself  cohost   ok       ok       ok       -        ok       ok       ok       ok       ok       closed
unmute myself  member   ok       ok       ok       ok       ok       ok       -        ok       ok       closed
unmute myself  listener ok       ok       ok       ok       -        ok       -        ok       ok       closed
prefs          host     ok       ok       ok       -        -        ok       ok       -        ok       closed
prefs          cohost   ok       ok       ok       -        ok       ok       ok       ok       ok       closed
prefs          member   ok       ok       ok       ok       ok       ok       -        ok       ok       closed
prefs          listener ok       ok       ok       ok       -        ok       -        ok       ok       closed
react          host     ok       ok       ok       -        -        ok       ok       -        ok       closed
react          cohost   ok       ok       ok       -        ok       ok       ok       ok       ok       closed
react          member   ok       ok       ok       ok       ok       ok       -        ok       ok       closed
react          listener no       no       no       no       -        no       -        no       no       closed
write          host     ok       ok       ok       -        -        ok       ok       -        ok       closed
write          cohost   ok       ok       ok       -        ok       ok       ok       ok       ok       closed
write          member   ok       ok       ok       ok       ok       ok       -        ok       ok       closed
write          listener no       no       no       no       -        no       -        no       no       closed
update         host     ok       ok       ok       -        -        ok       ok       -        ok       closed
update         cohost   no       no       no       -        no       no       no       no       no       closed
update         member   no       no       no       no       no       no       -        no       no       closed
update         listener no       no       no       no       -        no       -        no       no       closed
update nothing host     invalid  invalid  invalid  -        -        invalid  invalid  -        invalid  closed
update nothing cohost   no       no       no       -        no       no       no       no       no       closed
update nothing member   no       no       no       no       no       no       -        no       no       closed
update nothing listener no       no       no       no       -        no       -        no       no       closed
go live        host     ok       ok       ok       -        -        ok       ok       -        ok       closed
go live        cohost   no       no       no       -        no       no       no       no       no       closed
go live        member   no       no       no       no       no       no       -        no       no       closed
go live        listener no       no       no       no       -        no       -        no       no       closed
close          host     ok       ok       ok       -        -        ok       ok       -        ok       closed
close          cohost   no       no       no       -        no       no       no       no       no       closed
close          member   no       no       no       no       no       no       -        no       no       closed
close          listener no       no       no       no       -        no       -        no       no       closed
leave          host     ok       ok       ok       -        -        ok       ok       -        ok       closed
leave          cohost   ok       ok       ok       -        ok       ok       ok       ok       ok       closed
leave          member   ok       ok       ok       ok       ok       ok       -        ok       ok       closed
leave          listener ok       ok       ok       ok       -        ok       -        ok       ok       closed
";

#[test]
fn commands_about_seats() {
    check(SEATS, &["open", "locked", "kept", "kept+", "below", "equal", "above", "mine"], |_, _| seat_commands());
}

#[test]
fn commands_about_people() {
    let situations = ["stranger", "left", "tom", "hand", "approved", "seated", "invited", "equal", "above", "me"];
    check(PEOPLE, &situations, |who, situation| people_commands(&id(target(who, situation))));
}

#[test]
fn commands_about_oneself_and_the_room() {
    let situations =
        ["live", "hand", "invited", "offered", "cooling", "off", "scheduled", "hostless", "closing", "closed"];
    check(ROOM, &situations, |_, _| room_commands());
}

type Commands = Vec<(&'static str, Act)>;

fn check(table: &str, situations: &[&str], commands: impl Fn(&str, &str) -> Commands) {
    let head: String = situations.iter().map(|situation| format!(" {situation:<8}")).collect();
    let mut actual = format!("\n{:<14} {:<8}{head}", "command", "who").trim_end().to_owned() + "\n";
    for place in 0..commands(WHO[0], situations[0]).len() {
        for who in WHO {
            let cells = situations.iter().map(|situation| {
                let act = &commands(who, situation)[place].1;
                format!(" {:<8}", answer(who, situation, act))
            });
            let name = commands(who, situations[0])[place].0;
            actual += format!("{name:<14} {who:<8}{}", cells.collect::<String>()).trim_end();
            actual += "\n";
        }
    }
    let differing = actual.lines().zip(table.lines()).filter(|(is, should)| is != should);
    let differing: Vec<_> = differing.map(|(is, should)| format!("is      {is}\nshould  {should}")).collect();
    assert!(actual == table, "{}\nthe whole of it:{actual}", differing.join("\n"));
}

/// What someone is answered in a situation. Of the two kinds of listeners both are asked.
fn answer(who: &str, situation: &str, act: &Act) -> String {
    let answers = if who == "listener" { ["silent", "hidden"] } else { [who, who] }.map(|who| ask(who, situation, act));
    if answers[0] == answers[1] { answers[0].to_owned() } else { answers.join("/") }
}

fn ask(who: &str, situation: &str, act: &Act) -> &'static str {
    let Some(mut story) = arrange(who, situation) else {
        return "-";
    };
    let before = story.room.snapshot(&Viewer::Admin, story.now);
    let outputs = story.act("me", act.clone());
    match reply_of(&outputs) {
        Ok(Done { pending: true, .. }) => "pending",
        Ok(_) => "ok",
        Err(refused) => {
            let after = story.room.snapshot(&Viewer::Admin, story.now);
            assert_eq!((after, outputs.len()), (before, 1), "{act:?} of a {who} was refused in {situation}");
            short(refused.refusal)
        }
    }
}

/// The code of a refusal in at most eight letters.
fn short(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Forbidden => "no",
        Refusal::SeatNotFound => "no seat",
        Refusal::SeatOccupied => "occupied",
        Refusal::SeatReserved => "reserved",
        Refusal::SeatLocked => "locked",
        Refusal::AlreadySeated => "seated",
        Refusal::NotSeated => "seatless",
        Refusal::WrongSeatMode => "mode",
        Refusal::RevConflict => "rev",
        Refusal::ParticipantNotFound => "nobody",
        Refusal::HandGone => "gone",
        Refusal::HandAlreadyHandled => "handled",
        Refusal::OfferExpired => "expired",
        Refusal::InvalidArgument => "invalid",
        Refusal::RateLimited => "later",
        Refusal::RoomClosed => "closed",
        other => other.code(),
    }
}

fn rank_of(who: &str) -> Rank {
    match who {
        "host" => Rank::Host,
        "cohost" => Rank::Cohost,
        _ => Rank::Member,
    }
}

/// Whom a command is about, by the situation.
fn target(who: &str, situation: &str) -> &'static str {
    match situation {
        "stranger" => "nobody",
        "left" => "lee",
        "equal" | "above" => other(who, situation).unwrap_or("tom"),
        "me" => "me",
        _ => "tom",
    }
}

/// Someone whose rank stands so to the caller's.
fn other(who: &str, relation: &str) -> Option<&'static str> {
    match (rank_of(who), relation) {
        (Rank::Host, "below") | (Rank::Cohost, "equal") | (Rank::Member, "above") => Some("cora"),
        (Rank::Host, "equal") | (Rank::Cohost, "above") => Some("boss"),
        (Rank::Cohost, "below") | (Rank::Member, "equal") => Some("mel"),
        _ => None,
    }
}

/// A room with a host (boss), a cohost (cora), three members (mel, ned, tom), someone who has left (lee), and me; brought into a situation.
fn arrange(who: &str, situation: &str) -> Option<Story> {
    let opens_in = (situation == "scheduled").then_some(seconds(60));
    let mut story = Story::with(Settings { opens_in, ..Settings::default() });
    story.join("boss", Rank::Host);
    story.join("cora", Rank::Cohost);
    if situation != "scheduled" {
        story.join("mel", Rank::Member);
        story.join("ned", Rank::Member);
        story.join("tom", Rank::Member);
        story.join("lee", Rank::Member);
        story.act("lee", Act::Leave);
    } else if !rank_of(who).is_moderator() {
        return None;
    }
    let join = story.arrival("me", rank_of(who));
    let silent = who == "silent";
    story.enter(Join { can_publish: !silent, can_publish_data: !silent, hidden: who == "hidden", ..join });
    bring(&mut story, who, situation).then_some(story)
}

/// Brings the room into the situation, if it can be.
fn bring(story: &mut Story, who: &str, situation: &str) -> bool {
    let speaks = who != "silent" && who != "hidden";
    let change = RoomChange::default();
    match situation {
        "open" | "stranger" | "left" | "tom" | "me" | "live" | "scheduled" => {}
        "locked" => drop(story.act("boss", lock(1, false))),
        "kept" | "approved" => {
            story.act("tom", raise(false));
            story.act("boss", approve("tom"));
        }
        "kept+" => {
            story.act("boss", update(RoomChange { auto_offer: Some(true), ..change.clone() }));
            story.act("me", raise(false));
            story.act("boss", update(RoomChange { auto_offer: Some(false), ..change }));
            return speaks;
        }
        "seated" => sit(story, "tom"),
        "mine" => {
            sit(story, "me");
            return speaks;
        }
        "below" | "equal" | "above" => {
            let Some(name) = other(who, situation) else { return false };
            sit(story, name);
        }
        "hand" | "invited" | "offered" | "cooling" => return ask_for_word(story, who, situation),
        "off" => drop(story.act("boss", update(RoomChange { hands: Some(false), ..change }))),
        "hostless" => {
            story.act("boss", Act::Leave);
            return who != "host";
        }
        "closing" => drop(story.act("boss", Act::RoomClose { notice: seconds(30) })),
        "closed" => drop(story.act("boss", Act::RoomClose { notice: Duration::ZERO })),
        unknown => panic!("no such situation: {unknown}"),
    }
    true
}

/// Hands, invites and offers: tom's and, where they can be, mine.
fn ask_for_word(story: &mut Story, who: &str, situation: &str) -> bool {
    let speaks = who != "silent" && who != "hidden";
    match situation {
        "hand" => {
            story.act("tom", raise(true));
            story.act("me", raise(true));
            true
        }
        "cooling" => {
            story.act("me", raise(true));
            story.act("boss", deny("me"));
            speaks && who != "host"
        }
        "invited" => {
            for name in ["tom", "me"] {
                story.act("cora", Act::InviteSend { identity: id(name), seat: None, hold: false });
            }
            true
        }
        _ => {
            story.act("boss", Act::HostTransfer { to: id("me") });
            !rank_of(who).is_moderator()
        }
    }
}

/// Puts someone on seat 1 as their rank would.
fn sit(story: &mut Story, name: &str) {
    if story.own(name).rank == Rank::Member {
        story.act(name, raise_for(1, true));
        story.act("boss", approve(name));
    } else {
        story.act(name, take(1));
    }
}

fn seat_commands() -> Commands {
    let (one, three) = (seat(1), seat(3));
    vec![
        ("take", take(1)),
        ("take host's", take(0)),
        ("leave", Act::SeatLeave),
        ("confirm", CONFIRM),
        ("confirm other", Act::SeatConfirm { seat: Some(three) }),
        ("decline", DECLINE),
        ("move", Act::SeatMove { seat: three, identity: None }),
        ("swap", Act::SeatSwap { seat: one, with: three }),
        ("swap itself", Act::SeatSwap { seat: one, with: one }),
        ("assign", Act::SeatAssign { seat: one, identity: id("ned"), expect_rev: None }),
        ("assign myself", Act::SeatAssign { seat: one, identity: id("me"), expect_rev: None }),
        ("lock", lock(1, false)),
        ("evict", lock(1, true)),
        ("unlock", Act::SeatUnlock { seat: one, expect_rev: None }),
        ("mute", Act::SeatMute { seat: one, expect_rev: None }),
        ("unmute", Act::SeatUnmute { seat: one, expect_rev: None }),
        ("kick off", Act::SeatKick { seat: one, expect_rev: None }),
        ("stale rev", Act::SeatKick { seat: one, expect_rev: Some(99) }),
        ("no such seat", Act::SeatKick { seat: seat(9), expect_rev: None }),
    ]
}

fn people_commands(who: &Identity) -> Commands {
    let identity = who.clone();
    let rank = |rank| Act::MemberRank { identity: who.clone(), rank };
    vec![
        ("approve", Act::HandApprove { identity: identity.clone() }),
        ("deny", Act::HandDeny { identity: identity.clone() }),
        ("move", Act::SeatMove { seat: seat(3), identity: Some(identity.clone()) }),
        ("assign", Act::SeatAssign { seat: seat(3), identity: identity.clone(), expect_rev: None }),
        ("invite", Act::InviteSend { identity: identity.clone(), seat: None, hold: false }),
        ("invite, hold", Act::InviteSend { identity: identity.clone(), seat: Some(seat(3)), hold: true }),
        ("revoke", Act::InviteRevoke(InviteName::To(identity.clone()))),
        ("mute", Act::MemberMute { identity: identity.clone(), lasts: None }),
        ("unmute", Act::MemberUnmute { identity: identity.clone() }),
        ("kick", Act::MemberKick { identity: identity.clone(), deny: true, reason: None }),
        ("ban", Act::MemberBan { identity: identity.clone(), reason: None, lasts: None }),
        ("unban", Act::MemberUnban { identity: identity.clone() }),
        ("make member", rank(Rank::Member)),
        ("make cohost", rank(Rank::Cohost)),
        ("make host", rank(Rank::Host)),
        ("hand over", Act::HostTransfer { to: identity }),
    ]
}

fn room_commands() -> Commands {
    let change = RoomChange::default();
    vec![
        ("raise", raise(false)),
        ("lower", Act::HandLower),
        ("next hand", Act::HandNext),
        ("lower all", Act::HandsLowerAll),
        ("accept invite", Act::InviteAccept { invite: None }),
        ("accept another", Act::InviteAccept { invite: Some(InviteId(1)) }),
        ("decline invite", Act::InviteDecline { invite: None }),
        ("accept room", Act::HostAccept),
        ("decline room", Act::HostDecline),
        ("unmute myself", Act::MuteSelf { muted: false }),
        ("prefs", Act::Prefs { do_not_invite: Some(true) }),
        ("react", Act::Reaction { kind: "wave".to_owned() }),
        ("write", Act::Message { text: "hello".to_owned() }),
        ("update", update(RoomChange { seat_mode: Some(SeatMode::Free), ..change.clone() })),
        ("update nothing", update(change.clone())),
        ("go live", update(RoomChange { go_live: true, ..change })),
        ("close", Act::RoomClose { notice: seconds(30) }),
        ("leave", Act::Leave),
    ]
}
