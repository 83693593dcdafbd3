//! A participant is one person in one room: a socket for frames, and, if wanted, a microphone and ears.
//!
//! It takes the part of the built-in web client and knows only the wire. What it is told it keeps in a bounded log; what it hears it keeps as
//! statistics and the last few seconds of packets. It decides nothing by itself: a test or a scenario tells it what to do.

mod events;
mod heard;
mod leash;
mod media;
mod microphone;
mod signaling;
mod stages;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use events::{Mark, WaitError};
pub use heard::{Heard, HeardPacket, SourceHeard, TrackHeard};
pub use media::MediaError;
pub use signaling::{CommandError, SocketError};
pub use stages::JoinStages;

use crate::clock;
use crate::tone::{ToneDetector, Voice};
use events::EventLog;
use heard::Ears;
use media::Media;
use signaling::Signaling;
use stages::StageWatch;

/// How to join.
#[derive(Clone)]
pub struct JoinOptions {
    /// The server: `http://host:port` or `ws://host:port`.
    pub url: String,
    /// The room's id.
    pub room: String,
    /// The access token.
    pub token: String,
    /// Whether to offer a section to send on.
    pub microphone: bool,
    /// How many people to be able to hear at once. Without a microphone and slots no offer is made: a console.
    pub slots: usize,
    /// Whether to say that the microphone may be opened at once.
    pub mic_ready: bool,
    /// The number that this participant's probes carry.
    pub source: u32,
    /// The address that its media comes from.
    pub local: IpAddr,
    /// The longest to wait for the socket, for `welcome`, and for the connection, each.
    pub timeout: Duration,
}

impl JoinOptions {
    /// A listener with three slots and no microphone.
    pub fn new(url: impl Into<String>, room: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            room: room.into(),
            token: token.into(),
            microphone: false,
            slots: 3,
            mic_ready: false,
            source: 0,
            local: Ipv4Addr::LOCALHOST.into(),
            timeout: Duration::from_secs(10),
        }
    }

    /// The same with a microphone, whose packets carry this number.
    pub fn with_microphone(self, source: u32) -> Self {
        Self { microphone: true, source, ..self }
    }

    /// The same with another number of slots.
    pub fn with_slots(self, slots: usize) -> Self {
        Self { slots, ..self }
    }

    /// The same with media from another address of this machine: any of `127.0.0.0/8` is one.
    pub fn with_local(self, local: IpAddr) -> Self {
        Self { local, ..self }
    }
}

/// A joined participant. Dropping it is vanishing.
pub struct Participant {
    welcome: Value,
    signaling: Signaling,
    log: Arc<EventLog>,
    stages: Arc<StageWatch>,
    ears: Arc<Ears>,
    media: Option<Media>,
}

impl Participant {
    /// Joins a room, and returns once `welcome` has come and, if there is media, its path is up.
    pub async fn join(options: JoinOptions) -> Result<Self, JoinError> {
        let stages = Arc::new(StageWatch::start(clock::now()));
        let ears = Arc::new(Ears::new(Arc::clone(&stages)));
        let log = Arc::new(EventLog::default());
        let media = async {
            if !options.microphone && options.slots == 0 {
                return Ok::<_, MediaError>(None);
            }
            let media = Media::new(&options, Arc::clone(&stages), Arc::clone(&ears)).await?;
            let offer = media.offer().await?;
            stages.offer_made();
            Ok(Some((media, offer)))
        };
        let socket = within(options.timeout, "socket", async {
            let signaling = Signaling::connect(&options, Arc::clone(&log)).await?;
            stages.socket_open();
            Ok(signaling)
        });
        let (media, signaling) = tokio::join!(media, socket);
        let (signaling, media) = (signaling?, media?);

        let mut join = json!({ "mic_ready": options.mic_ready });
        if let Some((_, offer)) = &media {
            join["offer"] = json!(offer);
        }
        let welcome = signaling.request("join", join, options.timeout).await.map_err(JoinError::Refused)?;
        stages.welcome();
        let mut joined = Self { welcome, signaling, log, stages, ears, media: media.map(|(media, _)| media) };
        joined.connect_media(options.timeout).await?;
        Ok(joined)
    }

