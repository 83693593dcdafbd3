//! The handshake by which an HTTP request becomes a WebSocket (RFC 6455 section 4.2).
//!
//! It is ours and not the router's, because what reads from the socket must see each frame's header: see [`super::frames`].

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::frames::CountedFrames;
use crate::{clock, protocol::SUBPROTOCOL};

/// A socket whose frames are counted and put together.
pub(super) type Socket = WebSocketStream<CountedFrames<TokioIo<hyper::upgrade::Upgraded>>>;

/// A request that asks for a WebSocket.
pub(super) struct Handshake {
    accept: String,
    on_upgrade: OnUpgrade,
}

impl Handshake {
    /// The handshake that a request is, if it is one.
    pub(super) fn of(head: &mut Parts) -> Option<Self> {
        let Parts { method, headers, extensions, .. } = head;
        let is_one = *method == Method::GET
            && has_word(headers, &header::CONNECTION, "upgrade")
            && has_word(headers, &header::UPGRADE, "websocket")
            && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_one)?;
        let accept = derive_accept_key(key.as_bytes());
        Some(Self { accept, on_upgrade: extensions.remove::<OnUpgrade>()? })
    }

    /// The answer to the client. The socket opens when it is sent.
    pub(super) fn answer(self, names_subprotocol: bool) -> (Response, Opening) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.extend(HeaderValue::from_str(&self.accept).ok().map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
        if names_subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        (response, Opening { on_upgrade: self.on_upgrade })
    }
}

/// A socket that opens.
pub(super) struct Opening {
    on_upgrade: OnUpgrade,
}

impl Opening {
    /// Waits until it is open. A client takes messages of `message_bytes` at most.
    pub(super) async fn open(self, message_bytes: usize) -> Result<Socket, hyper::Error> {
        let frames = CountedFrames::new(TokioIo::new(self.on_upgrade.await?), clock::now());
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        Ok(WebSocketStream::from_raw_socket(frames, Role::Server, Some(config)).await)
    }
}

/// Returns whether one of a header's words, which have commas between them, is this one in whatever case.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(word))
}

/// The default of 128 KiB for each direction would be the largest thing that a listener costs. Commands are short; an offer takes a few reads, once.
const READ_BUFFER_BYTES: usize = 1024;
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Frames are written one at a time, so this holds the longest welcome and a little.
const WRITE_BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;
