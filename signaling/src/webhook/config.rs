//! Where webhooks go, and what they are signed with.

use std::{collections::HashSet, net::IpAddr};

use reqwest::Url;

use super::{WebhookSecret, address::is_public};

/// Where webhooks go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Each gets the events that it wants.
    pub targets: Vec<Target>,
    /// Targets may have private addresses: loopback, link-local, networks of one's own.
    pub allow_private: bool,
}

/// Somewhere webhooks go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name in logs, metrics and the outbox. It stays the same when the address changes.
    pub name: String,
    /// Where: `https://…` or `http://…`.
    pub url: String,
    /// Each delivery is signed with every one: two while they are changed.
    pub secrets: Vec<WebhookSecret>,
    /// Kinds of events, `seat.changed`, or families of them, `seat.*`. None: all.
    pub kinds: Vec<String>,
}

impl WebhookConfig {
    /// Everything that is wrong with it, a sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.targets.len() > TARGETS_MAX {
            faults.push(format!("{} targets, at most {TARGETS_MAX}", self.targets.len()));
        }
        let mut names = HashSet::new();
        for target in &self.targets {
            if !names.insert(&target.name) {
                faults.push(format!("{:?}: another target has this name", target.name));
            }
            faults.extend(target.faults(self.allow_private));
        }
        faults
    }
}

impl Target {
    fn faults(&self, allow_private: bool) -> Vec<String> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            faults.push(format!("a name is 1 to {NAME_CHARS_MAX} of a-z 0-9 _ -"));
        }
        if let Err(fault) = parse_url(&self.url, allow_private) {
            faults.push(format!("url: {fault}"));
        }
        if !(1..=SECRETS_MAX).contains(&self.secrets.len()) {
            faults.push(format!("1 to {SECRETS_MAX} secrets, not {}", self.secrets.len()));
        }
        for kind in self.kinds.iter().filter(|kind| !is_kind(kind)) {
            let families = FAMILIES.join(".*, ");
            faults.push(format!(
                "events: {kind:?} is neither a kind of event, such as seat.changed, nor a family of them: {families}.*"
            ));
        }
        faults.into_iter().map(|fault| format!("{:?}: {fault}", self.name)).collect()
    }
}

/// Reads where a target is. An address that is written out is judged here: nothing else asks for it later.
pub(super) fn parse_url(text: &str, allow_private: bool) -> Result<Url, String> {
    if text.len() > URL_BYTES_MAX {
        return Err(format!("longer than {URL_BYTES_MAX} bytes"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("has spaces or control characters".to_owned());
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("neither http:// nor https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("names a user; what a receiver should check is the signature".to_owned());
    }
    if url.fragment().is_some() {
        return Err("has a fragment, which is never sent".to_owned());
    }
    if url.port() == Some(0) {
        return Err("no port 0 can be reached".to_owned());
    }
    match literal_address(&url) {
        Some(address) if !allow_private && !is_public(address) => {
            Err(format!("{address} is private; webhooks.allow_private permits it"))
        }
        Some(_) | None => Ok(url),
    }
}

/// The address that is written out in a URL, if one is.
pub(super) fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn is_kind(kind: &str) -> bool {
    let Some((family, member)) = kind.split_once('.') else {
        return false;
    };
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    FAMILIES.contains(&family) && (member == "*" || is_word(member))
}

/// The families of events.
pub const FAMILIES: [&str; 7] = ["room", "seat", "hand", "invite", "participant", "moderation", "latency"];
/// The most targets.
pub const TARGETS_MAX: usize = 16;
const SECRETS_MAX: usize = 2;
const NAME_CHARS_MAX: usize = 32;
const URL_BYTES_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    fn target(name: &str, url: &str) -> Target {
        Target {
            name: name.to_owned(),
            url: url.to_owned(),
            secrets: vec![WebhookSecret::new(vec![1; 32])],
            kinds: Vec::new(),
        }
    }

    #[test]
    fn a_target_is_somewhere_that_can_be_reached_and_nothing_else() {
        for good in ["https://example.org/hooks?token=1", "http://1.1.1.1", "https://[2606:4700::1111]:8443/"] {
            assert!(parse_url(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "/hooks",
            "ftp://example.org",
            "https://",
            "https://ada:secret@example.org",
            "https://ada@example.org",
            "https://example.org/#here",
            "https://example.org/a b",
            "https://exam\nple.org",
            " https://example.org",
            "https://example.org:0/",
            "https://example.org:99999/",
            "unix:/run/x",
            &format!("https://example.org/{}", "x".repeat(2_048)),
        ] {
            assert!(parse_url(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_that_is_written_out_is_judged_however_it_is_written() {
        for private in [
            "http://127.0.0.1",
            "http://127.1",
            "http://0x7f.1",
            "http://2130706433",
            "http://0177.0.0.1",
            "http://10.0.0.1",
            "http://169.254.169.254/latest",
            "http://[::1]",
            "http://[::ffff:10.0.0.1]",
            "http://0/",
            "http://１２７.0.0.1",
        ] {
            assert!(parse_url(private, false).is_err(), "{private}");
            assert!(parse_url(private, true).is_ok(), "{private}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let good = WebhookConfig { targets: vec![target("billing", "https://example.org")], allow_private: false };
        assert_eq!(good.faults(), Vec::<String>::new());
        let bad =
            Target { secrets: Vec::new(), kinds: vec!["seat".into(), "sea.*".into()], ..target("Bad", "http://[::1]") };
        let twin =
            Target { secrets: vec![WebhookSecret::new(vec![1; 32]); 3], ..target("billing", "https://example.org") };
        let faults = WebhookConfig { targets: vec![good.targets[0].clone(), bad, twin], allow_private: false }.faults();
        assert_eq!(faults.len(), 7, "{faults:#?}");
        assert!(faults.iter().all(|fault| fault.starts_with("\"Bad\": ") || fault.starts_with("\"billing\": ")));
        let many = (0..=TARGETS_MAX).map(|n| target(&format!("t{n}"), "https://example.org")).collect();
        assert_eq!(WebhookConfig { targets: many, allow_private: false }.faults().len(), 1);
    }

    #[test]
    fn kinds_are_of_families_that_are_known() {
        for good in ["seat.*", "seat.changed", "moderation.seat_lock", "participant.rank_changed", "latency.breached"] {
            assert!(is_kind(good), "{good}");
        }
        for bad in ["", "*", "seat", "seat.", ".changed", "seats.*", "seat.ch*", "seat.**", "Seat.changed", "seat.a.b"]
        {
            assert!(!is_kind(bad), "{bad}");
        }
        for bad in ["", "Ops", "a b", "ö", &"x".repeat(33)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
