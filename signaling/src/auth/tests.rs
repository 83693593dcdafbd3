//! Every rule of a token, at its edge.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use serde_json::json;

use super::*;
use crate::room::Refusal;

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "a secret of thirty-two bytes or more";

#[test]
fn a_minted_token_opens_its_room_and_no_other() {
    let access = verify(&keys(), &minted(Rank::Host), NOW).unwrap();
    assert_eq!(access.joins(&room("demo")).unwrap().as_str(), "ada");
    assert_eq!(access.joins(&room("Demo")).unwrap_err().reason(), Reason::OtherRoom);
    assert_eq!(access.reads(&room("other")).unwrap_err().reason(), Reason::OtherRoom);
    assert_eq!(access.rank, Rank::Host);
    assert_eq!(access.name.as_deref(), Some("Ada"));
    assert!(access.can_publish && access.can_subscribe && !access.hidden && !access.grants().create);
    assert_eq!(verify(&keys(), &minted(Rank::Cohost), NOW).unwrap().rank, Rank::Cohost);
}

#[test]
fn a_token_as_livekit_libraries_mint_it_is_understood() {
    let token = signed(&json!({
        "iss": "devkey", "sub": "ben", "exp": NOW + 600, "nbf": NOW - 5, "jti": "x", "name": "Ben", "metadata": "{}", "attributes": {"a": "b"},
        "video": {"room": "demo", "roomJoin": true, "canPublish": false, "canPublishData": true, "canPublishSources": ["microphone"]},
        "sip": {"admin": true}
    }));
    let access = verify(&keys(), &token, NOW).unwrap();
    assert!(!access.can_publish && access.can_subscribe);
    assert_eq!(access.rank, Rank::Member);
}

#[test]
fn a_room_admin_without_a_rank_is_a_host() {
    let with = |podium| {
        let mut claims = claims();
        claims["video"]["roomAdmin"] = json!(true);
        claims["podium"] = podium;
        verify(&keys(), &signed(&claims), NOW).unwrap().rank
    };
    assert_eq!(with(json!({})), Rank::Host);
    assert_eq!(with(json!({"rank": "member"})), Rank::Member);
}

