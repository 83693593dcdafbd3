//! A binding request is the question "do you hear me here?" that ICE asks on a path, and keeps asking as consent
//! ([RFC 8489](https://www.rfc-editor.org/rfc/rfc8489), [RFC 8445](https://www.rfc-editor.org/rfc/rfc8445#section-7)).
//!
//! Reading borrows from the datagram and allocates nothing, so that a flood of forged requests costs a scan. It knows
//! nothing of sessions: who asks is told by the two user fragments, and whether it is true by [`BindingRequest::verify`].
//! Left out on purpose: everything of TURN, long-term credentials, MESSAGE-INTEGRITY-SHA256, indications.

use std::net::{IpAddr, SocketAddr};

use rtc_crypto::providers::RingProvider;
use rtc_crypto::{HmacAlgorithm, RTCCryptoProvider};
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY,
    ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_PRIORITY, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
    RawAttribute,
};
use rtc_stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MAGIC_COOKIE, Message, MessageType, Setter};
use rtc_stun::xoraddr::XorMappedAddress;

/// The 96 random bits that pair an answer with its question.
pub type TransactionId = [u8; 12];

/// A well-formed binding request that is not yet verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingRequest<'a> {
    /// Pairs the answer with this request.
    pub transaction: TransactionId,
    /// The receiver's user fragment (ours, at the server).
    pub local_ufrag: &'a str,
    /// The sender's user fragment.
    pub remote_ufrag: &'a str,
    /// The sender nominates this path.
    pub use_candidate: bool,
    /// The role that the sender believes to have.
    pub role: IceRole,
    unknown: [u16; UNKNOWN_MAX],
    unknown_len: u8,
    signed: &'a [u8],
    tag: &'a [u8],
}

/// The role that the sender of a request claims, with its tie breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceRole {
    /// It decides which path is used.
    Controlling(u64),
    /// It leaves the decision to us.
    Controlled(u64),
    /// It does not say.
    Unsaid,
}

/// Why a datagram is no message that we answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StunError {
    /// The header is cut or its cookie is wrong, or lengths do not add up.
    #[error("malformed")]
    Malformed,
    /// Longer than any message we accept.
    #[error("longer than a datagram may be")]
    TooLong,
    /// A well-formed message of another type.
    #[error("not the expected type")]
    WrongType,
    /// There is no FINGERPRINT at the end, or it does not match.
    #[error("fingerprint missing or wrong")]
    BadFingerprint,
    /// There is no MESSAGE-INTEGRITY, or it has another size than HMAC-SHA1.
    #[error("integrity missing")]
    NoIntegrity,
    /// MESSAGE-INTEGRITY does not match the password.
    #[error("integrity does not match")]
    BadIntegrity,
    /// There is no USERNAME of two fragments, or it is too long.
    #[error("no usable username")]
    BadUsername,
    /// The answer belongs to another request.
    #[error("another transaction")]
    WrongTransaction,
    /// The answer holds no usable mapped address.
    #[error("no mapped address")]
    NoAddress,
}

/// The errors that we answer with, to authenticated requests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// 420: an attribute that must be understood is not.
    UnknownAttribute,
    /// 487: both ends believe to be controlled.
    RoleConflict,
}

