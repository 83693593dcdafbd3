//! What an engine counts, in plain integers. Its worker publishes them; nothing here knows how.

/// Why a datagram went no further. The names are the metric's labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum DropReason {
    /// Its first byte belongs to no protocol of ours (RFC 7983).
    NotOurs,
    /// Larger than any path carries unfragmented.
    TooLarge,
    /// Not a STUN message we can read, or without a right FINGERPRINT.
    StunMalformed,
    /// STUN, but not a Binding request.
    StunNotRequest,
    /// No transport has this ufrag.
    StunUnknownUfrag,
    /// MESSAGE-INTEGRITY is missing or wrong.
    StunIntegrity,
    /// A transaction that was answered before.
    StunRepeated,
    /// The address is another participant's, who is still there.
    StunPathTaken,
    /// Not STUN, and from an address that passed no check.
    UnknownPath,
    /// DTLS that came after the handshake object was let go.
    DtlsUnexpected,
    /// RTP or RTCP before keys exist.
    NoKeys,
    /// Not an RTP packet we can read.
    RtpMalformed,
    /// Not an RTCP packet we can read.
    RtcpMalformed,
    /// The authentication tag is wrong.
    SrtpAuth,
    /// Seen before, or too old for the replay window.
    SrtpReplayed,
    /// This participant negotiated no microphone.
    NoMicrophone,
    /// A payload type that was not negotiated.
    PayloadType,
    /// An SSRC too many.
    Ssrc,
    /// Over the publisher's budget.
    Budget,
    /// The sender holds no seat: a listener's packets go nowhere.
    NotOnStage,
    /// The sender's gate is closed: muted.
    GateClosed,
    /// The sender is held: someone with priority speaks.
    GateHeld,
    /// Audio that waited too long before it was handled to be of use to anyone.
    Stale,
    /// It holds no audio: padding only.
    NoPayload,
    /// Its sequence number is far from all others and stands alone.
    Stray,
    /// Protecting it failed: the key's lifetime is over.
    Protect,
}

impl DropReason {
    /// Every reason, in the order of their discriminants.
    pub const ALL: [Self; 26] = [
        Self::NotOurs,
        Self::TooLarge,
        Self::StunMalformed,
        Self::StunNotRequest,
        Self::StunUnknownUfrag,
        Self::StunIntegrity,
        Self::StunRepeated,
        Self::StunPathTaken,
        Self::UnknownPath,
        Self::DtlsUnexpected,
        Self::NoKeys,
        Self::RtpMalformed,
        Self::RtcpMalformed,
        Self::SrtpAuth,
        Self::SrtpReplayed,
        Self::NoMicrophone,
        Self::PayloadType,
        Self::Ssrc,
        Self::Budget,
        Self::NotOnStage,
        Self::GateClosed,
        Self::GateHeld,
        Self::Stale,
        Self::NoPayload,
        Self::Stray,
        Self::Protect,
    ];

    /// Whether it keeps someone from being heard who could be: it is no rule of the room, and what was dropped was audio.
    pub fn silences(self) -> bool {
        match self {
            Self::TooLarge
            | Self::NoKeys
            | Self::RtpMalformed
            | Self::SrtpAuth
            | Self::SrtpReplayed
            | Self::NoMicrophone
            | Self::PayloadType
            | Self::Ssrc
            | Self::Budget
            | Self::Stale
            | Self::Stray
            | Self::Protect => true,
            Self::NotOurs
            | Self::StunMalformed
            | Self::StunNotRequest
            | Self::StunUnknownUfrag
            | Self::StunIntegrity
            | Self::StunRepeated
            | Self::StunPathTaken
            | Self::UnknownPath
            | Self::DtlsUnexpected
            | Self::RtcpMalformed
            | Self::NotOnStage
            | Self::GateClosed
            | Self::GateHeld
            | Self::NoPayload => false,
        }
    }

    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::TooLarge => "too_large",
            Self::StunMalformed => "stun_malformed",
            Self::StunNotRequest => "stun_not_request",
            Self::StunUnknownUfrag => "stun_unknown_ufrag",
            Self::StunIntegrity => "stun_integrity",
            Self::StunRepeated => "stun_repeated",
            Self::StunPathTaken => "stun_path_taken",
            Self::UnknownPath => "unknown_path",
            Self::DtlsUnexpected => "dtls_unexpected",
            Self::NoKeys => "no_keys",
            Self::RtpMalformed => "rtp_malformed",
            Self::RtcpMalformed => "rtcp_malformed",
            Self::SrtpAuth => "srtp_auth",
            Self::SrtpReplayed => "srtp_replayed",
            Self::NoMicrophone => "no_microphone",
            Self::PayloadType => "payload_type",
            Self::Ssrc => "ssrc",
            Self::Budget => "budget",
            Self::NotOnStage => "not_on_stage",
            Self::GateClosed => "gate_closed",
            Self::GateHeld => "gate_held",
            Self::Stale => "stale",
            Self::NoPayload => "no_payload",
            Self::Stray => "stray",
            Self::Protect => "protect",
        }
    }
}

/// One engine's counts since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that came in.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams handed out for sending.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Audio packets taken from publishers: authentic, and let through the gate.
    pub rtp_in: u64,
    /// Audio packets made for subscribers.
    pub rtp_out: u64,
    /// Copies not made because other speakers have the listener's slots.
    pub copies_without_slot: u64,
    /// Audio packets that went to the seated only, having waited too long for the audience or behind too many others.
    pub stale_for_audience: u64,
    /// Audio packets that went to the seated only, because the seats changed before the audience's turn: nothing was late.
    pub forgotten_for_audience: u64,
    /// Copies not made because the packet came from before a switch of speakers.
    pub copies_before_switch: u64,
    /// Dropped datagrams by [`DropReason`], indexed by its discriminant.
    pub dropped: [u64; DropReason::ALL.len()],
    /// How often someone on an open seat was found unheard, by the reason of the last drop.
    pub unheard: [u64; DropReason::ALL.len()],
    /// Packets that publishers sent and we never got, by their sequence numbers.
    pub uplink_lost: u64,
    /// Of a thousand packets to subscribers, how many their last reports called lost: the sum over reports.
    pub downlink_lost_permille: u64,
    /// How many reports that sum has.
    pub downlink_reports: u64,
    /// Round trips measured, in all.
    pub round_trips: u64,
    /// Their sum, in microseconds.
    pub round_trip_micros: u64,
    /// Slots pointed at another speaker.
    pub repointed: u64,
    /// Transports that exist now.
    pub transports: u64,
    /// Of these, how many have keys.
    pub connected: u64,
}

impl Counters {
    /// Counts one drop.
    pub fn dropped(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }

    /// Packets that were too old to be sent on, to anyone or to the audience.
    pub fn stale(&self) -> u64 {
        self.drops(DropReason::Stale) + self.stale_for_audience
    }

    /// How often someone was found unheard because of this.
    pub fn unheard(&self, reason: DropReason) -> u64 {
        self.unheard[reason as usize]
    }

    /// How often this reason was counted.
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_its_place_and_a_label_of_its_own() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        let labels: HashSet<_> = DropReason::ALL.into_iter().map(DropReason::label).collect();
        assert_eq!(labels.len(), DropReason::ALL.len());
    }
}