#[test]
fn without_room_join_or_identity_nobody_joins() {
    let mut no_join = claims();
    no_join["video"]["roomJoin"] = json!(false);
    let mut nobody = claims();
    nobody.as_object_mut().unwrap().remove("sub");
    for (claims, reason) in [(no_join, Reason::NoGrant), (nobody, Reason::NoIdentity)] {
        let access = verify(&keys(), &signed(&claims), NOW).unwrap();
        assert_eq!(access.joins(&room("demo")).unwrap_err().reason(), reason);
        assert_eq!(access.reads(&room("demo")).unwrap_err().reason(), reason);
        assert_eq!(access.acts_on(&room("demo")).unwrap_err().reason(), reason);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is read in one piece")]
fn each_question_of_a_route_is_answered_by_what_the_token_grants() {
    let (demo, other) = (room("demo"), room("other"));
    let ada = || Identity::parse("ada").unwrap();
    let (participant, administrator) = (Caller::Participant(ada()), Caller::Administrator(ada()));
    let (named, nameless) = (Caller::BackEnd { name: ada() }, Caller::BackEnd { name: Identity::back_end() });
    let denied = Err;
    for (sub, video, reads, acts_on, administers, logs) in [
        (
            true,
            json!({}),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
        ),
        (
            true,
            json!({"roomJoin": true}),
            Ok(&participant),
            Ok(&participant),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
        ),
        (
            false,
            json!({"roomJoin": true}),
            denied(Reason::NoIdentity),
            denied(Reason::NoIdentity),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
        ),
        (true, json!({"roomAdmin": true}), Ok(&named), Ok(&named), Ok(&named), Ok(&named)),
        (false, json!({"roomAdmin": true}), Ok(&nameless), Ok(&nameless), Ok(&nameless), Ok(&nameless)),
        (
            true,
            json!({"roomAdmin": true, "roomJoin": true}),
            Ok(&administrator),
            Ok(&administrator),
            Ok(&administrator),
            Ok(&administrator),
        ),
        (
            false,
            json!({"roomAdmin": true, "roomJoin": true}),
            Ok(&nameless),
            Ok(&nameless),
            Ok(&nameless),
            Ok(&nameless),
        ),
        (
            false,
            json!({"roomList": true}),
            Ok(&nameless),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
            Ok(&nameless),
        ),
        (
            true,
            json!({"roomList": true, "roomJoin": true}),
            Ok(&administrator),
            Ok(&participant),
            denied(Reason::NoGrant),
            Ok(&administrator),
        ),
        (
            false,
            json!({"roomCreate": true}),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
            denied(Reason::NoGrant),
        ),
    ] {
        let mut claims = claims();
        claims["video"] = video.clone();
        claims["video"]["room"] = json!("demo");
        if !sub {
            claims.as_object_mut().unwrap().remove("sub");
        }
        let access = verify(&keys(), &signed(&claims), NOW).unwrap();
        let said = |result: Result<Caller, Denied>| result.map_err(|denied| denied.reason());
        let of = |wanted: Result<&Caller, Reason>| wanted.cloned();
        assert_eq!(said(access.reads(&demo)), of(reads), "{video} reads");
        assert_eq!(said(access.acts_on(&demo)), of(acts_on), "{video} acts");
        assert_eq!(said(access.administers(&demo)), of(administers), "{video} administers");
        assert_eq!(said(access.reads_logs_of(&demo)), of(logs), "{video} reads logs");
        assert!(access.acts_on(&other).is_err() && access.administers(&other).is_err(), "{video}");
        assert_eq!(access.reads(&other).is_ok(), video["roomList"] == true, "{video}");
        assert_eq!(access.reads_logs_of(&other).is_ok(), video["roomList"] == true, "{video}");
        assert_eq!(
            (access.lists_rooms().is_ok(), access.makes_rooms().is_ok()),
            (video["roomList"] == true, video["roomCreate"] == true)
        );
        assert!(access.keeps_records().is_err(), "{video}: one of the two is not enough");
    }
}

#[test]
fn an_empty_identity_or_name_is_none() {
    let back_end = json!({
        "iss": "devkey", "sub": "", "name": "", "exp": NOW + 600, "nbf": NOW - 5, "video": {"roomCreate": true, "roomList": true, "canPublish": true}
    });
    let access = verify(&keys(), &signed(&back_end), NOW).unwrap();
    assert_eq!((access.identity(), access.name.as_deref()), (None, None));
    assert!(access.grants().create && access.grants().list);

    let mut nobody = claims();
    nobody["sub"] = json!("");
    let access = verify(&keys(), &signed(&nobody), NOW).unwrap();
    assert_eq!(access.joins(&room("demo")).unwrap_err().reason(), Reason::NoIdentity);
}

#[test]
fn times_hold_to_the_second() {
    let exp = |exp: u64| judged(|claims| claims["exp"] = json!(exp));
    assert_eq!(exp(NOW - LEEWAY_S + 1), Ok(()));
    assert_eq!(exp(NOW - LEEWAY_S), Err(Reason::Expired));
    assert_eq!(exp(NOW + 86_400 + LEEWAY_S), Ok(()));
    assert_eq!(exp(NOW + 86_400 + LEEWAY_S + 1), Err(Reason::ExpiryTooFar));
    assert_eq!(exp(253_402_300_799), Err(Reason::ExpiryTooFar));
    assert_eq!(exp(u64::MAX), Err(Reason::ExpiryTooFar));
    for claim in ["nbf", "iat"] {
        let starts = |at: u64| judged(|claims| claims[claim] = json!(at));
        assert_eq!(starts(NOW + LEEWAY_S), Ok(()));
        assert_eq!(starts(NOW + LEEWAY_S + 1), Err(Reason::NotYetValid));
    }
    assert_eq!(judged(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), Err(Reason::NoExpiry));
}

#[test]
fn other_algorithms_are_refused() {
    let payload = part(&claims());
    for alg in ["none", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "ES256"] {
        let header = part(&json!({"alg": alg, "typ": "JWT"}));
        for signature in ["", "AAAA", minted(Rank::Host).rsplit('.').next().unwrap()] {
            assert_denied(&format!("{header}.{payload}.{signature}"));
        }
    }
    assert_denied(&format!("{}.{payload}.", part(&json!({"typ": "JWT"}))));
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        assert_denied(&jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap());
    }
}

#[test]
fn a_header_that_brings_its_own_key_is_refused() {
    for (field, value) in [
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!(7)),
    ] {
        let mut header = json!({"alg": "HS256", "typ": "JWT"});
        header[field] = value;
        assert_denied(&signed_with(&header, &claims()));
    }
    assert!(verify(&keys(), &signed_with(&json!({"alg": "HS256", "kid": "devkey"}), &claims()), NOW).is_ok());
}

