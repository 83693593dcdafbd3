//! To whom the admin port answers: the name in `Host` must be one of its own.
//!
//! A page from elsewhere can point a name of its own at this machine (DNS rebinding) and would then read what is here. A browser tells the name that it asked for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names by which the admin port may be asked.
#[derive(Clone, Debug)]
pub struct Hosts {
    bound: IpAddr,
    names: Vec<String>,
}

impl Hosts {
    /// Those of a listener: loopback, the address that it is bound to (any address, if that is unspecified), and these names.
    pub fn new(bound: SocketAddr, names: &[String]) -> Self {
        let bare = |name: &String| name.trim_end_matches('.').to_ascii_lowercase();
        Self { bound: bound.ip().to_canonical(), names: names.iter().map(bare).collect() }
    }

    fn holds(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        // Whoever the request says it comes from is none of a host.
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        let is_address = |address: IpAddr| {
            // A page that has an address for a name was served from there: an address cannot be pointed elsewhere.
            address.is_loopback() || address == self.bound || self.bound.is_unspecified()
        };
        bare == "localhost"
            || bare.parse::<IpAddr>().is_ok_and(|address| is_address(address.to_canonical()))
            || self.names.iter().any(|name| name == &host || name == bare)
    }
}

/// Refuses what was meant for another host, or for none.
pub(super) async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        (Some(_) | None, _) => "",
    };
    let target = request.uri().authority().map_or(host, Authority::as_str);
    if hosts.holds(host) && hosts.holds(target) {
        return next.run(request).await;
    }
    tracing::info!(?host, "the admin port was asked under a name that is not its own");
    let told = "This port answers to localhost, to its own address and to the names in admin.hosts. The request's Host is none of them.\n";
    (StatusCode::MISDIRECTED_REQUEST, told).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(bound: &str, names: &[&str]) -> Hosts {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Hosts::new(bound.parse().expect("an address"), &names)
    }

    #[test]
    fn a_port_on_loopback_answers_to_loopback_only() {
        let hosts = hosts("127.0.0.1:6789", &[]);
        for own in [
            "localhost",
            "LOCALHOST:6789",
            "localhost.",
            "127.0.0.1:6789",
            "127.9.9.9",
            "[::1]:6789",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(hosts.holds(own), "{own}");
        }
        for foreign in [
            "",
            "evil.example",
            "evil.example:6789",
            "localhost.evil.example",
            "10.0.0.1",
            "[fe80::1]",
            "localhost@evil",
            "evil@localhost",
            "a b",
            "/",
            "0.0.0.0",
            "null",
        ] {
            assert!(!hosts.holds(foreign), "{foreign}");
        }
    }

    #[test]
    fn it_answers_to_the_bound_address_and_to_configured_names() {
        let hosts = hosts("10.1.2.3:6789", &["Podium.internal", "10.9.9.9"]);
        for own in ["10.1.2.3", "10.1.2.3:80", "podium.internal:6789", "PODIUM.INTERNAL.", "10.9.9.9", "localhost"] {
            assert!(hosts.holds(own), "{own}");
        }
        for foreign in ["10.1.2.4", "internal", "x.podium.internal"] {
            assert!(!hosts.holds(foreign), "{foreign}");
        }
    }

    #[test]
    fn bound_everywhere_it_answers_to_addresses_but_not_to_names() {
        let hosts = hosts("0.0.0.0:6789", &[]);
        assert!(hosts.holds("10.1.2.3:6789") && hosts.holds("[2001:db8::1]:6789") && hosts.holds("localhost"));
        assert!(!hosts.holds("evil.example"));
    }
}
