//! A mirror is a datagram that we send to ourselves, to see whether the kernel stamps with the wall clock that we read: then its stamp lies
//! between the moments before and after.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::clock;
use super::udp::{self, UdpSocket};

/// A socket that hears nobody but itself.
#[derive(Debug)]
pub(super) struct Mirror {
    socket: UdpSocket,
    /// Of the newest datagram: an answer to an earlier one may come late, and its stamp would be before the moment before.
    number: u64,
}

/// What a look into the mirror showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Both clocks are one.
    Agree,
    /// They are not, or there are no stamps.
    Differ,
    /// The datagram has not come back, as happens while the machine has much to do: that says nothing of the clocks.
    Nothing,
}

impl Mirror {
    /// A mirror for what comes by this address.
    pub(super) fn new(near: IpAddr) -> io::Result<Self> {
        let socket = udp::bind(SocketAddr::new(near, 0))?;
        // The kernel then turns away what comes from elsewhere: a flood cannot push our own datagram out.
        socket.connect(socket.local_addr()?)?;
        Ok(Self { socket: UdpSocket::new(socket)?, number: 0 })
    }

    /// Sends a datagram and looks at its stamp.
    pub(super) fn look(&mut self) -> Seen {
        self.number += 1;
        let before = clock::wall_now();
        self.send();
        self.answer(before)
    }

    fn send(&mut self) {
        let local = self.socket.local();
        self.socket.send(&[(local, &self.number.to_be_bytes())]);
    }

    fn answer(&mut self, before: Duration) -> Seen {
        let taken = self.socket.receive();
        let after = clock::wall_now();
        let ours = (self.socket.local(), &self.number.to_be_bytes()[..]);
        let Some(index) = (0..taken).find(|&index| self.socket.datagram(index) == ours) else {
            return Seen::Nothing;
        };
        match self.socket.stamp(index) {
            Some(stamp) if before <= stamp + GRAIN && stamp <= after + GRAIN => Seen::Agree,
            Some(_) | None => Seen::Differ,
        }
    }
}

/// The two clocks need not be read with the same precision.
const GRAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::udp::BATCH_IN;

    #[test]
    fn the_clocks_of_one_machine_agree() {
        let mut mirror = mirror();
        assert_eq!([seen(&mut mirror), seen(&mut mirror)], [Seen::Agree, Seen::Agree]);
    }

    #[test]
    fn a_stamp_from_before_its_time_shows_two_clocks() {
        let mut mirror = mirror();
        let told = patiently(|| {
            mirror.send();
            mirror.answer(clock::wall_now() + Duration::from_secs(60))
        });
        assert_eq!(told, Seen::Differ);
    }

    #[test]
    fn a_late_answer_to_an_earlier_look_is_none() {
        let mut mirror = mirror();
        mirror.send();
        mirror.number += 1;
        assert_eq!(mirror.answer(clock::wall_now()), Seen::Nothing);
        mirror.send();
        assert_eq!(seen(&mut mirror), Seen::Agree, "whatever comes before it");
    }

    #[test]
    fn what_others_send_does_not_reach_it() {
        let mut mirror = mirror();
        let other = udp::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let mut other = UdpSocket::new(other).expect("local");
        let to = mirror.socket.local();
        for _ in 0..2 * BATCH_IN {
            other.send(&[(to, &1u64.to_be_bytes())]);
        }
        assert_eq!(mirror.socket.receive(), 0);
        assert_eq!(seen(&mut mirror), Seen::Agree);
    }

    fn mirror() -> Mirror {
        Mirror::new(IpAddr::from([127, 0, 0, 1])).expect("a mirror")
    }

    fn seen(mirror: &mut Mirror) -> Seen {
        patiently(|| mirror.look())
    }

    /// A busy machine may leave a look without its answer, though not every one.
    fn patiently(look: impl FnMut() -> Seen) -> Seen {
        std::iter::repeat_with(look).take(1_000).find(|seen| *seen != Seen::Nothing).unwrap_or(Seen::Nothing)
    }
}
