//! The web client, embedded: one list of files, each with its type and a tag that changes with its content.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::problem::Problem;

/// A file of the web client.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($path:literal: $content_type:expr,)*) => {
        &[$(Asset { path: $path, content_type: $content_type, content: include_bytes!(concat!("../../web/", $path)) },)*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Every file of the web client.
static ASSETS: &[Asset] = assets! {
    "index.html": HTML,
    "style.css": CSS,
    "stage.css": CSS,
    "panels.css": CSS,
    "favicon.svg": SVG,
    "app.js": JS,
    "invitation.js": JS,
    "docs/attempt.js": JS,
    "docs/description.js": JS,
    "docs/docs.css": CSS,
    "docs/docs.js": JS,
    "docs/index.html": HTML,
    "docs/parts.js": JS,
    "words.js": JS,
    "words/en.js": JS,
    "words/zh.js": JS,
    "words/pseudo.js": JS,
    "podium.js": JS,
    "podium/backoff.js": JS,
    "podium/commands.js": JS,
    "podium/errors.js": JS,
    "podium/figures.js": JS,
    "podium/fold.js": JS,
    "podium/link.js": JS,
    "podium/liveness.js": JS,
    "podium/media.js": JS,
    "podium/path.js": JS,
    "podium/platform.js": JS,
    "podium/refusals.js": JS,
    "view/actions.js": JS,
    "view/banners.js": JS,
    "view/connection.js": JS,
    "view/console.js": JS,
    "view/dialog.js": JS,
    "view/directory.js": JS,
    "view/dom.js": JS,
    "view/drag.js": JS,
    "view/entry.js": JS,
    "view/feed.js": JS,
    "view/guard.js": JS,
    "view/icons.js": JS,
    "view/line.js": JS,
    "view/lists.js": JS,
    "view/menu.js": JS,
    "view/moves.js": JS,
    "view/news.js": JS,
    "view/notices.js": JS,
    "view/people.js": JS,
    "view/permit.js": JS,
    "view/preferences.js": JS,
    "view/prompts.js": JS,
    "view/room.js": JS,
    "view/settings.js": JS,
    "view/sound.js": JS,
    "view/stage.js": JS,
};

/// `GET /`
pub(super) async fn index(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

/// Any path that is not routed: a file of the web client, or nothing.
pub(super) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match uri.path().strip_prefix('/') {
        Some(path) if method == Method::GET || method == Method::HEAD => serve(path, &headers),
        Some(_) | None => Problem::not_found().into_response(),
    }
}

pub(super) fn serve(path: &str, request: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) else {
        return Problem::not_found().into_response();
    };
    let tag = asset.tag();
    let is_known = request.get_all(header::IF_NONE_MATCH).iter().any(|known| {
        known.to_str().is_ok_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag))
    });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.content_type)], Bytes::from_static(asset.content)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("a tag is hexadecimal"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(request.get(header::HOST)));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("microphone=(self), camera=(), geolocation=()"));
    response
}

impl Asset {
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        format!("\"{:x}-{:x}\"", self.content.len(), hasher.finish())
    }
}

/// Only what this server itself serves may run, and the page talks to this server only. Browsers that do not take `'self'` for WebSockets find their own
/// host named.
fn policy(host: Option<&HeaderValue>) -> HeaderValue {
    let host = host.and_then(|host| host.to_str().ok()).filter(|host| is_plain_host(host));
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob: mediastream:; connect-src 'self'{sockets}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a plain host has no control characters")
}

fn is_plain_host(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'[' | b']');
    (1..=255).contains(&host.len()) && host.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::path::Path;

    use super::*;

    #[test]
    fn the_policy_names_only_plain_hosts() {
        let policy_of = |host: &'static str| policy(Some(&HeaderValue::from_static(host)));
        assert!(policy_of("localhost:7880").to_str().is_ok_and(|policy| policy.contains("wss://localhost:7880;")));
        for host in ["evil; script-src *", "a b", "*", ""] {
            assert_eq!(policy_of(host), policy(None));
        }
    }

    #[test]
    fn every_file_is_listed_once() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let mut listed: Vec<_> = ASSETS.iter().map(|asset| web.join(asset.path)).collect();
        let mut present = Vec::new();
        let mut folders = vec![web];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { present.push(path) }
            }
        }
        listed.sort_unstable();
        present.sort_unstable();
        assert_eq!(listed, present);
    }
}