impl<'a> BindingRequest<'a> {
    /// Reads a binding request; nothing about it is authenticated yet.
    ///
    /// # Errors
    ///
    /// Tells why the datagram is no binding request.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, StunError> {
        let (kind, transaction) = parse_header(datagram)?;
        if kind != BINDING_REQUEST.value() {
            return Err(StunError::WrongType);
        }
        let mut request = Self {
            transaction,
            local_ufrag: "",
            remote_ufrag: "",
            use_candidate: false,
            role: IceRole::Unsaid,
            unknown: [0; UNKNOWN_MAX],
            unknown_len: 0,
            signed: &[],
            tag: &[],
        };
        for attribute in AttributesOf::new(datagram) {
            let attribute = attribute?;
            // What stands behind MESSAGE-INTEGRITY is not covered by it, so it must not be believed.
            if !request.tag.is_empty() {
                continue;
            }
            request.take(datagram, attribute)?;
        }
        check_fingerprint(datagram)?;
        if request.tag.is_empty() {
            return Err(StunError::NoIntegrity);
        }
        if request.local_ufrag.is_empty() || request.remote_ufrag.is_empty() {
            return Err(StunError::BadUsername);
        }
        Ok(request)
    }

    /// Whether MESSAGE-INTEGRITY was made with this password; compares in constant time.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        verify_integrity(self.signed, self.tag, password)
    }

    /// The attributes that we should understand and do not (the first few).
    #[must_use]
    pub fn unknown(&self) -> &[u16] {
        &self.unknown[..usize::from(self.unknown_len)]
    }

    fn take(&mut self, datagram: &'a [u8], attribute: Attribute<'a>) -> Result<(), StunError> {
        match attribute.kind {
            ATTR_USERNAME => {
                let fragments = split_username(attribute.value).ok_or(StunError::BadUsername)?;
                (self.local_ufrag, self.remote_ufrag) = fragments;
            }
            ATTR_USE_CANDIDATE => self.use_candidate = true,
            ATTR_ICE_CONTROLLING => self.role = IceRole::Controlling(tie_breaker(attribute.value)?),
            ATTR_ICE_CONTROLLED => self.role = IceRole::Controlled(tie_breaker(attribute.value)?),
            ATTR_MESSAGE_INTEGRITY => {
                if attribute.value.len() != INTEGRITY_LEN {
                    return Err(StunError::NoIntegrity);
                }
                self.signed = &datagram[..attribute.at];
                self.tag = attribute.value;
            }
            ATTR_PRIORITY | ATTR_MESSAGE_INTEGRITY_SHA256 => {}
            kind if kind.required() && usize::from(self.unknown_len) < UNKNOWN_MAX => {
                self.unknown[usize::from(self.unknown_len)] = kind.value();
                self.unknown_len += 1;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Appends the answer "yes, and I see you at `mapped`".
pub fn write_success(transaction: &TransactionId, mapped: SocketAddr, password: &str, out: &mut Vec<u8>) {
    let address = XorMappedAddress { ip: mapped.ip().to_canonical(), port: mapped.port() };
    write_message(BINDING_SUCCESS, transaction, &[&address], password, out);
}

/// Appends an error answer; `unknown` is told with [`ErrorCode::UnknownAttribute`] only.
pub fn write_error(transaction: &TransactionId, code: ErrorCode, unknown: &[u16], password: &str, out: &mut Vec<u8>) {
    let (class, number, reason) = match code {
        ErrorCode::UnknownAttribute => (4, 20, "Unknown Attribute"),
        ErrorCode::RoleConflict => (4, 87, "Role Conflict"),
    };
    let mut value = vec![0, 0, class, number];
    value.extend_from_slice(reason.as_bytes());
    let error = raw(ATTR_ERROR_CODE, value);
    let listed = unknown.iter().flat_map(|kind| kind.to_be_bytes());
    let unknown = raw(ATTR_UNKNOWN_ATTRIBUTES, listed.collect());
    let both: [&dyn Setter; 2] = [&error, &unknown];
    let attributes = match code {
        ErrorCode::UnknownAttribute => &both[..],
        ErrorCode::RoleConflict => &both[..1],
    };
    write_message(BINDING_ERROR, transaction, attributes, password, out);
}

/// What the asking side puts into a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestParams<'a> {
    /// Pairs the answer with the request.
    pub transaction: TransactionId,
    /// Receiver's fragment, colon, sender's fragment.
    pub username: &'a str,
    /// Nominate the path.
    pub use_candidate: bool,
    /// The sender is controlling, with this tie breaker.
    pub tie_breaker: u64,
    /// Priority of the path as the sender sees it.
    pub priority: u32,
}

/// Appends a binding request, as the controlling side sends it; `password` is the receiver's.
pub fn write_request(params: &RequestParams<'_>, password: &str, out: &mut Vec<u8>) {
    let username = raw(ATTR_USERNAME, params.username.as_bytes().to_vec());
    let priority = raw(ATTR_PRIORITY, params.priority.to_be_bytes().to_vec());
    let controlling = raw(ATTR_ICE_CONTROLLING, params.tie_breaker.to_be_bytes().to_vec());
    let nominate = raw(ATTR_USE_CANDIDATE, Vec::new());
    let all: [&dyn Setter; 4] = [&username, &priority, &controlling, &nominate];
    let attributes = if params.use_candidate { &all[..] } else { &all[..3] };
    write_message(BINDING_REQUEST, &params.transaction, attributes, password, out);
}

/// Reads the answer to a request of ours and tells at which address we were seen.
///
/// # Errors
///
/// Tells why the datagram is no authentic success answer to that request.
pub fn parse_success(datagram: &[u8], transaction: &TransactionId, password: &str) -> Result<SocketAddr, StunError> {
    let (kind, answered) = parse_header(datagram)?;
    if kind != BINDING_SUCCESS.value() {
        return Err(StunError::WrongType);
    }
    if answered != *transaction {
        return Err(StunError::WrongTransaction);
    }
    let mut mapped = None;
    let mut signed = None;
    for attribute in AttributesOf::new(datagram) {
        let attribute = attribute?;
        if signed.is_some() {
            continue;
        }
        match attribute.kind {
            XOR_MAPPED_ADDRESS => mapped = parse_mapped(attribute.value, transaction),
            ATTR_MESSAGE_INTEGRITY => signed = Some((&datagram[..attribute.at], attribute.value)),
            _ => {}
        }
    }
    check_fingerprint(datagram)?;
    let (signed, tag) = signed.ok_or(StunError::NoIntegrity)?;
    if !verify_integrity(signed, tag, password) {
        return Err(StunError::BadIntegrity);
    }
    mapped.ok_or(StunError::NoAddress)
}

/// Type and transaction of a message whose length is exactly what it claims.
fn parse_header(datagram: &[u8]) -> Result<(u16, TransactionId), StunError> {
    if datagram.len() > crate::wire::DATAGRAM_MAX {
        return Err(StunError::TooLong);
    }
    let header = datagram.get(..HEADER_LEN).ok_or(StunError::Malformed)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[4..8] != MAGIC_COOKIE.to_be_bytes() || length % 4 != 0 || HEADER_LEN + length != datagram.len() {
        return Err(StunError::Malformed);
    }
    let mut transaction = [0; 12];
    transaction.copy_from_slice(&header[8..]);
    Ok((u16::from_be_bytes([header[0], header[1]]), transaction))
}

#[derive(Clone, Copy)]
struct Attribute<'a> {
    kind: AttrType,
    value: &'a [u8],
    /// Offset of the attribute's own header in the datagram.
    at: usize,
}

/// The attributes of a message in their order; ends after the first broken one.
struct AttributesOf<'a> {
    datagram: &'a [u8],
    at: usize,
}

