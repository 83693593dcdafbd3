//! A word is what one frame of the server means to a console: most are only counted, so no more of them is read than their type.
//!
//! Pure: bytes in, a meaning out.

use std::time::Duration;

use serde::Deserialize;

/// What a frame means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The join succeeded.
    Welcome,
    /// The answer to a request: its number, the code if it was refused, and whether what was done is kept.
    Reply {
        /// Which request, if it was one of ours.
        request: Option<u64>,
        /// Why not.
        refused: Option<String>,
        /// When it may be tried again, if that is told.
        retry_after: Option<Duration>,
        /// False if it was done, but is not written down.
        durable: bool,
    },
    /// The session is over.
    Bye {
        /// Why.
        reason: String,
        /// When it may be tried again, if that is told.
        retry_after: Option<Duration>,
    },
    /// Something that happened: an event or a batch of them.
    Event,
    /// No frame of the protocol.
    Unknown,
}

/// Reads one frame's text.
pub(crate) fn read(text: &[u8]) -> Word {
    match kind_of(text) {
        Some("welcome") => Word::Welcome,
        Some("reply") => match serde_json::from_slice::<Reply<'_>>(text) {
            Ok(reply) => Word::Reply {
                request: reply.request_id.and_then(|id| id.parse().ok()),
                retry_after: reply.error.as_ref().and_then(|error| error.details.as_ref()?.retry_after()),
                refused: reply.error.map(|error| error.code.to_owned()),
                durable: reply.ok.and_then(|ok| ok.durable).unwrap_or(true),
            },
            Err(_) => Word::Unknown,
        },
        Some("bye") => match serde_json::from_slice::<Bye<'_>>(text) {
            Ok(bye) => {
                Word::Bye { reason: bye.reason.to_owned(), retry_after: bye.retry_after_ms.map(Duration::from_millis) }
            }
            Err(_) => Word::Unknown,
        },
        Some(_) => Word::Event,
        None => Word::Unknown,
    }
}

/// The SDP in a welcome.
pub(crate) fn answer_in(welcome: &[u8]) -> Option<String> {
    serde_json::from_slice::<Welcome>(welcome).ok()?.answer
}

/// The code in an HTTP error's body, if all of it is there.
pub(crate) fn code_in(problem: &[u8]) -> Option<String> {
    serde_json::from_slice::<Problem>(problem).ok().map(|problem| problem.code)
}

/// The type, which Podium writes first; wherever it stands, if not.
fn kind_of(text: &[u8]) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(TYPE_FIRST) {
        let end = rest.iter().position(|&byte| byte == b'"')?;
        return std::str::from_utf8(&rest[..end]).ok();
    }
    serde_json::from_slice::<Typed<'_>>(text).ok().map(|typed| typed.kind)
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Deserialize)]
struct Reply<'a> {
    request_id: Option<&'a str>,
    error: Option<Refused<'a>>,
    ok: Option<Done>,
}

#[derive(Deserialize)]
struct Done {
    durable: Option<bool>,
}

#[derive(Deserialize)]
struct Refused<'a> {
    code: &'a str,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    retry_after_ms: Option<u64>,
}

impl Details {
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

#[derive(Deserialize)]
struct Bye<'a> {
    reason: &'a str,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Welcome {
    answer: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

const TYPE_FIRST: &[u8] = br#"{"type":""#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_their_type() {
        let told = |request, refused: Option<&str>, durable| {
            let refused = refused.map(str::to_owned);
            Word::Reply { request, refused, durable, retry_after: None }
        };
        let reply = |request, refused| told(request, refused, true);
        let bye = |reason: &str, retry_after| Word::Bye { reason: reason.to_owned(), retry_after };
        let soon = Some(Duration::from_millis(2_500));
        let cases = [
            (r#"{"type":"welcome","request_id":"1","room":{}}"#, Word::Welcome),
            (r#"{"type":"reply","request_id":"17","ok":{"position":3}}"#, reply(Some(17), None)),
            (r#"{"type":"reply","request_id":"18","ok":{"durable":false}}"#, told(Some(18), None, false)),
            (
                r#"{"type":"reply","request_id":"x","error":{"code":"forbidden","message":"no"}}"#,
                reply(None, Some("forbidden")),
            ),
            (r#"{"type":"reply","error":{"code":"rate_limited","message":"slow"}}"#, reply(None, Some("rate_limited"))),
            (r#"{"type":"bye","reason":"kicked","action":"stop"}"#, bye("kicked", None)),
            (r#"{"type":"bye","reason":"node_full","action":"retry","retry_after_ms":2500}"#, bye("node_full", soon)),
            (
                r#"{"type":"reply","request_id":"0","error":{"code":"node_full","message":"","details":{"retry_after_ms":2500}}}"#,
                Word::Reply {
                    request: Some(0),
                    refused: Some("node_full".to_owned()),
                    durable: true,
                    retry_after: soon,
                },
            ),
            (r#"{"type":"events","events":[{"type":"bye"}]}"#, Word::Event),
            (r#"{"events":[], "type": "events"}"#, Word::Event),
            (r#"{"type":"reply"#, Word::Unknown),
            (r#"{"type":"bye","reason":7}"#, Word::Unknown),
            ("[]", Word::Unknown),
        ];
        for (text, word) in cases {
            assert_eq!(read(text.as_bytes()), word, "{text}");
        }
    }

    #[test]
    fn an_answer_is_found_where_it_is_wanted() {
        let welcome = br#"{"type":"welcome","answer":"v=0\r\ns=-\r\n","room":{"answer":"no"}}"#;
        assert_eq!(answer_in(welcome).as_deref(), Some("v=0\r\ns=-\r\n"));
        assert_eq!(answer_in(br#"{"type":"welcome","room":{}}"#), None);
        assert_eq!(code_in(br#"{"code":"node_full","title":"x"}"#).as_deref(), Some("node_full"));
        assert_eq!(code_in(br#"{"code":"node_f"#), None);
    }
}
