//! An answer takes what we can carry of an offer and rejects the rest, section by section.
//!
//! The first audio section that the client can send on is its microphone; each other one that it can receive on is a
//! slot. If none is, the microphone's own section is also the one slot.
//!
//! A client with `bundlePolicy: "max-bundle"` has no transport but that of its BUNDLE group's first section. So that section
//! is kept without media where we cannot use it (RFC 9143 section 7.3 lets us, and Chromium cannot apply an answer that rejects it).

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::SdpError;
use super::offer::{Fingerprint, Offer, Setup};
use super::opus::Opus;
use super::section::{Direction, Section};

/// What we bring to an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerParams<'a> {
    /// Our ICE user fragment.
    pub ufrag: &'a str,
    /// Our ICE password.
    pub pwd: &'a str,
    /// Our certificate's fingerprint as SDP writes it: `sha-256 AB:CD:…`.
    pub fingerprint: &'a str,
    /// The addresses that we can be reached at, the best first.
    pub candidates: &'a [SocketAddr],
    /// The participant may speak at all.
    pub can_publish: bool,
    /// The participant may listen at all.
    pub can_subscribe: bool,
    /// The most slots that we grant.
    pub slots_max: usize,
    /// The canonical name of our streams.
    pub cname: &'a str,
    /// A number of this session; its upper two bits are dropped.
    pub origin_id: u64,
    /// 1 for the first answer of a session; each later one has a higher number.
    pub origin_version: u64,
    /// Our part in a handshake that was agreed before: it stays (RFC 8842 section 5.3).
    pub dtls_role: Option<DtlsRole>,
}

/// The answer, as text for the client and as facts for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SDP.
    pub text: String,
    /// What was agreed.
    pub negotiated: Negotiated,
}

/// What an offer and its answer agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The client's ICE user fragment.
    pub remote_ufrag: String,
    /// The client's ICE password.
    pub remote_pwd: String,
    /// What the client's certificate must match; any of them will do.
    pub fingerprints: Vec<Fingerprint>,
    /// Our part in the DTLS handshake.
    pub dtls_role: DtlsRole,
    /// Where the participant's voice comes from, if it may speak and offers to.
    pub microphone: Option<Microphone>,
    /// Where other voices go to, in the order of the sections.
    pub slots: Vec<SlotParams>,
    /// The names of the sections that share the transport, in their order.
    pub accepted: Vec<Option<String>>,
    /// Reduced-size RTCP may be sent.
    pub reduced_size_rtcp: bool,
    /// One-byte and two-byte header extensions may be mixed in one stream.
    pub extmap_allow_mixed: bool,
}

/// Our part in the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsRole {
    /// We send the ClientHello.
    Active,
    /// We wait for it.
    Passive,
}

/// The stream that a participant sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microphone {
    /// The section's name, if it has one.
    pub mid: Option<String>,
    /// The Opus payload type.
    pub payload_type: u8,
    /// Header extension id of the audio level.
    pub audio_level_id: Option<u8>,
    /// Header extension id of the mid.
    pub mid_id: Option<u8>,
    /// The declared SSRC; without it the first stream with the right mid or payload type is the one.
    pub ssrc: Option<u32>,
}

/// A stream that a participant receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotParams {
    /// The section's name, if it has one.
    pub mid: Option<String>,
    /// Our SSRC, for the whole session.
    pub ssrc: u32,
    /// The Opus payload type.
    pub payload_type: u8,
    /// Header extension id of the audio level.
    pub audio_level_id: Option<u8>,
    /// Header extension id of the mid.
    pub mid_id: Option<u8>,
}

