//! A rank is what the room's record says of a person; a role is what others see of them.
//!
//! The role is derived from rank and seat and never stored, so it cannot disagree with either.

/// What the room's record says of a person. Ordered: a higher rank may act on a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rank {
    /// Anyone.
    Member,
    /// Runs seats, hands and members.
    Cohost,
    /// Runs the room.
    Host,
}

impl Rank {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Cohost => "cohost",
            Self::Host => "host",
        }
    }

    /// Hosts and cohosts: those who see the hands and may use the host seat.
    pub fn is_moderator(self) -> bool {
        match self {
            Self::Member => false,
            Self::Cohost | Self::Host => true,
        }
    }
}

/// What others see of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The rank is host.
    Host,
    /// Holds an occupied seat.
    Guest,
    /// Neither.
    Listener,
}

impl Role {
    /// The one place that says what a role is.
    pub fn derive(rank: Rank, on_stage: bool) -> Self {
        match (rank, on_stage) {
            (Rank::Host, _) => Self::Host,
            (Rank::Member | Rank::Cohost, true) => Self::Guest,
            (Rank::Member | Rank::Cohost, false) => Self::Listener,
        }
    }

    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Listener => "listener",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_follows_from_rank_and_seat() {
        assert_eq!(Role::derive(Rank::Host, false), Role::Host);
        assert_eq!(Role::derive(Rank::Host, true), Role::Host);
        assert_eq!(Role::derive(Rank::Cohost, true), Role::Guest);
        assert_eq!(Role::derive(Rank::Cohost, false), Role::Listener);
        assert_eq!(Role::derive(Rank::Member, true), Role::Guest);
        assert_eq!(Role::derive(Rank::Member, false), Role::Listener);
    }
}
