//! Who is who: the core knows numbers, everyone else knows sessions, rooms and identities.

use std::collections::HashMap;

use podium_signaling::ids::{Identity, RoomId, SessionId};

/// Someone with media.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) session: SessionId,
    pub(super) identity: Identity,
    pub(super) room: RoomId,
    /// The room's number.
    pub(super) number: u64,
}

/// Everyone with media, and the rooms.
#[derive(Debug, Default)]
pub(super) struct People {
    named: HashMap<u64, Named>,
    sessions: HashMap<SessionId, u64>,
    numbers: HashMap<RoomId, u64>,
    rooms: HashMap<u64, RoomId>,
    next_room: u64,
}

impl People {
    /// Notes someone, and says the number of their room. Whoever had the session before is told apart by their key.
    pub(super) fn enter(&mut self, key: u64, session: SessionId, identity: Identity, room: RoomId) -> u64 {
        let number = self.number(&room);
        self.sessions.insert(session.clone(), key);
        self.named.insert(key, Named { session, identity, room, number });
        number
    }

    pub(super) fn leave(&mut self, key: u64) -> Option<Named> {
        let named = self.named.remove(&key)?;
        if self.sessions.get(&named.session) == Some(&key) {
            self.sessions.remove(&named.session);
        }
        Some(named)
    }

    /// The number of a room, a new one if it has none.
    pub(super) fn number(&mut self, room: &RoomId) -> u64 {
        if let Some(number) = self.numbers.get(room) {
            return *number;
        }
        self.next_room += 1;
        self.numbers.insert(room.clone(), self.next_room);
        self.rooms.insert(self.next_room, room.clone());
        self.next_room
    }

    /// The number of a room that has one.
    pub(super) fn known(&self, room: &RoomId) -> Option<u64> {
        self.numbers.get(room).copied()
    }

    /// A room is over, and everyone in it has gone.
    pub(super) fn close(&mut self, room: &RoomId) -> Option<u64> {
        let number = self.numbers.remove(room)?;
        self.rooms.remove(&number);
        let gone: Vec<u64> =
            self.named.iter().filter(|(_, named)| named.number == number).map(|(key, _)| *key).collect();
        for key in gone {
            self.leave(key);
        }
        Some(number)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.named.len()
    }

    pub(super) fn of(&self, key: u64) -> Option<&Named> {
        self.named.get(&key)
    }

    pub(super) fn key_of(&self, session: &SessionId) -> Option<u64> {
        self.sessions.get(session).copied()
    }

    pub(super) fn room(&self, number: u64) -> Option<&RoomId> {
        self.rooms.get(&number)
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = (&RoomId, u64)> {
        self.numbers.iter().map(|(room, number)| (room, *number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_leaves_nothing_and_a_session_that_came_again_is_the_new_one() {
        let mut people = People::default();
        let room = RoomId::parse("demo").expect("a room id");
        let session = SessionId::from_random([1; 16]);
        let ada = Identity::parse("ada").expect("an identity");
        let number = people.enter(1, session.clone(), ada.clone(), room.clone());
        assert_eq!(people.enter(2, session.clone(), ada.clone(), room.clone()), number);
        people.leave(1);
        assert_eq!(people.key_of(&session), Some(2));
        assert_eq!(people.close(&room), Some(number));
        assert!(people.of(2).is_none() && people.key_of(&session).is_none() && people.room(number).is_none());
        assert_ne!(people.number(&room), number, "the next room of this name is another one");
    }
}
