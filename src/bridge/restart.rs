//! A restart gives a transport that stands new ICE credentials, because its client has changed its network. Nothing else about it changes.

use std::sync::PoisonError;

use podium_signaling::media::{MediaRefusal, Opened, RestartIce};
use tokio::sync::oneshot;

use super::registry::Standing;
use super::{Bridge, OPEN_TIMEOUT, invalid};
use crate::engine::command::Restart;
use crate::runtime::clock;
use crate::sdp::{Offer, OurSide};
use crate::transport::ice_lite::Credentials;

impl Bridge {
    pub(super) async fn restart_ice(&self, request: RestartIce) -> Result<Opened, MediaRefusal> {
        let standing = self.registry.standing_of(&request.session).ok_or(MediaRefusal::Gone)?;
        let offer = Offer::parse(&request.offer).map_err(|error| invalid(&error))?;
        let (answer, restarted) = self.post_restart(&standing, offer)?;
        match clock::timeout(OPEN_TIMEOUT, restarted).await {
            Ok(Ok(true)) => Ok(Opened { answer }),
            Ok(Ok(false)) => Err(MediaRefusal::Gone),
            // Closed meanwhile, or a newer restart took its place.
            Ok(Err(_)) if self.registry.session_of(standing.transport).is_none() => Err(MediaRefusal::Gone),
            Ok(Err(_)) | Err(_) => Err(MediaRefusal::Unavailable),
        }
    }

    /// Settles the new agreement and posts it to the worker, both under the transport's lock: the worker's last is the last that was settled.
    fn post_restart(
        &self,
        standing: &Standing,
        offer: Offer,
    ) -> Result<(String, oneshot::Receiver<bool>), MediaRefusal> {
        let mut random = [0; 30];
        getrandom::fill(&mut random).map_err(|_| MediaRefusal::Unavailable)?;
        let credentials = Credentials::new(standing.worker, random);
        let ours = OurSide {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &self.fingerprint,
            candidates: &self.candidates[usize::from(standing.worker)],
        };
        // An agreement is replaced whole, so it is sound whoever panicked.
        let mut agreement = standing.agreement.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, next) = agreement.restart(&offer, ours).map_err(|error| invalid(&error))?;
        let mailbox = &self.pool.workers()[usize::from(standing.worker)].mailbox;
        let restart = Restart { transport: standing.transport, credentials, remote_ufrag: offer.ufrag };
        let restarted = mailbox.restart(restart);
        *agreement = next;
        Ok((answer.text, restarted))
    }
}
