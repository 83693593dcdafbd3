//! A participant against an echo: a small server of the wire's first frames, whose other half is a peer connection of the same stack.
//!
//! It proves the client's own parts (tone, probe, extensions, statistics, the plumbing of frames) without Podium.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(clippy::result_large_err, reason = "the handshake callback's type is tungstenite's")]

use super::media::{AUDIO_LEVEL_URI, media_engine, opus_codec};
use super::*;

use futures_util::{SinkExt, StreamExt};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use std::sync::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCSessionDescription,
    Registry, configure_rtcp_reports,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use webrtc::runtime::{Runtime, TokioRuntime};

const SOON: Duration = Duration::from_secs(5);
const ECHO_SSRC: u32 = 4242;
const ECHO_CSRC: u32 = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_returns_the_tone_with_its_probes() {
    let echo = Echo::start().await;
    let ada = Participant::join(echo.options().with_microphone(3).with_slots(2)).await.unwrap();
    assert_eq!((ada.identity(), ada.session()), ("ada", "PA_1"));
    let start = clock::now();
    ada.speak(Voice::tone(440)).unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ada.stop_speaking();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let heard = ada.heard();
    assert!(ada.hears_tone_since(440, start) && !ada.hears_tone_since(660, start));
    assert_eq!((heard.lost(), heard.missed()), (0, 0));
    let source = heard.sources[&3];
    assert_eq!(source.csrc, Some(ECHO_CSRC));
    assert!(source.packets > 50 && ada.packets_sent() >= source.packets, "{source:?}");
    assert_eq!((heard.tracks.len(), heard.tracks[0].mid.as_str()), (1, "1"));
    assert!(heard.tracks[0].transit_us.iter().all(|&us| us < 1_000_000));
    // The audio level of the tone, with the voice bit, went out on every packet.
    assert!(echo.levels().iter().all(|&level| level == 0x80 | 20) && !echo.levels().is_empty());
    let stages = ada.stages();
    assert!(stages.welcome < stages.connected && stages.connected < stages.first_audio, "{stages:?}");

    let quiet = clock::now();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(ada.hears_silence_since(quiet));
    ada.speak(Voice::Silence).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(ada.hears_silence_since(quiet) && ada.heard().packets() > heard.packets());
    assert_eq!(echo.levels().last(), Some(&127));
    ada.close().await;
    assert_eq!(echo.ending(SOON).await, "leave");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_vanishes_says_nothing_and_sends_nothing() {
    let echo = Echo::start().await;
    let ada = Participant::join(echo.options().with_microphone(1)).await.unwrap();
    ada.speak(Voice::tone(440)).unwrap();
    let begun = clock::now();
    while echo.levels().is_empty() && clock::since(begun) < SOON {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ada.vanish();
    assert_eq!(echo.ending(SOON).await, "dropped");
    let packets = echo.levels().len();
    assert!(packets > 0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(echo.levels().len() <= packets + 1);
}

#[tokio::test]
async fn commands_find_their_answers_and_events_their_log() {
    let echo = Echo::start().await;
    let ada = Participant::join(echo.options().with_slots(0)).await.unwrap();
    assert_eq!(ada.command("twice", json!({ "of": 21 })).await.unwrap(), json!({ "twice": 42 }));
    let refusal = ada.command("refuse", json!({})).await.unwrap_err();
    assert_eq!((refusal.code.as_str(), &refusal.details), ("seat_occupied", &json!({ "holder": "ben" })));
    let mark = ada.mark();
    ada.send_raw(r#"{"type":"events_please"}"#).await.unwrap();
    let second = ada.wait_after(mark, |event| event["n"] == 2, SOON).await.unwrap();
    assert_eq!(second["type"], "audience");
    assert!(ada.speak(Voice::Silence).is_err());
    ada.send_raw(r#"{"type":"bye_please"}"#).await.unwrap();
    assert_eq!(ada.wait_for(|event| event["type"] == "bye", SOON).await.unwrap()["reason"], "kicked");
    assert_eq!(ada.wait_for(|_| false, SOON).await, Err(WaitError::Closed));
    assert_eq!(ada.command("twice", json!({ "of": 1 })).await.unwrap_err().code, "client_closed");
}

#[tokio::test]
async fn a_join_that_is_refused_says_why() {
    let echo = Echo::start().await;
    let refused = JoinOptions { token: "expired".to_owned(), ..echo.options() };
    let Err(JoinError::Refused(refusal)) = Participant::join(refused).await else {
        panic!("joined with an expired token");
    };
    assert_eq!(refusal.code, "token_expired");
    let nobody = JoinOptions::new("http://127.0.0.1:1", "demo", "good");
    assert!(matches!(Participant::join(nobody).await, Err(JoinError::Socket(_))));
}

/// Serves one participant after another.
struct Echo {
    url: String,
    levels: Arc<Mutex<Vec<u8>>>,
    ending: watch::Receiver<&'static str>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let levels = Arc::<Mutex<Vec<u8>>>::default();
        let (ended, ending) = watch::channel("");
        let levels_seen = Arc::clone(&levels);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                ended.send_replace(serve(stream, Arc::clone(&levels_seen)).await);
            }
        });
        Self { url, levels, ending }
    }

    fn options(&self) -> JoinOptions {
        JoinOptions::new(&self.url, "demo", "good")
    }

    /// The audio level extension of each packet that came.
    fn levels(&self) -> Vec<u8> {
        self.levels.lock().unwrap().clone()
    }

    async fn ending(&self, timeout: Duration) -> &'static str {
        let mut ending = self.ending.clone();
        let ended = tokio::time::timeout(timeout, ending.wait_for(|how| !how.is_empty())).await;
        *ended.unwrap().unwrap()
    }
}

