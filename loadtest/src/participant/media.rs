//! The media of one participant: a peer connection of the `webrtc` crate with at most one microphone and some slots.
//!
//! It makes one offer and takes one answer, as Podium's clients do. It gathers nothing before it offers: the server has a public address and
//! learns ours from the first check.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceConnectionState,
    RTCPeerConnectionState, RTCSessionDescription, RTCStatsReportEntry, Registry, SettingEngineBuilder, StatsSelector,
    configure_rtcp_reports,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver};
use webrtc::runtime::Runtime;

use super::JoinOptions;
use super::heard::{Arrival, Ears};
use super::leash::Leash;
use super::microphone::Microphone;
use super::stages::StageWatch;
use crate::clock;

/// What went wrong in the WebRTC stack.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The stack said so.
    #[error("webrtc: {0}")]
    Stack(#[from] webrtc::error::Error),
    /// The connection failed or was closed while it was waited for.
    #[error("the peer connection failed")]
    Failed,
    /// This participant joined without a microphone, or the server's answer has no section for it.
    #[error("there is no microphone")]
    NoMicrophone,
    /// The encoder said so.
    #[error("opus: {0}")]
    Opus(#[from] opus::Error),
}

/// A peer connection; ends abruptly when dropped.
pub(super) struct Media {
    connection: Arc<dyn PeerConnection>,
    leash: Arc<Leash>,
    ears: Arc<Ears>,
    state: watch::Receiver<State>,
    uplink: Option<Uplink>,
    microphone: Option<Microphone>,
}

/// The sending section before the answer.
struct Uplink {
    track: Arc<TrackLocalStaticRTP>,
    transceiver: Arc<dyn RtpTransceiver>,
    ssrc: u32,
    source: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Connected,
    Over,
}

impl Media {
    pub(super) async fn new(
        options: &JoinOptions,
        stages: Arc<StageWatch>,
        ears: Arc<Ears>,
    ) -> Result<Self, MediaError> {
        let leash = Arc::new(Leash::default());
        let (state, watched) = watch::channel(State::Connecting);
        let handler = Handler { stages, ears: Arc::clone(&ears), leash: Arc::clone(&leash), state };
        let settings = SettingEngineBuilder::new();
        let settings = settings.with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS_MAX));
        // A restart takes another socket, as after a change of network.
        let settings = settings.with_discard_local_candidates_during_ice_restart(true).build();
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(media_engine()?)
                .with_setting_engine(settings)
                .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
                .with_handler(Arc::new(handler))
                .with_runtime(Arc::clone(&leash) as Arc<dyn Runtime>)
                .with_udp_addrs(vec![SocketAddr::new(options.local, 0)])
                .build()
                .await?,
        );
        let mut media = Self { connection, leash, ears, state: watched, uplink: None, microphone: None };
        if options.microphone {
            media.uplink = Some(media.add_uplink(options.source).await?);
        }
        for _ in 0..options.slots {
            media
                .connection
                .add_transceiver_from_kind(RtpCodecKind::Audio, Some(towards(RTCRtpTransceiverDirection::Recvonly)))
                .await?;
        }
        Ok(media)
    }

    pub(super) async fn offer(&self) -> Result<String, MediaError> {
        let offer = self.connection.create_offer(None).await?;
        let sdp = offer.sdp.clone();
        self.connection.set_local_description(offer).await?;
        Ok(sdp)
    }

    /// An offer with new ICE credentials.
    pub(super) async fn restart_offer(&self) -> Result<String, MediaError> {
        self.connection.restart_ice().await?;
        self.offer().await
    }

    pub(super) async fn accept_restart(&self, answer: &str) -> Result<(), MediaError> {
        Ok(self.connection.set_remote_description(RTCSessionDescription::answer(answer.to_owned())?).await?)
    }

    pub(super) async fn accept(&mut self, answer: &str) -> Result<(), MediaError> {
        self.ears.declared(mids_by_ssrc(answer));
        self.connection.set_remote_description(RTCSessionDescription::answer(answer.to_owned())?).await?;
        if let Some(uplink) = self.uplink.take() {
            let sender = uplink.transceiver.sender().await?.ok_or(MediaError::NoMicrophone)?;
            let parameters = sender.get_parameters().await?;
            let mid = uplink.transceiver.mid().await?.unwrap_or_default();
            self.microphone = Microphone::new(
                uplink.track,
                &parameters.rtp_parameters,
                &mid,
                uplink.ssrc,
                uplink.source,
                Arc::clone(&self.leash),
            );
        }
        Ok(())
    }

    pub(super) async fn connected(&mut self) -> Result<(), MediaError> {
        match self.state.wait_for(|&state| state != State::Connecting).await.as_deref() {
            Ok(State::Connected) => Ok(()),
            Ok(State::Connecting | State::Over) | Err(_) => Err(MediaError::Failed),
        }
    }

    pub(super) fn microphone(&self) -> Option<&Microphone> {
        self.microphone.as_ref()
    }

    /// The round trip that the last check of the path took, once there was one.
    pub(super) async fn round_trip(&self) -> Option<Duration> {
        let report = self.connection.get_stats(clock::now(), StatsSelector::None).await;
        let round_trips = report.iter().filter_map(|entry| {
            let RTCStatsReportEntry::IceCandidatePair(pair) = entry else { return None };
            pair.nominated.then_some(pair.current_round_trip_time)
        });
        let seconds = round_trips.fold(0.0, f64::max);
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
    }

    /// Closes, telling the other side.
    pub(super) async fn close(&self) {
        // Closing what is closed already is no fault.
        let _ = self.connection.close().await;
    }

    /// Stops at once, telling nobody.
    pub(super) fn abort(&self) {
        self.leash.cut();
    }

    async fn add_uplink(&self, source: u32) -> Result<Uplink, MediaError> {
        let ssrc = random_ssrc();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: opus_codec(),
            ..Default::default()
        };
        let name = |what: &str| format!("{what}-{ssrc}");
        let track = MediaStreamTrack::new(
            name("stream"),
            name("microphone"),
            name("microphone"),
            RtpCodecKind::Audio,
            vec![encoding.clone()],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let init =
            RTCRtpTransceiverInit { send_encodings: vec![encoding], ..towards(RTCRtpTransceiverDirection::Sendonly) };
        let transceiver =
            self.connection.add_transceiver_from_track(Arc::clone(&track) as Arc<dyn TrackLocal>, Some(init)).await?;
        Ok(Uplink { track, transceiver, ssrc, source })
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.leash.cut();
    }
}

