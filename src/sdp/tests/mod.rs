//! Answers to captured, generated and bad offers.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use std::net::SocketAddr;

use proptest::prelude::*;
use rtc_sdp::description::session::SessionDescription;

use super::section::{value_of, values_of};
use super::*;

mod shapes;

/// The end of every accepted section of an answer with [`params`].
const TRANSPORT: &str = "a=ice-ufrag:AAufrag1\r\na=ice-pwd:0123456789abcdefghijklmnopqrstuv\r\n\
a=fingerprint:sha-256 AB:CD\r\na=setup:active\r\n\
a=candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host\r\n\
a=candidate:2 1 udp 2130706175 2001:db8::7 7882 typ host\r\na=end-of-candidates\r\n";
/// What stands in every accepted section.
const TRANSPORT_KEYS: [&str; 6] = ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "candidate", "end-of-candidates"];
const MIC_RECVONLY: [&str; 4] = ["recvonly", "sendonly", "sendonly", "sendonly"];

/// File, expected directions ("-" is rejected), payload type, audio level id and mid id of the microphone.
type Expected = (&'static str, &'static [&'static str], u8, Option<u8>, Option<u8>);

const CAPTURED: [Expected; 11] = [
    ("aiortc", &["sendrecv"], 96, Some(2), Some(1)),
    ("chromium", &["sendrecv"], 111, Some(1), Some(4)),
    ("chromium-mic-3-slots", &MIC_RECVONLY, 111, Some(1), Some(4)),
    ("chromium-no-track-mic-3-slots", &MIC_RECVONLY, 111, Some(1), Some(4)),
    ("chromium-video-first", &["inactive", "recvonly", "sendonly"], 111, None, Some(9)),
    ("ffmpeg", &["recvonly"], 111, None, None),
    ("firefox", &["sendrecv"], 109, Some(1), Some(3)),
    ("firefox-mic-3-slots", &MIC_RECVONLY, 109, Some(1), Some(3)),
    ("firefox-no-track-mic-3-slots", &MIC_RECVONLY, 109, Some(1), Some(3)),
    ("firefox-video-first", &["inactive", "recvonly", "sendonly"], 109, Some(1), Some(3)),
    ("wrtc", &["sendrecv"], 111, Some(1), Some(4)),
];

#[test]
fn every_captured_offer_is_answered() {
    for (file, expected, payload_type, audio_level_id, mid_id) in CAPTURED {
        let offer = Offer::parse(&captured(file)).unwrap();
        let answer = respond(&offer, true, true);
        assert_eq!(directions(&answer.text), expected, "{file}");
        check(&offer, &answer);
        let microphone = answer.negotiated.microphone.as_ref().unwrap();
        assert_eq!(microphone.payload_type, payload_type, "{file}");
        if file != "chromium-video-first" {
            assert_eq!(microphone.audio_level_id, audio_level_id, "{file}");
        }
        assert_eq!(microphone.mid_id, mid_id, "{file}");
        assert!(microphone.ssrc.is_some(), "{file}");
        assert!(answer.text.contains("a=setup:active\r\n"), "{file}");
    }
}

#[test]
fn without_the_right_to_speak_or_listen_the_directions_shrink() {
    let single = Offer::parse(&captured("chromium")).unwrap();
    assert_eq!(directions(&respond(&single, false, true).text), ["sendonly"]);
    assert_eq!(directions(&respond(&single, true, false).text), ["recvonly"]);
    assert_eq!(directions(&respond(&single, false, false).text), ["inactive"]);
    let listener = respond(&single, false, true).negotiated;
    assert!(listener.microphone.is_none());
    assert_eq!(listener.slots.len(), 1);

    let full = Offer::parse(&captured("firefox-mic-3-slots")).unwrap();
    let silent = ["inactive", "sendonly", "sendonly", "sendonly"];
    assert_eq!(directions(&respond(&full, false, true).text), silent);
    let deaf = ["recvonly", "inactive", "inactive", "inactive"];
    assert_eq!(directions(&respond(&full, true, false).text), deaf);
}

#[test]
fn slots_are_granted_up_to_the_maximum() {
    let offer = Offer::parse(&captured("chromium-mic-3-slots")).unwrap();
    let params = AnswerParams { slots_max: 2, ..params(true, true) };
    let answer = answer(&offer, &params, &mut counter()).unwrap();
    let expected = ["recvonly", "sendonly", "sendonly", "inactive"];
    assert_eq!(directions(&answer.text), expected);
    check(&offer, &answer);
}

#[test]
fn the_whole_answer_to_a_bundle_only_offer() {
    let offer = Offer::parse(&captured("firefox-mic-3-slots")).unwrap();
    let answer = respond(&offer, true, true);
    let second = answer.text.split("m=audio ").nth(2).unwrap();
    let expected = "9 UDP/TLS/RTP/SAVPF 109\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n\
a=extmap-allow-mixed\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtpmap:109 opus/48000/2\r\n\
a=fmtp:109 useinbandfec=1;usedtx=1;stereo=1;sprop-stereo=1\r\na=msid:slot-1 voice-1\r\na=ssrc:1 cname:podium\r\n";
    assert_eq!(second.strip_suffix(TRANSPORT), Some(expected));
    let head = answer.text.split("m=audio ").next().unwrap();
    let expected = "v=0\r\no=- 77 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3\r\na=ice-lite\r\n";
    assert_eq!(head, expected);
    let sections: Vec<_> = answer.text.split("m=audio ").skip(1).collect();
    assert_eq!(sections.len(), 4);
    assert!(sections.iter().all(|section| section.ends_with(TRANSPORT)), "{}", answer.text);
}

#[test]
fn the_first_sixteen_candidates_stand_in_every_section() {
    let offer = Offer::parse(&captured("chromium-mic-3-slots")).unwrap();
    let addresses: Vec<SocketAddr> = (1..=17).map(|n| SocketAddr::from(([192, 0, 2, n], 7882))).collect();
    let params = AnswerParams { candidates: &addresses, ..params(true, true) };
    let answer = answer(&offer, &params, &mut counter()).unwrap();
    check(&offer, &answer);
    for section in answer.text.split("m=audio ").skip(1) {
        assert_eq!(section.matches("a=candidate:").count(), 16);
        assert!(section.contains("192.0.2.16 ") && !section.contains("192.0.2.17 "));
    }
}

#[test]
fn credentials_and_every_strong_fingerprint_are_kept() {
    let offer = Offer::parse(&captured("aiortc")).unwrap();
    let agreed = respond(&offer, true, true).negotiated;
    assert_eq!(agreed.remote_ufrag, "OQSp");
    assert_eq!(agreed.remote_pwd, "nzkV3Z7JOHCTHtozaYH7y9");
    let hashes: Vec<_> = agreed.fingerprints.iter().map(|f| f.hash).collect();
    let all = [HashName::Sha256, HashName::Sha384, HashName::Sha512];
    assert_eq!(hashes, all);
    assert_eq!(agreed.fingerprints[0].digest[..3], [0x30, 0x4f, 0x27]);
    assert_eq!(agreed.microphone.unwrap().ssrc, Some(1_277_101_158));

    let line = |text: &str| text.lines().find(|l| l.starts_with("a=fingerprint")).map(str::to_owned);
    let text = captured("chromium");
    let line = line(&text).unwrap();
    let lower = text.replace(&line, &line.to_lowercase());
    let upper = text.replace(&line, &line.replace("sha", "SHA"));
    let read = |text: &str| Offer::parse(text).unwrap().fingerprints;
    assert_eq!(read(&lower), read(&text));
    assert_eq!(read(&upper), read(&text));
}

#[test]
fn setup_decides_who_begins() {
    for (offered, expected, said) in [
        ("a=setup:actpass\r\n", Ok(DtlsRole::Active), "a=setup:active"),
        ("a=setup:passive\r\n", Ok(DtlsRole::Active), "a=setup:active"),
        ("a=setup:active\r\n", Ok(DtlsRole::Passive), "a=setup:passive"),
        ("", Ok(DtlsRole::Active), "a=setup:active"),
        ("a=setup:holdconn\r\n", Err(SdpError::BadSetup), ""),
        ("a=setup:nonsense\r\n", Err(SdpError::BadSetup), ""),
    ] {
        let text = captured("chromium").replace("a=setup:actpass\r\n", offered);
        let answer = Offer::parse(&text).map(|offer| respond(&offer, true, true));
        let role = answer.as_ref().map(|a| a.negotiated.dtls_role).map_err(|e| *e);
        assert_eq!(role, expected);
        assert!(answer.is_err() || answer.unwrap().text.contains(said));
    }
}

#[test]
fn our_ssrcs_avoid_the_offers_and_each_other() {
    let text = captured("chromium-mic-3-slots").replace("553574841", "2");
    let offer = Offer::parse(&text).unwrap();
    let mut draws = [2, 0, 9, 9, 2, 4, 5].into_iter();
    let mut next = || draws.next().unwrap();
    let answer = answer(&offer, &params(true, true), &mut next).unwrap();
    let ssrcs: Vec<_> = answer.negotiated.slots.iter().map(|s| s.ssrc).collect();
    assert_eq!(ssrcs, [9, 4, 5]);
    let stuck = super::answer(&offer, &params(true, true), &mut || 2).unwrap();
    let ssrcs: Vec<_> = stuck.negotiated.slots.iter().map(|s| s.ssrc).collect();
    assert_eq!(ssrcs, [3, 4, 5]);
}

#[test]
fn one_section_without_a_group_is_answered_without_one() {
    let text = captured("chromium").replace("a=group:BUNDLE 0\r\n", "").replace("a=mid:0\r\n", "a=mid:audio0\r\n");
    let offer = Offer::parse(&text).unwrap();
    let answer = respond(&offer, true, true);
    assert!(!answer.text.contains("BUNDLE"));
    assert!(answer.text.contains("a=mid:audio0"));
    assert_eq!(directions(&answer.text), ["sendrecv"]);
    let bare = text.replace("a=mid:audio0\r\n", "");
    let answer = respond(&Offer::parse(&bare).unwrap(), true, true);
    assert_eq!(answer.negotiated.microphone.unwrap().mid, None);
}

#[test]
fn sections_outside_the_group_are_rejected() {
    let text = captured("chromium-mic-3-slots").replace("BUNDLE 0 1 2 3", "BUNDLE 0 2");
    let offer = Offer::parse(&text).unwrap();
    let answer = respond(&offer, true, true);
    assert_eq!(directions(&answer.text), ["recvonly", "-", "sendonly", "-"]);
    assert!(answer.text.contains("a=group:BUNDLE 0 2\r\n"));
}

#[test]
fn what_is_no_offer_is_refused_with_a_reason() {
    let good = captured("chromium");
    let long = format!("{good}a=x:{}\r\n", "y".repeat(OFFER_MAX));
    let without = |prefix: &str| -> String {
        let kept = good.split_inclusive('\n').filter(|l| !l.starts_with(prefix));
        kept.collect()
    };
    let many = format!("{good}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(64));
    let equal = captured("chromium-mic-3-slots").replace("a=mid:3", "a=mid:1");
    let cases = [
        (long.as_str(), SdpError::TooLong),
        ("", SdpError::NotSdp),
        ("hello", SdpError::NotSdp),
        ("{\"type\":\"offer\"}", SdpError::NotSdp),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", SdpError::NoAudio),
        (&good.replace("\r\n", "\r"), SdpError::NotSdp),
        (&good.replace("a=mid:0", "a=mid:0\u{7}"), SdpError::NotSdp),
        (&good.replace("a=mid:0", "a=mid:a b"), SdpError::BadMid),
        (&without("a=ice-ufrag"), SdpError::NoIceCredentials),
        (&without("a=ice-pwd"), SdpError::NoIceCredentials),
        (&good.replace("a=ice-pwd:", "a=ice-pwd: ,"), SdpError::BadIceCredentials),
        (&without("a=fingerprint"), SdpError::NoFingerprint),
        (&good.replace("sha-256", "sha-1"), SdpError::NoFingerprint),
        (&good.replace("sha-256", "sha-512"), SdpError::NoFingerprint),
        (&good.replace("111", "300"), SdpError::NoAudio),
        (&good.replace("opus/48000/2", "OPUX/48000/2"), SdpError::NoAudio),
        (&good.replace("m=audio 9", "m=audio 0"), SdpError::NoAudio),
        (&good.replace("m=audio", "m=video"), SdpError::NoAudio),
        (&good.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), SdpError::NoAudio),
        (&many, SdpError::TooManySections),
        (&equal, SdpError::DuplicateMid),
    ];
    for (text, expected) in cases {
        assert_eq!(Offer::parse(text).unwrap_err(), expected);
    }
}

#[test]
fn ten_thousand_source_lines_or_a_null_cipher_do_no_harm() {
    let mut text = captured("chromium").replace("111 minptime", "111  minptime");
    text.push_str("a=crypto:1 NULL inline:\r\n");
    while text.len() < OFFER_MAX - 20 {
        text.push_str("a=ssrc:7 b:c\r\n");
    }
    let offer = Offer::parse(&text).unwrap();
    check(&offer, &respond(&offer, true, true));
}

#[test]
fn lines_may_end_in_lf_alone() {
    let text = captured("chromium").replace("\r\n", "\n");
    assert!(Offer::parse(&text).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_order_and_number_of_sections_is_answered(
        kinds in proptest::collection::vec((0..4usize, 0..4usize, any::<bool>(), any::<bool>()), 1..20),
        can_publish: bool,
        can_subscribe: bool,
        session_level: bool,
        slots_max in 0..12usize,
    ) {
        let text = made_up(&kinds, session_level);
        let usable = kinds.iter().any(|&(kind, ..)| kind == 0);
        let offer = match Offer::parse(&text) {
            Ok(offer) => offer,
            Err(error) => {
                prop_assert_eq!(error, SdpError::NoAudio);
                prop_assert!(!usable);
                return Ok(());
            }
        };
        let params = AnswerParams { slots_max, ..params(can_publish, can_subscribe) };
        let answer = answer(&offer, &params, &mut counter()).unwrap();
        check(&offer, &answer);
        let agreed = &answer.negotiated;
        prop_assert!(agreed.slots.len() <= slots_max);
        prop_assert!(can_subscribe || agreed.slots.is_empty());
        let audio: Vec<_> = kinds.iter().enumerate().filter(|(_, k)| k.0 == 0).collect();
        let sender = audio.iter().find(|(_, k)| k.1 < 2).map(|(i, _)| i.to_string());
        let expected = sender.filter(|_| can_publish);
        prop_assert_eq!(agreed.microphone.as_ref().and_then(|m| m.mid.clone()), expected);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}", keep in 0..3000usize, line in "[a-z]=[ -~]{0,40}") {
        let _ = Offer::parse(&text);
        let good = captured("chromium");
        let keep = keep.min(good.len());
        if let Ok(offer) = Offer::parse(&format!("{}{line}\r\n{}", &good[..keep], &good[keep..])) {
            let _ = respond(&offer, true, true);
        }
    }
}

#[test]
fn an_offer_with_new_credentials_restarts_and_changes_nothing_else() {
    for (file, ..) in CAPTURED {
        let offer = Offer::parse(&captured(file)).unwrap();
        let before = respond(&offer, true, true);
        let agreement = Agreement::new(&params(true, true), &before);
        let (answer, next) = agreement.restart(&restarting(&offer), ours()).unwrap();
        check(&offer, &answer);
        let expected = before.text.replace("o=- 77 1 ", "o=- 77 2 ").replace("AAufrag1", "AAufrag2");
        let expected = expected.replace("0123456789abcdefghijklmnopqrstuv", "vutsrqponmlkjihgfedcba9876543210");
        assert_eq!(answer.text, expected, "{file}");
        assert_eq!(answer.negotiated.remote_ufrag, "another");
        // And once more.
        assert_eq!(next.restart(&restarting(&offer), ours()), Err(SdpError::SameCredentials));
        let (third, _) = next.restart(&offer, ours()).unwrap();
        assert!(third.text.contains("o=- 77 3 "), "{file}");
    }
}

#[test]
fn a_restart_that_changes_more_than_the_credentials_is_refused() {
    let text = captured("chromium-mic-3-slots");
    let offer = Offer::parse(&text).unwrap();
    let agreement = Agreement::new(&params(true, true), &respond(&offer, true, true));
    let refusal = |offer: &Offer| agreement.restart(offer, ours()).map(|_| ()).unwrap_err();
    assert_eq!(refusal(&offer), SdpError::SameCredentials);
    let new = restarting(&offer);
    assert_eq!(refusal(&Offer { pwd: offer.pwd.clone(), ..new.clone() }), SdpError::SameCredentials);
    assert_eq!(refusal(&Offer { ufrag: offer.ufrag.clone(), ..new.clone() }), SdpError::SameCredentials);
    let mut other = new.clone();
    other.fingerprints[0].digest[0] ^= 1;
    assert_eq!(refusal(&other), SdpError::OtherFingerprint);
    assert_eq!(refusal(&Offer { setup: Setup::Active, ..new }), SdpError::OtherSetup);
    for (old, changed) in [
        ("a=mid:3", "a=mid:9"),
        ("BUNDLE 0 1 2 3", "BUNDLE 0 1 2"),
        ("111", "112"),
        ("a=sendonly", "a=inactive"),
        ("a=recvonly", "a=inactive"),
    ] {
        let changed = text.replace(old, changed);
        assert_ne!(changed, text);
        assert_eq!(refusal(&restarting(&Offer::parse(&changed).unwrap())), SdpError::OtherSections, "{old}");
    }
}

#[test]
fn a_restart_keeps_the_handshakes_roles_whatever_a_later_offer_leaves_open() {
    let text = captured("chromium").replace("a=setup:actpass", "a=setup:active");
    let offer = Offer::parse(&text).unwrap();
    let agreement = Agreement::new(&params(true, true), &respond(&offer, true, true));
    let open = Offer { setup: Setup::ActPass, ..restarting(&offer) };
    let (answer, _) = agreement.restart(&open, ours()).unwrap();
    assert!(answer.text.contains("a=setup:passive"));
    let passive = Offer { setup: Setup::Passive, ..open };
    assert_eq!(agreement.restart(&passive, ours()), Err(SdpError::OtherSetup));
}

fn restarting(offer: &Offer) -> Offer {
    Offer { ufrag: "another".to_owned(), pwd: "another password of the client".to_owned(), ..offer.clone() }
}

fn ours() -> OurSide<'static> {
    let AnswerParams { fingerprint, candidates, .. } = params(true, true);
    OurSide { ufrag: "AAufrag2", pwd: "vutsrqponmlkjihgfedcba9876543210", fingerprint, candidates }
}

/// Asserts what holds of every answer.
fn check(offer: &Offer, answer: &Answer) {
    assert!(answer.text.len() <= 2 * OFFER_MAX);
    let parsed = SessionDescription::try_from(answer.text.clone()).unwrap();
    assert_eq!(parsed.media_descriptions.len(), offer.sections.len());
    let mut accepted = Vec::new();
    let mut transports = Vec::new();
    for (section, media) in offer.sections.iter().zip(&parsed.media_descriptions) {
        let attributes = &media.attributes;
        assert_eq!(media.media_name.media, section.kind.as_str());
        assert_eq!(value_of(attributes, "mid"), section.mid.as_deref());
        let pairs = attributes.iter().map(|attribute| (attribute.key.as_str(), attribute.value.as_deref()));
        let transport: Vec<_> = pairs.filter(|(key, _)| TRANSPORT_KEYS.contains(key)).collect();
        if media.media_name.port.value == 0 {
            assert_eq!(transport, [], "a rejected section has no transport");
            continue;
        }
        assert_eq!(media.media_name.port.value, 9);
        let has = |key| transport.iter().any(|(other, _)| *other == key);
        assert!(TRANSPORT_KEYS.into_iter().all(has), "{transport:?}");
        transports.push(transport);
        accepted.push(section.mid.clone().unwrap_or_default());
        let direction = attributes.iter().find_map(|a| Direction::parse(&a.key)).unwrap();
        assert!(!direction.sends() || section.direction.receives());
        assert!(!direction.receives() || section.direction.sends());
        assert_eq!(media.has_attribute("ssrc"), direction.sends());
        assert_eq!(media.has_attribute("rtcp-mux"), section.rtcp_mux);
        assert_eq!(media.has_attribute("rtcp-rsize"), section.reduced_size_rtcp);
        assert!(!answer.text.contains("transport-cc") && !answer.text.contains("abs-send-time"));
    }
    assert!(!transports.is_empty());
    assert!(transports.windows(2).all(|pair| pair[0] == pair[1]), "every section has the same transport");
    assert!(parsed.has_attribute("ice-lite"));
    if let Some(group) = values_of(&parsed.attributes, "group").next() {
        let mut members: Vec<_> = group.split(' ').skip(1).collect();
        members.sort_unstable();
        accepted.sort_unstable();
        assert_eq!(members, accepted);
    }
    let mut ssrcs: Vec<_> = answer.negotiated.slots.iter().map(|s| s.ssrc).collect();
    ssrcs.extend(offer.ssrcs());
    let count = ssrcs.len();
    ssrcs.sort_unstable();
    ssrcs.dedup();
    assert!(ssrcs.len() == count || offer.ssrcs().count() > 1);
}

fn directions(answer: &str) -> Vec<String> {
    let parsed = SessionDescription::try_from(answer.to_owned()).unwrap();
    let of = |media: &rtc_sdp::description::media::MediaDescription| {
        if media.media_name.port.value == 0 {
            return "-".to_owned();
        }
        let direction = media.attributes.iter().find_map(|a| Direction::parse(&a.key));
        direction.unwrap().as_str().to_owned()
    };
    parsed.media_descriptions.iter().map(of).collect()
}

/// An offer with sections of these kinds, directions, bundle-only and reduced-size flags.
fn made_up(kinds: &[(usize, usize, bool, bool)], session_level: bool) -> String {
    let mids: Vec<_> = (0..kinds.len()).map(|n| n.to_string()).collect();
    let mut text = format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
    let transport = format!(
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {}\r\n",
        ["AB"; 32].join(":")
    );
    if session_level {
        text.push_str(&transport);
    }
    for (index, &(kind, direction, bundle_only, rsize)) in kinds.iter().enumerate() {
        let directions = ["sendrecv", "sendonly", "recvonly", "inactive"];
        let kind = [
            "audio 9 UDP/TLS/RTP/SAVPF 111",
            "video 9 UDP/TLS/RTP/SAVPF 96",
            "application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "audio 9 UDP/TLS/RTP/SAVPF 0",
        ][kind];
        let kind = if bundle_only { kind.replace(" 9 ", " 0 ") } else { kind.to_owned() };
        text.push_str(&format!("m={kind}\r\nc=IN IP4 0.0.0.0\r\na=mid:{index}\r\n"));
        text.push_str(&format!("a={}\r\na=rtcp-mux\r\n", directions[direction]));
        text.push_str("a=rtpmap:111 opus/48000/2\r\n");
        if bundle_only {
            text.push_str("a=bundle-only\r\n");
        }
        if rsize {
            text.push_str("a=rtcp-rsize\r\n");
        }
        if !session_level {
            text.push_str(&transport);
        }
    }
    text
}

fn respond(offer: &Offer, can_publish: bool, can_subscribe: bool) -> Answer {
    answer(offer, &params(can_publish, can_subscribe), &mut counter()).unwrap()
}

fn params(can_publish: bool, can_subscribe: bool) -> AnswerParams<'static> {
    static CANDIDATES: std::sync::OnceLock<[SocketAddr; 2]> = std::sync::OnceLock::new();
    let parse = || ["192.0.2.7:7882", "[2001:db8::7]:7882"].map(|a| a.parse().unwrap());
    AnswerParams {
        ufrag: "AAufrag1",
        pwd: "0123456789abcdefghijklmnopqrstuv",
        fingerprint: "sha-256 AB:CD",
        candidates: CANDIDATES.get_or_init(parse),
        can_publish,
        can_subscribe,
        slots_max: 9,
        cname: "podium",
        origin_id: 77,
        origin_version: 1,
        dtls_role: None,
    }
}

fn counter() -> impl FnMut() -> u32 {
    let mut last = 0;
    move || {
        last += 1;
        last
    }
}

fn captured(name: &str) -> String {
    let path = format!("{}/tests/data/offers/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}
