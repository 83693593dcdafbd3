//! How a session ends: the last frame, and the code of the closing handshake.

use std::time::Duration;

use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode};

use crate::{
    room::{ByeAction, Refusal},
    rooms::line::Farewell,
};

/// How a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// The last word.
    pub(super) farewell: Option<Farewell>,
    /// Absent when there is nobody left to close with.
    pub(super) close_code: Option<CloseCode>,
}

impl Ending {
    /// The other end is not there any more.
    pub(super) fn gone() -> Self {
        Self { farewell: None, close_code: None }
    }

    /// No word, only a code; none if the other end is gone.
    pub(super) fn closed(close_code: Option<CloseCode>) -> Self {
        Self { farewell: None, close_code }
    }

    /// What the room said last.
    pub(super) fn last(farewell: Option<Farewell>) -> Self {
        Self { farewell, close_code: Some(CloseCode::Normal) }
    }

    /// A word of our own.
    pub(super) fn bye(refusal: Refusal, action: ByeAction) -> Self {
        let retry_after = match action {
            ByeAction::Retry => Some(RETRY_AFTER),
            ByeAction::Stop | ByeAction::Resume | ByeAction::Rejoin => None,
        };
        Self::last(Some(Farewell::bye(refusal.code(), action, retry_after)))
    }

    /// Nobody can come in at present, but perhaps after so long.
    pub(super) fn later(refusal: Refusal, retry_after: Duration) -> Self {
        Self::last(Some(Farewell::bye(refusal.code(), ByeAction::Retry, Some(retry_after))))
    }

    /// This server is going down.
    pub(super) fn draining() -> Self {
        Self::bye(Refusal::Draining, ByeAction::Retry).code(CloseCode::Restart)
    }

    /// It did not stop when it was told to.
    pub(super) fn flooded() -> Self {
        Self::later(Refusal::RateLimited, RETRY_AFTER_FLOOD).code(CloseCode::Policy)
    }

    /// There are too many like it. It may try again after a while.
    pub(super) fn gave_way() -> Self {
        Self::later(Refusal::NodeFull, RETRY_AFTER)
    }

    /// The same with words for developers.
    pub(super) fn detail(mut self, words: &str) -> Self {
        self.farewell = self.farewell.map(|farewell| farewell.with_detail(words));
        self
    }

    /// The same with another code.
    pub(super) fn code(mut self, code: CloseCode) -> Self {
        self.close_code = Some(code);
        self
    }
}

/// The code to close with after such an error; none if the connection itself has failed.
pub(super) fn close_code_of(error: &tungstenite::Error) -> Option<CloseCode> {
    use tungstenite::Error;
    match error {
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)
        | Error::Io(_)
        | Error::ConnectionClosed
        | Error::AlreadyClosed => None,
        Error::Protocol(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => Some(CloseCode::Protocol),
    }
}

/// How long the last word, and then the other end's, may take.
pub(super) const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the connection is kept after the last word to an end that breaks the protocol.
pub(super) const LINGER: Duration = Duration::from_millis(500);

const RETRY_AFTER: Duration = Duration::from_secs(2);

const RETRY_AFTER_FLOOD: Duration = Duration::from_secs(10);