fn choose_protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    assert!(request.uri().path() == "/v1/rooms/demo/session");
    response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("podium.v1"));
    Ok(response)
}

/// Serves one socket; how it ended.
async fn serve(stream: TcpStream, levels: Arc<Mutex<Vec<u8>>>) -> &'static str {
    let expired = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&expired);
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, move |request: &Request, response| {
        *seen.lock().unwrap() =
            request.headers()["Sec-WebSocket-Protocol"].to_str().unwrap().contains("bearer.expired");
        choose_protocol(request, response)
    })
    .await
    .unwrap();
    let mut media = None;
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let frame: Value = serde_json::from_str(&text).unwrap();
        let id = &frame["request_id"];
        let answer = match frame["type"].as_str().unwrap() {
            "join" if *expired.lock().unwrap() => json!({ "type": "bye", "reason": "token_expired", "action": "stop" }),
            "join" => {
                let mut welcome = json!({ "type": "welcome", "request_id": id, "identity": "ada", "session": "PA_1" });
                if let Some(offer) = frame["offer"].as_str() {
                    let (connection, answer) = answer(offer, Arc::clone(&levels)).await;
                    welcome["answer"] = json!(answer);
                    media = Some(connection);
                }
                welcome
            }
            "twice" => {
                json!({ "type": "reply", "request_id": id, "ok": { "twice": frame["of"].as_u64().unwrap() * 2 } })
            }
            "refuse" => {
                json!({ "type": "reply", "request_id": id, "error": { "code": "seat_occupied", "message": "taken", "details": { "holder": "ben" } } })
            }
            "events_please" => {
                json!({ "type": "events", "events": [{ "type": "audience", "n": 1 }, { "type": "audience", "n": 2 }] })
            }
            "bye_please" => json!({ "type": "bye", "reason": "kicked", "action": "stop" }),
            "leave" => {
                socket
                    .send(Message::text(json!({ "type": "reply", "request_id": id, "ok": {} }).to_string()))
                    .await
                    .unwrap();
                return "leave";
            }
            other => panic!("unexpected {other}"),
        };
        socket.send(Message::text(answer.to_string())).await.unwrap();
        if answer["type"] == "bye" {
            return "bye";
        }
    }
    // The peer connection outlives the socket, to see what still comes.
    std::mem::forget(media);
    "dropped"
}

/// A peer connection that sends back what comes.
async fn answer(offer: &str, levels: Arc<Mutex<Vec<u8>>>) -> (Arc<dyn PeerConnection>, String) {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ECHO_SSRC), ..Default::default() },
        codec: opus_codec(),
        ..Default::default()
    };
    let track = MediaStreamTrack::new(
        "s".to_owned(),
        "t".to_owned(),
        "t".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding.clone()],
    );
    let track = Arc::new(TrackLocalStaticRTP::new(track));
    let (gathered, mut gathering) = watch::channel(false);
    let level_id = offer.lines().find(|line| line.contains(AUDIO_LEVEL_URI)).unwrap();
    let level_id: u8 = level_id.trim_start_matches("a=extmap:").split(' ').next().unwrap().parse().unwrap();
    let mirror = Mirror { track: Arc::clone(&track), gathered, levels, level_id };
    let connection: Arc<dyn PeerConnection> = Arc::new(
        PeerConnectionBuilder::new()
            .with_media_engine(media_engine().unwrap())
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_handler(Arc::new(mirror))
            .with_runtime(Arc::new(TokioRuntime))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .unwrap(),
    );
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Sendonly,
        streams: vec![],
        send_encodings: vec![encoding],
    };
    connection.add_transceiver_from_track(track as Arc<dyn TrackLocal>, Some(init)).await.unwrap();
    connection.set_remote_description(RTCSessionDescription::offer(offer.to_owned()).unwrap()).await.unwrap();
    let answer = connection.create_answer(None).await.unwrap();
    connection.set_local_description(answer).await.unwrap();
    gathering.wait_for(|&done| done).await.unwrap();
    let sdp = connection.local_description().await.unwrap().sdp;
    (connection, sdp)
}

struct Mirror {
    track: Arc<TrackLocalStaticRTP>,
    gathered: watch::Sender<bool>,
    levels: Arc<Mutex<Vec<u8>>>,
    level_id: u8,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Mirror {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_track(&self, remote: Arc<dyn TrackRemote>) {
        let (track, levels, level_id) = (Arc::clone(&self.track), Arc::clone(&self.levels), self.level_id);
        TokioRuntime.spawn(Box::pin(async move {
            while let Some(event) = remote.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(Packet { mut header, payload }) = event {
                    levels.lock().unwrap().extend(header.get_extension(level_id).map(|level| level[0]));
                    header.ssrc = ECHO_SSRC;
                    header.csrc = vec![ECHO_CSRC];
                    header.extensions.clear();
                    header.extension = false;
                    // The connection may be gone already.
                    let _ = track.write_rtp(Packet { header, payload }).await;
                }
            }
        }));
    }
}
