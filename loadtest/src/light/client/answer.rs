//! An answer is what the server agreed to, read from its SDP as far as a client needs it.

use std::net::{IpAddr, SocketAddr};

use podium::transport::certificate::Fingerprint;
use podium::transport::dtls::DtlsRole;

/// The server's half of what is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the server takes datagrams: its first candidate of the older family, or its first at all.
    pub candidate: SocketAddr,
    /// The server's ICE user fragment.
    pub ufrag: String,
    /// The server's ICE password.
    pub pwd: String,
    /// What its certificate must match.
    pub fingerprint: Fingerprint,
    /// Its part in the DTLS handshake.
    pub server_role: DtlsRole,
    /// How our voice is to be sent, if it may be.
    pub microphone: Option<MicrophoneTerms>,
    /// Where other voices come, in order.
    pub slots: Vec<SlotTerms>,
}

/// How a voice is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MicrophoneTerms {
    /// The section's name.
    pub mid: String,
    /// The Opus payload type.
    pub payload_type: u8,
    /// Header extension id of the audio level.
    pub level_id: Option<u8>,
    /// Header extension id of the mid.
    pub mid_id: Option<u8>,
}

/// One stream that comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTerms {
    /// The section's name.
    pub mid: String,
    /// The stream.
    pub ssrc: u32,
    /// The Opus payload type.
    pub payload_type: u8,
}

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A line that must be there is not, or says nothing that can be read.
    #[error("the answer has no usable {0}")]
    Missing(&'static str),
    /// A section with a port does not have the transport of the others (Firefox and aiortc want it in each).
    #[error("not every accepted section has the same transport")]
    OtherTransport,
    /// More sections than any client offers.
    #[error("the answer has more than {SECTIONS_MAX} sections")]
    TooManySections,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// Tells what is missing.
    pub fn parse(text: &str) -> Result<Self, AnswerError> {
        let mut sections = text.split("\nm=");
        // What stands before the first section is the session's.
        let _session = sections.next();
        let sections: Vec<Section<'_>> = sections.take(SECTIONS_MAX + 1).map(Section::read).collect();
        if sections.len() > SECTIONS_MAX {
            return Err(AnswerError::TooManySections);
        }
        let mut transports = sections.iter().filter(|section| !section.is_rejected).map(|section| &section.transport);
        let transport = transports.next();
        if transports.any(|other| Some(other) != transport) {
            return Err(AnswerError::OtherTransport);
        }
        let first = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::trim);
        let server_role = match first("a=setup:") {
            Some("active") => DtlsRole::Active,
            Some("passive") => DtlsRole::Passive,
            _ => return Err(AnswerError::Missing("setup")),
        };
        let microphone = sections.iter().find(|section| section.server_receives).map(|section| MicrophoneTerms {
            mid: section.mid.to_owned(),
            payload_type: section.payload_type,
            level_id: section.level_id,
            mid_id: section.mid_id,
        });
        let slot = |section: &Section<'_>| {
            let ssrc = section.ssrc.filter(|_| section.server_sends)?;
            Some(SlotTerms { mid: section.mid.to_owned(), ssrc, payload_type: section.payload_type })
        };
        Ok(Self {
            candidate: candidate(text).ok_or(AnswerError::Missing("candidate"))?,
            ufrag: first("a=ice-ufrag:").ok_or(AnswerError::Missing("ice-ufrag"))?.to_owned(),
            pwd: first("a=ice-pwd:").ok_or(AnswerError::Missing("ice-pwd"))?.to_owned(),
            fingerprint: first("a=fingerprint:").and_then(fingerprint).ok_or(AnswerError::Missing("fingerprint"))?,
            server_role,
            microphone,
            slots: sections.iter().filter_map(slot).collect(),
        })
    }
}

/// One `m=` section.
#[derive(Default)]
struct Section<'a> {
    mid: &'a str,
    /// Its port is 0.
    is_rejected: bool,
    /// The lines that every accepted section repeats.
    transport: Vec<&'a str>,
    payload_type: u8,
    server_sends: bool,
    server_receives: bool,
    level_id: Option<u8>,
    mid_id: Option<u8>,
    ssrc: Option<u32>,
}

impl<'a> Section<'a> {
    fn read(text: &'a str) -> Self {
        let mut section = Self::default();
        let mut lines = text.lines();
        // Kind, port, protocol, and the one format that was taken.
        let fields: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        section.is_rejected = fields.get(1) == Some(&"0");
        section.payload_type = fields.get(3).and_then(|format| format.parse().ok()).unwrap_or_default();
        for line in lines.filter_map(|line| line.trim_end().strip_prefix("a=")) {
            if TRANSPORT.iter().any(|attribute| line.starts_with(attribute)) {
                section.transport.push(line);
            }
            match line.split_once(':').unwrap_or((line, "")) {
                ("mid", mid) => section.mid = mid,
                ("sendrecv", _) => (section.server_sends, section.server_receives) = (true, true),
                ("sendonly", _) => section.server_sends = true,
                ("recvonly", _) => section.server_receives = true,
                ("ssrc", rest) if section.ssrc.is_none() => {
                    section.ssrc = rest.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
                }
                ("extmap", rest) => section.read_extension(rest),
                _ => {}
            }
        }
        section
    }

