//! What an access token grants, or what is wrong with it, in words for those who have the keys.

use std::collections::HashMap;
use std::fmt::Write as _;

use podium_signaling::auth::{self, Access, Judged, Secret};
use podium_signaling::clock;

use crate::config::Config;

/// Judges a token as the server would that has this configuration.
///
/// # Errors
///
/// What is wrong with the token: also what its bearer would not be told.
pub fn check(config: &Config, token: &str) -> Result<String, String> {
    if config.auth.keys.is_empty() {
        return Err("no key is configured: give --config, or set PODIUM__AUTH__KEYS__<ID>".to_owned());
    }
    let keys: HashMap<String, Secret> =
        config.auth.keys.iter().map(|(id, secret)| (id.clone(), Secret::new(secret.expose()))).collect();
    report(&keys, token, clock::unix_seconds(), config.limits.name_chars_max)
}

fn report(keys: &HashMap<String, Secret>, token: &str, now_s: u64, name_chars_max: usize) -> Result<String, String> {
    let judged = auth::judge(keys, token, now_s, name_chars_max).and_then(|judged| match judged.expiry() {
        Some(expired) => Err(expired),
        None => Ok(judged),
    });
    match judged {
        Ok(Judged { access, .. }) => Ok(described(&access, now_s)),
        Err(denied) => {
            let key = denied.key_id().map(|id| format!(" (key {id:?})")).unwrap_or_default();
            Err(format!("the token is refused, {}{key}: {denied}", denied.reason().label()))
        }
    }
}

fn described(access: &Access, now_s: u64) -> String {
    let mut text = String::from("the token is good\n");
    let mut line = |name: &str, value: &str| {
        let _ = write!(text, "\n{name:<10}{value}");
    };
    let grants = access.grants();
    line("key", &access.key_id);
    line("identity", access.identity().map_or("none: a back end's", |identity| identity.as_str()));
    if let Some(name) = &access.name {
        line("shown as", name);
    }
    line("room", access.room().map_or("none", |room| room.as_str()));
    let granted = [
        (grants.join && access.identity().is_some() && access.room().is_some(), "join the room"),
        (grants.admin && access.room().is_some(), "administer the room"),
        (grants.create, "make rooms"),
        (grants.list, "list rooms, and read of all of them"),
    ];
    let granted: Vec<_> = granted.into_iter().filter_map(|(is_granted, what)| is_granted.then_some(what)).collect();
    line("grants", &if granted.is_empty() { "nothing".to_owned() } else { granted.join("; ") });
    if grants.join {
        let may = [(access.can_publish, "speak"), (access.can_subscribe, "hear"), (access.can_publish_data, "write")];
        let may: Vec<_> = may.into_iter().filter_map(|(is_allowed, what)| is_allowed.then_some(what)).collect();
        line("may", &if may.is_empty() { "nothing".to_owned() } else { may.join(", ") });
        line("rank", &format!("{} at the first join", access.rank.code()));
        line("tier", &access.tier.to_string());
        line("hidden", if access.hidden { "yes" } else { "no" });
        line("kind", access.kind.as_deref().unwrap_or("a person"));
    }
    line("expires", &format!("in {} s", access.expires_at_s.saturating_sub(now_s)));
    let lacking = [
        (grants.join && access.identity().is_none(), "`roomJoin` without `sub` lets nobody join"),
        ((grants.join || grants.admin) && access.room().is_none(), "`roomJoin` and `roomAdmin` need `video.room`"),
    ];
    lacking.into_iter().filter(|(is_so, _)| *is_so).for_each(|(_, what)| line("note", what));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use podium_signaling::auth::TokenRequest;
    use podium_signaling::ids::{Identity, RoomId};
    use podium_signaling::room::Rank;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn keys(secret: &str) -> HashMap<String, Secret> {
        HashMap::from([("ops".to_owned(), Secret::new(secret))])
    }

    fn token() -> String {
        let request = TokenRequest {
            room: RoomId::parse("demo").expect("an id"),
            identity: Identity::parse("ada").expect("an identity"),
            name: Some("Ada".to_owned()),
            rank: Rank::Host,
            manages_rooms: false,
            lifetime: Duration::from_secs(600),
        };
        auth::mint("ops", &Secret::new("a secret of thirty-two bytes or more"), &request, NOW).expect("minted")
    }

    #[test]
    fn a_good_token_is_described() {
        let text = report(&keys("a secret of thirty-two bytes or more"), &token(), NOW, 64).expect("good");
        for part in [
            "key       ops",
            "identity  ada",
            "shown as  Ada",
            "room      demo",
            "join the room; administer the room",
            "in 600 s",
            "host at",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_also_before_a_good_signature() {
        let why = |secret: &str, token: &str, now_s: u64| report(&keys(secret), token, now_s, 64).expect_err("refused");
        let secret = "a secret of thirty-two bytes or more";
        assert!(
            why("another secret of 32 bytes or more", &token(), NOW)
                .contains("signature (key \"ops\"): it was not signed")
        );
        assert!(why(secret, &token(), NOW + 3600).contains("expired (key \"ops\"): this token expired 3000 s ago"));
        assert!(why(secret, "rubbish", NOW).contains("malformed: a token has three parts"));
        let other = HashMap::from([("dev".to_owned(), Secret::new(secret))]);
        assert!(report(&other, &token(), NOW, 64).expect_err("refused").contains("unknown_key (key \"ops\")"));
    }
}
