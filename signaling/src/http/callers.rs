//! Callers: how fast each one may ask the HTTP API, and for files. It hides its lock.
//!
//! A caller is whom a good token names, by the key that signed it; without a good token it is an address. Files are counted by address, apart from
//! all else and more generously.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{access, problem::Problem};
use crate::{
    clock,
    config::Limits,
    ids::Identity,
    limit::{Buckets, ClientAddress},
    room::Refusal,
    signaling::Shared,
};

/// Everyone who has asked lately.
pub(super) struct Callers {
    callers: Mutex<Buckets<Caller>>,
    files: Mutex<Buckets<ClientAddress>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    Bearer { key_id: String, identity: Option<Identity> },
    Address(ClientAddress),
}

impl Callers {
    /// Nobody yet.
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let Limits { http_per_second, http_burst, .. } = *limits;
        let callers = Buckets::new(http_per_second, http_burst, CALLERS_MAX, now);
        let files = |of: u32| of.saturating_mul(FILES_PER_REQUEST);
        let files = Buckets::new(files(http_per_second), files(http_burst), CALLERS_MAX, now);
        Self { callers: Mutex::new(callers), files: Mutex::new(files) }
    }

    /// Lets one request of a caller through, or says when to come again.
    fn take(&self, caller: Caller, now: Instant) -> Result<(), Duration> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner).take(caller, now)
    }

    /// The same for a file.
    fn take_file(&self, address: ClientAddress, now: Instant) -> Result<(), Duration> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).take(address, now)
    }
}

/// Turns away whoever asks too fast.
pub(super) async fn pace(
    State((shared, callers)): State<(Arc<Shared>, Arc<Callers>)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let caller = match access::of_request(&shared, request.headers()) {
        Ok(access) => Caller::Bearer { identity: access.identity().cloned(), key_id: access.key_id },
        Err(_) => Caller::Address(peer.ip().into()),
    };
    go_on(callers.take(caller, clock::now()), request, next).await
}

/// Turns away whoever asks for files too fast, or for what is not there.
pub(super) async fn pace_files(
    State(callers): State<Arc<Callers>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    go_on(callers.take_file(peer.ip().into(), clock::now()), request, next).await
}

async fn go_on(taken: Result<(), Duration>, request: Request, next: Next) -> Response {
    match taken {
        Ok(()) => next.run(request).await,
        Err(retry_after) => Problem::from(Refusal::RateLimited).retry_after(retry_after).into_response(),
    }
}

/// How many callers have a pace of their own; beyond it newcomers share one. Those whose pace is whole are forgotten.
const CALLERS_MAX: usize = 20_000;

/// A page is a few dozen files, and many people open it behind one address.
pub(super) const FILES_PER_REQUEST: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_rate_of_its_own_and_files_another() {
        let now = clock::now();
        let callers = Callers::new(&Limits { http_per_second: 2, http_burst: 3, ..Limits::default() }, now);
        let bearer = |key_id: &str| Caller::Bearer { key_id: key_id.to_owned(), identity: None };
        let address = ClientAddress::from(std::net::IpAddr::from([127, 0, 0, 1]));
        for caller in [bearer("one"), bearer("two"), Caller::Address(address)] {
            for _ in 0..3 {
                assert_eq!(callers.take(caller.clone(), now), Ok(()));
            }
            assert_eq!(callers.take(caller, now), Err(Duration::from_millis(500)));
        }
        let files = (0..100).filter(|_| callers.take_file(address, now).is_ok()).count();
        assert_eq!(files, 24);
    }
}