    /// Who this is, by the server's word.
    pub fn identity(&self) -> &str {
        self.welcome["identity"].as_str().unwrap_or_default()
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        self.welcome["session"].as_str().unwrap_or_default()
    }

    /// The whole `welcome` frame.
    pub fn welcome(&self) -> &Value {
        &self.welcome
    }

    /// How long each stage of the join took.
    pub fn stages(&self) -> JoinStages {
        self.stages.so_far()
    }

    /// Sends a command with these fields and waits for its reply: what stands in `ok`, or the refusal.
    pub async fn command(&self, kind: &str, fields: Value) -> Result<Value, CommandError> {
        self.signaling.request(kind, fields, COMMAND_TIMEOUT).await
    }

    /// Sends a frame as it is, and waits for nothing. For frames that a well-behaved client would not send.
    pub async fn send_raw(&self, text: impl Into<String>) -> Result<(), CommandError> {
        self.signaling.send_text(text.into()).await
    }

    /// Tells the server what a client tells every few seconds: the round trip that its checks found, how long a jitter buffer would hold
    /// what it hears, and how much came. The answer, or the refusal.
    pub async fn report(&self) -> Result<Value, CommandError> {
        let heard = self.heard();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mut report = json!({ "received": heard.packets(), "lost": heard.lost() });
        for (name, time) in [("rtt_ms", self.round_trip().await), ("jitter_buffer_ms", heard.jitter_buffer())] {
            if let Some(time) = time {
                report[name] = json!(ms(time));
            }
        }
        self.command("stats", report).await
    }

    /// The round trip that the last check of the media's path took, once there was one.
    pub async fn round_trip(&self) -> Option<Duration> {
        self.media.as_ref()?.round_trip().await
    }

    /// The place in the log that events from now on come after.
    pub fn mark(&self) -> Mark {
        self.log.mark()
    }

    /// The first event that matches, of those kept since the join, or of those to come.
    pub async fn wait_for(&self, matches: impl FnMut(&Value) -> bool, timeout: Duration) -> Result<Value, WaitError> {
        self.log.wait_after(Mark::START, matches, timeout).await
    }

    /// The first event after `mark` that matches.
    pub async fn wait_after(
        &self,
        mark: Mark,
        matches: impl FnMut(&Value) -> bool,
        timeout: Duration,
    ) -> Result<Value, WaitError> {
        self.log.wait_after(mark, matches, timeout).await
    }

    /// The events kept: the last few thousand, batches unpacked.
    pub fn events(&self) -> Vec<Value> {
        self.log.all()
    }

    /// Speaks until told otherwise: a packet every 20 ms, whether or not the server lets anybody hear it.
    pub fn speak(&self, voice: Voice) -> Result<(), MediaError> {
        self.microphone()?.speak(voice)
    }

    /// Stops sending.
    pub fn stop_speaking(&self) {
        if let Ok(microphone) = self.microphone() {
            microphone.stop();
        }
    }

    /// Packets sent so far.
    pub fn packets_sent(&self) -> u64 {
        self.microphone().map_or(0, microphone::Microphone::packets_sent)
    }

    /// What was heard so far.
    pub fn heard(&self) -> Heard {
        self.ears.heard()
    }

    /// When the first packet that carries this source's probe arrived after `since`, if one did.
    pub fn first_heard(&self, source: u32, since: Instant) -> Option<Instant> {
        self.ears.first_heard(source, since)
    }

    /// Forgets what was heard of a source, so that its next packet is its first and starts a new count.
    pub fn forget_source(&self, source: u32) {
        self.ears.forget_source(source);
    }

    /// What arrived on each track since an instant, decoded. Tracks without a packet since then are left out.
    pub fn listen_since(&self, since: Instant) -> Vec<ToneDetector> {
        let packets_of = |track: &TrackHeard| -> Vec<_> {
            track.recent.iter().filter(|packet| packet.at >= since).map(|packet| packet.payload.clone()).collect()
        };
        self.ears.heard().tracks.iter().filter_map(|track| decoded(&packets_of(track))).collect()
    }

