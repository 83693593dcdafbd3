//! The registry knows which session is which transport, and which worker has which room. It hides its lock.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use podium_signaling::ids::{RoomId, SessionId};

use crate::engine::command::{RoomKey, TransportKey};
use crate::sdp::Agreement;

/// Where a room's packets flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) room: RoomKey,
    pub(super) worker: u16,
}

/// A transport that is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) transport: TransportKey,
    pub(super) worker: u16,
    /// The room's place, if this was its last transport.
    pub(super) emptied: Option<Place>,
}

#[derive(Debug)]
pub(super) struct Registry(Mutex<Tables>);

#[derive(Debug)]
struct Tables {
    rooms: HashMap<RoomId, RoomEntry>,
    rooms_by_key: HashMap<RoomKey, RoomId>,
    sessions: HashMap<SessionId, TransportKey>,
    transports: HashMap<TransportKey, Entry>,
    workers: Vec<Load>,
    next_room: u64,
}

#[derive(Debug)]
struct RoomEntry {
    place: Place,
    transports: HashSet<TransportKey>,
}

#[derive(Debug)]
struct Entry {
    session: SessionId,
    room: RoomId,
    place: Place,
    /// What offer and answer came to, once the transport stands.
    agreement: Option<Arc<Mutex<Agreement>>>,
}

/// A transport that stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) transport: TransportKey,
    pub(super) worker: u16,
    /// Locked for as long as it takes to change it: who restarts twice at once does so one after the other.
    pub(super) agreement: Arc<Mutex<Agreement>>,
}

/// What a worker has to do, to place new rooms by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Load {
    transports: usize,
    rooms: usize,
}

impl Registry {
    pub(super) fn new(workers: usize) -> Self {
        Self(Mutex::new(Tables {
            rooms: HashMap::new(),
            rooms_by_key: HashMap::new(),
            sessions: HashMap::new(),
            transports: HashMap::new(),
            workers: vec![Load::default(); workers],
            next_room: 1,
        }))
    }

    /// The room's place; a new room goes to the worker with the fewest transports.
    pub(super) fn place_of(&self, room: &RoomId) -> Place {
        self.lock().room(room).place
    }

    /// Notes a transport and says where it goes. From here on its room keeps its place.
    pub(super) fn register(&self, session: &SessionId, room: &RoomId, transport: TransportKey) -> Place {
        let mut tables = self.lock();
        let entry = tables.room(room);
        entry.transports.insert(transport);
        let place = entry.place;
        tables.sessions.insert(session.clone(), transport);
        tables
            .transports
            .insert(transport, Entry { session: session.clone(), room: room.clone(), place, agreement: None });
        tables.workers[usize::from(place.worker)].transports += 1;
        place
    }

    /// Notes that a transport stands, if it is not gone already.
    pub(super) fn stands(&self, transport: TransportKey, agreement: Agreement) {
        if let Some(entry) = self.lock().transports.get_mut(&transport) {
            entry.agreement = Some(Arc::new(Mutex::new(agreement)));
        }
    }

    /// The transport of a session, if it stands.
    pub(super) fn standing_of(&self, session: &SessionId) -> Option<Standing> {
        let tables = self.lock();
        let transport = *tables.sessions.get(session)?;
        let entry = tables.transports.get(&transport)?;
        let agreement = Arc::clone(entry.agreement.as_ref()?);
        Some(Standing { transport, worker: entry.place.worker, agreement })
    }

    pub(super) fn transport_of(&self, session: &SessionId) -> Option<TransportKey> {
        self.lock().sessions.get(session).copied()
    }

    pub(super) fn session_of(&self, transport: TransportKey) -> Option<(SessionId, RoomId)> {
        self.lock().transports.get(&transport).map(|entry| (entry.session.clone(), entry.room.clone()))
    }

    pub(super) fn room_of(&self, room: RoomKey) -> Option<RoomId> {
        self.lock().rooms_by_key.get(&room).cloned()
    }

    /// Forgets a transport that has ended by itself.
    pub(super) fn remove(&self, transport: TransportKey) {
        self.lock().forget(transport);
    }