#[test]
fn an_unknown_or_missing_issuer_is_refused() {
    assert_eq!(judged(|claims| claims["iss"] = json!("otherkey")), Err(Reason::UnknownKey));
    assert_eq!(judged(|claims| drop(claims.as_object_mut().unwrap().remove("iss"))), Err(Reason::NoKey));
    let wrong = HashMap::from([("devkey".to_owned(), Secret::new("another secret of 32 bytes or more"))]);
    assert_eq!(verify(&wrong, &minted(Rank::Host), NOW).unwrap_err().reason(), Reason::Signature);
}

#[test]
fn one_bit_changed_anywhere_is_refused() {
    let token = minted(Rank::Host);
    for position in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(verify(&keys(), &changed, NOW).is_err(), "bit {bit} of byte {position}");
            }
        }
        assert!(verify(&keys(), &token[..position], NOW).is_err());
    }
}

#[test]
fn claims_of_the_wrong_type_are_refused() {
    let wrong = [
        ("exp", json!("1800000600"), "exp"),
        ("exp", json!(1.5), "exp"),
        ("exp", json!(-1), "exp"),
        ("exp", json!(-1.0), "exp"),
        ("nbf", json!("soon"), "nbf"),
        ("iat", json!([]), "iat"),
        ("sub", json!(7), "sub"),
        ("name", json!({}), "name"),
        ("attributes", json!({"a": 1}), "attributes.a"),
        ("metadata", json!(1), "metadata"),
        ("video", json!("demo"), "video"),
        ("video", json!(null), "video"),
        ("video", json!({"room": 1}), "video.room"),
        ("video", json!({"room": "demo", "roomJoin": "true"}), "video.roomJoin"),
        ("video", json!({"room": "demo", "roomJoin": 1}), "video.roomJoin"),
        ("video", json!({"room": "demo", "canPublish": "yes"}), "video.canPublish"),
        ("video", json!({"canPublishData": 1}), "video.canPublishData"),
        ("podium", json!({"rank": "owner"}), "podium.rank"),
        ("podium", json!({"rank": 3}), "podium.rank"),
        ("podium", json!({"tier": "gold"}), "podium.tier"),
        ("podium", json!({"tier": -1}), "podium.tier"),
        ("podium", json!({"tier": 1.5}), "podium.tier"),
    ];
    for (claim, value, named) in wrong {
        let denied = refused(|claims| claims[claim] = value.clone());
        assert_eq!((denied.reason(), denied.claim()), (Reason::ClaimType, Some(named)), "{claim}: {value}");
        assert!(denied.told().is_some_and(|told| told.contains(named)), "{denied}");
    }
    let bad = [
        ("sub", json!("ada\u{0}b"), Reason::Identity),
        ("sub", json!(" "), Reason::Identity),
        ("sub", json!(".."), Reason::Identity),
        ("sub", json!("\u{202e}ada"), Reason::Identity),
        ("sub", json!("x".repeat(129)), Reason::Identity),
        ("aud", json!(["podium"]), Reason::Audience),
        ("aud", json!("podium"), Reason::Audience),
        ("aud", json!(null), Reason::Audience),
        ("video", json!({"room": "d\u{435}mo"}), Reason::RoomId),
        ("podium", json!({"kind": ""}), Reason::Kind),
        ("podium", json!({"kind": "x".repeat(KIND_CHARS_MAX + 1)}), Reason::Kind),
        ("podium", json!({"kind": "a\u{0}"}), Reason::Kind),
        ("podium", json!({"kind": "a\u{3164}"}), Reason::Kind),
    ];
    for (claim, value, reason) in bad {
        let denied = refused(|claims| claims[claim] = value.clone());
        assert_eq!((denied.reason(), denied.key_id()), (reason, Some("devkey")), "{claim}: {value}");
        assert!(denied.told().is_some_and(|told| told.contains(claim)), "{denied}");
    }
    // The key's id is read before the signature is looked at.
    assert_eq!(judged(|claims| claims["iss"] = json!(["devkey"])), Err(Reason::Malformed));
}

