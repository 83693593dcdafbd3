//! A word is what one frame of the server means to a console: most are only counted, so no more of them is read than their type.
//!
//! Pure: bytes in, a meaning out.

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
        /// False if it was done, but is not written down.
        durable: bool,
    },
    /// The session is over.
    Bye {
        /// Why.
        reason: String,
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
                refused: reply.error.map(|error| error.code.to_owned()),
                durable: reply.ok.and_then(|ok| ok.durable).unwrap_or(true),
            },
            Err(_) => Word::Unknown,
        },
        Some("bye") => match serde_json::from_slice::<Bye<'_>>(text) {
            Ok(bye) => Word::Bye { reason: bye.reason.to_owned() },
            Err(_) => Word::Unknown,
        },
        Some(_) => Word::Event,
        None => Word::Unknown,
    }
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
}

#[derive(Deserialize)]
struct Bye<'a> {
    reason: &'a str,
}

const TYPE_FIRST: &[u8] = br#"{"type":""#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_their_type() {
        let told = |request, refused: Option<&str>, durable| {
            let refused = refused.map(str::to_owned);
            Word::Reply { request, refused, durable }
        };
        let reply = |request, refused| told(request, refused, true);
        let cases = [
            (r#"{"type":"welcome","request_id":"1","room":{}}"#, Word::Welcome),
            (r#"{"type":"reply","request_id":"17","ok":{"position":3}}"#, reply(Some(17), None)),
            (r#"{"type":"reply","request_id":"18","ok":{"durable":false}}"#, told(Some(18), None, false)),
            (
                r#"{"type":"reply","request_id":"x","error":{"code":"forbidden","message":"no"}}"#,
                reply(None, Some("forbidden")),
            ),
            (r#"{"type":"reply","error":{"code":"rate_limited","message":"slow"}}"#, reply(None, Some("rate_limited"))),
            (r#"{"type":"bye","reason":"kicked","action":"stop"}"#, Word::Bye { reason: "kicked".to_owned() }),
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
}
