//! A microphone sends one participant's voice: an Opus packet every 20 ms, each with its audio level and a probe.
//!
//! It sends whether or not the server forwards it. Sequence numbers go on where they stopped, and the timestamp goes on with the time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use rtc::rtp::header::Header;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::RTCRtpParameters;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::leash::Leash;
use super::media::{AUDIO_LEVEL_URI, MID_URI, MediaError};
use crate::clock;
use crate::probe::{self, Probe};
use crate::tone::{FRAME_SAMPLES, SAMPLE_RATE, Voice, VoiceEncoder};

/// A microphone; silent until told to speak.
pub(super) struct Microphone {
    line: Arc<Line>,
    leash: Arc<Leash>,
    speaking: Mutex<Option<AbortHandle>>,
}

/// What stays the same from one spell of speaking to the next.
struct Line {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: u8,
    audio_level_id: Option<u8>,
    mid: Option<(u8, Bytes)>,
    source: u32,
    sent: AtomicU64,
    rtp: Mutex<RtpClock>,
}

#[derive(Default)]
struct RtpClock {
    sequence: u16,
    timestamp: u32,
    last: Option<Instant>,
}

impl Microphone {
    /// `None` if the answer left no codec to send with.
    pub(super) fn new(
        track: Arc<TrackLocalStaticRTP>,
        parameters: &RTCRtpParameters,
        mid: &str,
        ssrc: u32,
        source: u32,
        leash: Arc<Leash>,
    ) -> Option<Self> {
        let extension = |uri: &str| {
            let found = parameters.header_extensions.iter().find(|extension| extension.uri == uri)?;
            u8::try_from(found.id).ok().filter(|&id| id > 0)
        };
        let line = Line {
            track,
            ssrc,
            payload_type: parameters.codecs.first()?.payload_type,
            audio_level_id: extension(AUDIO_LEVEL_URI),
            mid: extension(MID_URI).map(|id| (id, Bytes::copy_from_slice(mid.as_bytes()))),
            source,
            sent: AtomicU64::new(0),
            rtp: Mutex::default(),
        };
        Some(Self { line: Arc::new(line), leash, speaking: Mutex::new(None) })
    }

    /// Speaks until stopped. Speaking already, it changes the voice.
    pub(super) fn speak(&self, voice: Voice) -> Result<(), MediaError> {
        let encoder = VoiceEncoder::new(voice)?;
        self.stop();
        let task = self.leash.start(Arc::clone(&self.line).speak(voice, encoder));
        *self.speaking.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(())
    }

    pub(super) fn stop(&self) {
        if let Some(task) = self.speaking.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    pub(super) fn packets_sent(&self) -> u64 {
        self.line.sent.load(Ordering::Relaxed)
    }
}

impl Line {
    async fn speak(self: Arc<Self>, voice: Voice, mut encoder: VoiceEncoder) {
        let mut tick = tokio::time::interval(crate::tone::FRAME);
        // After a hiccup of this machine the missed packets follow at once, as from a browser.
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut first = true;
        loop {
            tick.tick().await;
            let Ok(frame) = encoder.next_frame() else {
                return;
            };
            let header = self.header(voice, first);
            let counter = self.sent.load(Ordering::Relaxed);
            let probe = Probe { source: self.source, counter, sent_nanos: clock::nanos(clock::now()) };
            let payload = Bytes::from(probe::write(&frame, probe).unwrap_or(frame));
            if self.track.write_rtp(Packet { header, payload }).await.is_err() {
                return;
            }
            self.sent.fetch_add(1, Ordering::Relaxed);
            first = false;
        }
    }

    fn header(&self, voice: Voice, first: bool) -> Header {
        let mut rtp = self.rtp.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        // Within a spell each packet covers 20 ms exactly; between spells the time passes that passed.
        let samples = match rtp.last {
            Some(last) if first => (now.saturating_duration_since(last).as_secs_f64() * f64::from(SAMPLE_RATE)) as u32,
            Some(_) | None => FRAME_SAMPLES as u32,
        };
        rtp.timestamp = rtp.timestamp.wrapping_add(samples.max(FRAME_SAMPLES as u32));
        rtp.sequence = rtp.sequence.wrapping_add(1);
        rtp.last = Some(now);
        let mut header = Header {
            version: 2,
            marker: first,
            payload_type: self.payload_type,
            sequence_number: rtp.sequence,
            timestamp: rtp.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        let level =
            self.audio_level_id.map(|id| (id, Bytes::from(vec![u8::from(voice.is_voice()) << 7 | voice.level()])));
        for (id, value) in level.into_iter().chain(self.mid.clone()) {
            header.set_extension(id, value).expect("a negotiated id and a short value fit a header");
        }
        header
    }
}
