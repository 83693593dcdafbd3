//! Where webhooks go, and what they are signed with.

use std::fmt;

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

/// A secret that signs webhooks. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A secret of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}