/// What the stack calls.
struct Handler {
    stages: Arc<StageWatch>,
    ears: Arc<Ears>,
    leash: Arc<Leash>,
    state: watch::Sender<State>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed) {
            self.stages.ice_connected();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.stages.connected();
            self.state.send_replace(State::Connected);
        } else if matches!(state, RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed) {
            self.state.send_replace(State::Over);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let ears = Arc::clone(&self.ears);
        self.leash.start(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    ears.packet(Arrival {
                        ssrc: packet.header.ssrc,
                        sequence: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        marker: packet.header.marker,
                        csrc: packet.header.csrc.first().copied(),
                        payload: packet.payload,
                        at: clock::now(),
                    });
                }
            }
        });
    }
}

/// Opus and the two header extensions that Podium speaks.
pub(super) fn media_engine() -> Result<MediaEngine, MediaError> {
    let mut engine = MediaEngine::default();
    let codec = RTCRtpCodecParameters { rtp_codec: opus_codec(), payload_type: PAYLOAD_TYPE };
    engine.register_codec(codec, RtpCodecKind::Audio)?;
    for uri in [AUDIO_LEVEL_URI, MID_URI] {
        engine.register_header_extension(
            RTCRtpHeaderExtensionCapability { uri: uri.to_owned() },
            RtpCodecKind::Audio,
            None,
        )?;
    }
    Ok(engine)
}

pub(super) fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

fn towards(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit { direction, streams: vec![], send_encodings: vec![] }
}

/// Which section declares which SSRC.
fn mids_by_ssrc(sdp: &str) -> BTreeMap<u32, String> {
    let mut mids = BTreeMap::new();
    for section in sdp.split("\nm=").skip(1) {
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default().trim();
        for line in section.lines().filter_map(|line| line.strip_prefix("a=ssrc:")) {
            if let Some(ssrc) = line.split_whitespace().next().and_then(|number| number.parse().ok()) {
                mids.insert(ssrc, mid.to_owned());
            }
        }
    }
    mids
}

fn random_ssrc() -> u32 {
    getrandom::u32().expect("the system has random numbers")
}

/// The pace of RFC 8445. The stack waits one interval before its first check, so every join has this much of the client's own in it; with
/// the stack's default of 200 ms it would be most of a join.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Checks before a path is given up: as long as the stack tries by itself.
const CHECKS_MAX: u16 = 28;
const PAYLOAD_TYPE: u8 = 111;
pub(super) const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub(super) const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ssrc_is_found_in_its_section() {
        let sdp = "v=0\r\nm=audio 9 x 111\r\na=mid:0\r\na=recvonly\r\nm=audio 9 x 111\r\na=ssrc:5 cname:p\r\na=ssrc:5 msid:a b\r\na=mid:1\r\n";
        assert_eq!(mids_by_ssrc(sdp), BTreeMap::from([(5, "1".to_owned())]));
    }
}
