//! The record: a room goes on after a restart, with those who come back.

use super::*;

/// What is written down, by key.
#[derive(Default)]
struct Disk(BTreeMap<String, String>);

impl Disk {
    fn write(&mut self, changes: Vec<Change>) -> Vec<String> {
        let mut keys = Vec::new();
        for Change { key, value } in changes {
            match value {
                Some(text) => drop(self.0.insert(key.clone(), text)),
                None => drop(self.0.remove(&key)),
            }
            keys.push(key);
        }
        keys
    }

    fn rows(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(key, text)| (key.clone(), text.clone())).collect()
    }
}

/// A story with everything written down that is to be.
struct Kept {
    story: Story,
    calendar: Calendar,
    disk: Disk,
}

impl Kept {
    fn with(settings: Settings) -> Self {
        let story = Story::with(settings);
        let calendar = Calendar { now: story.now, unix_ms: 1_790_000_000_000 };
        Self { story, calendar, disk: Disk::default() }
    }

    fn begun(settings: Settings) -> Self {
        let mut kept = Self::with(settings);
        kept.story.join("ada", Rank::Host);
        kept.story.join("cleo", Rank::Cohost);
        kept.story.join("ben", Rank::Member);
        kept.story.join("dan", Rank::Member);
        kept.story.after(seconds(5));
        kept
    }

    /// Writes down what has changed; gives the keys.
    fn write(&mut self) -> Vec<String> {
        let changes = self.story.room.take_changes(&self.calendar);
        self.disk.write(changes)
    }

    /// The process is killed, and after a while another one goes on.
    fn restart(&mut self, away: Duration) {
        self.write();
        self.story.now += away;
        // The new process counts from another moment.
        self.calendar = Calendar { now: self.story.now, unix_ms: self.calendar.date(self.story.now) };
        self.story.room = self.restored(&self.disk.rows()).unwrap();
    }

    fn restored(&self, rows: &[(String, String)]) -> Result<Room, RecordError> {
        Room::restore(RoomId::parse("demo").unwrap(), Settings::default(), rows, &self.calendar, self.story.now)
    }

    fn phase(&self) -> Phase {
        self.story.room.snapshot(&Viewer::Admin, self.story.now).room.phase
    }
}

fn free() -> Settings {
    Settings { seat_mode: SeatMode::Free, ..Settings::default() }
}

#[test]
fn the_audience_writes_nothing() {
    let mut kept = Kept::with(free());
    assert_eq!(kept.write(), ["room"]);
    for number in 0..5_000 {
        kept.story.join(&format!("p{number}"), Rank::Member);
        assert_eq!(kept.write(), [""; 0]);
    }
    kept.story.act("p7", Act::Reaction { kind: "wave".to_owned() });
    kept.story.detached("p8");
    kept.story.interrupted("p9");
    kept.story.media(MediaFact::Slots { session: kept.story.session("p10"), slots: Vec::new() });
    kept.story.act("p11", Act::Leave);
    kept.story.after(seconds(40));
    assert_eq!(kept.write(), [""; 0]);
    assert_eq!(kept.story.room.participants(), 4_998);
}

#[test]
fn only_what_has_changed_is_written() {
    let mut kept = Kept::begun(free());
    assert_eq!(kept.write(), ["room", "person:ada", "person:cleo"]);
    kept.story.act("ben", take(1));
    assert_eq!(kept.write(), ["room", "person:ben"]);
    kept.story.act("ada", Act::MemberBan { identity: id("ben"), reason: None, lasts: None });
    assert_eq!(kept.write(), ["ban:ben", "room", "person:ben"]);
    kept.story.act("ada", Act::MemberUnban { identity: id("ben") });
    assert_eq!(kept.write(), ["ban:ben", "room"]);
    assert_eq!(kept.disk.0.keys().collect::<Vec<_>>(), ["person:ada", "person:cleo", "room"]);
    kept.story.act("ada", Act::RoomClose { notice: Duration::ZERO });
    assert_eq!(kept.write(), [""; 0], "a room that is over goes as a whole");
}

