//! A server on a real socket over a media plane that only remembers, and clients to talk to it.
#![allow(
    clippy::unused_async,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "shared by several test binaries, which may stop on surprise"
)]

pub mod monitor;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use self::monitor::FakeMonitor;
use axum::{body::Bytes, serve::ListenerExt};
use futures_util::{SinkExt, StreamExt};
use podium_signaling::{
    DevMode, Signaling, SignalingConfig,
    auth::{self, Secret, TokenRequest},
    clock,
    ids::{Identity, RoomId, SessionId},
    media::{MediaFuture, MediaPlane, MediaRefusal, OpenTransport, Opened, RestartIce, StagePlan},
    monitor::LatencyMonitor,
    room::Rank,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest},
};

pub const SECRET: &str = "a secret of thirty-two bytes or more";

/// What the media plane was asked.
#[derive(Default)]
pub struct FakeMedia {
    pub opened: Mutex<Vec<SessionId>>,
    pub closed: Mutex<Vec<SessionId>>,
    pub plans: Mutex<Vec<StagePlan>>,
    /// When what caused each plan had come.
    pub asked_at: Mutex<Vec<Instant>>,
    pub rooms_closed: Mutex<Vec<RoomId>>,
    pub monitor: FakeMonitor,
}

impl MediaPlane for FakeMedia {
    fn open(&self, request: OpenTransport) -> MediaFuture<'_, Result<Opened, MediaRefusal>> {
        Box::pin(async move {
            match request.offer.as_str() {
                "bad" => Err(MediaRefusal::InvalidOffer("no ICE credentials".to_owned())),
                "full" => Err(MediaRefusal::Full),
                "slow" => std::future::pending().await,
                offer => {
                    self.opened.lock().unwrap().push(request.session);
                    Ok(Opened { answer: format!("answer to {offer}") })
                }
            }
        })
    }

    fn restart(&self, request: RestartIce) -> MediaFuture<'_, Result<Opened, MediaRefusal>> {
        Box::pin(async move {
            match request.offer.as_str() {
                "bad" => Err(MediaRefusal::InvalidOffer("no ICE credentials".to_owned())),
                "slow" => std::future::pending().await,
                _ if self.closed.lock().unwrap().contains(&request.session) => Err(MediaRefusal::Gone),
                offer => Ok(Opened { answer: format!("restarted by {offer}") }),
            }
        })
    }

    fn close(&self, _room: &RoomId, session: &SessionId) {
        self.closed.lock().unwrap().push(session.clone());
    }

    fn apply(&self, plan: StagePlan, asked_at: Instant) {
        self.asked_at.lock().unwrap().push(asked_at);
        self.plans.lock().unwrap().push(plan);
    }

    fn room_closed(&self, room: &RoomId) {
        self.rooms_closed.lock().unwrap().push(room.clone());
    }

    fn monitor(&self) -> &dyn LatencyMonitor {
        &self.monitor
    }
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub signaling: Signaling,
    pub media: Arc<FakeMedia>,
}

pub async fn server() -> Server {
    server_with(|_| {}).await
}

pub async fn server_with(change: impl FnOnce(&mut SignalingConfig)) -> Server {
    let keys = HashMap::from([("devkey".to_owned(), Secret::new(SECRET))]);
    let mut config = SignalingConfig { keys, ..SignalingConfig::default() };
    // The people of a story come again and again.
    (config.limits.identity_joins_per_second, config.limits.identity_joins_burst) = (1_000, 1_000);
    change(&mut config);
    let media = Arc::new(FakeMedia::default());
    let signaling = Signaling::open(config, Arc::clone(&media) as Arc<dyn MediaPlane>).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    // Little buffers, so that a client that does not read is soon felt.
    socket.set_send_buffer_size(8 * 1024).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    // As the server does that embeds this: a reply does not wait for the acknowledgement of what was said before.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let service = signaling.router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    Server { address, signaling, media }
}

/// A file of a store, which goes with it.
pub struct StoreFile(PathBuf);

impl StoreFile {
    pub fn new(name: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("podium-{}-{name}.db", std::process::id())));
        file.remove();
        file
    }

    /// A server that has it.
    pub async fn server(&self, change: impl FnOnce(&mut SignalingConfig)) -> Server {
        let path = self.0.clone();
        server_with(move |config| {
            config.store.path = Some(path);
            change(config);
        })
        .await
    }

    fn remove(&self) {
        for ending in ["", "-wal", "-shm", "-lock"] {
            let mut path = self.0.clone().into_os_string();
            path.push(ending);
            // It need not be there.
            let _absent = std::fs::remove_file(path);
        }
    }
}

impl Drop for StoreFile {
    fn drop(&mut self) {
        self.remove();
    }
}

pub fn dev(config: &mut SignalingConfig) {
    config.dev = Some(DevMode { key_id: "devkey".to_owned() });
}

pub fn token(room: &str, identity: &str, rank: Rank) -> String {
    let request = TokenRequest {
        manages_rooms: false,
        room: RoomId::parse(room).unwrap(),
        identity: Identity::parse(identity).unwrap(),
        name: None,
        rank,
        lifetime: Duration::from_secs(600),
    };
    auth::mint("devkey", &Secret::new(SECRET), &request, clock::unix_seconds()).unwrap()
}

/// A token with these claims beside `iss` and `exp`.
pub fn token_with(mut claims: Value) -> String {
    claims["iss"] = json!("devkey");
    if claims.get("exp").is_none() {
        claims["exp"] = json!(clock::unix_seconds() + 600);
    }
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

/// A client on a socket.
pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The last event of the log that came.
    pub seq: u64,
    /// The id of the connection, and what was told in words, by the `bye` that came.
    pub farewell: Option<(String, Option<String>)>,
    next_request: u32,
    backlog: VecDeque<Value>,
}