impl<'a> AttributesOf<'a> {
    fn new(datagram: &'a [u8]) -> Self {
        Self { datagram, at: HEADER_LEN }
    }
}

impl<'a> Iterator for AttributesOf<'a> {
    type Item = Result<Attribute<'a>, StunError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        if at >= self.datagram.len() {
            return None;
        }
        // Whatever happens below, a broken attribute ends the walk.
        self.at = self.datagram.len();
        let Some(header) = self.datagram.get(at..at + 4) else {
            return Some(Err(StunError::Malformed));
        };
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let end = at + 4 + len.next_multiple_of(4);
        if end > self.datagram.len() {
            return Some(Err(StunError::Malformed));
        }
        self.at = end;
        Some(Ok(Attribute {
            kind: AttrType(u16::from_be_bytes([header[0], header[1]])),
            value: &self.datagram[at + 4..at + 4 + len],
            at,
        }))
    }
}

/// FINGERPRINT must be the last attribute and match.
fn check_fingerprint(datagram: &[u8]) -> Result<(), StunError> {
    let at = datagram
        .len()
        .checked_sub(FINGERPRINT_ATTRIBUTE_LEN)
        .filter(|&at| at >= HEADER_LEN)
        .ok_or(StunError::BadFingerprint)?;
    let (covered, attribute) = datagram.split_at(at);
    let [kind_high, kind_low, 0, 4, value @ ..] = attribute else {
        return Err(StunError::BadFingerprint);
    };
    let is_fingerprint = u16::from_be_bytes([*kind_high, *kind_low]) == ATTR_FINGERPRINT.value();
    if !is_fingerprint || *value != fingerprint_value(covered).to_be_bytes() {
        return Err(StunError::BadFingerprint);
    }
    Ok(())
}

