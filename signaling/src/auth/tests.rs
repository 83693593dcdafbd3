//! Every rule of a token, at its edge.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "a secret of thirty-two bytes or more";

#[test]
fn a_minted_token_opens_its_room_and_no_other() {
    let access = verify(&keys(), &minted(Rank::Host), NOW).unwrap();
    assert_eq!(access.may_join(&room("demo")).unwrap().as_str(), "ada");
    assert_eq!(access.may_join(&room("Demo")), Err(Denied::Forbidden));
    assert_eq!(access.may_view(&room("other")), Err(Denied::Forbidden));
    assert_eq!(access.rank, Rank::Host);
    assert_eq!(access.name.as_deref(), Some("Ada"));
    assert!(access.can_publish && access.can_subscribe && !access.hidden && !access.room_create);
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
    for claims in [no_join, nobody] {
        let access = verify(&keys(), &signed(&claims), NOW).unwrap();
        assert_eq!(access.may_join(&room("demo")), Err(Denied::Forbidden));
    }
}

#[test]
fn an_empty_identity_or_name_is_none() {
    let back_end = json!({
        "iss": "devkey", "sub": "", "name": "", "exp": NOW + 600, "nbf": NOW - 5, "video": {"roomCreate": true, "roomList": true, "canPublish": true}
    });
    let access = verify(&keys(), &signed(&back_end), NOW).unwrap();
    assert_eq!((access.identity, access.name), (None, None));
    assert!(access.room_create && access.room_list);

    let mut nobody = claims();
    nobody["sub"] = json!("");
    let access = verify(&keys(), &signed(&nobody), NOW).unwrap();
    assert_eq!(access.may_join(&room("demo")), Err(Denied::Forbidden));
}

#[test]
fn times_hold_to_the_second() {
    let exp = |exp: u64| judged(|claims| claims["exp"] = json!(exp));
    assert_eq!(exp(NOW - LEEWAY_S + 1), Ok(()));
    assert_eq!(exp(NOW - LEEWAY_S), Err(Denied::Expired));
    assert_eq!(exp(NOW + 86_400 + LEEWAY_S), Ok(()));
    assert_eq!(exp(NOW + 86_400 + LEEWAY_S + 1), Err(Denied::Unauthenticated));
    assert_eq!(exp(253_402_300_799), Err(Denied::Unauthenticated));
    assert_eq!(exp(u64::MAX), Err(Denied::Unauthenticated));
    for claim in ["nbf", "iat"] {
        let starts = |at: u64| judged(|claims| claims[claim] = json!(at));
        assert_eq!(starts(NOW + LEEWAY_S), Ok(()));
        assert_eq!(starts(NOW + LEEWAY_S + 1), Err(Denied::Unauthenticated));
    }
    assert_eq!(judged(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), Err(Denied::Unauthenticated));
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
    assert_eq!(judged(|claims| claims["iss"] = json!("otherkey")), Err(Denied::Unauthenticated));
    assert_eq!(judged(|claims| drop(claims.as_object_mut().unwrap().remove("iss"))), Err(Denied::Unauthenticated));
    let wrong = HashMap::from([("devkey".to_owned(), Secret::new("another secret of 32 bytes or more"))]);
    assert_eq!(verify(&wrong, &minted(Rank::Host), NOW), Err(Denied::Unauthenticated));
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
        ("exp", json!("1800000600")),
        ("exp", json!(1.5)),
        ("exp", json!(-1)),
        ("nbf", json!("soon")),
        ("iat", json!([])),
        ("sub", json!(7)),
        ("sub", json!("ada\u{0}")),
        ("iss", json!(["devkey"])),
        ("name", json!({})),
        ("name", json!("x".repeat(NAME_CHARS_MAX + 1))),
        ("name", json!("a\nb")),
        ("aud", json!(["podium"])),
        ("aud", json!("podium")),
        ("aud", json!(null)),
        ("attributes", json!({"a": 1})),
        ("attributes", json!({"a": "x".repeat(ATTRIBUTES_BYTES_MAX)})),
        ("metadata", json!(1)),
        ("video", json!("demo")),
        ("video", json!(null)),
        ("video", json!({"room": 1})),
        ("video", json!({"room": "d\u{435}mo"})),
        ("video", json!({"room": "demo", "roomJoin": "true"})),
        ("video", json!({"room": "demo", "roomJoin": 1})),
        ("video", json!({"room": "demo", "canPublish": "yes"})),
        ("podium", json!({"rank": "owner"})),
        ("podium", json!({"rank": 3})),
        ("podium", json!({"tier": "gold"})),
        ("podium", json!({"tier": -1})),
        ("podium", json!({"kind": ""})),
        ("podium", json!({"kind": "x".repeat(KIND_CHARS_MAX + 1)})),
        ("podium", json!({"kind": "a\u{0}"})),
        ("video", json!({"canPublishData": 1})),
    ];
    for (claim, value) in wrong {
        assert_eq!(judged(|claims| claims[claim] = value.clone()), Err(Denied::Unauthenticated), "{claim}: {value}");
    }
    assert_eq!(judged(|claims| claims["name"] = json!("é".repeat(NAME_CHARS_MAX))), Ok(()));
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
    let judged = |chars_max| judge(&keys(), &signed(&all), NOW, chars_max).map(|judged| judged.is_expired);
    assert_eq!(judged(10), Ok(false));
    assert_eq!(judged(9), Err(Denied::Unauthenticated));
}

#[test]
fn an_expired_token_is_told_from_a_bad_one() {
    let mut all = claims();
    all["exp"] = json!(NOW - 3600);
    let judged = judge(&keys(), &signed(&all), NOW, NAME_CHARS_MAX).unwrap();
    assert!(judged.is_expired);
    assert_eq!(judged.unexpired(), Err(Denied::Expired));
    all["podium"] = json!(1);
    assert_eq!(judge(&keys(), &signed(&all), NOW, NAME_CHARS_MAX).err(), Some(Denied::Unauthenticated));
}

#[test]
fn a_claim_given_twice_is_refused() {
    let payload = serde_json::to_string(&claims()).unwrap();
    let twice = payload.replacen('{', r#"{"sub":"eve","#, 1);
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), URL_SAFE_NO_PAD.encode(twice));
    assert_denied(&sign(&message));
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
    assert_eq!(ask(LIFETIME_MAX, &"x".repeat(65)), Err(MintError::Name));
    assert_eq!(ask(LIFETIME_MAX, ""), Err(MintError::Name));
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

fn judged(change: impl FnOnce(&mut Value)) -> Result<(), Denied> {
    let mut claims = claims();
    change(&mut claims);
    verify(&keys(), &signed(&claims), NOW).map(drop)
}

fn assert_denied(token: &str) {
    assert_eq!(verify(&keys(), token, NOW), Err(Denied::Unauthenticated), "{token:.200}");
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
