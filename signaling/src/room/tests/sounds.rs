//! Stories of how it sounds: who is told of whose delay, and when what was told is over.

use super::*;

#[test]
fn each_is_told_of_themselves_and_moderators_of_those_on_stage() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let (of_ben, of_dan) = (sounds(&story.lags("ben")), sounds(&story.lags("dan")));
    assert_eq!(of_ben, [one(&story, "ben", None, Some(laggy())), hosts("ben", Some(laggy()))]);
    assert_eq!(of_dan, [one(&story, "dan", None, Some(laggy()))], "he is in the audience");
    assert_eq!(sounds(&story.lags("ben")), [], "that is known");
    let poor = ConnectionQuality::Poor;
    let told = story.media(MediaFact::Quality { session: story.session("ben"), quality: poor });
    let told: Vec<_> = tells(&told).into_iter().map(|(to, event)| (to, event.clone())).collect();
    let event = |identity| Event::ConnectionQuality { identity, quality: poor };
    assert_eq!(
        told,
        [(Recipients::One(story.session("ben")), event(None)), (Recipients::Hosts, event(Some(id("ben"))))]
    );
}

#[test]
fn whoever_sits_down_is_news_to_moderators_and_whoever_leaves_the_stage_is_not_told_of() {
    let mut story = Story::begun(SeatMode::Free);
    story.lags("ben");
    assert_eq!(sounds(&story.act("ben", take(1))), [hosts("ben", Some(laggy()))]);
    assert_eq!(sounds(&story.act("ben", Act::MuteSelf { muted: false })), [], "it is the same occupancy");
    assert_eq!(
        sounds(&story.act("ben", Act::SeatMove { seat: seat(2), identity: None })),
        [hosts("ben", Some(laggy()))],
        "and that is another"
    );
    assert_eq!(sounds(&story.act("ben", Act::SeatLeave)), []);
    let over = sounds(&story.hears_nobody("ben"));
    assert_eq!(over, [one(&story, "ben", None, None)]);
    assert_eq!(sounds(&story.act("ben", take(1))), [], "nothing is known");
}

#[test]
fn what_was_known_of_a_session_ends_with_it() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.lags("ben");
    let old = story.session("ben");
    assert_eq!(sounds(&story.join("ben", Rank::Member)), [], "his new session has another occupancy");
    let late = story.media(MediaFact::Latency { session: old, state: Some(laggy()) });
    assert_eq!(late, [], "what is said of the old one is old");
    assert_eq!(sounds(&story.lags("ben")).len(), 2);
}

#[test]
fn whoever_comes_back_or_becomes_a_moderator_is_told_how_it_is() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.lags("ben");
    story.lags("cleo");
    story.detached("cleo");
    let request = RequestId::parse("again").unwrap();
    let told = story.room.handle(Input::Resume { session: story.session("cleo"), request: request.clone() }, story.now);
    assert_eq!(
        sounds(&told),
        [one(&story, "cleo", None, Some(laggy())), one(&story, "cleo", Some("ben"), Some(laggy()))]
    );
    story.detached("dan");
    let told = story.room.handle(Input::Resume { session: story.session("dan"), request }, story.now);
    assert_eq!(sounds(&told), [], "he is no moderator, and nothing is known of him");
    let promoted = sounds(&story.act("ada", Act::MemberRank { identity: id("dan"), rank: Rank::Cohost }));
    assert_eq!(promoted, [one(&story, "dan", Some("ben"), Some(laggy()))]);
    let joined = sounds(&story.join("eve", Rank::Cohost));
    assert_eq!(joined, [one(&story, "eve", Some("ben"), Some(laggy()))]);
}

#[test]
fn whoever_is_unheard_is_told_with_the_reason_and_so_are_moderators_also_later_and_of_the_end() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let told = |story: &mut Story, why| {
        let told = story.media(MediaFact::Unheard { session: story.session("ben"), why });
        tells(&told).into_iter().map(|(to, event)| (to, event.clone())).collect::<Vec<_>>()
    };
    let of = |identity, why| Event::Unheard { identity, why };
    let ben = Recipients::One(story.session("ben"));
    for why in [Some(UnheardWhy::Ssrc), None, Some(UnheardWhy::SrtpAuth)] {
        let expected = [(ben.clone(), of(None, why)), (Recipients::Hosts, of(Some(id("ben")), why))];
        assert_eq!(told(&mut story, why), expected);
        assert_eq!(told(&mut story, why), [], "that is known");
    }
    let joined = story.join("eve", Rank::Cohost);
    let unheard: Vec<_> =
        tells(&joined).into_iter().filter(|(_, event)| matches!(event, Event::Unheard { .. })).collect();
    let event = of(Some(id("ben")), Some(UnheardWhy::SrtpAuth));
    assert_eq!(unheard, [(Recipients::One(story.session("eve")), &event)]);
}

#[test]
fn a_seat_kept_for_a_reconnect_is_not_on_stage() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.interrupted("ben");
    assert_eq!(sounds(&story.lags("ben")), [one(&story, "ben", None, Some(laggy()))]);
    assert_eq!(sounds(&story.restored("ben")), [hosts("ben", Some(laggy()))]);
}

impl Story {
    fn lags(&mut self, name: &str) -> Vec<Output> {
        self.media(MediaFact::Latency { session: self.session(name), state: Some(laggy()) })
    }

    fn hears_nobody(&mut self, name: &str) -> Vec<Output> {
        self.media(MediaFact::Latency { session: self.session(name), state: None })
    }
}

type Told = (Recipients, Option<Identity>, Option<LatencyState>);

fn one(story: &Story, to: &str, of: Option<&str>, state: Option<LatencyState>) -> Told {
    (Recipients::One(story.session(to)), of.map(id), state)
}

fn hosts(of: &str, state: Option<LatencyState>) -> Told {
    (Recipients::Hosts, Some(id(of)), state)
}

fn sounds(outputs: &[Output]) -> Vec<Told> {
    let sounds = tells(outputs).into_iter().filter_map(|(to, event)| match event {
        Event::LatencyState { identity, state } => Some((to, identity.clone(), *state)),
        _ => None,
    });
    sounds.collect()
}

/// What is told without being in the log.
fn tells(outputs: &[Output]) -> Vec<(Recipients, &Event)> {
    let tells = outputs.iter().filter_map(|output| match output {
        Output::Tell { to, seq: None, event } => Some((to.clone(), event)),
        _ => None,
    });
    tells.collect()
}

fn laggy() -> LatencyState {
    LatencyState {
        class: DelayClass::Laggy,
        mouth_to_ear_ms: 612,
        dominant_term: DelayTerm::Uplink,
        side: DelaySide::Speaking,
        estimated: false,
    }
}
