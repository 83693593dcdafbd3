//! A party is many light clients on one thread: a WebSocket and a UDP socket for each, one loop for all.
//!
//! Datagrams are collected every millisecond, several of a socket at once. That is a client's fault in a measured delay, but a small one, and
//! a server on the same machine is not charged with waking a client for every packet. The time between two looks is kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};
use podium::transport::certificate::{Certificate, CertificateError};

use super::client::{Answer, LightClient, Milestones, Offer, Over};
use crate::clock;
use crate::gallery::{Gallery, Happening};
use crate::report::Samples;

/// Many light clients, by number.
pub struct Party {
    gallery: Gallery,
    happened: Vec<Happening>,
    epoll: Epoll,
    members: Vec<Option<Member>>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    certificate: Certificate,
    inbox: Inbox,
    looked_at: Instant,
    tally: PartyTally,
}

/// One client with its socket.
struct Member {
    offer: Offer,
    source: u32,
    media: Option<Media>,
}

struct Media {
    socket: UdpSocket,
    client: LightClient,
    /// The earliest timer that is set.
    armed: Option<Instant>,
    told: Milestones,
}

/// How somebody comes.
#[derive(Clone, Copy, Debug)]
pub struct Attendance {
    /// How many voices they can hear at once.
    pub slots: usize,
    /// The number that marks what their microphone sends.
    pub source: u32,
}

/// Who comes, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    /// The room.
    pub room: &'a str,
    /// The access token.
    pub token: &'a str,
    /// How.
    pub attendance: Attendance,
    /// When this was to happen; the times of the join count from then.
    pub due: Instant,
}

/// A join that the server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedJoin {
    /// Why.
    pub code: String,
    /// When it may be tried again, if that was told.
    pub retry_after: Option<Duration>,
    /// From the join, or the request for the socket if that was refused, to the refusal.
    pub after: Duration,
}

/// What a scenario is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The server let somebody in.
    Welcomed {
        /// Whom.
        member: usize,
        /// From when it was due until the socket was open.
        upgrade: Duration,
        /// From the join until the welcome.
        welcome: Duration,
    },
    /// Somebody's media came this far.
    Reached {
        /// Whose.
        member: usize,
        /// How far.
        milestones: Milestones,
    },
    /// A request was answered.
    Replied {
        /// Whose.
        member: usize,
        /// Which.
        request: u64,
        /// The code, if it was refused.
        refused: Option<String>,
    },
    /// The server did not let somebody in; they are gone.
    Refused {
        /// Whom.
        member: usize,
        /// How.
        how: RefusedJoin,
    },
    /// Somebody's media is over, though they did not leave. Their WebSocket stays.
    MediaOver {
        /// Whose.
        member: usize,
        /// Why.
        why: Over,
    },
    /// Somebody is gone.
    Ended {
        /// Who.
        member: usize,
        /// Why, if they were not to leave.
        why: Option<String>,
    },
}

/// What came and went, of all members together.
#[derive(Clone, Debug, Default)]
pub struct PartyTally {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the kernel did not take.
    pub unsent: u64,
    /// Audio packets heard.
    pub heard: u64,
    /// From microphone to ear.
    pub transit: Samples,
    /// The times between two looks at the sockets.
    pub blind: Samples,
}

/// Why there is no party.
#[derive(Debug, thiserror::Error)]
pub enum PartyError {
    /// The system refused a socket or a set of them.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No random bytes.
    #[error("the system has no random bytes")]
    Randomness,
    /// The welcome has no usable answer.
    #[error("no usable answer: {0}")]
    Answer(String),
}

