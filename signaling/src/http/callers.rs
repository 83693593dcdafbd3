//! Callers: how fast each one may ask the HTTP API. It hides its lock.
//!
//! A caller is whom a good token names, by the key that signed it; without a good token it is a network. Who has not asked for long is forgotten: of two
//! generations the older one goes when the younger one is full, and whoever asks is taken over into the younger one.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{access, addresses::network_of, problem::Problem};
use crate::{clock, config::Limits, ids::Identity, limit::TokenBucket, room::Refusal, signaling::Shared};

/// Everyone who has asked lately.
pub(super) struct Callers {
    generations: Mutex<Generations>,
    per_second: u32,
    burst: u32,
}

#[derive(Default)]
struct Generations {
    younger: HashMap<Caller, TokenBucket>,
    older: HashMap<Caller, TokenBucket>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    Bearer { key_id: String, identity: Option<Identity> },
    Network(IpAddr),
}

impl Callers {
    /// Nobody yet.
    pub(super) fn new(limits: &Limits) -> Self {
        let generations = Mutex::default();
        Self { generations, per_second: limits.http_per_second, burst: limits.http_burst }
    }

    /// Lets one request of a caller through, or says when to come again.
    fn take(&self, caller: Caller, now: Instant) -> Result<(), Duration> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { younger, older } = &mut *generations;
        if let Some(bucket) = younger.get_mut(&caller) {
            return bucket.take(now);
        }
        let mut bucket = older.remove(&caller).unwrap_or_else(|| TokenBucket::new(self.per_second, self.burst, now));
        let taken = bucket.take(now);
        if younger.len() >= GENERATION_MAX {
            *older = std::mem::take(younger);
        }
        younger.insert(caller, bucket);
        taken
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
        Ok(access) => Caller::Bearer { key_id: access.key_id, identity: access.identity },
        Err(_) => Caller::Network(network_of(peer.ip())),
    };
    match callers.take(caller, clock::now()) {
        Ok(()) => next.run(request).await,
        Err(retry_after) => Problem::from(Refusal::RateLimited).retry_after(retry_after).into_response(),
    }
}

/// How many callers a generation has. There are two.
const GENERATION_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn callers() -> Callers {
        Callers::new(&Limits { http_per_second: 2, http_burst: 3, ..Limits::default() })
    }

    fn bearer(key_id: &str) -> Caller {
        Caller::Bearer { key_id: key_id.to_owned(), identity: None }
    }

    #[test]
    fn each_caller_has_a_rate_of_its_own() {
        let (callers, now) = (callers(), clock::now());
        for _ in 0..3 {
            assert_eq!(callers.take(bearer("one"), now), Ok(()));
        }
        assert_eq!(callers.take(bearer("one"), now), Err(Duration::from_millis(500)));
        assert_eq!(callers.take(bearer("two"), now), Ok(()));
        assert_eq!(callers.take(Caller::Network([127, 0, 0, 1].into()), now), Ok(()));
        assert_eq!(callers.take(bearer("one"), now + Duration::from_millis(501)), Ok(()));
    }

    #[test]
    fn so_many_callers_are_known_and_the_busy_ones_stay() {
        let (callers, now) = (callers(), clock::now());
        let crowd = |from: u32, to: u32| (from..to).map(|number| Caller::Network(IpAddr::from(number.to_be_bytes())));
        for _ in 0..4 {
            let _spent = callers.take(bearer("busy"), now);
        }
        let size = u32::try_from(GENERATION_MAX).unwrap_or(u32::MAX);
        for round in 0..5 {
            for caller in crowd(round * size, (round + 1) * size) {
                assert_eq!(callers.take(caller, now), Ok(()));
            }
            assert!(callers.take(bearer("busy"), now).is_err(), "round {round}");
        }
        let generations = callers.generations.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(generations.younger.len() + generations.older.len() <= 2 * GENERATION_MAX);
    }
}
