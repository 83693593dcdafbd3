//! Webhooks as an operator and a developer meet them: targets made of the configuration, and a listener that shows what comes.

pub mod listen;

use podium_signaling::webhook::{Target, WebhookConfig, WebhookSecret};

use crate::config::{Faults, WebhookTarget, Webhooks};

/// Where webhooks go, by the configuration. In development mode they may always go to this machine.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn targets(webhooks: &Webhooks, in_development: bool) -> Result<WebhookConfig, Faults> {
    let mut faults = Vec::new();
    let targets = webhooks.targets.iter().map(|target| read(target, &mut faults)).collect();
    let config = WebhookConfig { targets, allow_private: webhooks.allow_private || in_development };
    faults.extend(config.faults());
    if faults.is_empty() {
        return Ok(config);
    }
    Err(Faults(faults.into_iter().map(|fault| format!("webhooks.targets: {fault}")).collect()))
}

fn read(target: &WebhookTarget, faults: &mut Vec<String>) -> Target {
    let mut secret = |text: &crate::config::Secret| {
        WebhookSecret::parse(text.expose()).unwrap_or_else(|fault| {
            faults.push(format!("{:?}: secrets: {fault}", target.name));
            // It stands in for the bad one only until the faults are told.
            WebhookSecret::new(Vec::new())
        })
    };
    Target {
        name: target.name.clone(),
        url: target.url.clone(),
        secrets: target.secrets.iter().map(&mut secret).collect(),
        kinds: target.events.clone(),
    }
}

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
        let read = targets(&config.webhooks, false).expect("sound");
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
            .webhooks
        };
        assert!(targets(&target(""), false).is_err());
        assert!(targets(&target(""), true).is_ok_and(|config| config.allow_private));
        assert!(targets(&target("allow_private = true"), false).is_ok());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let config = load(
            "[[webhooks.targets]]\nname = \"Billing\"\nurl = \"example.org\"\nsecrets = [\"abc\"]\nevents = [\"seats.*\"]\n\
             [[webhooks.targets]]\nname = \"b\"\nurl = \"https://example.org\"",
        )
        .expect("sound so far");
        let Faults(faults) = targets(&config.webhooks, false).expect_err("faulty");
        for expected in ["whsec_", "a name is", "url:", "seats.*", "1 to 2 secrets, not 0"] {
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected} in {faults:?}");
        }
        assert!(!faults.concat().contains("abc"), "what may be a secret is not repeated");
        let Faults(faults) =
            load("[[webhooks.targets]]\nname = \"a\"\nurl = \"x\"\nsecret = \"y\"").expect_err("faulty");
        assert!(faults[0].contains("webhooks.targets") && faults[0].contains("secret"), "{faults:?}");
    }
}