impl Party {
    /// One that talks to a server's public side. All members share a certificate: a key each would cost more than all else of a join.
    ///
    /// # Errors
    ///
    /// If the system has no more sockets or no randomness.
    pub fn new(server: SocketAddrV4) -> Result<Self, PartyError> {
        Ok(Self {
            gallery: Gallery::new(server, "")?,
            happened: Vec::new(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(io::Error::from)?,
            members: Vec::new(),
            timers: BinaryHeap::new(),
            certificate: Certificate::generate()?,
            inbox: Inbox::new(),
            looked_at: clock::now(),
            tally: PartyTally::default(),
        })
    }

    /// Begins to bring somebody in and says their number; all the rest of the join goes by itself.
    ///
    /// # Errors
    ///
    /// If the system has no more sockets or no randomness.
    pub fn invite(&mut self, invitation: &Invitation<'_>) -> Result<usize, PartyError> {
        let Invitation { room, token, attendance, due } = *invitation;
        let mut random = [0; 4];
        for number in &mut random {
            *number = getrandom::u64().map_err(|_| PartyError::Randomness)?;
        }
        let offer = Offer::new(attendance.slots, &self.certificate.fingerprint().to_string(), random);
        let number = self.gallery.open_with(room, token, Some(offer.text()), due)?;
        debug_assert_eq!(number, self.members.len(), "nobody else opens consoles");
        self.members.push(Some(Member { offer, source: attendance.source, media: None }));
        Ok(number)
    }

    /// Has somebody ask something: a command's type, and its other fields, each with a comma before it. Says whether they could.
    pub fn say(&mut self, member: usize, request: u64, kind: &str, fields: &str) -> bool {
        self.gallery.say(member, request, kind, fields)
    }

    /// Has somebody leave as one should: a goodbye by both ways.
    pub fn leave(&mut self, member: usize, request: u64) {
        if let Some(media) = self.media(member) {
            media.client.leave();
        }
        self.flush(member);
        if let Some(Some(member)) = self.members.get_mut(member) {
            // Closing takes the socket out of the set.
            member.media = None;
        }
        self.gallery.leave(member, request);
    }

    /// Drops somebody without a word.
    pub fn vanish(&mut self, member: usize) {
        self.gallery.drop_console(member);
        self.forget(member);
    }

    /// Somebody's media, once they are welcomed.
    pub fn client(&self, member: usize) -> Option<&LightClient> {
        Some(&self.members.get(member)?.as_ref()?.media.as_ref()?.client)
    }

    /// Has somebody's media do something, and sends what comes of it.
    pub fn with_client(&mut self, member: usize, act: impl FnOnce(&mut LightClient, Instant)) {
        if let Some(media) = self.media(member) {
            act(&mut media.client, clock::now());
            self.touched(member);
        }
    }

    /// How many are there or on their way.
    pub fn present(&self) -> usize {
        self.gallery.present()
    }

    /// What came and went so far.
    pub fn tally(&self) -> &PartyTally {
        &self.tally
    }

    /// The same, and begins to count anew.
    pub fn take_tally(&mut self) -> PartyTally {
        self.looked_at = clock::now();
        std::mem::take(&mut self.tally)
    }

    /// Attends to all until `until`, or until there is news.
    ///
    /// # Errors
    ///
    /// If the system refuses what it granted before.
    pub fn attend(&mut self, until: Instant, news: &mut Vec<News>) -> Result<(), PartyError> {
        loop {
            let now = clock::now();
            let next = self.timers.peek().map_or(until, |Reverse((at, _))| until.min(*at));
            self.gallery.sleep(next.saturating_duration_since(now).min(COLLECT_EVERY))?;
            self.pass(news)?;
            if !news.is_empty() || clock::now() >= until {
                return Ok(());
            }
        }
    }

    fn pass(&mut self, news: &mut Vec<News>) -> Result<(), PartyError> {
        let now = clock::now();
        self.tally.blind.add(now.saturating_duration_since(self.looked_at));
        self.looked_at = now;
        self.collect(news)?;
        self.expire(news);
        let mut happened = std::mem::take(&mut self.happened);
        let passed = self.gallery.pass(&mut happened);
        for happening in happened.drain(..) {
            news.extend(self.happened(happening));
        }
        self.happened = happened;
        Ok(passed?)
    }

    /// Takes what has come by UDP.
    fn collect(&mut self, news: &mut Vec<News>) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        let ready = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            Err(nix::errno::Errno::EINTR) => 0,
            other => other?,
        };
        // Made anew, or a party could not move to its thread.
        let mut headers = MultiHeaders::preallocate(BATCH, None);
        for event in &events[..ready] {
            let number = usize::try_from(event.data()).expect("a member's number came from a usize");
            let Some(Some(Member { media: Some(media), .. })) = self.members.get_mut(number) else {
                continue;
            };
            let now = clock::now();
            self.inbox.receive(&media.socket, &mut headers);
            for datagram in self.inbox.datagrams() {
                self.tally.received += 1;
                if let Some(heard) = media.client.handle_datagram(datagram, now) {
                    self.tally.heard += 1;
                    if let Some(transit) = heard.transit {
                        self.tally.transit.add(transit);
                    }
                }
            }
            self.touched(number);
            news.extend(self.progress(number));
        }
        Ok(())
    }

    fn expire(&mut self, news: &mut Vec<News>) {
        while let Some(&Reverse((at, number))) = self.timers.peek() {
            let now = clock::now();
            if at > now {
                return;
            }
            self.timers.pop();
            let Some(media) = self.media(number) else {
                continue;
            };
            media.armed = media.armed.filter(|armed| *armed > at);
            media.client.handle_timeout(now);
            self.touched(number);
            news.extend(self.progress(number));
        }
    }

    fn happened(&mut self, happening: Happening) -> Option<News> {
        Some(match happening {
            Happening::Joined { console, upgrade, welcome, answer } => {
                if let Err(error) = self.connect(console, answer.as_deref().unwrap_or_default()) {
                    self.vanish(console);
                    return Some(News::Ended { member: console, why: Some(error.to_string()) });
                }
                News::Welcomed { member: console, upgrade, welcome }
            }
            Happening::Replied { console, request, refused, .. } => News::Replied { member: console, request, refused },
            Happening::Refused { console, how } => {
                self.forget(console);
                let how = RefusedJoin { code: how.code, retry_after: how.retry_after, after: how.after };
                News::Refused { member: console, how }
            }
            Happening::Ended { console, why } => {
                self.forget(console);
                News::Ended { member: console, why }
            }
        })
    }

    /// The answer came: the media begins.
    fn connect(&mut self, number: usize, answer: &str) -> Result<(), PartyError> {
        let answer = Answer::parse(answer).map_err(|error| PartyError::Answer(error.to_string()))?;
        let Some(Some(member)) = self.members.get_mut(number) else {
            return Ok(());
        };
        let any: IpAddr = match answer.candidate {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(answer.candidate)?;
        socket.set_nonblocking(true)?;
        self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, number as u64)).map_err(io::Error::from)?;
        let client = LightClient::new(&member.offer, answer, &self.certificate, member.source, clock::now());
        member.media = Some(Media { socket, client, armed: None, told: Milestones::default() });
        self.touched(number);
        Ok(())
    }

    /// What is new about a member's media.
    fn progress(&mut self, number: usize) -> Option<News> {
        let media = self.media(number)?;
        if let Some(why) = media.client.over() {
            self.members[number].as_mut()?.media = None;
            return Some(News::MediaOver { member: number, why });
        }
        let milestones = media.client.milestones();
        if media.told == milestones {
            return None;
        }
        media.told = milestones;
        Some(News::Reached { member: number, milestones })
    }

    /// Sends what a client has to say, and sees to it that it is called in time.
    fn touched(&mut self, number: usize) {
        self.flush(number);
        let Some(Some(Member { media: Some(media), .. })) = self.members.get_mut(number) else {
            return;
        };
        let Some(next) = media.client.next_timeout() else {
            return;
        };
        if media.armed.is_none_or(|armed| next < armed) {
            media.armed = Some(next);
            self.timers.push(Reverse((next, number)));
        }
    }

    fn flush(&mut self, number: usize) {
        let Some(Some(Member { media: Some(media), .. })) = self.members.get_mut(number) else {
            return;
        };
        while let Some(datagram) = media.client.poll_transmit() {
            // What the kernel does not take is lost, as on any network.
            match media.socket.send(&datagram) {
                Ok(_) => self.tally.sent += 1,
                Err(_) => self.tally.unsent += 1,
            }
        }
    }

    fn media(&mut self, number: usize) -> Option<&mut Media> {
        self.members.get_mut(number)?.as_mut()?.media.as_mut()
    }

    fn forget(&mut self, number: usize) {
        if let Some(member) = self.members.get_mut(number) {
            *member = None;
        }
    }
}

/// The memory for a batch of datagrams.
struct Inbox {
    buffers: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

impl Inbox {
    fn new() -> Self {
        Self { buffers: vec![vec![0; DATAGRAM_MAX]; BATCH], lengths: Vec::with_capacity(BATCH) }
    }

    /// Takes what has come, a batch at most; the rest is there at the next look.
    fn receive(&mut self, socket: &UdpSocket, headers: &mut MultiHeaders<()>) {
        self.lengths.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        // An error means that there is nothing, or that an earlier datagram was not wanted: both mean no datagram now.
        let taken = recvmmsg(socket.as_raw_fd(), headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None);
        self.lengths.extend(taken.into_iter().flatten().map(|message| message.bytes));
    }

    fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers.iter().zip(&self.lengths).map(|(buffer, length)| &buffer[..*length])
    }
}

/// How often what nobody waits for is read.
const COLLECT_EVERY: Duration = Duration::from_millis(1);
const EVENTS_MAX: usize = 512;
/// Datagrams of one socket that are taken at once: a full stage speaks in 20 ms.
const BATCH: usize = 8;
/// Larger than any datagram of the server's.
const DATAGRAM_MAX: usize = 1_600;
