//! An offer is what a participant's client can send and receive; the answer says which of it we take
//! ([RFC 8866](https://www.rfc-editor.org/rfc/rfc8866), [RFC 9429](https://www.rfc-editor.org/rfc/rfc9429),
//! [RFC 9143](https://www.rfc-editor.org/rfc/rfc9143) for BUNDLE).
//!
//! Text in, values out, text out. It knows nothing of rooms, keys or sockets; user fragments, addresses and stream ids are
//! arguments. A client's candidates are ignored: we never send first.

mod agreement;
mod answer;
mod offer;
mod opus;
mod section;

pub use agreement::{Agreement, OurSide};
pub use answer::{Answer, AnswerParams, DtlsRole, Microphone, Negotiated, SlotParams, answer};
pub use offer::{Fingerprint, HashName, Offer, Setup};
pub use opus::{Opus, OpusFormat, PacketTime};
pub use section::{Direction, Extension, PlainFormat, Section, SectionKind};

/// Why an offer cannot be answered. The text is safe to show: it repeats nothing of the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More than [`OFFER_MAX`] bytes.
    #[error("the offer is longer than 32 KiB")]
    TooLong,
    /// Not SDP at all.
    #[error("the offer is not SDP")]
    NotSdp,
    /// More than [`SECTIONS_MAX`] media sections.
    #[error("the offer has too many media sections")]
    TooManySections,
    /// Two sections with the same `a=mid`.
    #[error("two media sections have the same mid")]
    DuplicateMid,
    /// An `a=mid` that is no token of at most 255 characters.
    #[error("a mid is malformed")]
    BadMid,
    /// No `a=ice-ufrag` and `a=ice-pwd`.
    #[error("the offer has no ICE credentials")]
    NoIceCredentials,
    /// ICE credentials of a length or with characters that the RFC does not allow.
    #[error("the ICE credentials are malformed")]
    BadIceCredentials,
    /// No `a=fingerprint` of sha-256 or better.
    #[error("the offer has no fingerprint of sha-256 or better")]
    NoFingerprint,
    /// `a=setup:holdconn`, or a value that does not exist.
    #[error("the offered setup role cannot be answered")]
    BadSetup,
    /// No audio section with Opus that we could take.
    #[error("the offer has no audio section with Opus")]
    NoAudio,
    /// A later offer whose ICE credentials are not both new: it asks for nothing.
    #[error("the offer restarts nothing: its ice-ufrag and ice-pwd must both be new")]
    SameCredentials,
    /// A later offer with another fingerprint: keys are not agreed on twice.
    #[error("the fingerprint is not the one of this session: join anew")]
    OtherFingerprint,
    /// A later offer with other sections, payload types or extensions than were agreed on.
    #[error("the media sections are not those of this session: join anew")]
    OtherSections,
    /// A later offer that wants the handshake's roles changed.
    #[error("the setup role is not the one of this session: join anew")]
    OtherSetup,
}

/// The longest offer that is read, in bytes.
pub const OFFER_MAX: usize = 32 * 1024;
/// The most media sections that an offer may have.
pub const SECTIONS_MAX: usize = 64;

#[cfg(test)]
mod tests;
