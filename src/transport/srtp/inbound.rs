//! What a session remembers of those whose packets it opens: which SSRCs there are, and the contexts that notice their replays.

use std::collections::HashSet;

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_shared::error::Error;
use rtc_srtp::context::Context;
use rtc_srtp::option::{
    ContextOption, srtcp_no_replay_protection, srtcp_replay_protection, srtp_no_replay_protection,
    srtp_replay_protection,
};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::{CRYPTO, FIXED_HEADER_LEN, SrtpError, reason};

/// What a participant seals with.
pub(super) struct InboundKeys {
    pub(super) key: Vec<u8>,
    pub(super) salt: Vec<u8>,
    pub(super) profile: ProtectionProfile,
}

impl InboundKeys {
    /// A context that notices replays.
    pub(super) fn lasting(&self) -> Result<Context, SrtpError> {
        self.context(srtp_replay_protection(RTP_WINDOW), srtcp_replay_protection(RTCP_WINDOW))
    }

    /// A context that notices none.
    fn passing(&self) -> Result<Context, SrtpError> {
        self.context(srtp_no_replay_protection(), srtcp_no_replay_protection())
    }

    fn context(&self, rtp: ContextOption, rtcp: ContextOption) -> Result<Context, SrtpError> {
        Context::new(&self.key, &self.salt, self.profile, Some(rtp), Some(rtcp), CRYPTO.crypto())
            .map_err(|_| SrtpError::BadKeys)
    }
}

/// The SSRCs of one kind that a session has met, and what remembers their packets.
#[derive(Default)]
pub(super) struct Sources {
    /// They share the session's context, for good.
    pub(super) first: Vec<u32>,
    /// They have a context each; the longest unused stands first.
    pub(super) later: Vec<(u32, Context)>,
    /// Their contexts are gone, and they are refused.
    pub(super) past: HashSet<u32>,
}

impl Sources {
    pub(super) fn has(&self, ssrc: u32) -> bool {
        self.first.contains(&ssrc) || self.later.iter().any(|(known, _)| *known == ssrc)
    }

    pub(super) fn is_past(&self, ssrc: u32) -> bool {
        !self.past.is_empty() && self.past.contains(&ssrc)
    }

    /// Opens a packet of an SSRC that is remembered; `None` if it is not. Only an authentic packet counts as use.
    pub(super) fn open(
        &mut self,
        ssrc: u32,
        shared: &mut Context,
        open: impl FnOnce(&mut Context) -> Result<BytesMut, Error>,
    ) -> Option<Result<BytesMut, SrtpError>> {
        if self.first.contains(&ssrc) {
            return Some(open(shared).map_err(reason));
        }
        let at = self.later.iter().position(|(known, _)| *known == ssrc)?;
        let opened = open(&mut self.later[at].1).map_err(reason);
        if opened.is_ok() {
            self.later[at..].rotate_left(1);
        }
        Some(opened)
    }

    /// Finds a place for an SSRC of which an authentic packet has come.
    pub(super) fn remember<'a>(
        &'a mut self,
        ssrc: u32,
        shared: &'a mut Context,
        keys: &InboundKeys,
    ) -> Result<&'a mut Context, SrtpError> {
        if self.first.len() < FIRST_SOURCES_MAX {
            self.first.push(ssrc);
            return Ok(shared);
        }
        if self.later.len() == LATER_SOURCES_MAX {
            if self.past.len() == PAST_SOURCES_MAX {
                return Err(SrtpError::TooManySources);
            }
            self.past.insert(self.later.remove(0).0);
        }
        self.later.push((ssrc, keys.lasting()?));
        self.later.last_mut().map(|(_, context)| context).ok_or(SrtpError::TooManySources)
    }
}

/// Opens packets of SSRCs that are not known, without a memory of them that lasts.
#[derive(Default)]
pub(super) struct Scratch {
    /// For rollover counter 0.
    context: Option<Context>,
    /// For rollover counter 1.
    rolled: Option<Context>,
    /// Seals as the participant does.
    sealer: Option<Context>,
    /// Packets shown to these contexts, each of which may have left state behind.
    pub(super) shown: usize,
}

impl Scratch {
    /// One more packet will be shown to it.
    pub(super) fn renew(&mut self) {
        if self.shown == SHOWN_MAX {
            *self = Self::default();
        }
        self.shown += 1;
    }

    pub(super) fn context(&mut self, keys: &InboundKeys) -> Result<&mut Context, SrtpError> {
        existing(&mut self.context, keys)
    }

    pub(super) fn open_rolled(
        &mut self,
        datagram: &[u8],
        header: &rtc_rtp::Header,
        keys: &InboundKeys,
    ) -> Result<BytesMut, SrtpError> {
        let mut rolled = self.rolled.take().map_or_else(|| keys.passing(), Ok)?;
        self.roll(&mut rolled, header, keys)?;
        let opened = rolled.decrypt_rtp_with_header(datagram, header).map_err(reason);
        self.rolled = Some(rolled);
        opened
    }

    /// Makes `context` take the sequence number of `header` for one of rollover counter 1.
    ///
    /// The library counts from the packets that it has opened. So it is given one with a high number, sealed with the participant's keys. That
    /// never leaves the process. Its number lies outside of the replay window of what follows, so that no true packet counts as seen.
    pub(super) fn roll(
        &mut self,
        context: &mut Context,
        header: &rtc_rtp::Header,
        keys: &InboundKeys,
    ) -> Result<(), SrtpError> {
        let high = rtc_rtp::Header {
            ssrc: header.ssrc,
            sequence_number: header.sequence_number + ROLLED_DISTANCE,
            ..Default::default()
        };
        let mut packet = [0; FIXED_HEADER_LEN + 1];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&high.sequence_number.to_be_bytes());
        packet[8..12].copy_from_slice(&high.ssrc.to_be_bytes());
        let sealed = existing(&mut self.sealer, keys)?.encrypt_rtp_with_header(&packet, &high).map_err(reason)?;
        context.decrypt_rtp_with_header(&sealed, &high).map_err(reason).map(drop)
    }
}

fn existing<'a>(context: &'a mut Option<Context>, keys: &InboundKeys) -> Result<&'a mut Context, SrtpError> {
    if context.is_none() {
        *context = Some(keys.passing()?);
    }
    context.as_mut().ok_or(SrtpError::BadKeys)
}

/// Replay windows, in packets.
const RTP_WINDOW: usize = 1024;
const RTCP_WINDOW: usize = 128;
/// So many SSRCs of each kind share a context. A microphone has one; a listener of ours has one for each slot.
pub(super) const FIRST_SOURCES_MAX: usize = 8;
/// So many more have a context of their own at the same time.
pub(super) const LATER_SOURCES_MAX: usize = 16;
/// So many may have lost theirs. At one change in two seconds that takes two hours; from then on no new SSRC is taken.
pub(super) const PAST_SOURCES_MAX: usize = 4_096;
/// Sequence numbers below this one are also tried with rollover counter 1: so many packets may be lost behind the wrap.
pub(super) const ROLLED_BELOW: u16 = 0x2000;
/// More than half of the sequence numbers, less than what keeps the sum within them.
const ROLLED_DISTANCE: u16 = 33_000;
/// A scratch context is replaced after so many packets.
pub(super) const SHOWN_MAX: usize = 64;
