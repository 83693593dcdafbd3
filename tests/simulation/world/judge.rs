//! The judge looks at every packet that leaves the engine, and knows of the room only what the room shows.
//!
//! Nobody is heard against the gate's formula, nobody hears themselves, no number of a stream is used for two packets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use podium::wire::rtp::RtpHeader;
use podium_signaling::ids::Identity;
use podium_signaling::room::{SeatViewState, Snapshot};

use super::Who;
use super::participant::csrc_of;

/// One audio packet as it left the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) to: Who,
    pub(crate) csrc: u32,
    /// One of the frames that end a voice.
    pub(crate) ending: bool,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    voices: HashMap<u32, Voice>,
    numbers: HashMap<(Who, u32), Numbers>,
    /// How long a plan may be under way to the engine.
    pub(crate) plan_lag: Duration,
    pub(crate) sent: Vec<Sent>,
}

#[derive(Debug)]
struct Voice {
    owner: Identity,
    open: bool,
    closed_at: Option<Instant>,
}

/// The numbers that one stream has used, unwrapped.
#[derive(Debug)]
struct Numbers {
    newest: u64,
    used: HashMap<u64, u64>,
}

impl Judge {
    /// The room as it shows itself: an occupied seat is heard if nothing is muted.
    pub(crate) fn room_is(&mut self, room: &Snapshot, now: Instant) {
        for voice in self.voices.values_mut().filter(|voice| voice.open) {
            voice.open = false;
            voice.closed_at = Some(now);
        }
        for seat in &room.seats {
            let SeatViewState::Occupied { holder, csrc } = &seat.state else {
                continue;
            };
            let open = !seat.muted_by_host && !holder.host_muted && !holder.self_muted;
            let fresh = || Voice { owner: holder.identity.clone(), open: false, closed_at: None };
            let voice = self.voices.entry(csrc.get()).or_insert_with(fresh);
            assert_eq!(voice.owner, holder.identity, "an occupancy belongs to one person");
            // Only what was open until this very moment has not been closed by it.
            if open && voice.closed_at == Some(now) {
                voice.closed_at = None;
            }
            voice.open = open;
        }
    }

    /// Whose voice has this number.
    pub(crate) fn owner(&self, csrc: u32) -> &Identity {
        &self.voices[&csrc].owner
    }

    pub(crate) fn leaves(&mut self, to: Who, listener: &Identity, packet: &[u8], now: Instant) {
        let header = RtpHeader::parse(packet).unwrap();
        let csrc = csrc_of(packet);
        let ending = is_ending(packet);
        let voice = self.voices.get(&csrc).unwrap_or_else(|| panic!("voice {csrc} has no seat and never had"));
        assert_ne!(voice.owner, *listener, "{listener} hears their own voice");
        if !voice.open {
            let closed_at = voice.closed_at.expect("a voice is forwarded that was never open");
            let late = now.duration_since(closed_at);
            assert!(late <= AFTER_CLOSING, "voice {csrc} leaves {late:?} after it was closed");
            assert!(ending || late <= self.plan_lag, "voice {csrc} speaks {late:?} after it was closed");
        }
        self.number(to, &header, packet);
        self.sent.push(Sent { at: now, to, csrc, ending });
    }

    fn number(&mut self, to: Who, header: &RtpHeader, packet: &[u8]) {
        let first = || Numbers { newest: u64::from(header.sequence) + (1 << 20), used: HashMap::new() };
        let numbers = self.numbers.entry((to, header.ssrc)).or_insert_with(first);
        let ahead = header.sequence.wrapping_sub(numbers.newest as u16) as i16;
        let number = numbers.newest.wrapping_add_signed(ahead.into());
        numbers.newest = numbers.newest.max(number);
        let before = numbers.used.insert(number, digest(packet));
        assert_eq!(before, None, "SSRC {} uses {} twice", header.ssrc, header.sequence);
    }
}

/// Whether an audio packet is one of those that end a voice.
pub(crate) fn is_ending(packet: &[u8]) -> bool {
    packet.len() - usize::from(RtpHeader::parse(packet).unwrap().header_len) <= ENDING_MAX
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Whatever ends a voice comes at once.
const AFTER_CLOSING: Duration = Duration::from_millis(50);
/// One byte and the longest tag; our voices are longer.
const ENDING_MAX: usize = 17;
