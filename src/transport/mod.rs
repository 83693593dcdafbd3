//! A transport is one participant's secure path: addresses proven by ICE, keys agreed by DTLS, packets sealed by SRTP.
//!
//! Its parts are values: time and bytes come in, bytes and facts come out. They know `wire` and nothing else of ours: no
//! rooms, no streams, no sockets. Cryptography and DTLS themselves are libraries.

pub mod certificate;
pub mod dtls;
pub mod ice_lite;
pub mod secure;
pub mod srtp;
