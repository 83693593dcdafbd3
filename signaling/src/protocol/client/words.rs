//! Words are what a client writes where only a few values can stand.
//!
//! Each stands for a value of the room's. A test holds that the room would write it the same way.

use serde::Deserialize;

use crate::room::{Duplicates, Interrupt, Promote, Rank, SeatMode};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident for $value:ident { $($word:ident),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "they are documented where the room's values are")]
        pub enum $name {
            $($word,)*
        }

        impl From<$name> for $value {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$word => Self::$word,)*
                }
            }
        }
    };
}

words! {
    /// The words for [`SeatMode`].
    SeatModeWord for SeatMode { Free, Apply, InviteOnly }
}
words! {
    /// The words for [`Interrupt`].
    InterruptWord for Interrupt { Off, Duck, Hold }
}
words! {
    /// The words for [`Promote`].
    PromoteWord for Promote { Cohost, LongestSeated, None }
}
words! {
    /// The words for [`Duplicates`].
    DuplicatesWord for Duplicates { Takeover, Reject, Allow }
}
words! {
    /// The words for [`Rank`].
    RankWord for Rank { Host, Cohost, Member }
}

/// Whether hands may be raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum HandsWord {
    On,
    Off,
}

impl HandsWord {
    /// As a room is told.
    #[must_use]
    pub fn is_on(self) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// The one phase that a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WantedPhase"))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the word says it")]
pub enum PhaseWord {
    Live,
}