    /// An id, perhaps with a direction, and a name.
    fn read_extension(&mut self, text: &str) {
        let Some((id, uri)) = text.split_once(' ') else {
            return;
        };
        let id = id.split('/').next().and_then(|id| id.parse().ok());
        match uri {
            AUDIO_LEVEL => self.level_id = id,
            MID => self.mid_id = id,
            _ => {}
        }
    }
}

fn candidate(text: &str) -> Option<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("a=candidate:")).take(CANDIDATES_MAX) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[_, _, protocol, _, ip, port, ..] = fields.as_slice() else {
            continue;
        };
        if protocol.eq_ignore_ascii_case("udp")
            && let (Ok(ip), Ok(port)) = (ip.parse::<IpAddr>(), port.parse())
        {
            found.push(SocketAddr::new(ip, port));
        }
    }
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    let (name, digest) = text.split_once(' ')?;
    let digest: Option<Vec<u8>> = digest.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    Fingerprint::new(name, digest?)
}

const TRANSPORT: [&str; 6] = ["ice-ufrag:", "ice-pwd:", "fingerprint:", "setup:", "candidate:", "end-of-candidates"];
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// A client offers far fewer slots.
const SECTIONS_MAX: usize = 64;
const CANDIDATES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    const SESSION: &str = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=ice-lite\r\n";
    const SECTIONS: [&str; 3] = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=rtpmap:111 opus/48000/2\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=sendonly\r\na=ssrc:77 cname:p\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:2\r\na=inactive\r\n",
    ];
    const TRANSPORT: &str = "a=ice-ufrag:00abcdef\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\n\
        a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
        a=setup:active\r\na=candidate:1 1 udp 2130706431 ::1 4000 typ host\r\n\
        a=candidate:2 1 udp 2130706175 127.0.0.1 4000 typ host\r\na=end-of-candidates\r\n";
    const REJECTED: &str = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\na=inactive\r\n";

    fn whole() -> String {
        let sections: String = SECTIONS.iter().map(|section| format!("{section}{TRANSPORT}")).collect();
        format!("{SESSION}{sections}{REJECTED}")
    }

    #[test]
    fn an_answer_tells_where_to_send_and_what_comes() {
        let answer = Answer::parse(&whole()).unwrap();
        assert_eq!(answer.candidate.to_string(), "127.0.0.1:4000");
        assert_eq!((answer.ufrag.as_str(), answer.server_role), ("00abcdef", DtlsRole::Active));
        let microphone = MicrophoneTerms { mid: "0".to_owned(), payload_type: 111, level_id: Some(1), mid_id: Some(4) };
        assert_eq!(answer.microphone, Some(microphone));
        assert_eq!(answer.slots, [SlotTerms { mid: "1".to_owned(), ssrc: 77, payload_type: 111 }]);
    }

    #[test]
    fn an_answer_whose_sections_differ_in_their_transport_is_refused() {
        let [first, second, third] = SECTIONS;
        let missing = format!("{SESSION}{first}{TRANSPORT}{second}{third}{TRANSPORT}");
        assert_eq!(Answer::parse(&missing), Err(AnswerError::OtherTransport));
        let other = TRANSPORT.replace("127.0.0.1", "127.0.0.2");
        let other = format!("{SESSION}{first}{TRANSPORT}{second}{other}{third}{TRANSPORT}");
        assert_eq!(Answer::parse(&other), Err(AnswerError::OtherTransport));
    }

    #[test]
    fn an_answer_without_what_it_must_have_is_refused() {
        for (line, what) in [
            ("a=candidate", "candidate"),
            ("a=ice-ufrag", "ice-ufrag"),
            ("a=ice-pwd", "ice-pwd"),
            ("a=fingerprint", "fingerprint"),
            ("a=setup", "setup"),
        ] {
            let without: String = whole().split_inclusive("\r\n").filter(|text| !text.starts_with(line)).collect();
            assert_eq!(Answer::parse(&without), Err(AnswerError::Missing(what)));
        }
        assert!(Answer::parse("").is_err());
        let endless = whole() + &"m=audio 9 x 111\r\n".repeat(SECTIONS_MAX);
        assert_eq!(Answer::parse(&endless), Err(AnswerError::TooManySections));
    }
}
