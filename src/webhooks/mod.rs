//! Webhooks as an operator and a developer meet them: targets made of the configuration, and a listener that shows what comes.

pub mod listen;

use podium_signaling::webhook::{Target, TargetFault, WebhookConfig, WebhookSecret};

use crate::config::{Faults, Sources, WebhookTarget, Webhooks};

/// Where webhooks go, by the configuration. In development mode they may always go to this machine.
///
/// # Errors
///
/// Everything that is wrong with it, each with the place where it was set.
pub fn targets(webhooks: &Webhooks, sources: &Sources, in_development: bool) -> Result<WebhookConfig, Faults> {
    let mut faults = Vec::new();
    let targets = webhooks.targets.iter().map(|target| read(target, sources, &mut faults)).collect();
    let config = WebhookConfig { targets, allow_private: webhooks.allow_private || in_development };
    for TargetFault { target, key, why } in config.faults() {
        let target = target.and_then(|index| webhooks.targets.get(index));
        faults.push(fault(sources, target.map(|target| target.key(&key)), &why));
    }
    if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
}

fn read(target: &WebhookTarget, sources: &Sources, faults: &mut Vec<String>) -> Target {
    let mut secret = |(index, text): (usize, &crate::config::Secret)| {
        WebhookSecret::parse(text.expose()).unwrap_or_else(|why| {
            let key = target.key(&format!("secrets.{index}"));
            faults.push(fault(sources, Some(key), &format!("{:?}: secrets: {why}", target.name)));
            // It stands in for the bad one only until the faults are told.
            WebhookSecret::new(Vec::new())
        })
    };
    Target {
        name: target.name.clone(),
        url: target.url.clone(),
        secrets: target.secrets.iter().enumerate().map(&mut secret).collect(),
        kinds: target.events.clone(),
    }
}

fn fault(sources: &Sources, key: Option<String>, why: &str) -> String {
    let place = sources.place(key.as_deref().unwrap_or(TARGETS));
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    format!("{place}{TARGETS}: {why}")
}

const TARGETS: &str = "webhooks.targets";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn load(text: &str) -> Result<Config, Faults> {
        let file = std::env::temp_dir().join(format!("podium-webhooks-{}-{}.toml", std::process::id(), text.len()));
        std::fs::write(&file, text).expect("written");
        let config = Config::load(Some(&file), []);
        std::fs::remove_file(&file).expect("removed");
        config
    }

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_target_is_read_and_its_secrets_are_not_shown() {
        let held = std::env::temp_dir().join(format!("podium-webhook-secret-{}", std::process::id()));
        std::fs::write(&held, "whsec_HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").expect("written");
        let config = load(&format!(
            "[[webhooks.targets]]\nname = \"billing\"\nurl = \"https://example.org/hooks\"\nsecrets = [\"{SECRET}\"]\nsecret_files = [{held:?}]\nevents = [\"seat.*\"]"
        ))
        .expect("sound");
        std::fs::remove_file(&held).expect("removed");
        let read = targets(&config.webhooks, &config.sources, false).expect("sound");
        assert_eq!((read.targets[0].name.as_str(), read.allow_private), ("billing", false));
        assert_eq!(read.targets[0].kinds, ["seat.*"]);
        assert_eq!((read.targets[0].secrets[0].reveal().as_str(), read.targets[0].secrets.len()), (SECRET, 2));
        let shown = format!("{config:?}{}", toml::to_string_pretty(&config).expect("printable"));
        assert!(shown.contains("(hidden)") && shown.contains("https://example.org/hooks"), "{shown}");
        assert!(!shown.contains("ECAwQFBgcICQ"), "{shown}");
    }

    #[test]
    fn this_machine_is_a_target_in_development_mode_or_if_it_is_permitted() {
        let target = |allow: &str| {
            load(&format!(
                "[webhooks]\n{allow}\n[[webhooks.targets]]\nname = \"a\"\nurl = \"http://127.0.0.1:8090\"\nsecrets = [\"{SECRET}\"]"
            ))
            .expect("sound")
        };
        let read = |allow: &str, in_development| {
            let Config { webhooks, sources, .. } = target(allow);
            targets(&webhooks, &sources, in_development)
        };
        assert!(read("", false).is_err());
        assert!(read("", true).is_ok_and(|config| config.allow_private));
        assert!(read("allow_private = true", false).is_ok());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let config = load(
            "[[webhooks.targets]]\nname = \"Billing\"\nurl = \"example.org\"\nsecrets = [\"abc\"]\nevents = [\"seats.*\"]\n\
             [[webhooks.targets]]\nname = \"b\"\nurl = \"https://example.org\"",
        )
        .expect("sound so far");
        let Faults(faults) = targets(&config.webhooks, &config.sources, false).expect_err("faulty");
        for expected in ["whsec_", "a name is", "url:", "seats.*", "1 to 2 secrets, not 0"] {
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected} in {faults:?}");
        }
        assert!(!faults.concat().contains("abc"), "what may be a secret is not repeated");
        for (line, words) in
            [(2, "a name is"), (3, "url:"), (4, "whsec_"), (5, "seats.*"), (6, "1 to 2 secrets, not 0")]
        {
            let place = format!(".toml:{line}: ");
            assert!(faults.iter().any(|fault| fault.contains(&place) && fault.contains(words)), "{line} in {faults:?}");
        }
        let Faults(faults) =
            load("[[webhooks.targets]]\nname = \"a\"\nurl = \"x\"\nsecret = \"y\"").expect_err("faulty");
        assert!(faults[0].contains("webhooks.targets") && faults[0].contains("secret"), "{faults:?}");
    }
}
