//! The registry knows which session is which transport, and which worker has which room. It hides its lock.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use podium_signaling::ids::{RoomId, SessionId};

use crate::engine::command::{RoomKey, TransportKey};

/// Where a room's packets flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) room: RoomKey,
    pub(super) worker: u16,
}

#[derive(Debug)]
pub(super) struct Registry(Mutex<Tables>);

#[derive(Debug)]
struct Tables {
    rooms: HashMap<RoomId, Place>,
    rooms_by_key: HashMap<RoomKey, RoomId>,
    sessions: HashMap<SessionId, TransportKey>,
    transports: HashMap<TransportKey, (SessionId, RoomId)>,
    /// Transports by worker, to place new rooms by.
    load: Vec<usize>,
    next_room: u64,
}

impl Registry {
    pub(super) fn new(workers: usize) -> Self {
        Self(Mutex::new(Tables {
            rooms: HashMap::new(),
            rooms_by_key: HashMap::new(),
            sessions: HashMap::new(),
            transports: HashMap::new(),
            load: vec![0; workers],
            next_room: 1,
        }))
    }

    /// The room's place; a new room goes to the worker with the fewest transports.
    pub(super) fn place_of(&self, room: &RoomId) -> Place {
        let mut tables = self.lock();
        if let Some(&place) = tables.rooms.get(room) {
            return place;
        }
        let worker =
            (0..tables.load.len()).min_by_key(|&worker| (tables.load[worker], tables.rooms_on(worker))).unwrap_or(0);
        let place = Place { room: RoomKey(tables.next_room), worker: u16::try_from(worker).unwrap_or(0) };
        tables.next_room += 1;
        tables.rooms.insert(room.clone(), place);
        tables.rooms_by_key.insert(place.room, room.clone());
        place
    }

    pub(super) fn insert(&self, session: &SessionId, room: &RoomId, transport: TransportKey) {
        let mut tables = self.lock();
        tables.sessions.insert(session.clone(), transport);
        tables.transports.insert(transport, (session.clone(), room.clone()));
        if let Some(place) = tables.rooms.get(room).copied() {
            tables.load[usize::from(place.worker)] += 1;
        }
    }

    pub(super) fn transport_of(&self, session: &SessionId) -> Option<TransportKey> {
        self.lock().sessions.get(session).copied()
    }

    pub(super) fn session_of(&self, transport: TransportKey) -> Option<(SessionId, RoomId)> {
        self.lock().transports.get(&transport).cloned()
    }

    pub(super) fn room_of(&self, room: RoomKey) -> Option<RoomId> {
        self.lock().rooms_by_key.get(&room).cloned()
    }

    /// Whether anyone in this room has a transport.
    pub(super) fn has_transports(&self, room: &RoomId) -> bool {
        self.lock().transports.values().any(|(_, of)| of == room)
    }

    /// Forgets a transport.
    pub(super) fn remove(&self, transport: TransportKey) {
        self.lock().forget(transport);
    }

    /// Forgets a session's transport and says which it was and on which worker.
    pub(super) fn take_session(&self, session: &SessionId) -> Option<(TransportKey, u16)> {
        let mut tables = self.lock();
        let transport = tables.sessions.get(session).copied()?;
        let (_, room) = tables.transports.get(&transport).cloned()?;
        let worker = tables.rooms.get(&room)?.worker;
        tables.forget(transport);
        Some((transport, worker))
    }

    /// Forgets a room and its transports.
    pub(super) fn remove_room(&self, room: &RoomId) -> Option<Place> {
        let mut tables = self.lock();
        let of_room: Vec<TransportKey> =
            tables.transports.iter().filter(|(_, (_, of))| of == room).map(|(&transport, _)| transport).collect();
        for transport in of_room {
            tables.forget(transport);
        }
        let place = tables.rooms.remove(room)?;
        tables.rooms_by_key.remove(&place.room);
        Some(place)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // Each change below leaves the tables sound before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn rooms_on(&self, worker: usize) -> usize {
        self.rooms.values().filter(|place| usize::from(place.worker) == worker).count()
    }

    fn forget(&mut self, transport: TransportKey) {
        let Some((session, room)) = self.transports.remove(&transport) else {
            return;
        };
        if self.sessions.get(&session) == Some(&transport) {
            self.sessions.remove(&session);
        }
        if let Some(place) = self.rooms.get(&room) {
            let load = &mut self.load[usize::from(place.worker)];
            *load = load.saturating_sub(1);
        }
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
        let one = registry.place_of(&room("one"));
        registry.insert(&session(1), &room("one"), TransportKey(1));
        let other = registry.place_of(&room("other"));
        assert_ne!(one.worker, other.worker);
        assert_eq!(registry.place_of(&room("one")), one);
        assert_eq!(registry.take_session(&session(1)), Some((TransportKey(1), one.worker)));
        assert_eq!(registry.take_session(&session(1)), None);
    }

    #[test]
    fn a_closed_room_leaves_nothing_behind() {
        let registry = Registry::new(1);
        let place = registry.place_of(&room("one"));
        registry.insert(&session(1), &room("one"), TransportKey(1));
        assert_eq!(registry.remove_room(&room("one")), Some(place));
        assert_eq!(registry.session_of(TransportKey(1)), None);
        assert_eq!(registry.room_of(place.room), None);
        let tables = registry.lock();
        assert!(tables.sessions.is_empty() && tables.rooms.is_empty() && tables.load == [0]);
    }
}
