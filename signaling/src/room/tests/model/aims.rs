//! An aim is a step that looks at the room first, so that what is rare by chance comes about often: an offer is confirmed by whoever has it, a
//! swap is proposed by whoever sits, and the other one agrees.

use proptest::prelude::*;

use super::super::*;
use super::picture::Picture;
use super::steps::{MediaKind, Step};

/// What is aimed at. Of several who would do, `pick` names one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    Take,
    Confirm,
    Decline,
    AcceptInvite,
    AcceptRoom,
    Approve,
    Swap,
    SwapBack,
    Move,
    Mute,
    Unmute,
    Lose,
    Regain,
    Detach,
    Resume,
}

/// The last proposal and the last loss, so that they can be answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Aimed {
    swap: Option<(SeatIndex, SeatIndex)>,
    lost: Option<Identity>,
    detached: Option<Identity>,
}

pub(super) fn aim() -> BoxedStrategy<Step> {
    let aim = prop_oneof![
        4 => Just(Aim::Take),
        4 => Just(Aim::Confirm),
        1 => Just(Aim::Decline),
        3 => Just(Aim::AcceptInvite),
        2 => Just(Aim::AcceptRoom),
        4 => Just(Aim::Approve),
        3 => Just(Aim::Swap),
        3 => Just(Aim::SwapBack),
        2 => Just(Aim::Move),
        1 => Just(Aim::Mute),
        2 => Just(Aim::Unmute),
        2 => Just(Aim::Lose),
        2 => Just(Aim::Regain),
        1 => Just(Aim::Detach),
        1 => Just(Aim::Resume),
    ];
    (aim, any::<u8>()).prop_map(|(aim, pick)| Step::Aim { aim, pick }).boxed()
}

impl Aimed {
    /// The step that an aim comes to in the room as it is, if to any.
    pub(super) fn step(&mut self, aim: Aim, pick: u8, picture: &Picture) -> Option<Step> {
        let act = |who: &Identity, act: Act| Some(Step::Act { who: number(who), act });
        let people = |may: &dyn Fn(&Identity) -> bool| pick_one(picture.people.keys().filter(|who| may(who)), pick);
        let of = |who: &Identity| &picture.people[who];
        match aim {
            Aim::Take => {
                let open = (0..).map(seat).zip(&picture.seats).skip(1).filter(|(_, seat)| seat.state == "open");
                let (seat, _) = pick_one(open, pick)?;
                act(people(&|who| of(who).seat.is_none())?, Act::SeatTake { seat })
            }
            Aim::Confirm => act(people(&|who| of(who).offer.is_some())?, CONFIRM),
            Aim::Decline => act(people(&|who| of(who).offer.is_some())?, DECLINE),
            Aim::AcceptInvite => act(people(&|who| of(who).invite.is_some())?, Act::InviteAccept { invite: None }),
            Aim::AcceptRoom => act(people(&|who| of(who).host_offer.is_some())?, Act::HostAccept),
            Aim::Approve => {
                let identity = pick_one(picture.hands.iter(), pick)?.who.clone();
                act(people(&|who| of(who).rank == Rank::Host)?, Act::HandApprove { identity })
            }
            Aim::Swap => {
                let who = people(&|who| sits(picture, who))?;
                let (own, others) = (of(who).seat?.seat, people(&|other| other != who && sits(picture, other))?);
                let with = of(others).seat?.seat;
                self.swap = Some((with, own));
                act(who, Act::SeatSwap { seat: own, with })
            }
            Aim::SwapBack => {
                let (seat, with) = self.swap.take()?;
                act(
                    people(&|who| sits(picture, who) && of(who).seat.is_some_and(|own| own.seat == seat))?,
                    Act::SeatSwap { seat, with },
                )
            }
            Aim::Move => {
                let (to, _) = pick_one((0..).map(seat).zip(&picture.seats), pick)?;
                act(people(&|who| sits(picture, who))?, Act::SeatMove { seat: to, identity: None })
            }
            Aim::Mute => {
                let own = of(people(&|who| of(who).seat.is_some())?).seat?;
                act(people(&|who| of(who).rank == Rank::Host)?, Act::SeatMute { seat: own.seat, expect_rev: None })
            }
            Aim::Unmute => act(people(&|who| of(who).self_muted)?, Act::MuteSelf { muted: false }),
            Aim::Lose | Aim::Regain | Aim::Detach | Aim::Resume => self.connection(aim, pick, picture),
        }
    }

    fn connection(&mut self, aim: Aim, pick: u8, picture: &Picture) -> Option<Step> {
        let sitting = || pick_one(picture.people.keys().filter(|who| sits(picture, who)), pick).cloned();
        match aim {
            Aim::Lose => {
                self.lost = sitting();
                Some(Step::Media { who: number(self.lost.as_ref()?), kind: MediaKind::Interrupted })
            }
            Aim::Regain => Some(Step::Media { who: number(&self.lost.take()?), kind: MediaKind::Restored }),
            Aim::Detach => {
                self.detached = sitting();
                Some(Step::Detached { who: number(self.detached.as_ref()?) })
            }
            _ => Some(Step::Resume { who: number(&self.detached.take()?) }),
        }
    }
}

fn sits(picture: &Picture, who: &Identity) -> bool {
    picture.people[who].seat.is_some_and(|seat| seat.occupied)
}

fn pick_one<T>(from: impl Iterator<Item = T>, pick: u8) -> Option<T> {
    let mut all: Vec<T> = from.collect();
    if all.is_empty() {
        return None;
    }
    Some(all.swap_remove(usize::from(pick) % all.len()))
}

/// The number by which the steps know someone.
fn number(who: &Identity) -> u8 {
    who.as_str()[1..].parse().expect("people are called p and a number")
}