    /// Whether any track carried this tone since an instant.
    pub fn hears_tone_since(&self, frequency_hz: u32, since: Instant) -> bool {
        self.listen_since(since).iter().any(|detector| detector.hears(frequency_hz))
    }

    /// Whether there was nothing to hear on any track since an instant.
    pub fn hears_silence_since(&self, since: Instant) -> bool {
        self.listen_since(since).iter().all(ToneDetector::is_silent)
    }

    /// Leaves as one should: says `leave`, waits for the answer, and closes everything.
    pub async fn close(self) {
        self.stop_speaking();
        // The server may close before it answers; either way we are gone.
        let _ = self.signaling.request("leave", json!({}), LEAVE_TIMEOUT).await;
        self.signaling.close().await;
        if let Some(media) = &self.media {
            media.close().await;
        }
    }

    /// Drops everything without a word, as a crashed or unplugged client does: no `leave`, no closing frame, no DTLS alert.
    pub fn vanish(self) {
        drop(self);
    }

    /// Moves the media to another local address, as a change of network does, with an ICE restart. What the server answered.
    pub async fn restart_ice(&self) -> Result<String, RestartError> {
        let media = self.media.as_ref().ok_or(MediaError::NoMicrophone)?;
        let offer = media.restart_offer().await?;
        let ok = self.command("ice_restart", json!({ "offer": offer })).await.map_err(RestartError::Refused)?;
        let answer = ok["answer"].as_str().ok_or(RestartError::NoAnswer)?;
        media.accept_restart(answer).await?;
        Ok(answer.to_owned())
    }

    /// Drops the socket alone; the media goes on.
    pub fn drop_socket(&self) {
        self.signaling.abort();
    }

    /// Drops the media alone; the socket goes on.
    pub fn drop_media(&self) {
        if let Some(media) = &self.media {
            media.abort();
        }
    }

    fn microphone(&self) -> Result<&microphone::Microphone, MediaError> {
        self.media.as_ref().and_then(Media::microphone).ok_or(MediaError::NoMicrophone)
    }

    async fn connect_media(&mut self, timeout: Duration) -> Result<(), JoinError> {
        let Some(media) = &mut self.media else {
            return Ok(());
        };
        let answer = self.welcome["answer"].as_str().ok_or(JoinError::NoAnswer)?;
        media.accept(answer).await?;
        within(timeout, "connection", async { Ok(media.connected().await?) }).await
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.signaling.abort();
        if let Some(media) = &self.media {
            media.abort();
        }
    }
}

/// Why somebody could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The WebSocket did not come up.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The server said no: by an error, or by `bye` (then the code is its reason and the details are the frame).
    #[error("refused: {0}")]
    Refused(CommandError),
    /// There was an offer, and `welcome` has no answer.
    #[error("welcome has no answer")]
    NoAnswer,
    /// The WebRTC stack failed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A stage took too long.
    #[error("{0} took too long")]
    Timeout(&'static str),
}

/// Why ICE was not restarted.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// The server said no.
    #[error("refused: {0}")]
    Refused(CommandError),
    /// The reply has no answer.
    #[error("the reply has no answer")]
    NoAnswer,
    /// The WebRTC stack failed, or there is no media.
    #[error(transparent)]
    Media(#[from] MediaError),
}

async fn within<T>(
    timeout: Duration,
    stage: &'static str,
    work: impl Future<Output = Result<T, JoinError>>,
) -> Result<T, JoinError> {
    tokio::time::timeout(timeout, work).await.map_err(|_| JoinError::Timeout(stage))?
}

fn decoded(payloads: &[bytes::Bytes]) -> Option<ToneDetector> {
    let mut detector = ToneDetector::new().ok().filter(|_| !payloads.is_empty())?;
    for payload in payloads {
        // A payload that is no Opus leaves the window as it was.
        let _ = detector.push(payload);
    }
    Some(detector)
}

const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
