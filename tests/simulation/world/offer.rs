//! The words of a simulated client's SDP: a small offer, and what it reads of the answer.

use std::fmt::Write;

/// What one client offers. Every client numbers payload types and extensions in its own way.
#[derive(Clone, Debug)]
pub(crate) struct OfferTerms {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    pub(crate) fingerprint: String,
    /// `actpass`, `active` or `passive`.
    pub(crate) setup: &'static str,
    pub(crate) slots: usize,
    pub(crate) payload_type: u8,
    pub(crate) level_id: u8,
    pub(crate) mid_id: u8,
    pub(crate) ssrc: u32,
}

/// The microphone's section.
pub(crate) const MICROPHONE_MID: &str = "mic";

pub(crate) fn write_offer(terms: &OfferTerms) -> String {
    let mut text = String::new();
    let mids: Vec<String> = (0..terms.slots).map(|slot| format!("s{slot}")).collect();
    write!(text, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n").unwrap();
    write!(text, "a=group:BUNDLE {MICROPHONE_MID} {}\r\n", mids.join(" ")).unwrap();
    write_section(&mut text, terms, MICROPHONE_MID, "sendonly");
    write!(text, "a=ssrc:{} cname:{}\r\n", terms.ssrc, terms.ufrag).unwrap();
    for mid in &mids {
        write_section(&mut text, terms, mid, "recvonly");
    }
    text
}

fn write_section(text: &mut String, terms: &OfferTerms, mid: &str, direction: &str) {
    let OfferTerms { ufrag, pwd, fingerprint, setup, payload_type, level_id, mid_id, .. } = terms;
    write!(
        text,
        "m=audio 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:{fingerprint}\r\na=setup:{setup}\r\na=mid:{mid}\r\n\
         a=extmap:{level_id} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
         a=extmap:{mid_id} urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
         a=rtpmap:{payload_type} opus/48000/2\r\na=fmtp:{payload_type} minptime=10;useinbandfec=1\r\n"
    )
    .unwrap();
}

/// What a client reads of the answer.
#[derive(Clone, Debug)]
pub(crate) struct AnswerTerms {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    /// `sha-256 AB:CD:…`
    pub(crate) fingerprint: String,
    pub(crate) setup: String,
    /// Each slot's mid and SSRC, in order.
    pub(crate) slots: Vec<(String, u32)>,
}

pub(crate) fn read_answer(text: &str) -> AnswerTerms {
    let first = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
    };
    let mut slots = Vec::new();
    let mut mid = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("a=mid:") {
            mid = name.trim().to_owned();
        }
        if let Some(ssrc) = line.strip_prefix("a=ssrc:") {
            let number = ssrc.split(' ').next().unwrap();
            slots.push((mid.clone(), number.parse().unwrap()));
        }
    }
    AnswerTerms {
        ufrag: first("a=ice-ufrag:"),
        pwd: first("a=ice-pwd:"),
        fingerprint: first("a=fingerprint:"),
        setup: first("a=setup:"),
        slots,
    }
}
