//! The addresses of this machine: which there are, and which of those that media is taken on have gone.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::pool::Pool;
use super::udp::to_socket_addr;

/// The addresses of all interfaces.
///
/// # Errors
///
/// If the interfaces cannot be listed.
pub fn present() -> io::Result<BTreeSet<IpAddr>> {
    let interfaces = nix::ifaddrs::getifaddrs()?;
    Ok(interfaces.filter_map(|interface| Some(to_socket_addr(interface.address.as_ref()?)?.ip())).collect())
}

/// Looks at the addresses of a pool now and then, and tells which are lost and which are back.
pub async fn watch(pool: Arc<Pool>, stop: CancellationToken) {
    let Ok(at_start) = present() else {
        return tracing::warn!("the addresses of this machine cannot be listed; nobody is told when one is lost");
    };
    let mut watch = Watch::new(pool.addresses(), &at_start);
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let Ok(now) = present() else { continue };
        for change in watch.look(&now) {
            match change {
                Change::Lost(address) => {
                    tracing::warn!(%address, "a media address is lost: this machine has it no longer, and nobody is reached there");
                }
                Change::Back(address) => tracing::info!(%address, "a media address is back"),
            }
        }
        pool.note_lost(watch.lost.len());
    }
}

/// What has become of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Lost(IpAddr),
    Back(IpAddr),
}

/// Which of the watched addresses are lost.
#[derive(Debug)]
struct Watch {
    watched: BTreeSet<IpAddr>,
    lost: BTreeSet<IpAddr>,
}

impl Watch {
    /// Watches those that an interface has at the start. Others can be bound and belong to none, such as 127.0.0.2.
    fn new(bound: BTreeSet<IpAddr>, at_start: &BTreeSet<IpAddr>) -> Self {
        Self {
            watched: bound.into_iter().filter(|address| at_start.contains(address)).collect(),
            lost: BTreeSet::new(),
        }
    }

    fn look(&mut self, now: &BTreeSet<IpAddr>) -> Vec<Change> {
        let lost: BTreeSet<IpAddr> = self.watched.iter().copied().filter(|address| !now.contains(address)).collect();
        let gone = lost.difference(&self.lost).copied().map(Change::Lost);
        let back = self.lost.difference(&lost).copied().map(Change::Back);
        let changes = gone.chain(back).collect();
        self.lost = lost;
        changes
    }
}

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn set(addresses: &[&str]) -> BTreeSet<IpAddr> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn each_loss_and_each_return_is_told_once() {
        let mut watch =
            Watch::new(set(&["10.0.0.4", "2001:db8::4", "127.0.0.2"]), &set(&["10.0.0.4", "2001:db8::4", "127.0.0.1"]));
        let ip = |text: &str| -> IpAddr { text.parse().expect("an address") };
        assert_eq!(watch.look(&set(&["10.0.0.4", "2001:db8::4"])), []);
        assert_eq!(watch.look(&set(&["2001:db8::4", "10.0.0.5"])), [Change::Lost(ip("10.0.0.4"))]);
        assert_eq!(watch.look(&set(&["2001:db8::4"])), []);
        assert_eq!(watch.look(&set(&["10.0.0.4"])), [Change::Lost(ip("2001:db8::4")), Change::Back(ip("10.0.0.4"))]);
        assert_eq!(watch.lost.len(), 1);
        assert_eq!(watch.look(&set(&["10.0.0.4", "2001:db8::4"])), [Change::Back(ip("2001:db8::4"))]);
    }

    #[test]
    fn this_machine_has_a_loopback() {
        assert!(present().expect("listed").contains(&IpAddr::from([127, 0, 0, 1])));
    }
}
