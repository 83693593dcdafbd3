//! The same things in other people's words: the monitor's core, the engines and signaling each have their own.

use podium_signaling::monitor::{self as told, DelayClass, DelaySide, DelayTerm, JoinKind};
use podium_signaling::room::{ConnectionQuality, LatencyState};

use crate::engine::event::{self as engine, CloseReason, LinkSample, Opening, PathSample, RoundTripSource};
use crate::latency::book::{Report, Sample, Side, State};
use crate::latency::class::Class;
use crate::latency::delay::Term;
use crate::latency::join::{Arrival, End, Kind, Stage};
use crate::latency::quality::{Link, Quality};
use crate::latency::round_trip::Source;

pub(super) fn kind(kind: JoinKind) -> Kind {
    match kind {
        JoinKind::Cold => Kind::Cold,
        JoinKind::Warm => Kind::Warm,
        JoinKind::Resume => Kind::Resume,
    }
}

pub(super) fn arrival(arrival: &told::Arrival) -> Arrival {
    Arrival {
        kind: kind(arrival.kind),
        requested_at: arrival.requested_at,
        upgraded_at: arrival.upgraded_at,
        joined_at: arrival.joined_at,
    }
}

pub(super) fn stage(stage: engine::Stage) -> Stage {
    match stage {
        engine::Stage::FirstCheck => Stage::FirstCheck,
        engine::Stage::Nominated => Stage::Ice,
        engine::Stage::Handshake => Stage::Dtls,
        engine::Stage::Keys => Stage::Keys,
        engine::Stage::FirstAudio => Stage::FirstPacket,
    }
}

pub(super) fn end(end: engine::JoinEnd) -> End {
    match end {
        engine::JoinEnd::FirstAudio => End::Audio,
        engine::JoinEnd::Keys => End::Keys,
    }
}

/// Why a join whose transport ended came to nothing.
pub(super) fn failure(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::HandshakeTimeout => "handshake_timeout",
        CloseReason::HandshakeFailed(failure) => failure.label(),
        CloseReason::Silent => "silent",
        CloseReason::Goodbye => "aborted",
    }
}

pub(super) fn opening(opening: Opening) -> &'static str {
    match opening {
        Opening::Seated => "seated",
        Opening::Unmuted => "unmuted",
    }
}

pub(super) fn sample(sample: &PathSample) -> Sample {
    let link = |link: LinkSample| Link { loss: f64::from(link.loss), jitter: link.jitter };
    let source = |source: RoundTripSource| match source {
        RoundTripSource::Handshake => Source::Handshake,
        RoundTripSource::Reports => Source::Reports,
        RoundTripSource::ReferenceTime => Source::ReferenceTime,
    };
    Sample {
        round_trip: sample.round_trip.map(|(round_trip, by)| (round_trip, source(by))),
        up: sample.uplink.map(link),
        down: sample.downlink.map(link),
        frame: sample.frame,
    }
}

pub(super) fn report(report: &told::ClientReport) -> Report {
    Report { round_trip: report.rtt, jitter_buffer: report.jitter_buffer, device: report.device }
}

pub(super) fn state(state: &State) -> LatencyState {
    LatencyState {
        class: match state.class {
            Class::Natural => DelayClass::Natural,
            Class::Ok => DelayClass::Ok,
            Class::Laggy => DelayClass::Laggy,
        },
        mouth_to_ear_ms: state.delay.total_ms().round() as u32,
        dominant_term: term(state.delay.dominant()),
        side: match state.side {
            Side::Hearing => DelaySide::Hearing,
            Side::Speaking => DelaySide::Speaking,
        },
        estimated: state.delay.estimated,
    }
}

pub(super) fn term(term: Term) -> DelayTerm {
    match term {
        Term::Uplink => DelayTerm::Uplink,
        Term::Framing => DelayTerm::Framing,
        Term::Residence => DelayTerm::Residence,
        Term::Downlink => DelayTerm::Downlink,
        Term::JitterBuffer => DelayTerm::JitterBuffer,
        Term::Device => DelayTerm::Device,
    }
}

pub(super) fn quality(quality: Quality) -> ConnectionQuality {
    match quality {
        Quality::Excellent => ConnectionQuality::Excellent,
        Quality::Good => ConnectionQuality::Good,
        Quality::Poor => ConnectionQuality::Poor,
        Quality::Lost => ConnectionQuality::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::delay::{Delay, Ear, Mouth};

    #[test]
    fn names_are_the_same_on_both_sides() {
        for (ours, theirs) in Term::ALL.into_iter().map(|ours| (ours.label(), term(ours).code())) {
            assert_eq!(ours, theirs);
        }
        for (ours, theirs) in Quality::ALL.into_iter().map(|ours| (ours.label(), quality(ours).code())) {
            assert_eq!(ours, theirs);
        }
        for theirs in JoinKind::ALL {
            assert_eq!(kind(theirs).label(), theirs.label());
        }
        let mouth = Mouth { uplink_ms: 150.4, frame_ms: 20.0 };
        let ear = Ear { downlink_ms: 10.0, jitter_buffer_ms: None, jitter_ms: 0.0, device_ms: None };
        let delay = Delay::between(&mouth, 0.0, &ear);
        for class in Class::ALL {
            let told = state(&State { class, delay, side: Side::Speaking });
            assert_eq!((told.class.code(), told.side.code()), (class.label(), "speaking"));
            assert_eq!((told.mouth_to_ear_ms, told.dominant_term.code(), told.estimated), (267, "uplink", true));
        }
    }
}