/// The tag covers everything before its own attribute, under a header whose length ends with that attribute.
fn verify_integrity(signed: &[u8], tag: &[u8], password: &str) -> bool {
    let Some((header, attributes)) = signed.split_at_checked(HEADER_LEN) else {
        return false;
    };
    let length = attributes.len() + 4 + INTEGRITY_LEN;
    let Ok(length) = u16::try_from(length) else {
        return false;
    };
    let mut adjusted = [0u8; HEADER_LEN];
    adjusted.copy_from_slice(header);
    adjusted[2..4].copy_from_slice(&length.to_be_bytes());
    CRYPTO
        .crypto()
        .new_hmac(HmacAlgorithm::Sha1, password.as_bytes())
        .and_then(|mut mac| mac.verify(&[&adjusted, attributes], tag))
        .is_ok()
}

fn split_username(value: &[u8]) -> Option<(&str, &str)> {
    if value.len() > USERNAME_MAX {
        return None;
    }
    let (ours, theirs) = std::str::from_utf8(value).ok()?.split_once(':')?;
    (!ours.is_empty() && !theirs.is_empty()).then_some((ours, theirs))
}

fn tie_breaker(value: &[u8]) -> Result<u64, StunError> {
    let bytes = value.try_into().map_err(|_| StunError::Malformed)?;
    Ok(u64::from_be_bytes(bytes))
}

fn parse_mapped(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let (head, address) = value.split_at_checked(4)?;
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let port = u16::from_be_bytes([head[2] ^ cookie[0], head[3] ^ cookie[1]]);
    let mask = cookie.iter().chain(transaction);
    let ip: IpAddr = match (head[1], address.len()) {
        (1, 4) => {
            let mut octets = [0u8; 4];
            for ((octet, byte), mask) in octets.iter_mut().zip(address).zip(mask) {
                *octet = byte ^ mask;
            }
            octets.into()
        }
        (2, 16) => {
            let mut octets = [0u8; 16];
            for ((octet, byte), mask) in octets.iter_mut().zip(address).zip(mask) {
                *octet = byte ^ mask;
            }
            octets.into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn raw(kind: AttrType, value: Vec<u8>) -> RawAttribute {
    RawAttribute { typ: kind, length: 0, value }
}

/// Appends a whole message: the attributes, then integrity, then fingerprint.
fn write_message(
    kind: MessageType,
    transaction: &TransactionId,
    attributes: &[&dyn Setter],
    password: &str,
    out: &mut Vec<u8>,
) {
    let mut message = Message::new();
    message.typ = kind;
    message.transaction_id.0 = *transaction;
    message.write_header();
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), CRYPTO.crypto());
    let closing: [&dyn Setter; 2] = [&integrity, &FINGERPRINT];
    for attribute in attributes.iter().chain(&closing) {
        attribute.add_to(&mut message).expect("our attributes are small and integrity precedes the fingerprint");
    }
    out.extend_from_slice(&message.raw);
}

static CRYPTO: RingProvider = RingProvider::new();

const HEADER_LEN: usize = 20;
const INTEGRITY_LEN: usize = 20;
const FINGERPRINT_ATTRIBUTE_LEN: usize = 8;
/// The longest USERNAME that the RFC allows, in bytes.
const USERNAME_MAX: usize = 513;
/// How many unknown attributes an error answer names; more are left out.
const UNKNOWN_MAX: usize = 8;
const XOR_MAPPED_ADDRESS: AttrType = rtc_stun::attributes::ATTR_XORMAPPED_ADDRESS;

#[cfg(test)]
mod tests;