impl Server {
    /// A socket that has not joined yet.
    pub async fn connect(&self, room: &str, token: &str) -> Client {
        let mut request = format!("ws://{}/v1/rooms/{room}/session", self.address).into_client_request().unwrap();
        let protocols = format!("podium.v1, bearer.{token}");
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let stream = TcpSocket::new_v4().unwrap();
        stream.set_recv_buffer_size(8 * 1024).unwrap();
        let stream = MaybeTlsStream::Plain(stream.connect(self.address).await.unwrap());
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "podium.v1");
        Client { socket, seq: 0, farewell: None, next_request: 1, backlog: VecDeque::new() }
    }

    /// A client that has joined with an offer, and its welcome.
    pub async fn join(&self, room: &str, identity: &str, rank: Rank) -> (Client, Value) {
        let mut client = self.connect(room, &token(room, identity, rank)).await;
        let id = client.send(json!({"type": "join", "offer": "v=0"})).await;
        let welcome = client.next().await;
        assert_eq!((&welcome["type"], &welcome["request_id"]), (&json!("welcome"), &json!(id)), "{welcome}");
        (client, welcome)
    }

    /// A socket that has asked to go on with a session. What it knows of the log is up to `last_seq`.
    pub async fn resuming(&self, room: &str, identity: &str, resume_token: &Value, last_seq: u64) -> Client {
        let mut client = self.connect(room, &token(room, identity, Rank::Member)).await;
        client.seq = last_seq;
        client.send(json!({"type": "resume", "resume_token": resume_token, "last_seq": last_seq})).await;
        client
    }

    /// A client that goes on with a session, and its welcome.
    pub async fn resume(&self, room: &str, identity: &str, resume_token: &Value, last_seq: u64) -> (Client, Value) {
        let mut client = self.resuming(room, identity, resume_token, last_seq).await;
        let welcome = client.next().await;
        assert_eq!((&welcome["type"], &welcome["resumed"]), (&json!("welcome"), &json!(true)), "{welcome}");
        (client, welcome)
    }

    /// One HTTP exchange: status, headers in small letters, body.
    pub async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut text = format!("{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in [("host", self.address.to_string()), ("connection", "close".to_owned())] {
            if !headers.iter().any(|(given, _)| *given == name) {
                text += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text += body;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A refused body may be cut off by a reset after the answer.
        let _reset = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }

    pub async fn http_json(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        let (status, _, body) = self.http(method, path, &[("authorization", &bearer)], body).await;
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }
}

impl Client {
    /// Sends a command under a request id of its own.
    pub async fn send(&mut self, mut command: Value) -> String {
        let id = self.next_request.to_string();
        self.next_request += 1;
        command["request_id"] = json!(id);
        self.raw(&command.to_string()).await;
        id
    }

    pub async fn raw(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn binary(&mut self) {
        self.socket.send(Message::Binary(Bytes::from_static(b"x"))).await.unwrap();
    }

    /// Sends a command and waits for its reply; events in between stay for later.
    pub async fn ask(&mut self, command: Value) -> Value {
        let id = self.send(command).await;
        self.answer(&id).await
    }

    /// Waits for the reply to a command; events in between stay for later.
    pub async fn answer(&mut self, id: &str) -> Value {
        let mut passed = VecDeque::new();
        loop {
            let frame = self.take().await;
            if frame["type"] == "reply" && frame["request_id"] == json!(id) {
                passed.append(&mut self.backlog);
                self.backlog = passed;
                return frame;
            }
            passed.push_back(frame);
        }
    }

    /// The next frame; batches are taken apart.
    pub async fn next(&mut self) -> Value {
        let frame = self.take().await;
        if let Some(seq) = frame["seq"].as_u64().or(frame["room"]["seq"].as_u64()) {
            self.seq = seq;
        }
        frame
    }

    async fn take(&mut self) -> Value {
        if let Some(frame) = self.backlog.pop_front() {
            return frame;
        }
        let message = self.message().await;
        let Some(Ok(Message::Text(text))) = message else {
            panic!("no frame but {message:?}");
        };
        let mut frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "bye" {
            let mut text = |field: &str| frame.as_object_mut().unwrap().remove(field);
            let connection = text("connection").unwrap();
            let detail = text("detail").map(|detail| detail.as_str().unwrap().to_owned());
            self.farewell = Some((connection.as_str().unwrap().to_owned(), detail));
        }
        if frame["type"] != "events" {
            return frame;
        }
        self.backlog = frame["events"].as_array().unwrap().iter().cloned().collect();
        self.backlog.pop_front().unwrap()
    }

    /// The next frame of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The next event about a seat with this cause.
    pub async fn expect_seat(&mut self, cause: &str) -> Value {
        loop {
            let frame = self.expect("seat_changed").await;
            if frame["cause"] == cause {
                return frame;
            }
        }
    }

    /// The code with which the server closes; what comes before it is passed over.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(frame))) => return frame.map_or(0, |frame| frame.code.into()),
                Some(Ok(_)) => {}
                other => panic!("no close but {other:?}"),
            }
        }
    }

    async fn message(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(8), self.socket.next());
            match next.await.expect("nothing came for 8 s") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    }
}

/// Waits until something holds.
pub async fn until(what: impl Fn() -> bool) {
    for _ in 0..400 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be");
}

/// The session that a welcome names.
pub fn session_of(welcome: &Value) -> SessionId {
    SessionId::parse(welcome["session"].as_str().unwrap()).unwrap()
}
