//! A courier makes one try to deliver: it connects only where it may, signs, sends, and looks at the answer's status. It knows nothing of the outbox.

use std::{error::Error, fmt, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::CONTENT_TYPE,
    redirect,
};

use super::{
    Target, WebhookSecret,
    address::is_public,
    config::parse_url,
    delivery::PARALLEL,
    message,
    signature::{self, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER},
};
use crate::{clock, metrics::TryOutcome, store::StoredEvent};

/// Makes tries to deliver to one target. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Courier {
    client: Client,
    url: Url,
    secrets: Arc<[WebhookSecret]>,
    try_max: Duration,
}

/// How a try ended.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) outcome: TryOutcome,
    /// The status that was answered, if one was.
    pub(super) status: Option<u16>,
    /// What went wrong, for the log. It does not name the URL, whose path may be a secret.
    pub(super) fault: Option<String>,
}

impl Attempt {
    /// A try of which nothing is known, because its task is gone.
    pub(super) fn lost() -> Self {
        Self { outcome: TryOutcome::Protocol, status: None, fault: Some("the try ended without a word".to_owned()) }
    }
}

impl Courier {
    /// One for this target. The error says why there can be none.
    pub(super) fn new(target: &Target, allow_private: bool, try_max: Duration) -> Result<Self, String> {
        let url = parse_url(&target.url, allow_private)?;
        let client = Client::builder()
            .user_agent(USER_AGENT)
            // What the environment says about proxies is meant for other programs; a proxy would also resolve names for us, unchecked.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(PARALLEL)
            .dns_resolver(Arc::new(Resolver { allow_private }))
            .build()
            .map_err(|error| reasons(&error))?;
        Ok(Self { client, url, secrets: target.secrets.clone().into(), try_max })
    }

    /// Makes one try.
    pub(super) async fn bring(&self, event: &StoredEvent) -> Attempt {
        let (id, body, timestamp_s) = (message::id(event), message::body(event), clock::unix_seconds());
        let signature = signature::sign(&self.secrets, &id, timestamp_s, body.as_bytes());
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, id)
            .header(TIMESTAMP_HEADER, timestamp_s)
            .header(SIGNATURE_HEADER, signature)
            .body(body);
        match clock::timeout(self.try_max, request.send()).await {
            Err(clock::TooLate) => {
                Attempt { outcome: TryOutcome::Timeout, status: None, fault: Some(NO_ANSWER.to_owned()) }
            }
            Ok(Ok(response)) => {
                let status = response.status();
                let outcome = if status.is_success() { TryOutcome::Delivered } else { TryOutcome::Status };
                discard(response).await;
                Attempt { outcome, status: Some(status.as_u16()), fault: None }
            }
            Ok(Err(error)) => {
                let error = error.without_url();
                Attempt { outcome: outcome_of(&error), status: None, fault: Some(reasons(&error)) }
            }
        }
    }
}

/// Reads a short answer to its end, so that the connection can be used again, and lets go of a long or slow one. What it says changes nothing.
async fn discard(mut response: Response) {
    let read = async {
        let mut bytes = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes += chunk.len();
            if bytes > REPLY_BYTES_MAX {
                break;
            }
        }
    };
    // Whether it came to its end in time matters to nobody.
    let _ = clock::timeout(REPLY_MAX, read).await;
}

fn outcome_of(error: &reqwest::Error) -> TryOutcome {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return TryOutcome::Private;
        }
        cause = error.source();
    }
    if error.is_timeout() {
        TryOutcome::Timeout
    } else if error.is_connect() {
        TryOutcome::Connect
    } else {
        TryOutcome::Protocol
    }
}

/// An error and its causes in one line, cut to a sensible length.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().take(REASON_CHARS_MAX).collect()
}

/// Resolves names, and leaves out the addresses that are not to be connected to. What it gives is what is connected to: nobody asks a second time.
#[derive(Debug)]
struct Resolver {
    allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            // Port 0 stands for that of the URL.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> =
                found.filter(|address| allow_private || is_public(address.ip())).take(ADDRESSES_MAX).collect();
            if found.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A name has private addresses only.
#[derive(Debug)]
struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no public address; webhooks.allow_private permits private ones")
    }
}

impl Error for NotPublic {}

const USER_AGENT: &str = concat!("Podium/", env!("CARGO_PKG_VERSION"));
/// How much of an answer's body is read before the connection is dropped.
const REPLY_BYTES_MAX: usize = 4 * 1024;
/// How long an answer's body is read, once its status is known.
const REPLY_MAX: Duration = Duration::from_secs(1);
/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 8;
const REASON_CHARS_MAX: usize = 300;
const NO_ANSWER: &str = "no answer in time";
