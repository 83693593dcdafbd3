//! The only place of this crate that rolls dice.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Random bytes from the operating system, or nothing if it has none to give.
pub(crate) fn bytes<const LENGTH: usize>() -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// 128 random bits as URL-safe text.
pub(crate) fn text() -> Option<String> {
    bytes::<16>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}