/// Answers an offer. `next_ssrc` draws the slots' SSRCs; values that the offer or another slot uses, and 0, are drawn again.
///
/// # Errors
///
/// [`SdpError::NoAudio`] if nothing could be accepted, [`SdpError::OtherSetup`] if the part that we have already cannot stay ours.
pub fn answer(
    offer: &Offer,
    params: &AnswerParams<'_>,
    next_ssrc: &mut dyn FnMut() -> u32,
) -> Result<Answer, SdpError> {
    let mut ssrcs = Ssrcs { used: offer.ssrcs().collect(), next: next_ssrc };
    let parts = cast(offer, params);
    let accepted: Vec<_> = (0..offer.sections.len()).filter(|&index| parts[index] != Part::Rejected).collect();
    if accepted.is_empty() {
        return Err(SdpError::NoAudio);
    }

    let dtls_role = role(offer.setup, params.dtls_role)?;
    let transport = transport_lines(params, dtls_role);
    let mut text = String::with_capacity(1024);
    write_session(&mut text, offer, params, &accepted);
    let mut microphone = None;
    let mut slots = Vec::new();
    for (index, (section, part)) in offer.sections.iter().zip(&parts).enumerate() {
        let (speaks, hears) = match *part {
            Part::Rejected => {
                write_rejected(&mut text, section);
                continue;
            }
            Part::Kept => {
                write_kept(&mut text, section);
                text.push_str(&transport);
                continue;
            }
            Part::Accepted { speaks, hears } => (speaks, hears),
        };
        let payload_type = opus_of(section).payload_type;
        if speaks {
            microphone = Some(Microphone {
                mid: section.mid.clone(),
                payload_type,
                audio_level_id: section.extension_id(AUDIO_LEVEL, Direction::sends),
                mid_id: section.extension_id(MID, Direction::sends),
                ssrc: section.ssrcs.first().copied(),
            });
        }
        let slot = hears.then(|| SlotParams {
            mid: section.mid.clone(),
            ssrc: ssrcs.draw(),
            payload_type,
            audio_level_id: section.extension_id(AUDIO_LEVEL, Direction::receives),
            mid_id: mid_id_of_slot(section, offer.extmap_allow_mixed),
        });
        write_section(&mut text, (index, section), speaks, slot.as_ref(), params);
        text.push_str(&transport);
        slots.extend(slot);
    }
    let audio = || offer.sections.iter().zip(&parts).filter(|(_, part)| matches!(part, Part::Accepted { .. }));
    let all = |test: fn(&Section) -> bool| audio().all(|(section, _)| test(section));
    Ok(Answer {
        text,
        negotiated: Negotiated {
            remote_ufrag: offer.ufrag.clone(),
            remote_pwd: offer.pwd.clone(),
            fingerprints: offer.fingerprints.clone(),
            dtls_role,
            microphone,
            slots,
            accepted: accepted.iter().map(|&index| offer.sections[index].mid.clone()).collect(),
            reduced_size_rtcp: all(|section| section.reduced_size_rtcp),
            extmap_allow_mixed: offer.extmap_allow_mixed || all(|s| s.extmap_allow_mixed),
        },
    })
}

/// Our part in the handshake: the one that we have, if the offer leaves it to us.
fn role(offered: Setup, agreed: Option<DtlsRole>) -> Result<DtlsRole, SdpError> {
    match (offered, agreed) {
        (Setup::ActPass, Some(role)) => Ok(role),
        (Setup::ActPass | Setup::Passive, None) | (Setup::Passive, Some(DtlsRole::Active)) => Ok(DtlsRole::Active),
        (Setup::Active, None | Some(DtlsRole::Passive)) => Ok(DtlsRole::Passive),
        (Setup::Active, Some(DtlsRole::Active)) | (Setup::Passive, Some(DtlsRole::Passive)) => {
            Err(SdpError::OtherSetup)
        }
    }
}

/// What becomes of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Port 0.
    Rejected,
    /// We cannot use it, but the transport is named after it: it is inactive.
    Kept,
    /// It belongs to the transport; without a voice in either direction it is inactive.
    Accepted {
        /// The participant's voice comes here.
        speaks: bool,
        /// Another's voice goes here.
        hears: bool,
    },
}

/// Gives each section its part.
fn cast(offer: &Offer, params: &AnswerParams<'_>) -> Vec<Part> {
    let usable = |index: usize| offer.bundled.contains(&index) && offer.sections[index].usable_audio();
    let sections = || offer.sections.iter().enumerate().filter(|(i, _)| usable(*i));
    let microphone = sections()
        .find(|(_, section)| section.direction.sends())
        .map(|(index, _)| index)
        .filter(|_| params.can_publish);
    let hearing = || sections().filter(|(_, section)| section.direction.receives());
    let other_slots = hearing().any(|(index, _)| Some(index) != microphone);
    let slots: Vec<usize> = hearing()
        .map(|(index, _)| index)
        .filter(|&index| Some(index) != microphone || !other_slots)
        .take(if params.can_subscribe { params.slots_max } else { 0 })
        .collect();
    // A section that the client itself has switched off is none that it could name a transport after.
    let first = offer.bundled.iter().copied().find(|&index| offer.sections[index].offered);
    let part = |index: usize| {
        if usable(index) {
            return Part::Accepted { speaks: Some(index) == microphone, hears: slots.contains(&index) };
        }
        let can_stay = offer.sections[index].first_format.is_some();
        if Some(index) == first && can_stay { Part::Kept } else { Part::Rejected }
    };
    (0..offer.sections.len()).map(part).collect()
}

