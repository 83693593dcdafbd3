//! What stands open and what does not: tokens, offers, development mode, the admin port.

use futures_util::{SinkExt, StreamExt};
use podium::config::Secret;
use podium::server::{self, Mode, Server, TokenRequest};
use podium_loadtest::token::{Claims, mint, sign};
use podium_signaling::room::Rank;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{ROOM, World, config};

const SECRET: &str = "an api secret of thirty-two bytes!";

async fn configured() -> Server {
    let mut config = config();
    config.auth.keys.insert("ops".into(), Secret::new(SECRET));
    config.store.path = Some(":memory:".into());
    Server::start(config, Mode::Configured).await.unwrap()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(server: &Server, room: &str, token: &str) -> Socket {
    let url = format!("ws://{}/v1/rooms/{room}/session?access_token={token}", server.http());
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

async fn ask(socket: &mut Socket, frame: Value) -> Value {
    socket.send(Message::text(frame.to_string())).await.unwrap();
    next(socket).await
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn development_tokens_exist_in_development_mode_only() {
    let asked = json!({ "room": ROOM, "rank": "host" });
    let post = async |server: &Server| {
        let url = format!("http://{}/dev/token", server.http());
        reqwest::Client::new().post(url).json(&asked).send().await.unwrap().status()
    };
    assert_eq!(post(&World::start().await.server).await, StatusCode::OK);
    assert_eq!(post(&configured().await).await, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn development_mode_serves_loopback_only() {
    let mut config = config();
    config.http.listen = "0.0.0.0:0".parse().unwrap();
    let fault = Server::start(config, Mode::Development).await.unwrap_err().to_string();
    assert!(fault.contains("http.listen") && fault.contains("loopback"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_server_takes_tokens_of_its_key_and_of_no_other() {
    let server = configured().await;
    let mut config = config();
    config.auth.keys.insert("ops".into(), Secret::new(SECRET));
    let request = TokenRequest {
        room: "stage".into(),
        identity: "ada".into(),
        name: None,
        rank: Rank::Host,
        ttl: std::time::Duration::from_secs(60),
        manages_rooms: true,
        key: None,
    };
    let ours = server::mint(&config, &request).unwrap();
    let welcome = ask(&mut socket(&server, "stage", &ours).await, json!({ "type": "join", "request_id": "1" })).await;
    assert_eq!((&welcome["type"], &welcome["self"]["role"]), (&json!("welcome"), &json!("host")), "{welcome}");

    let url = format!("http://{}/v1/rooms", server.http());
    let make = |token: &str| {
        reqwest::Client::new().post(&url).bearer_auth(token).json(&json!({ "id": "made", "seats": 5 })).send()
    };
    let maker = server::mint(&config, &TokenRequest { room: "made".into(), ..request }).unwrap();
    assert_eq!(make(&maker).await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(make(&maker).await.unwrap().status(), StatusCode::OK, "it is there already");
    let member = mint("ops", SECRET, &Claims::new("made", "ben")).unwrap();
    assert_eq!(make(&member).await.unwrap().status(), StatusCode::FORBIDDEN);

    let other_room = next(&mut socket(&server, "other", &ours).await).await;
    assert_eq!((&other_room["type"], &other_room["reason"]), (&json!("bye"), &json!("forbidden")));
    let foreign =
        mint("ops", "another secret of thirty-two bytes", &Claims::new("stage", "eve").ranked("host")).unwrap();
    assert_eq!(next(&mut socket(&server, "stage", &foreign).await).await["reason"], json!("unauthenticated"));
    let past = json!({ "iss": "ops", "sub": "eve", "exp": 1_000_000, "video": { "room": "stage", "roomJoin": true } });
    let expired = sign(&past, SECRET).unwrap();
    assert_eq!(next(&mut socket(&server, "stage", &expired).await).await["reason"], json!("token_expired"));
    assert_eq!(next(&mut socket(&server, "stage", &unsigned()).await).await["reason"], json!("unauthenticated"));
}

/// `{"alg":"none"}` and claims that would otherwise do.
fn unsigned() -> String {
    let header = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let claims = "eyJpc3MiOiJvcHMiLCJzdWIiOiJldmUiLCJleHAiOjQwMDAwMDAwMDAsInZpZGVvIjp7InJvb20iOiJzdGFnZSIsInJvb21Kb2luIjp0cnVlfX0";
    format!("{header}.{claims}.")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_offer_is_refused_by_the_real_media_plane_and_the_session_lives() {
    let world = World::start().await;
    let token = world.token("ada", "host").await;
    let captured = include_str!("../data/offers/chromium.sdp");
    let without = |line: &str| {
        captured.lines().filter(|text| !text.starts_with(line)).map(|text| format!("{text}\r\n")).collect::<String>()
    };
    let offers = [
        "hello".to_owned(),
        String::new(),
        without("a=ice-ufrag"),
        without("a=fingerprint"),
        format!("{captured}{}", "a=x\r\n".repeat(8_000)),
    ];
    for (number, offer) in offers.into_iter().enumerate() {
        let mut socket = socket(&world.server, ROOM, &token).await;
        let reply = ask(&mut socket, json!({ "type": "join", "request_id": "bad", "offer": offer })).await;
        assert_eq!(reply["error"]["code"], json!("invalid_argument"), "offer {number}: {reply}");
        let welcome = ask(&mut socket, json!({ "type": "join", "request_id": "good", "offer": captured })).await;
        assert_eq!(welcome["type"], json!("welcome"), "after offer {number}: {welcome}");
        assert!(welcome["answer"].as_str().unwrap().contains("a=ice-lite"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_tells_health_and_is_not_the_public_one() {
    let world = World::start().await;
    let status = async |base: std::net::SocketAddr, path: &str| {
        reqwest::get(format!("http://{base}{path}")).await.unwrap().status()
    };
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(status(world.server.admin(), path).await, StatusCode::OK, "{path}");
        assert_eq!(status(world.server.http(), path).await, StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn the_example_configuration_is_one_and_shows_the_defaults() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/podium.example.toml");
    let example = podium::config::Config::load(Some(&path), []).unwrap();
    let show = |config: &podium::config::Config| serde_json::to_value(config).unwrap();
    assert_eq!(show(&example), show(&podium::config::Config::default()));
}