#[test]
fn whoever_comes_back_has_everything_back_whatever_becomes_of_second_sessions() {
    for duplicates in [Duplicates::Takeover, Duplicates::Reject, Duplicates::Allow] {
        let mut kept = Kept::begun(Settings { duplicates, ..free() });
        kept.story.act("ben", take(2));
        kept.story.act("ada", Act::SeatMute { seat: seat(2), expect_rev: None });
        kept.story.act("ada", Act::MemberMute { identity: id("ben"), lasts: None });
        kept.story.act("dan", raise_for(3, true));
        let (rev, seq) = (kept.story.seat(2).rev, kept.story.room.seq);
        kept.restart(seconds(3));
        assert_eq!(kept.story.seat_is(2), "reserved ben");
        assert_eq!(kept.story.seat(2).rev, rev + 1);
        assert_eq!(kept.story.room.seq, seq, "nothing was told yet");
        assert_eq!(kept.story.heard(), [""; 0]);
        assert_eq!(kept.story.hands(), ["dan"]);
        let outputs = kept.story.join("ben", Rank::Member);
        assert_eq!(causes(&outputs), ["taken_over"]);
        assert_eq!(kept.story.seat_is(2), "occupied ben");
        assert!(kept.story.seat(2).muted_by_host);
        assert!(kept.story.own("ben").host_muted);
        kept.story.join("dan", Rank::Host);
        assert_eq!(kept.story.own("dan").rank, Rank::Member, "the record's rank counts, and not the token's");
        assert_eq!(kept.story.own("dan").hand.unwrap().wanted_seat, Some(seat(3)));
        kept.story.join("ada", Rank::Member);
        assert_eq!(kept.story.own("ada").rank, Rank::Host);
        assert_eq!(kept.phase(), Phase::Live);
    }
}

#[test]
fn plans_go_on_where_they_were() {
    let mut kept = Kept::begun(free());
    let revision = plan_of(&kept.story.act("ben", take(2))).unwrap().revision;
    kept.restart(seconds(3));
    assert_eq!(plan_of(&kept.story.after(seconds(1))), None);
    let outputs = kept.story.join("ben", Rank::Member);
    let plan = plan_of(&outputs).unwrap();
    assert_eq!((plan.revision, plan.seats.len()), (revision + 1, 1));
    assert_eq!(plan.seats[0].csrc.get(), 2, "an occupancy id is not given twice");
}

#[test]
fn whoever_does_not_come_back_loses_their_seat_as_by_a_lost_connection() {
    let mut kept = Kept::begun(free());
    kept.story.act("ben", take(2));
    kept.restart(seconds(3));
    assert_eq!(causes(&kept.story.after(seconds(14))), [""; 0]);
    assert_eq!(causes(&kept.story.after(seconds(2))), ["lost"]);
    assert_eq!(kept.story.room.participants(), 3, "ada, cleo and ben, who may still come back");
    kept.story.join("dan", Rank::Member);
    kept.story.after(seconds(15));
    assert_eq!(kept.story.room.participants(), 1);
    assert_eq!(kept.phase(), Phase::Hostless);
}

#[test]
fn a_seat_that_was_about_to_be_given_up_is_kept_a_little_longer() {
    let mut kept = Kept::begun(Settings::default());
    kept.story.act("ben", raise(false));
    kept.story.act("ada", approve("ben"));
    kept.restart(seconds(60));
    let SeatViewState::Reserved { why, expires_in, .. } = kept.story.seat(1).state else { panic!("kept") };
    assert_eq!((why, expires_in), (ReservedWhy::Approved, seconds(5)));
    kept.story.join("ben", Rank::Member);
    kept.story.ask("ben", CONFIRM).unwrap();
    assert_eq!(kept.story.seat_is(1), "occupied ben");
}

