//! What the latency monitor knows of a room, as `GET /v1/rooms/{room}/stats` shows it.

use serde::Serialize;

use super::view::LatencyJson;
use crate::{
    ids::{Identity, RoomId, SeatIndex},
    monitor::{DelayTerm, RoomFigures, SessionFigures},
    room::RoleCounts,
};

/// How it is in a room: who is there, and how it sounds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "RoomStats"))]
pub struct RoomStatsJson<'a> {
    /// Which room.
    pub id: &'a RoomId,
    /// Whether anyone measures delays here. If not, there is nothing below `participants`.
    pub watched: bool,
    /// How many are there, by role.
    pub participants: PopulationJson,
    /// From mouth to ear, over all who hear someone. Absent if nobody in the room has media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mouth_to_ear: Option<MouthToEarJson>,
    /// The joins of the last hour. Absent if nobody in the room has media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joins: Option<JoinsJson>,
    /// Those on stage, by seat.
    pub stage: Vec<StageStatsJson<'a>>,
}

/// How many participants have which role.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Population"))]
pub struct PopulationJson {
    /// Hosts, on stage or not.
    pub hosts: usize,
    /// Others on stage.
    pub guests: usize,
    /// Everyone else.
    pub listeners: usize,
}

/// The delay from mouth to ear over all who hear someone.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "MouthToEar"))]
pub struct MouthToEarJson {
    /// How many have it within 200 ms.
    pub natural: u32,
    /// How many within 500 ms.
    pub ok: u32,
    /// How many beyond.
    pub laggy: u32,
    /// Its length; absent if nobody hears anyone.
    #[serde(flatten)]
    pub spread: Option<SpreadJson>,
}

/// The joins of the last hour.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Joins"))]
pub struct JoinsJson {
    /// How many came to an end.
    pub completed: u32,
    /// How many failed.
    pub failed: u32,
    /// Their length; absent if there was none.
    #[serde(flatten)]
    pub spread: Option<SpreadJson>,
}

/// How long something takes.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Spread"))]
pub struct SpreadJson {
    /// The median.
    pub p50_ms: u32,
    /// The 95th percentile.
    pub p95_ms: u32,
    /// The greatest.
    pub max_ms: u32,
}

/// How it sounds to someone on stage, and how they sound to others.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "StageStats"))]
pub struct StageStatsJson<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// Where they sit.
    pub seat: SeatIndex,
    /// The delay that they have, if they hear or are heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyJson>,
    /// Its parts, as far as they are known.
    pub terms_ms: TermsJson,
    /// How good their connection is, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::room::ConnectionQuality>"))]
    pub quality: Option<&'static str>,
    /// The round trip of their media path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// How it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_source: Option<&'static str>,
}

/// The parts of a delay from mouth to ear, in milliseconds.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "DelayTerms"))]
pub struct TermsJson {
    /// From the speaker to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uplink: Option<f64>,
    /// Until the encoder has a whole packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framing: Option<f64>,
    /// Within the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residence: Option<f64>,
    /// From the server to the listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downlink: Option<f64>,
    /// In the listener's jitter buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_buffer: Option<f64>,
    /// In microphone and loudspeaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<f64>,
}

impl<'a> RoomStatsJson<'a> {
    /// The figures of a room, of whose sessions `name` knows who is behind them and where they sit. Whoever has just left the stage is left out.
    pub fn new(
        id: &'a RoomId,
        watched: bool,
        roles: RoleCounts,
        figures: Option<&RoomFigures>,
        name: impl Fn(&SessionFigures) -> Option<(&'a Identity, SeatIndex)>,
    ) -> Self {
        let RoleCounts { hosts, guests, listeners } = roles;
        let on_stage = figures.into_iter().flat_map(|figures| &figures.stage);
        let named = on_stage.filter_map(|figures| Some((name(figures)?, figures)));
        let mut stage: Vec<_> = named.map(|((who, seat), figures)| StageStatsJson::new(who, seat, figures)).collect();
        stage.sort_by_key(|person| person.seat);
        Self {
            id,
            watched,
            participants: PopulationJson { hosts, guests, listeners },
            mouth_to_ear: figures.map(|figures| {
                let [natural, ok, laggy] = figures.classes;
                MouthToEarJson { natural, ok, laggy, spread: figures.mouth_to_ear_ms.map(SpreadJson::from) }
            }),
            joins: figures.map(|figures| {
                let [completed, failed] = figures.joins;
                JoinsJson { completed, failed, spread: figures.join_ms.map(SpreadJson::from) }
            }),
            stage,
        }
    }
}

impl From<[u32; 3]> for SpreadJson {
    fn from([p50_ms, p95_ms, max_ms]: [u32; 3]) -> Self {
        Self { p50_ms, p95_ms, max_ms }
    }
}

impl<'a> StageStatsJson<'a> {
    fn new(identity: &'a Identity, seat: SeatIndex, figures: &SessionFigures) -> Self {
        let SessionFigures { session: _, latency, terms, quality, rtt_ms } = figures;
        let rtt = rtt_ms.and_then(|(ms, source)| Some((tenths(ms)?, source)));
        Self {
            identity,
            seat,
            latency: latency.map(LatencyJson::from),
            terms_ms: TermsJson::from(&terms[..]),
            quality: quality.map(|quality| quality.code()),
            rtt_ms: rtt.map(|(ms, _)| ms),
            rtt_source: rtt.map(|(_, source)| source),
        }
    }
}

impl From<&[(DelayTerm, f64)]> for TermsJson {
    fn from(terms: &[(DelayTerm, f64)]) -> Self {
        let mut json = Self::default();
        for (term, ms) in terms {
            let field = match term {
                DelayTerm::Uplink => &mut json.uplink,
                DelayTerm::Framing => &mut json.framing,
                DelayTerm::Residence => &mut json.residence,
                DelayTerm::Downlink => &mut json.downlink,
                DelayTerm::JitterBuffer => &mut json.jitter_buffer,
                DelayTerm::Device => &mut json.device,
            };
            *field = tenths(*ms);
        }
        json
    }
}

/// No delay is known better than to a tenth of a millisecond. What is no number is not known.
fn tenths(ms: f64) -> Option<f64> {
    ms.is_finite().then(|| (ms * 10.0).round() / 10.0)
}
