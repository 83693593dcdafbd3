//! Where webhooks go, and what they are signed with.

use std::{collections::HashSet, net::IpAddr};

use reqwest::Url;

use super::{WebhookSecret, address::is_public};
use crate::protocol::server;

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

/// Something that is wrong with a target, or with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFault {
    /// Which target, from 0 on; none if it is about all of them.
    pub target: Option<usize>,
    /// Which key of it: `url`; a part of a list has its number behind it: `events.2`.
    pub key: String,
    /// What is wrong, with the name of the target.
    pub why: String,
}

impl WebhookConfig {
    /// Everything that is wrong with it, a sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<TargetFault> {
        let mut faults = Vec::new();
        if self.targets.len() > TARGETS_MAX {
            let why = format!("{} targets, at most {TARGETS_MAX}", self.targets.len());
            faults.push(TargetFault { target: None, key: String::new(), why });
        }
        let mut names = HashSet::new();
        for (index, target) in self.targets.iter().enumerate() {
            let mut fault = |key: String, why: String| {
                let why = format!("{:?}: {why}", target.name);
                faults.push(TargetFault { target: Some(index), key, why });
            };
            if !names.insert(&target.name) {
                fault("name".to_owned(), "another target has this name".to_owned());
            }
            target.check(self.allow_private, &mut fault);
        }
        faults
    }
}

impl Target {
    fn check(&self, allow_private: bool, fault: &mut dyn FnMut(String, String)) {
        if !is_name(&self.name) {
            fault("name".to_owned(), format!("a name is 1 to {NAME_CHARS_MAX} of a-z 0-9 _ -"));
        }
        if let Err(why) = parse_url(&self.url, allow_private) {
            fault("url".to_owned(), format!("url: {why}"));
        }
        if !(1..=SECRETS_MAX).contains(&self.secrets.len()) {
            fault("secrets".to_owned(), format!("1 to {SECRETS_MAX} secrets, not {}", self.secrets.len()));
        }
        for (index, kind) in self.kinds.iter().enumerate().filter(|(_, kind)| !server::is_kind_or_family(kind)) {
            let why = format!("events: {kind:?} is neither a kind of event nor a family of them: {}", nearest(kind));
            fault(format!("events.{index}"), why);
        }
    }
}

/// Of what is not known, what is: the kinds of the same family, or the families.
fn nearest(kind: &str) -> String {
    let family = kind.split_once('.').map_or(kind, |(family, _)| family);
    let kinds: Vec<&str> = server::KINDS
        .iter()
        .copied()
        .filter(|known| known.split_once('.').is_some_and(|(of, _)| of == family))
        .collect();
    if kinds.is_empty() { format!("{}.*", FAMILIES.join(".*, ")) } else { kinds.join(", ") }
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
        assert_eq!(good.faults(), Vec::new());
        let bad =
            Target { secrets: Vec::new(), kinds: vec!["seat".into(), "sea.*".into()], ..target("Bad", "http://[::1]") };
        let twin =
            Target { secrets: vec![WebhookSecret::new(vec![1; 32]); 3], ..target("billing", "https://example.org") };
        let faults = WebhookConfig { targets: vec![good.targets[0].clone(), bad, twin], allow_private: false }.faults();
        assert_eq!(faults.len(), 7, "{faults:#?}");
        let names = |fault: &TargetFault| fault.why.starts_with("\"Bad\": ") || fault.why.starts_with("\"billing\": ");
        assert!(faults.iter().all(names));
        let of_bad: Vec<&str> =
            faults.iter().filter(|fault| fault.target == Some(1)).map(|fault| fault.key.as_str()).collect();
        assert_eq!(of_bad, ["name", "url", "secrets", "events.0", "events.1"]);
        let many = (0..=TARGETS_MAX).map(|n| target(&format!("t{n}"), "https://example.org")).collect();
        assert_eq!(WebhookConfig { targets: many, allow_private: false }.faults().len(), 1);
    }

    #[test]
    fn a_kind_of_event_is_one_that_is_told_or_a_family() {
        let faults = |kind: &str| {
            let target = Target { kinds: vec![kind.to_owned()], ..target("billing", "https://example.org") };
            WebhookConfig { targets: vec![target], allow_private: false }.faults()
        };
        for good in server::KINDS.iter().copied().chain(["seat.*", "moderation.*", "latency.*"]) {
            assert_eq!(faults(good), [], "{good}");
        }
        for bad in ["", "*", ".*", "seat", "seat.", "seats.*", "seat.ch*", "seat.**", "Seat.changed", "seat.a.b"] {
            assert_eq!(faults(bad).len(), 1, "{bad}");
        }
        // They are of a family that there is, and no such event has ever been told.
        for (bad, meant) in
            [("seat.chnaged", "seat.changed"), ("room.opened", "room.created"), ("moderation.ban", "ban_changed")]
        {
            let faults = faults(bad);
            assert!(faults[0].why.contains(bad) && faults[0].why.contains(meant), "{faults:?}");
        }
        let families: HashSet<&str> = server::KINDS.iter().filter_map(|kind| Some(kind.split_once('.')?.0)).collect();
        assert_eq!(families, HashSet::from(FAMILIES));
        for bad in ["", "Ops", "a b", "ö", &"x".repeat(33)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