#[test]
fn a_room_is_hostless_only_when_its_hosts_time_to_come_back_is_over() {
    let mut kept = Kept::begun(free());
    kept.restart(seconds(600));
    kept.story.join("dan", Rank::Member);
    kept.story.after(seconds(29));
    assert_eq!(kept.phase(), Phase::Live);
    kept.story.after(seconds(2));
    assert_eq!(kept.phase(), Phase::Hostless);
    kept.story.join("ada", Rank::Member);
    assert_eq!((kept.phase(), kept.story.own("ada").rank), (Phase::Live, Rank::Host));
}

#[test]
fn an_empty_room_has_its_time_once_more() {
    let mut kept = Kept::with(free());
    kept.story.join("ben", Rank::Member);
    kept.restart(seconds(3));
    assert_eq!(kept.story.room.participants(), 0);
    kept.story.after(seconds(299));
    assert!(!kept.story.room.is_closed());
    kept.story.after(seconds(2));
    assert!(kept.story.room.is_closed());
}

#[test]
fn a_scheduled_room_opens_at_its_time() {
    let mut kept = Kept::with(Settings { opens_in: Some(seconds(1_000)), ..free() });
    kept.restart(seconds(900));
    assert_eq!(kept.phase(), Phase::Scheduled);
    kept.story.after(seconds(100));
    assert_eq!(kept.phase(), Phase::Live);
    kept.story.after(seconds(299));
    assert!(!kept.story.room.is_closed());
}

#[test]
fn what_was_due_in_the_meantime_happens_at_once() {
    let mut kept = Kept::begun(Settings { turn: Some(seconds(60)), ..free() });
    kept.story.act("ben", take(1));
    kept.story.act("dan", raise(false));
    kept.restart(seconds(1_000));
    let outputs = kept.story.room.handle(Input::Timeout, kept.story.now);
    assert_eq!(causes(&outputs), ["turn_over"]);
    assert_eq!(hand_changes(&outputs), ["expired"]);
}

#[test]
fn the_departed_are_remembered_if_there_is_something_to_remember() {
    let mut kept = Kept::begun(free());
    kept.story.act("ada", Act::MemberRank { identity: id("cleo"), rank: Rank::Member });
    kept.story.act("ada", Act::MemberMute { identity: id("ben"), lasts: None });
    for name in ["cleo", "ben", "dan"] {
        kept.story.act(name, Act::Leave);
    }
    kept.restart(seconds(3));
    assert_eq!(kept.disk.0.keys().collect::<Vec<_>>(), ["mute:ben", "person:ada", "person:cleo", "rank:cleo", "room"]);
    kept.story.join("cleo", Rank::Host);
    assert_eq!(kept.story.own("cleo").rank, Rank::Member, "what the room took, no token gives back");
    kept.story.join("ben", Rank::Member);
    assert!(kept.story.own("ben").host_muted);
}

#[test]
fn bans_and_denied_tokens_outlive_a_restart() {
    let mut kept = Kept::begun(free());
    kept.story.act("ada", Act::MemberBan { identity: id("ben"), reason: Some("noise".to_owned()), lasts: None });
    kept.story.act("ada", Act::MemberKick { identity: id("dan"), deny: true, reason: None });
    let bans = kept.story.room.snapshot(&Viewer::Admin, kept.story.now).moderation.unwrap().bans;
    kept.restart(Duration::ZERO);
    assert_eq!(kept.story.room.snapshot(&Viewer::Admin, kept.story.now).moderation.unwrap().bans, bans);
    for (name, refusal) in [("ben", Refusal::Banned), ("dan", Refusal::Forbidden)] {
        let now = kept.story.now;
        assert_eq!(kept.story.room.shuts_out(&id(name), Some(seconds(10)), now), Some(refusal));
    }
}

#[test]
fn what_was_set_for_the_room_is_the_records_and_the_rest_the_configurations() {
    let made = Settings { seats: 3, participants_max: 7, promote: Promote::None, turn: Some(seconds(20)), ..free() };
    let mut kept = Kept::begun(made.clone());
    kept.story.act("ada", update(RoomChange { hands: Some(false), ..RoomChange::default() }));
    kept.write();
    let configured = Settings { seats: 12, empty_max: seconds(9), ..Settings::default() };
    let room = Room::restore(
        RoomId::parse("demo").unwrap(),
        configured.clone(),
        &kept.disk.rows(),
        &kept.calendar,
        kept.story.now,
    );
    let expected = Settings { hands: false, empty_max: seconds(9), ..made };
    assert_eq!(room.unwrap().settings, expected);
}