#[test]
fn a_whole_number_may_be_written_as_a_float() {
    let text = format!(
        r#"{{"iss":"devkey","sub":"ada","exp":{exp}.0,"iat":1.8e9,"nbf":18000000E2,"video":{{"room":"demo","roomJoin":true}},"podium":{{"tier":3.0}}}}"#,
        exp = NOW + 600
    );
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), URL_SAFE_NO_PAD.encode(text));
    let access = verify(&keys(), &sign(&message), NOW).unwrap();
    assert_eq!((access.expires_at_s, access.issued_at_s, access.tier), (NOW + 600, Some(NOW), 3));
}

#[test]
fn a_name_that_cannot_be_shown_keeps_nobody_out() {
    for (name, shown) in [
        (json!("Ada"), "Ada"),
        (json!("  Ada \n"), "Ada"),
        (json!("a\nb"), "a b"),
        (json!("\u{202e}Ada\u{200b}"), "Ada"),
        (json!("é".repeat(NAME_CHARS_MAX)), &"é".repeat(NAME_CHARS_MAX)),
        (json!("x".repeat(NAME_CHARS_MAX + 1)), &"x".repeat(NAME_CHARS_MAX)),
        (json!("\u{3164}"), "ada"),
        (json!(" "), "ada"),
        (json!(""), "ada"),
        (json!(null), "ada"),
    ] {
        let mut all = claims();
        all["name"] = name.clone();
        assert_eq!(verify(&keys(), &signed(&all), NOW).unwrap().name.as_deref(), Some(shown), "{name}");
    }
    let mut all = claims();
    all["sub"] = json!("x".repeat(100));
    let short = judge(&keys(), &signed(&all), NOW, 10).unwrap().access;
    assert_eq!((short.name.unwrap(), short.identity.unwrap().as_str().len()), ("x".repeat(10), 100));
}

#[test]
fn a_token_says_what_its_bearer_is_and_how_old_it_is() {
    let mut all = claims();
    all["podium"] = json!({"tier": 3, "kind": "k".repeat(KIND_CHARS_MAX)});
    all["video"]["canPublishData"] = json!(false);
    all["nbf"] = json!(NOW - 20);
    let access = verify(&keys(), &signed(&all), NOW).unwrap();
    assert_eq!((access.tier, access.kind.map(|kind| kind.len())), (3, Some(KIND_CHARS_MAX)));
    assert!(!access.can_publish_data);
    let age = |all: &Value| verify(&keys(), &signed(all), NOW).unwrap().age(NOW * 1000 + 500);
    assert_eq!(age(&all), Some(Duration::from_millis(20_500)));
    all["iat"] = json!(NOW - 10);
    assert_eq!(age(&all), Some(Duration::from_millis(10_500)));
    all["iat"] = json!(NOW + 10);
    assert_eq!(age(&all), Some(Duration::ZERO));
    let access = verify(&keys(), &signed(&claims()), NOW).unwrap();
    assert_eq!((access.tier, access.kind, access.can_publish_data), (0, None, true));
}

#[test]
fn the_longest_name_can_be_set() {
    let mut all = claims();
    all["name"] = json!("n".repeat(10));
    let name = |chars_max| judge(&keys(), &signed(&all), NOW, chars_max).unwrap().access.name;
    assert_eq!(name(10), Some("n".repeat(10)));
    assert_eq!(name(9), Some("n".repeat(9)));
}

#[test]
fn an_expired_token_is_told_from_a_bad_one() {
    let mut all = claims();
    all["exp"] = json!(NOW - 3600);
    let judged = judge(&keys(), &signed(&all), NOW, NAME_CHARS_MAX).unwrap();
    assert!(judged.is_expired());
    let denied = judged.unexpired().unwrap_err();
    assert_eq!((denied.reason(), denied.told()), (Reason::Expired, Some("this token expired 3600 s ago")));
    all["podium"] = json!(1);
    assert_eq!(judge(&keys(), &signed(&all), NOW, NAME_CHARS_MAX).unwrap_err().reason(), Reason::ClaimType);
}

