//! The vectors of RFC 5769, every flipped bit, every length.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use super::*;
use proptest::prelude::*;

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

/// RFC 5769, section 2.1: sample request, with SOFTWARE, PRIORITY, ICE-CONTROLLED and USERNAME "evtj:h6vY".
const RFC5769_REQUEST: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\
\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\x80\x28\x00\x04\xe5\x7a\x3b\xcf";

/// RFC 5769, section 2.2: IPv4 answer, 192.0.2.1 port 32853.
const RFC5769_ANSWER_V4: &[u8] = b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\
\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\x80\x28\x00\x04\
\xc0\x7d\x4c\x96";

/// RFC 5769, section 2.3: IPv6 answer, 2001:db8:1234:5678:11:2233:4455:6677 port 32853.
const RFC5769_ANSWER_V6: &[u8] = b"\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\
\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\
\x82\x92\xc2\x75\xbf\xe3\xed\x41\x80\x28\x00\x04\xc8\xfb\x0b\x4c";

const TRANSACTION: TransactionId = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

#[test]
fn the_sample_request_of_rfc_5769() {
    let request = BindingRequest::parse(RFC5769_REQUEST).unwrap();
    assert_eq!(request.transaction, TRANSACTION);
    assert_eq!(request.local_ufrag, "evtj");
    assert_eq!(request.remote_ufrag, "h6vY");
    assert_eq!(request.role, IceRole::Controlled(0x932f_f9b1_5126_3b36));
    assert!(!request.use_candidate);
    assert!(request.unknown().is_empty());
    assert!(request.verify(PASSWORD));
    assert!(!request.verify("VOkJxbRl1RmTxUk/WvJxBu"));
    assert!(!request.verify(""));
}