#[test]
fn rows_of_other_versions_are_read_as_far_as_they_go() {
    let mut kept = Kept::with(free());
    kept.write();
    let row = kept.disk.0["room"].clone();
    let with = |text: String| kept.restored(&[("room".to_owned(), text)]);
    assert!(with(row.replacen('{', r#"{"from_the_future":{"x":[1]},"#, 1)).is_ok());
    let without = row.replacen(r#","promote":"cohost""#, "", 1);
    assert!(without != row && with(without).is_ok());
    let person = r#"{"mood":"fine","rank":"cohost","here":{"session":"PA_AAAAAAAAAAAAAAAAAAAAAA","name":"Cleo","arrival":2,"hat":1}}"#;
    let rows = [("room".to_owned(), row.clone()), ("person:cleo".to_owned(), person.to_owned())];
    assert!(kept.restored(&rows).is_ok());
    let newer = row.replacen(r#""version":2"#, r#""version":3"#, 1);
    assert!(newer != row && with(newer).is_err());
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let mut kept = Kept::begun(free());
    kept.story.act("ben", take(1));
    kept.story.act("ada", take(0));
    kept.story.act("dan", raise_for(2, false));
    kept.story.act("ada", Act::InviteSend { identity: id("cleo"), seat: Some(seat(3)), hold: true });
    kept.write();
    assert!(kept.restored(&kept.disk.rows()).is_ok());
    let with = |key: &str, from: &str, to: &str| {
        let mut rows = kept.disk.0.clone();
        let row = rows.get_mut(key).unwrap();
        assert!(row.contains(from), "{row}");
        *row = row.replacen(from, to, 1);
        kept.restored(&rows.into_iter().collect::<Vec<_>>()).err().map(|error| error.key)
    };
    assert_eq!(with("room", "{", "["), Some("room".to_owned()));
    assert_eq!(with("room", r#""seats":9"#, r#""seats":200"#), Some("room".to_owned()));
    assert_eq!(with("room", r#"{"who":"ben"}"#, r#"{"who":"eve"}"#), Some("person:eve".to_owned()));
    assert_eq!(with("room", r#"{"who":"ben"}"#, r#"{"who":"ada"}"#), Some("person:ada".to_owned()));
    assert_eq!(with("room", r#""phase":"live""#, r#""phase":"lively""#), Some("room".to_owned()));
    assert_eq!(with("room", r#""phase":"live""#, r#""phase":"closed""#), Some("room".to_owned()));
    assert_eq!(with("room", r#""seat":3"#, r#""seat":30"#), Some("person:cleo".to_owned()));
    assert_eq!(with("room", r#""seq":"#, r#""seq":999999999999999999"#), Some("room".to_owned()));
    assert_eq!(with("person:dan", r#""wanted_seat":2"#, r#""wanted_seat":9"#), Some("person:dan".to_owned()));
    assert_eq!(with("person:dan", r#""here""#, r#""her""#), Some("person:dan".to_owned()));
    let session = |name: &str| kept.story.session(name).to_string();
    assert_eq!(with("person:dan", &session("dan"), &session("ben")), Some("person:dan".to_owned()));
    let mut rows = kept.disk.0.clone();
    rows.remove("person:ben");
    let of = |rows: BTreeMap<String, String>| kept.restored(&rows.into_iter().collect::<Vec<_>>());
    assert_eq!(of(rows).err().unwrap().key, "person:ben");
    let mut rows = kept.disk.0.clone();
    rows.insert("hat:ada".to_owned(), "{}".to_owned());
    assert_eq!(of(rows).err().unwrap().key, "hat:ada");
    assert_eq!(of(BTreeMap::new()).err().unwrap().key, "room");
}
