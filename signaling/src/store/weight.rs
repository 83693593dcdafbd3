//! The weight of an event is how much is lost if it must go because something is full: what people chat first, what a moderator decided last.

/// How much is lost with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Messages, and who came and went.
    Light,
    /// Changes that the room's state shows afterwards, too.
    Plain,
    /// Decisions, and that a room began or ended.
    Heavy,
}

impl Weight {
    pub(super) const ALL: [Self; 3] = [Self::Light, Self::Plain, Self::Heavy];

    /// The weight of an event of this kind.
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "room.message"
            | "participant.joined"
            | "participant.left"
            | "participant.announced"
            | "participant.withdrawn" => Self::Light,
            "room.created" | "room.closed" | "participant.rank_changed" => Self::Heavy,
            kind if kind.starts_with("moderation.") => Self::Heavy,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_weigh_most_and_chat_least() {
        let weights = ["room.message", "participant.joined", "seat.changed", "moderation.member_ban", "room.closed"];
        let weights = weights.map(Weight::of);
        assert_eq!(weights, [Weight::Light, Weight::Light, Weight::Plain, Weight::Heavy, Weight::Heavy]);
        assert!(Weight::ALL.is_sorted());
    }
}
