//! Offers of unusual shapes: other clients, other orders of sections, other names, other wishes.

use super::*;

/// File, expected directions ("-" is rejected), expected BUNDLE group.
type Shape = (&'static str, &'static [&'static str], Option<&'static str>);

const SHAPES: [Shape; 9] = [
    ("safari-like", &["recvonly", "sendonly", "sendonly"], Some("0 1 2")),
    ("gstreamer-like", &["sendrecv"], Some("audio0")),
    ("bundle-only-audio", &["inactive", "recvonly", "sendonly"], Some("v a b")),
    ("no-bundle-no-mid", &["sendrecv", "-"], None),
    ("long-mids", &["recvonly", "sendonly"], Some(LONG_MIDS)),
    ("two-groups", &["-", "recvonly", "-", "sendonly"], Some("mic ear")),
    ("pcmu-first", &["inactive", "recvonly", "sendonly"], Some("0 1 2")),
    ("data-channel-first", &["inactive", "recvonly", "sendonly"], Some("0 1 2")),
    ("group-in-another-order", &["recvonly", "sendonly", "inactive"], Some("2 0 1")),
];
const LONG_MIDS: &str = "6f1c2e8a-0b7d-4e55-9c3f-2a1b0c9d8e7f f0e1d2c3-b4a5-4697-8877-665544332211";

#[test]
fn every_shape_is_answered() {
    for (file, expected, group) in SHAPES {
        let offer = Offer::parse(&captured(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let answer = respond(&offer, true, true);
        check(&offer, &answer);
        assert_eq!(directions(&answer.text), expected, "{file}");
        let told = answer.text.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE "));
        assert_eq!(told, group, "{file}");
        assert!(answer.negotiated.microphone.is_some(), "{file}");
    }
}

#[test]
fn a_groups_first_section_that_we_cannot_use_is_kept_with_one_of_its_formats() {
    for (file, kept) in [
        ("chromium-video-first", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"),
        ("firefox-video-first", "m=video 9 UDP/TLS/RTP/SAVPF 120\r\n"),
        ("pcmu-first", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"),
        ("data-channel-first", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
    ] {
        let offer = Offer::parse(&captured(file)).unwrap();
        let answer = respond(&offer, true, true);
        assert!(answer.text.contains(kept), "{file}: {}", answer.text);
    }
    let section = |file: &str| {
        let answer = respond(&Offer::parse(&captured(file)).unwrap(), true, true);
        let second = answer.text.match_indices("m=").nth(1).unwrap().0;
        answer.text[answer.text.find("m=").unwrap()..second].strip_suffix(TRANSPORT).unwrap().to_owned()
    };
    let common = "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n";
    assert_eq!(
        section("firefox-video-first"),
        format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 120\r\n{common}a=rtcp-mux\r\na=rtcp-rsize\r\na=extmap-allow-mixed\r\n\
            a=rtpmap:120 VP8/90000\r\na=fmtp:120 max-fs=12288;max-fr=60\r\n"
        )
    );
    assert_eq!(
        section("data-channel-first"),
        format!(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{common}\
            a=sctp-port:5000\r\na=max-message-size:262144\r\n"
        )
    );
}

#[test]
fn only_the_groups_first_section_is_kept_and_none_that_is_switched_off() {
    let text = made_up(&[(1, 0, false, false), (2, 0, false, false), (3, 0, false, false), (0, 0, false, false)], true);
    let answer = respond(&Offer::parse(&text).unwrap(), true, true);
    assert_eq!(directions(&answer.text), ["inactive", "-", "-", "sendrecv"]);
    // Port 0 without `a=bundle-only` is no offer, so the transport is named after the next section.
    let off = text.replacen("m=video 9", "m=video 0", 1);
    let answer = respond(&Offer::parse(&off).unwrap(), true, true);
    assert_eq!(directions(&answer.text), ["-", "inactive", "-", "sendrecv"]);
    let off = off.replacen("m=application 9", "m=application 0", 1);
    let answer = respond(&Offer::parse(&off).unwrap(), true, true);
    assert_eq!(directions(&answer.text), ["-", "-", "inactive", "sendrecv"]);
}

#[test]
fn a_repair_format_is_not_the_one_that_is_kept() {
    let text = captured("chromium-video-first").replacen("SAVPF 96 97", "SAVPF 97 96", 1);
    let answer = respond(&Offer::parse(&text).unwrap(), true, true);
    assert!(answer.text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"), "{}", answer.text);
}

#[test]
fn a_kept_section_stays_through_a_restart() {
    for file in ["chromium-video-first", "pcmu-first", "data-channel-first", "long-mids"] {
        let offer = Offer::parse(&captured(file)).unwrap();
        let before = respond(&offer, true, true);
        let agreement = Agreement::new(&params(true, true), &before);
        let (after, _) = agreement.restart(&restarting(&offer), ours()).unwrap();
        check(&offer, &after);
        assert_eq!(directions(&after.text), directions(&before.text), "{file}");
    }
}

#[test]
fn a_long_mid_is_told_in_packets_only_where_forms_may_be_mixed() {
    let text = captured("long-mids");
    let negotiated = |text: &str| respond(&Offer::parse(text).unwrap(), true, true).negotiated;
    let slot = |text: &str| negotiated(text).slots[0].clone();
    assert_eq!(slot(&text).mid.unwrap().len(), 36);
    assert_eq!((slot(&text).mid_id, slot(&text).audio_level_id), (Some(4), Some(1)), "mixed forms are offered");
    let short_only = text.replace("a=extmap-allow-mixed\r\n", "");
    assert_eq!((slot(&short_only).mid_id, slot(&short_only).audio_level_id), (None, Some(1)));
    let without_level = short_only.replace("a=extmap:1 ", "a=x:1 ");
    assert_eq!((slot(&without_level).mid_id, slot(&without_level).audio_level_id), (Some(4), None));
    let long_ids = short_only.replace("a=extmap:1 ", "a=extmap:16 ");
    assert_eq!((slot(&long_ids).mid_id, slot(&long_ids).audio_level_id), (Some(4), Some(16)));
    let sixteen = short_only.replace("f0e1d2c3-b4a5-4697-8877-665544332211", "f0e1d2c3-b4a5-46");
    assert_eq!(slot(&sixteen).mid_id, Some(4));
}

#[test]
fn a_mid_has_255_characters_at_most() {
    let with = |length: usize| {
        let mid = "m".repeat(length);
        captured("chromium").replace("BUNDLE 0", &format!("BUNDLE {mid}")).replace("a=mid:0", &format!("a=mid:{mid}"))
    };
    let offer = Offer::parse(&with(255)).unwrap();
    let answer = respond(&offer, true, true);
    check(&offer, &answer);
    let msid = answer.text.lines().find_map(|line| line.strip_prefix("a=msid:")).unwrap();
    assert_eq!(msid, "slot-0 voice-0", "an msid has 64 characters at most");
    assert_eq!(Offer::parse(&with(256)), Err(SdpError::BadMid));
}

#[test]
fn wishes_for_music_are_answered_section_by_section() {
    let music = "minptime=10;useinbandfec=0;stereo=1;sprop-stereo=1;maxaveragebitrate=510000;usedtx=0;cbr=1";
    let text = captured("chromium-mic-3-slots").replacen("minptime=10;useinbandfec=1", music, 2).replacen(
        "a=sendonly\r\n",
        "a=sendonly\r\na=ptime:60\r\na=maxptime:120\r\n",
        1,
    );
    let answer = respond(&Offer::parse(&text).unwrap(), true, true);
    let told = "minptime=10;useinbandfec=0;usedtx=0;stereo=1";
    let expected = [
        format!("a=fmtp:111 {told};maxaveragebitrate=256000;cbr=1"),
        "a=ptime:60".to_owned(),
        "a=maxptime:120".to_owned(),
        format!("a=fmtp:111 {told};sprop-stereo=1;maxaveragebitrate=256000;cbr=1"),
        "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1".to_owned(),
        "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1".to_owned(),
    ];
    let lines = answer.text.lines().filter(|line| line.starts_with("a=fmtp:") || line.contains("ptime:"));
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
