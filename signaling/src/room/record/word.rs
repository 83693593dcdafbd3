//! A word is how a row writes one of a few known things: by the name that it has on the wire.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::room::rank::Rank;
use crate::room::settings::{Duplicates, Interrupt, Phase, Promote, SeatMode};
use crate::room::view::ReservedWhy;

/// One of a few known things.
pub(super) trait Named: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    fn name(self) -> &'static str;
}

/// Such a thing, as rows write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<T>(pub(super) T);

impl<T: Named> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de, T: Named> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = T::ALL.iter().find(|known| known.name() == text);
        known.map(|known| Self(*known)).ok_or_else(|| D::Error::custom(format_args!("{text:?} is not known here")))
    }
}

macro_rules! named {
    ($name:ident: $($variant:ident),+) => {
        impl Named for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                // Whoever adds a variant is told here that the list lacks it.
                match self {
                    $(Self::$variant)|+ => self.code(),
                }
            }
        }
    };
}

named!(Rank: Member, Cohost, Host);
named!(SeatMode: Free, Apply, InviteOnly);
named!(Phase: Scheduled, Live, Hostless, Closing, Closed);
named!(Interrupt: Off, Duck, Hold);
named!(Promote: Cohost, LongestSeated, None);
named!(Duplicates: Takeover, Reject, Allow);
named!(ReservedWhy: Approved, Invited, Offered, Assigned, Reconnect);