#[test]
fn a_claim_given_twice_is_refused() {
    let payload = serde_json::to_string(&claims()).unwrap();
    let twice = payload.replacen('{', r#"{"sub":"eve","#, 1);
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), URL_SAFE_NO_PAD.encode(twice));
    assert_eq!(verify(&keys(), &sign(&message), NOW).unwrap_err().reason(), Reason::ClaimType);
}

#[test]
fn oversized_and_misshapen_tokens_are_refused_unread() {
    let padded = |bytes: usize| {
        let mut claims = claims();
        claims["metadata"] = json!("x".repeat(bytes));
        signed(&claims)
    };
    assert!(verify(&keys(), &padded(2600), NOW).is_ok());
    let long = padded(3000);
    assert!(long.len() > TOKEN_BYTES_MAX);
    let token = minted(Rank::Host);
    let (message, signature) = token.rsplit_once('.').unwrap();
    for shape in [
        long,
        "x".repeat(65_536),
        ".".repeat(1_000_000),
        String::new(),
        "..".to_owned(),
        "a.b".to_owned(),
        format!("{token}."),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}="),
        format!("{message}=.{signature}"),
    ] {
        assert_denied(&shape);
    }
}

#[test]
fn what_would_not_be_accepted_is_not_minted() {
    let ask = |lifetime, name: &str| {
        let request = TokenRequest { lifetime, name: Some(name.to_owned()), ..request(Rank::Member) };
        mint("devkey", &Secret::new(SECRET), &request, NOW)
    };
    assert!(ask(LIFETIME_MAX, "Ada").is_ok());
    assert_eq!(ask(LIFETIME_MAX + Duration::from_secs(1), "Ada"), Err(MintError::Lifetime));
    assert_eq!(ask(Duration::ZERO, "Ada"), Err(MintError::Lifetime));
    assert_eq!(ask(LIFETIME_MAX, &"x".repeat(65)), Err(MintError::Name(TextFault::TooLong { chars_max: 64 })));
    assert_eq!(ask(LIFETIME_MAX, ""), Err(MintError::Name(TextFault::Blank)));
}

#[test]
fn a_secret_does_not_show_itself() {
    assert!(!format!("{:?}", keys()).contains("thirty-two"));
}

proptest::proptest! {
    #[test]
    fn nothing_that_comes_as_a_token_panics(token in "\\PC{0,200}", parts in proptest::collection::vec("[A-Za-z0-9_=-]{0,60}", 0..5)) {
        proptest::prop_assert!(verify(&keys(), &token, NOW).is_err());
        proptest::prop_assert!(verify(&keys(), &parts.join("."), NOW).is_err());
    }
}

fn judged(change: impl FnOnce(&mut Value)) -> Result<(), Reason> {
    let mut claims = claims();
    change(&mut claims);
    verify(&keys(), &signed(&claims), NOW).map(drop).map_err(|denied| denied.reason())
}

fn refused(change: impl FnOnce(&mut Value)) -> Denied {
    let mut claims = claims();
    change(&mut claims);
    verify(&keys(), &signed(&claims), NOW).unwrap_err()
}

/// Nothing is told to whoever shows this token.
fn assert_denied(token: &str) {
    let denied = verify(&keys(), token, NOW).unwrap_err();
    assert_eq!((denied.refusal(), denied.told()), (Refusal::Unauthenticated, None), "{token:.200}");
}

fn keys() -> HashMap<String, Secret> {
    HashMap::from([("devkey".to_owned(), Secret::new(SECRET))])
}

fn claims() -> Value {
    json!({"iss": "devkey", "sub": "ada", "exp": NOW + 600, "video": {"room": "demo", "roomJoin": true}})
}

fn request(rank: Rank) -> TokenRequest {
    let identity = Identity::parse("ada").unwrap();
    TokenRequest {
        manages_rooms: false,
        room: room("demo"),
        identity,
        name: Some("Ada".to_owned()),
        rank,
        lifetime: Duration::from_secs(600),
    }
}

fn minted(rank: Rank) -> String {
    mint("devkey", &Secret::new(SECRET), &request(rank), NOW).unwrap()
}

fn room(id: &str) -> RoomId {
    RoomId::parse(id).unwrap()
}

fn signed(claims: &Value) -> String {
    signed_with(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn signed_with(header: &Value, claims: &Value) -> String {
    sign(&format!("{}.{}", part(header), part(claims)))
}

fn sign(message: &str) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap())
}