fn write_session(text: &mut String, offer: &Offer, params: &AnswerParams<'_>, accepted: &[usize]) {
    line(text, format_args!("v=0"));
    let origin = params.origin_id & ORIGIN_MASK;
    let version = params.origin_version;
    line(text, format_args!("o=- {origin} {version} IN IP4 127.0.0.1"));
    line(text, format_args!("s=-"));
    line(text, format_args!("t=0 0"));
    if offer.has_bundle {
        let members = offer.bundled.iter().filter(|index| accepted.contains(index));
        let mids = members.filter_map(|&index| offer.sections[index].mid.as_deref());
        let mids: Vec<_> = mids.collect();
        line(text, format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
    line(text, format_args!("a=ice-lite"));
    if offer.extmap_allow_mixed {
        line(text, format_args!("a=extmap-allow-mixed"));
    }
}

/// Returns the attributes of the transport. Every accepted section repeats them: Firefox crashes and aiortc refuses the
/// answer where only the first one has them.
fn transport_lines(params: &AnswerParams<'_>, role: DtlsRole) -> String {
    let mut lines = String::with_capacity(512);
    let text = &mut lines;
    line(text, format_args!("a=ice-ufrag:{}", params.ufrag));
    line(text, format_args!("a=ice-pwd:{}", params.pwd));
    line(text, format_args!("a=fingerprint:{}", params.fingerprint));
    let setup = match role {
        DtlsRole::Active => "active",
        DtlsRole::Passive => "passive",
    };
    line(text, format_args!("a=setup:{setup}"));
    for (index, address) in (0u32..).zip(params.candidates.iter().take(CANDIDATES_MAX)) {
        // Type preference of a host, and a local preference that falls from the first to the last.
        let priority = (126 << 24) | ((65_535 - index) << 8) | 255;
        let (ip, port) = (address.ip(), address.port());
        let ip: IpAddr = ip.to_canonical();
        let foundation = index + 1;
        line(text, format_args!("a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host"));
    }
    line(text, format_args!("a=end-of-candidates"));
    lines
}

fn write_rejected(text: &mut String, section: &Section) {
    let (kind, protocol) = (section.kind.as_str(), &section.protocol);
    let formats = section.formats.join(" ");
    line(text, format_args!("m={kind} 0 {protocol} {formats}"));
    line(text, format_args!("c=IN IP4 0.0.0.0"));
    if let Some(mid) = &section.mid {
        line(text, format_args!("a=mid:{mid}"));
    }
    line(text, format_args!("a=inactive"));
}

/// Writes a section that takes part in nothing but the transport.
fn write_kept(text: &mut String, section: &Section) {
    let (kind, protocol) = (section.kind.as_str(), &section.protocol);
    let format = section.first_format.as_ref().expect("only sections with a format are kept");
    line(text, format_args!("m={kind} 9 {protocol} {}", format.name));
    line(text, format_args!("c=IN IP4 0.0.0.0"));
    if let Some(mid) = &section.mid {
        line(text, format_args!("a=mid:{mid}"));
    }
    line(text, format_args!("a=inactive"));
    write_offered_flags(text, section);
    for (key, value) in &format.attributes {
        line(text, format_args!("a={key}:{value}"));
    }
}

/// Writes those of the flags that we take part in which the offer has.
fn write_offered_flags(text: &mut String, section: &Section) {
    let offered = [
        (section.rtcp_mux, "rtcp-mux"),
        (section.reduced_size_rtcp, "rtcp-rsize"),
        (section.extmap_allow_mixed, "extmap-allow-mixed"),
    ];
    for (_, attribute) in offered.into_iter().filter(|(offered, _)| *offered) {
        line(text, format_args!("a={attribute}"));
    }
}

fn write_section(
    text: &mut String,
    (index, section): (usize, &Section),
    speaks: bool,
    slot: Option<&SlotParams>,
    params: &AnswerParams<'_>,
) {
    let opus = opus_of(section);
    let (protocol, pt) = (&section.protocol, opus.payload_type);
    line(text, format_args!("m=audio 9 {protocol} {pt}"));
    line(text, format_args!("c=IN IP4 0.0.0.0"));
    if let Some(mid) = &section.mid {
        line(text, format_args!("a=mid:{mid}"));
    }
    let direction = match (speaks, slot) {
        (true, Some(_)) => Direction::SendRecv,
        (true, None) => Direction::RecvOnly,
        (false, Some(_)) => Direction::SendOnly,
        (false, None) => Direction::Inactive,
    };
    line(text, format_args!("a={}", direction.as_str()));
    write_offered_flags(text, section);
    for uri in [AUDIO_LEVEL, MID] {
        if let Some(extension) = section.extensions.iter().find(|e| e.uri == uri) {
            let id = extension.id;
            // Directions are told as the one who writes them sees it, so ours mirror the offer's.
            let direction = match extension.direction {
                Direction::SendRecv => "",
                Direction::SendOnly => "/recvonly",
                Direction::RecvOnly => "/sendonly",
                Direction::Inactive => "/inactive",
            };
            line(text, format_args!("a=extmap:{id}{direction} {uri}"));
        }
    }
    line(text, format_args!("a=rtpmap:{pt} opus/48000/2"));
    line(text, format_args!("a=fmtp:{pt} {}", opus.format.answered(slot.is_some())));
    let packet_time = section.packet_time.answered();
    for (key, ms) in [("ptime", packet_time.preferred_ms), ("maxptime", packet_time.max_ms)] {
        if let Some(ms) = ms {
            line(text, format_args!("a={key}:{ms}"));
        }
    }
    if let Some(slot) = slot {
        let (ssrc, cname) = (slot.ssrc, params.cname);
        // A stream of its own for each slot: they hold unrelated voices, and browsers synchronize within a stream. Its
        // name is made of the section's index, since a name holds 64 characters at most (RFC 8830 section 2) and a mid more.
        line(text, format_args!("a=msid:slot-{index} voice-{index}"));
        line(text, format_args!("a=ssrc:{ssrc} cname:{cname}"));
    }
}

fn opus_of(section: &Section) -> &Opus {
    section.opus.as_ref().expect("only sections with Opus are accepted")
}

/// Returns the id under which a slot's packets carry their mid, or nothing where the client could not read it: a stream must
/// not mix the two forms of header extensions unless that was negotiated (RFC 8285 section 4.1.2), and a mid of more than 16
/// bytes needs the long form. The declared SSRC says then where a packet belongs.
fn mid_id_of_slot(section: &Section, session_allows_mixed: bool) -> Option<u8> {
    let id = section.extension_id(MID, Direction::receives)?;
    let is_short = id <= SHORT_ID_MAX && section.mid.as_ref().is_none_or(|mid| mid.len() <= SHORT_LEN_MAX);
    let level_is_short = section.extension_id(AUDIO_LEVEL, Direction::receives).map(|id| id <= SHORT_ID_MAX);
    let is_mixed = level_is_short.is_some_and(|level_is_short| level_is_short != is_short);
    (!is_mixed || session_allows_mixed || section.extmap_allow_mixed).then_some(id)
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("a String takes everything");
    text.push_str("\r\n");
}

/// Draws SSRCs that nobody uses yet.
struct Ssrcs<'a> {
    used: Vec<u32>,
    next: &'a mut dyn FnMut() -> u32,
}

impl Ssrcs<'_> {
    fn draw(&mut self) -> u32 {
        let mut ssrc = (self.next)();
        // Should the source be stuck on used values, count on from there: it ends, as fewer are used than exist.
        for _ in 0..DRAWS_MAX {
            if !self.is_used(ssrc) {
                break;
            }
            ssrc = (self.next)();
        }
        while self.is_used(ssrc) {
            ssrc = ssrc.wrapping_add(1);
        }
        self.used.push(ssrc);
        ssrc
    }

    fn is_used(&self, ssrc: u32) -> bool {
        ssrc == 0 || self.used.contains(&ssrc)
    }
}

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// The most candidates that an answer has; each accepted section repeats them all.
const CANDIDATES_MAX: usize = 16;
/// What the one-byte form of a header extension can hold: ids, and bytes of a value (RFC 8285 section 4.2).
const SHORT_ID_MAX: u8 = 14;
const SHORT_LEN_MAX: usize = 16;
const DRAWS_MAX: usize = 8;
/// Some clients read the session id as a signed number.
const ORIGIN_MASK: u64 = u64::MAX >> 2;
