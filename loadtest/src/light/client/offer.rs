//! An offer is what a client brings to a join: one section for its microphone and one for each voice that it can hear at once.

use std::fmt::Write;

/// A client's half of what is agreed on.
#[derive(Clone, Debug)]
pub struct Offer {
    ufrag: String,
    ssrc: u32,
    tie_breaker: u64,
    text: String,
}

impl Offer {
    /// An offer with so many slots. `fingerprint` is that of the client's certificate as SDP writes it; the rest is drawn from `random`.
    #[must_use]
    pub fn new(slots: usize, fingerprint: &str, random: [u64; 4]) -> Self {
        let [a, b, c, tie_breaker] = random;
        // The upper half of one number names, the lower half is the stream; zero would mean that there is none.
        let (ufrag, ssrc) = (format!("{:08x}", a >> 32), (a as u32).max(1));
        let pwd = format!("{b:016x}{c:016x}");
        let text = write(slots, fingerprint, &ufrag, &pwd, ssrc);
        Self { ufrag, ssrc, tie_breaker, text }
    }

    /// The SDP.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The microphone's stream.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(super) fn tie_breaker(&self) -> u64 {
        self.tie_breaker
    }
}

fn write(slots: usize, fingerprint: &str, ufrag: &str, pwd: &str, ssrc: u32) -> String {
    let mut text = String::with_capacity(800 * (slots + 2));
    let mids: Vec<String> = (0..=slots).map(|mid| mid.to_string()).collect();
    let mut line = |content: std::fmt::Arguments<'_>| {
        text.write_fmt(content).expect("a String takes everything");
        text.push_str("\r\n");
    };
    line(format_args!("v=0\r\no=- {ssrc} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0"));
    line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    line(format_args!("a=extmap-allow-mixed"));
    for (index, mid) in mids.iter().enumerate() {
        let is_microphone = index == 0;
        line(format_args!("m=audio 9 UDP/TLS/RTP/SAVPF {PAYLOAD_TYPE}\r\nc=IN IP4 0.0.0.0"));
        line(format_args!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=ice-options:trickle"));
        line(format_args!("a=fingerprint:{fingerprint}\r\na=setup:actpass\r\na=mid:{mid}"));
        line(format_args!("a=extmap:{LEVEL_ID} urn:ietf:params:rtp-hdrext:ssrc-audio-level"));
        line(format_args!("a=extmap:{MID_ID} urn:ietf:params:rtp-hdrext:sdes:mid"));
        line(format_args!("a={}", if is_microphone { "sendonly" } else { "recvonly" }));
        line(format_args!("a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:{PAYLOAD_TYPE} opus/48000/2"));
        line(format_args!("a=fmtp:{PAYLOAD_TYPE} minptime=10;useinbandfec=1"));
        if is_microphone {
            line(format_args!("a=ssrc:{ssrc} cname:light"));
        }
    }
    text
}

/// The numbers that Chromium gives.
const PAYLOAD_TYPE: u8 = 111;
const LEVEL_ID: u8 = 1;
const MID_ID: u8 = 4;
