//! An agreement is what one transport's offer and answer came to, kept so that a later offer can restart ICE and change nothing else
//! ([RFC 8839, section 4.4.1.1.1](https://www.rfc-editor.org/rfc/rfc8839#section-4.4.1.1.1)).
//!
//! The client's certificate, the sections and their streams stay as they are; both ends' credentials are new.

use std::net::SocketAddr;

use super::answer::{Answer, AnswerParams, Negotiated, answer};
use super::{Offer, SdpError};

/// What the last answer of a transport said, and what it takes to say it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    negotiated: Negotiated,
    can_publish: bool,
    can_subscribe: bool,
    slots_max: usize,
    cname: String,
    origin_id: u64,
    origin_version: u64,
}

/// What is ours in the answer to a restart.
#[derive(Debug, Clone, Copy)]
pub struct OurSide<'a> {
    /// Our new ICE user fragment.
    pub ufrag: &'a str,
    /// Our new ICE password.
    pub pwd: &'a str,
    /// Our certificate's fingerprint, the same as ever.
    pub fingerprint: &'a str,
    /// The addresses that we can be reached at, the best first.
    pub candidates: &'a [SocketAddr],
}

impl Agreement {
    /// What this answer, made with these parameters, has settled.
    #[must_use]
    pub fn new(params: &AnswerParams<'_>, answer: &Answer) -> Self {
        Self {
            negotiated: answer.negotiated.clone(),
            can_publish: params.can_publish,
            can_subscribe: params.can_subscribe,
            slots_max: params.slots_max,
            cname: params.cname.to_owned(),
            origin_id: params.origin_id,
            origin_version: params.origin_version,
        }
    }

    /// Answers an offer that restarts ICE: the answer, and the agreement that stands once it is sent.
    ///
    /// # Errors
    ///
    /// If the credentials are not new, or anything else is not as it was.
    pub fn restart(&self, offer: &Offer, ours: OurSide<'_>) -> Result<(Answer, Self), SdpError> {
        let agreed = &self.negotiated;
        // RFC 8839 section 4.4.1.1.1: an offer that restarts changes both.
        if offer.ufrag == agreed.remote_ufrag || offer.pwd == agreed.remote_pwd {
            return Err(SdpError::SameCredentials);
        }
        if offer.fingerprints != agreed.fingerprints {
            return Err(SdpError::OtherFingerprint);
        }
        let params = AnswerParams {
            ufrag: ours.ufrag,
            pwd: ours.pwd,
            fingerprint: ours.fingerprint,
            candidates: ours.candidates,
            can_publish: self.can_publish,
            can_subscribe: self.can_subscribe,
            slots_max: self.slots_max,
            cname: &self.cname,
            origin_id: self.origin_id,
            origin_version: self.origin_version + 1,
            dtls_role: Some(agreed.dtls_role),
        };
        let mut ssrcs = agreed.slots.iter().map(|slot| slot.ssrc);
        let answer = answer(offer, &params, &mut || ssrcs.next().unwrap_or(1))?;
        let fresh = &answer.negotiated;
        let same =
            fresh.accepted == agreed.accepted && fresh.microphone == agreed.microphone && fresh.slots == agreed.slots;
        if !same {
            return Err(SdpError::OtherSections);
        }
        let next = Self::new(&params, &answer);
        Ok((answer, next))
    }
}
