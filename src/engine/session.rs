//! A session is one participant's transport as the engine holds it: its secure path, what it publishes, and the slots it hears by.

use std::time::{Duration, Instant};

use super::command::{Open, RoomKey, TransportKey};
use super::event::{CloseReason, SlotView};
use super::joining::Joining;
use super::measuring::Measuring;
use crate::router::{
    budget::{Allowance, Budget},
    forwarder::Forwarder,
    slots::SlotTable,
    track::{Track, TrackParams},
};
use crate::sdp::{self, SlotParams};
use crate::transport::{
    certificate::{Certificate, Fingerprint},
    dtls::{Dimpl, DtlsRole},
    ice_lite::{ConsentState, IceLite},
    secure::SecurePath,
    srtp::SrtpSession,
};

/// One participant's transport.
pub(super) struct Session {
    pub(super) key: TransportKey,
    pub(super) room: RoomKey,
    pub(super) joining: Joining,
    opened_at: Instant,
    pub(super) ice: IceLite,
    pub(super) secure: SecurePath<Dimpl>,
    pub(super) srtp: Option<Box<SrtpSession>>,
    pub(super) track: Option<Track>,
    pub(super) slots: SlotTable,
    pub(super) streams: Vec<Stream>,
    pub(super) slots_reported: Vec<SlotView>,
    pub(super) report_ssrc: u32,
    pub(super) cname: String,
    pub(super) consent: Consent,
    pub(super) report_at: Instant,
    pub(super) armed: Option<Instant>,
    pub(super) measuring: Measuring,
    pub(super) rtcp_budget: Budget,
}

/// One downstream slot: what was negotiated, and the stream that goes there.
pub(super) struct Stream {
    pub(super) params: SlotParams,
    pub(super) forwarder: Forwarder,
    /// The mid travels with the first packets only: by then the receiver knows the SSRC (RFC 8843 section 9.2).
    pub(super) mids_left: u32,
    /// How what went out last was coded, if it could be read.
    pub(super) last_toc: Option<u8>,
}

/// Whether the path is known to be wanted (RFC 7675).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    Fresh,
    Interrupted,
    Gone(CloseReason),
}

impl Session {
    pub(super) fn new(open: Open, certificate: &Certificate, now: Instant) -> Self {
        let Open { transport, room, credentials, negotiated, report_ssrc, cname, slot_randoms, asked_at } = open;
        let role = match negotiated.dtls_role {
            sdp::DtlsRole::Active => DtlsRole::Active,
            sdp::DtlsRole::Passive => DtlsRole::Passive,
        };
        // The offer's parser has dropped hashes that are too weak, and refused an offer with none left.
        let fingerprints = negotiated
            .fingerprints
            .iter()
            .filter_map(|print| Fingerprint::new(print.hash.as_str(), print.digest.clone()))
            .collect();
        let track = negotiated.microphone.map(|microphone| {
            let params = TrackParams {
                payload_type: microphone.payload_type,
                audio_level_id: microphone.audio_level_id,
                ssrc: microphone.ssrc,
            };
            Track::new(params, now)
        });
        let randoms = slot_randoms.into_iter().chain(std::iter::repeat(0));
        let streams: Vec<Stream> =
            negotiated.slots.into_iter().zip(randoms).map(|(params, random)| Stream::new(params, random)).collect();
        Self {
            key: transport,
            room,
            joining: Joining::new(transport, asked_at),
            opened_at: now,
            ice: IceLite::new(credentials, negotiated.remote_ufrag, now),
            secure: SecurePath::new(Dimpl::new(certificate, role, now), role, fingerprints),
            srtp: None,
            track,
            slots: SlotTable::new(streams.len()),
            streams,
            slots_reported: Vec::new(),
            report_ssrc,
            cname,
            consent: Consent::Fresh,
            report_at: now,
            armed: None,
            measuring: Measuring::default(),
            rtcp_budget: Budget::full(REPORTS, now),
        }
    }

    /// What became of the path, if it changed.
    pub(super) fn consent_due(&mut self, now: Instant) -> Option<Consent> {
        if self.srtp.is_none() && now >= self.opened_at + HANDSHAKE_TIMEOUT {
            return Some(Consent::Gone(CloseReason::HandshakeTimeout));
        }
        match self.ice.consent(now) {
            ConsentState::Waiting | ConsentState::Fresh => None,
            ConsentState::Interrupted => (self.consent != Consent::Interrupted).then(|| {
                self.consent = Consent::Interrupted;
                Consent::Interrupted
            }),
            ConsentState::Gone => Some(Consent::Gone(CloseReason::Silent)),
        }
    }

    pub(super) fn next_deadline(&self, now: Instant) -> Instant {
        let handshake = match self.srtp {
            Some(_) => self.report_at,
            None => self.opened_at + HANDSHAKE_TIMEOUT,
        };
        [self.secure.next_timeout(), self.ice.next_consent_change(now)]
            .into_iter()
            .flatten()
            .fold(handshake, Instant::min)
    }
}

impl Stream {
    fn new(params: SlotParams, random: u64) -> Self {
        Self { params, forwarder: Forwarder::new(random), mids_left: MIDS_SENT, last_toc: None }
    }
}

/// Browsers send a few reports a second; a burst is for what comes at once after a stall.
const REPORTS: Allowance =
    Allowance { packets_per_second: 50, packets_burst: 100, bytes_per_second: 16_000, bytes_burst: 32_000 };
/// From the answer to keys, at most.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
const MIDS_SENT: u32 = 50;