    /// Forgets a session's transport. A room without transports loses its place with the last: who comes next finds it another.
    pub(super) fn take_session(&self, session: &SessionId) -> Option<Taken> {
        let mut tables = self.lock();
        let transport = tables.sessions.get(session).copied()?;
        let Entry { room, place, .. } = tables.forget(transport)?;
        let is_empty = tables.rooms.get(&room).is_some_and(|entry| entry.place == place && entry.transports.is_empty());
        let emptied = if is_empty { tables.forget_room(&room) } else { None };
        Some(Taken { transport, worker: place.worker, emptied })
    }

    /// Forgets a room and its transports.
    pub(super) fn remove_room(&self, room: &RoomId) -> Option<Place> {
        self.lock().forget_room(room)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // Each change below leaves the tables sound before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn room(&mut self, room: &RoomId) -> &mut RoomEntry {
        if !self.rooms.contains_key(room) {
            let worker = (0..self.workers.len()).min_by_key(|&worker| self.workers[worker]).unwrap_or(0);
            self.workers[worker].rooms += 1;
            let place = Place { room: RoomKey(self.next_room), worker: u16::try_from(worker).unwrap_or(0) };
            self.next_room += 1;
            self.rooms_by_key.insert(place.room, room.clone());
            self.rooms.insert(room.clone(), RoomEntry { place, transports: HashSet::new() });
        }
        self.rooms.get_mut(room).expect("it was there, or has just been put there")
    }

    fn forget(&mut self, transport: TransportKey) -> Option<Entry> {
        let entry = self.transports.remove(&transport)?;
        if self.sessions.get(&entry.session) == Some(&transport) {
            self.sessions.remove(&entry.session);
        }
        if let Some(room) = self.rooms.get_mut(&entry.room) {
            room.transports.remove(&transport);
        }
        self.workers[usize::from(entry.place.worker)].transports -= 1;
        Some(entry)
    }

    fn forget_room(&mut self, room: &RoomId) -> Option<Place> {
        let entry = self.rooms.remove(room)?;
        for transport in entry.transports {
            self.forget(transport);
        }
        self.rooms_by_key.remove(&entry.place.room);
        self.workers[usize::from(entry.place.worker)].rooms -= 1;
        Some(entry.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomId {
        RoomId::parse(name).expect("a room id")
    }

    fn session(byte: u8) -> SessionId {
        SessionId::from_random([byte; 16])
    }

    #[test]
    fn new_rooms_spread_over_workers_and_stay_where_they_are() {
        let registry = Registry::new(2);
        let one = registry.register(&session(1), &room("one"), TransportKey(1));
        let other = registry.place_of(&room("other"));
        assert_ne!(one.worker, other.worker);
        assert_eq!(registry.register(&session(2), &room("one"), TransportKey(2)), one);
        let taken = Taken { transport: TransportKey(1), worker: one.worker, emptied: None };
        assert_eq!(registry.take_session(&session(1)), Some(taken));
        assert_eq!(registry.take_session(&session(1)), None);
        assert_eq!(registry.place_of(&room("one")), one);
    }

    #[test]
    fn the_last_transport_takes_its_rooms_place_along_and_the_next_finds_another() {
        let registry = Registry::new(1);
        let place = registry.register(&session(1), &room("one"), TransportKey(1));
        let taken = registry.take_session(&session(1)).expect("it was there");
        assert_eq!(taken.emptied, Some(place));
        let next = registry.register(&session(2), &room("one"), TransportKey(2));
        assert_ne!(next.room, place.room, "a closing that is still on its way cannot hit it");
    }

    #[test]
    fn a_closed_room_leaves_nothing_behind() {
        let registry = Registry::new(1);
        let place = registry.register(&session(1), &room("one"), TransportKey(1));
        assert_eq!(registry.remove_room(&room("one")), Some(place));
        assert_eq!(registry.session_of(TransportKey(1)), None);
        assert_eq!(registry.room_of(place.room), None);
        let tables = registry.lock();
        assert!(tables.sessions.is_empty() && tables.rooms.is_empty() && tables.workers == [Load::default()]);
    }
}