#[test]
fn the_sample_answers_of_rfc_5769() {
    let v4 = parse_success(RFC5769_ANSWER_V4, &TRANSACTION, PASSWORD);
    assert_eq!(v4, Ok("192.0.2.1:32853".parse().unwrap()));
    let v6 = parse_success(RFC5769_ANSWER_V6, &TRANSACTION, PASSWORD);
    let expected = "[2001:db8:1234:5678:11:2233:4455:6677]:32853";
    assert_eq!(v6, Ok(expected.parse().unwrap()));
    assert_eq!(parse_success(RFC5769_ANSWER_V4, &[0; 12], PASSWORD), Err(StunError::WrongTransaction));
    assert_eq!(parse_success(RFC5769_ANSWER_V4, &TRANSACTION, "other"), Err(StunError::BadIntegrity));
    assert_eq!(parse_success(RFC5769_REQUEST, &TRANSACTION, PASSWORD), Err(StunError::WrongType));
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_request_is_refused() {
    for len in 0..RFC5769_REQUEST.len() {
        assert!(BindingRequest::parse(&RFC5769_REQUEST[..len]).is_err(), "cut at {len}");
    }
    for bit in 0..RFC5769_REQUEST.len() * 8 {
        let mut mutated = RFC5769_REQUEST.to_vec();
        mutated[bit / 8] ^= 1 << (bit % 8);
        assert!(BindingRequest::parse(&mutated).is_err(), "bit {bit}");
    }
}

#[test]
fn every_length_of_every_filler_is_no_request() {
    for len in 0..=1600 {
        for filler in [0x00u8, 0x01, 0x80, 0xff] {
            let mut datagram = vec![filler; len];
            assert!(BindingRequest::parse(&datagram).is_err());
            // The same with a header that would be right.
            if len >= HEADER_LEN {
                datagram[..HEADER_LEN].copy_from_slice(&RFC5769_REQUEST[..HEADER_LEN]);
                let claimed = u16::try_from(len - HEADER_LEN).unwrap();
                datagram[2..4].copy_from_slice(&claimed.to_be_bytes());
                assert!(BindingRequest::parse(&datagram).is_err());
                assert!(parse_success(&datagram, &TRANSACTION, PASSWORD).is_err());
            }
        }
    }
}

#[test]
fn what_stands_behind_the_integrity_is_not_believed() {
    let mut message = request_message("ours:them");
    let tail = message.raw.len() - FINGERPRINT_ATTRIBUTE_LEN;
    message.raw.truncate(tail);
    message.length -= 8;
    message.add(ATTR_USE_CANDIDATE, &[]);
    FINGERPRINT.add_to(&mut message).unwrap();
    let request = BindingRequest::parse(&message.raw).unwrap();
    assert!(request.verify(PASSWORD));
    assert!(!request.use_candidate);
}

#[test]
fn without_integrity_or_fingerprint_it_is_refused() {
    let mut bare = Message::new();
    bare.typ = BINDING_REQUEST;
    bare.write_header();
    bare.add(ATTR_USERNAME, b"ours:them");
    assert_eq!(BindingRequest::parse(&bare.raw), Err(StunError::BadFingerprint));
    FINGERPRINT.add_to(&mut bare).unwrap();
    assert_eq!(BindingRequest::parse(&bare.raw), Err(StunError::NoIntegrity));
}

#[test]
fn usernames_are_two_fragments_and_bounded() {
    for bad in ["", ":", "ours", "ours:", ":them"] {
        let message = request_message(bad);
        assert_eq!(BindingRequest::parse(&message.raw), Err(StunError::BadUsername), "{bad:?}");
    }
    let long = format!("ours:{}", "x".repeat(508));
    assert!(BindingRequest::parse(&request_message(&long).raw).is_ok());
    let longer = format!("ours:{}", "x".repeat(509));
    assert_eq!(BindingRequest::parse(&request_message(&longer).raw), Err(StunError::BadUsername));
}

#[test]
fn unknown_attributes_are_listed_and_told() {
    let mut message = Message::new();
    message.typ = BINDING_REQUEST;
    message.write_header();
    message.add(ATTR_USERNAME, b"ours:them");
    for kind in 0x7000..0x7010 {
        message.add(AttrType(kind), b"?");
    }
    message.add(AttrType(0xc070), b"optional");
    close(&mut message);
    let request = BindingRequest::parse(&message.raw).unwrap();
    let expected: Vec<u16> = (0x7000..0x7008).collect();
    assert_eq!(request.unknown(), expected);

    let mut out = Vec::new();
    let transaction = request.transaction;
    write_error(&transaction, ErrorCode::UnknownAttribute, request.unknown(), PASSWORD, &mut out);
    let mut answer = Message::new();
    answer.unmarshal_binary(&out).unwrap();
    assert_eq!(answer.typ, BINDING_ERROR);
    let mut code = rtc_stun::error_code::ErrorCodeAttribute::default();
    rtc_stun::message::Getter::get_from(&mut code, &answer).unwrap();
    assert_eq!(code.code.0, 420);
    MessageIntegrity::check(&mut answer, PASSWORD.as_bytes(), CRYPTO.crypto()).unwrap();
    FINGERPRINT.check(&answer).unwrap();
    assert!(out.len() <= message.raw.len(), "no amplification");
}

proptest! {
    #[test]
    fn a_written_request_is_read_as_it_was_meant(
        transaction: [u8; 12],
        use_candidate: bool,
        tie_breaker: u64,
        priority: u32,
        ours in "[A-Za-z0-9+/]{4,32}",
        theirs in "[A-Za-z0-9+/]{4,256}",
        password in "[A-Za-z0-9+/]{22,64}",
    ) {
        let username = format!("{ours}:{theirs}");
        let params = RequestParams { transaction, username: &username, use_candidate, tie_breaker, priority };
        let mut out = b"before".to_vec();
        write_request(&params, &password, &mut out);
        let request = BindingRequest::parse(&out[6..]).unwrap();
        prop_assert_eq!(request.transaction, transaction);
        prop_assert_eq!(request.local_ufrag, ours);
        prop_assert_eq!(request.remote_ufrag, theirs);
        prop_assert_eq!(request.use_candidate, use_candidate);
        prop_assert_eq!(request.role, IceRole::Controlling(tie_breaker));
        prop_assert!(request.verify(&password));
    }

    #[test]
    fn a_written_answer_is_read_as_it_was_meant(
        transaction: [u8; 12],
        v6: bool,
        octets: [u8; 16],
        port: u16,
        password in "[A-Za-z0-9+/]{22,64}",
    ) {
        let ip: IpAddr = if v6 { octets.into() } else { [octets[0], octets[1], octets[2], octets[3]].into() };
        let mapped = SocketAddr::new(ip.to_canonical(), port);
        let mut out = Vec::new();
        write_success(&transaction, SocketAddr::new(ip, port), &password, &mut out);
        prop_assert_eq!(parse_success(&out, &transaction, &password), Ok(mapped));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), claim: bool) {
        let mut bytes = bytes;
        if claim && bytes.len() >= HEADER_LEN {
            let length = (u16::try_from(bytes.len() - HEADER_LEN).unwrap()) & !3;
            bytes.truncate(HEADER_LEN + usize::from(length));
            bytes[..2].copy_from_slice(&[0, 1]);
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        }
        prop_assert!(BindingRequest::parse(&bytes).is_err());
        prop_assert!(parse_success(&bytes, &TRANSACTION, PASSWORD).is_err());
    }
}

fn request_message(username: &str) -> Message {
    let mut message = Message::new();
    message.typ = BINDING_REQUEST;
    message.write_header();
    message.add(ATTR_USERNAME, username.as_bytes());
    close(&mut message);
    message
}

fn close(message: &mut Message) {
    MessageIntegrity::new_raw_integrity_with_provider(PASSWORD, CRYPTO.crypto()).add_to(message).unwrap();
    FINGERPRINT.add_to(message).unwrap();
}
