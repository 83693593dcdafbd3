//! An operation is one method of one path: what it asks for and what it may be answered.
//!
//! This table says what no type does: the paths, who may, and which refusals can come. Everything else is the types'.

use crate::room::Refusal::{self, *};

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Its name in the document, unique. Of a command: the command's type.
    pub(super) id: &'static str,
    pub(super) tag: Tag,
    /// In one sentence. Of a command: what its type says of itself.
    pub(super) summary: Option<&'static str>,
    /// Who may, and what else there is to know.
    pub(super) notes: &'static str,
    pub(super) query: &'static [&'static str],
    pub(super) asks: Asks,
    /// The answers that are no problem: status, in words, and schema (none: no JSON).
    pub(super) answers: &'static [(u16, &'static str, Option<&'static str>)],
    pub(super) refusals: Vec<Refusal>,
    /// What the `ETag` of an answer, and so `If-Match`, is about.
    pub(super) tagged: Tagged,
    /// Takes an `Idempotency-Key`.
    pub(super) is_keyed: bool,
}

/// What a request's body is.
pub(super) enum Asks {
    Nothing,
    /// A schema of its own.
    Body(&'static str),
    /// The fields of a frame of this type that neither the path nor the query says.
    Command(&'static str),
}

/// What the `ETag` of an answer is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagged {
    Not,
    /// The answer shows it; no request is bound to it.
    Shown,
    /// A seat's revision.
    Seat,
    /// A room's number of its last event.
    Room,
}

/// Operations that belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Rooms,
    Seats,
    Hands,
    People,
    Bans,
    Invites,
    Records,
    Sessions,
    Webhooks,
    About,
}

impl Tag {
    pub(super) const ALL: [Self; 10] = [
        Self::Rooms,
        Self::Seats,
        Self::Hands,
        Self::People,
        Self::Bans,
        Self::Invites,
        Self::Records,
        Self::Sessions,
        Self::Webhooks,
        Self::About,
    ];

    /// Its name, and what it holds together.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Rooms => ("Rooms", "Rooms are made, shown, changed and closed."),
            Self::Seats => ("Seats", "A stage has numbered seats; seat 0 is for hosts and cohosts."),
            Self::Hands => ("Hands", "A raised hand asks for a seat."),
            Self::People => ("People", "Whoever is in a room: muted, put out, given a rank."),
            Self::Bans => ("Bans", "Who may not come in."),
            Self::Invites => ("Invites", "Who is asked to the stage."),
            Self::Records => ("Records", "What has happened, who moderated, and what is kept about a person."),
            Self::Sessions => ("Sessions", "People are in a room by WebSocket."),
            Self::Webhooks => ("Webhooks", "What has happened is posted to the targets of the configuration."),
            Self::About => ("About this API", "This description."),
        }
    }
}

/// All of them.
pub(super) fn operations() -> Vec<Operation> {
    [rooms(), seats(), hands(), people(), bans(), invites(), records(), others()].into_iter().flatten().collect()
}

fn rooms() -> Vec<Operation> {
    vec![
        Operation {
            notes: "Wants `roomList`.",
            query: &["after_room", "limit_rooms"],
            answers: &[(200, "The rooms, by id.", Some("RoomList"))],
            refusals: vec![InvalidArgument],
            ..Operation::new("GET", "/v1/rooms", "room_list", Tag::Rooms, "List the rooms.")
        },
        Operation {
            notes: "Wants `roomCreate`; if the token names a room, that one. Repeating it is safe: a room that is there is shown as it is, with `differs` if it is not as the body says.",
            asks: Asks::Body("CreateRoom"),
            answers: &[
                (200, "It was there: the room as it is, and what of it is not as it was asked for.", Some("MadeRoom")),
                (201, "It was made.", Some("MadeRoom")),
            ],
            refusals: vec![InvalidArgument, TooLarge, RoomNotFound, RoomClosed, NodeFull, Draining, Storage],
            tagged: Tagged::Shown,
            is_keyed: true,
            ..Operation::new("POST", "/v1/rooms", "room_create", Tag::Rooms, "Make a room.")
        },
        Operation {
            notes: "Wants a token that joins that room, `roomAdmin` for it, or `roomList`. It shows what the bearer may see: all of it with `roomAdmin` or `roomList`.",
            answers: &[(200, "The room.", Some("Room"))],
            refusals: vec![Banned, RoomNotFound, RoomClosed],
            tagged: Tagged::Shown,
            ..Operation::new("GET", "/v1/rooms/{room}", "room_show", Tag::Rooms, "Show a room.")
        },
        Operation {
            notes: "Wants `roomAdmin` for the room, or a token for it whose bearer is a host or cohost of it by its own record.",
            answers: &[(200, "The figures.", Some("RoomStats"))],
            refusals: vec![Banned, RoomNotFound, RoomClosed],
            ..Operation::new("GET", "/v1/rooms/{room}/stats", "room_stats", Tag::Rooms, "Show how a room sounds.")
        },
        Operation {
            tagged: Tagged::Room,
            ..command("PATCH", "/v1/rooms/{room}", "room_update", Tag::Rooms, Who::Hosts, &[])
        },
        Operation {
            query: &["notice_ms"],
            tagged: Tagged::Room,
            ..command("DELETE", "/v1/rooms/{room}", "room_close", Tag::Rooms, Who::Hosts, &[])
        },
        command(
            "POST",
            "/v1/rooms/{room}/host",
            "host_transfer",
            Tag::Rooms,
            Who::Hosts,
            &[ParticipantNotFound, MemoryFull],
        ),
    ]
}

fn seats() -> Vec<Operation> {
    let conditional = |path, kind, refusals: &[Refusal]| Operation {
        tagged: Tagged::Seat,
        ..command("POST", path, kind, Tag::Seats, Who::Moderators, &[&[SeatNotFound, RevConflict], refusals].concat())
    };
    let plain = |path, kind, refusals: &[Refusal]| Operation {
        tagged: Tagged::Shown,
        ..command("POST", path, kind, Tag::Seats, Who::Moderators, &[&[SeatNotFound], refusals].concat())
    };
    let not_open = [SeatOccupied, SeatReserved, SeatLocked];
    vec![
        conditional("/v1/rooms/{room}/seats/{seat}/lock", "seat_lock", &[SeatOccupied]),
        conditional("/v1/rooms/{room}/seats/{seat}/unlock", "seat_unlock", &[]),
        conditional("/v1/rooms/{room}/seats/{seat}/mute", "seat_mute", &[]),
        conditional("/v1/rooms/{room}/seats/{seat}/unmute", "seat_unmute", &[]),
        conditional("/v1/rooms/{room}/seats/{seat}/kick", "seat_kick", &[]),
        conditional(
            "/v1/rooms/{room}/seats/{seat}/assign",
            "seat_assign",
            &[&not_open[..], &[ParticipantNotFound, AlreadySeated, DoNotInvite, WrongSeatMode, SessionStale]].concat(),
        ),
        plain(
            "/v1/rooms/{room}/seats/{seat}/move",
            "seat_move",
            &[&not_open[..], &[ParticipantNotFound, NotSeated]].concat(),
        ),
        plain("/v1/rooms/{room}/seats/{seat}/swap", "seat_swap", &[NotSeated]),
    ]
}

fn hands() -> Vec<Operation> {
    let approval = [SeatOccupied, SeatReserved, SeatLocked, AllSeatsTaken, SeatNotFound, HandAlreadyHandled, HandGone];
    let approval = [&approval[..], &[ParticipantNotFound]].concat();
    let act = |path, kind, refusals: &[Refusal]| command("POST", path, kind, Tag::Hands, Who::Moderators, refusals);
    vec![
        list("/v1/rooms/{room}/hands", "hand_list", Tag::Hands, "List the raised hands.", "HandPage"),
        act("/v1/rooms/{room}/hands/next", "hand_next", &approval),
        act("/v1/rooms/{room}/hands/lower_all", "hands_lower_all", &[]),
        act("/v1/rooms/{room}/hands/{identity}/approve", "hand_approve", &approval),
        act(
            "/v1/rooms/{room}/hands/{identity}/deny",
            "hand_deny",
            &[HandGone, HandAlreadyHandled, ParticipantNotFound],
        ),
    ]
}

fn people() -> Vec<Operation> {
    let act = |path, kind, who| command("POST", path, kind, Tag::People, who, &[ParticipantNotFound, MemoryFull]);
    vec![
        list(
            "/v1/rooms/{room}/participants",
            "participant_list",
            Tag::People,
            "List who is in a room.",
            "ParticipantPage",
        ),
        list("/v1/rooms/{room}/mutes", "mute_list", Tag::People, "List the mutes of people.", "MutePage"),
        list("/v1/rooms/{room}/ranks", "rank_list", Tag::People, "List the ranks that were given.", "RankPage"),
        act("/v1/rooms/{room}/participants/{identity}/mute", "member_mute", Who::Moderators),
        act("/v1/rooms/{room}/participants/{identity}/unmute", "member_unmute", Who::Moderators),
        act("/v1/rooms/{room}/participants/{identity}/kick", "member_kick", Who::Moderators),
        act("/v1/rooms/{room}/participants/{identity}/rank", "member_rank", Who::Hosts),
    ]
}

fn bans() -> Vec<Operation> {
    vec![
        list("/v1/rooms/{room}/bans", "ban_list", Tag::Bans, "List the bans.", "BanPage"),
        command(
            "POST",
            "/v1/rooms/{room}/bans",
            "member_ban",
            Tag::Bans,
            Who::Hosts,
            &[ParticipantNotFound, MemoryFull],
        ),
        command(
            "DELETE",
            "/v1/rooms/{room}/bans/{identity}",
            "member_unban",
            Tag::Bans,
            Who::Hosts,
            &[ParticipantNotFound],
        ),
        forget("/v1/rooms/{room}/moderation", "moderation_forget", "Forget all bans, denials, mutes and given ranks."),
        forget(
            "/v1/rooms/{room}/moderation/{identity}",
            "moderation_forget_person",
            "Forget the bans, denials, mutes and given ranks of a person.",
        ),
        Operation {
            notes: EVERYWHERE,
            query: &["after_identity", "limit"],
            answers: &[(200, "A page, by identity.", Some("BanPage"))],
            refusals: vec![InvalidArgument],
            ..Operation::new("GET", "/v1/bans", "everywhere_ban_list", Tag::Bans, "List the bans from all rooms.")
        },
        Operation {
            notes: EVERYWHERE,
            asks: Asks::Body("BanEverywhere"),
            answers: &[(200, "It was carried out, in all rooms.", Some("CommandResult"))],
            refusals: vec![InvalidArgument, TooLarge, MemoryFull],
            is_keyed: true,
            ..Operation::new("POST", "/v1/bans", "everywhere_ban", Tag::Bans, "Ban someone from all rooms.")
        },
        Operation {
            notes: EVERYWHERE,
            answers: &[(200, "It was carried out.", Some("CommandResult"))],
            refusals: vec![InvalidArgument, TooLarge],
            is_keyed: true,
            ..Operation::new(
                "DELETE",
                "/v1/bans/{identity}",
                "everywhere_unban",
                Tag::Bans,
                "Lift a ban from all rooms.",
            )
        },
    ]
}

fn invites() -> Vec<Operation> {
    let uninvitable = [ParticipantNotFound, SeatNotFound, AlreadySeated, DoNotInvite, AllSeatsTaken];
    let not_open = [SeatOccupied, SeatReserved, SeatLocked];
    vec![
        list(
            "/v1/rooms/{room}/invites",
            "invite_list",
            Tag::Invites,
            "List the invites that wait for an answer.",
            "InvitePage",
        ),
        command(
            "POST",
            "/v1/rooms/{room}/invites",
            "invite_send",
            Tag::Invites,
            Who::Moderators,
            &[&uninvitable[..], &not_open].concat(),
        ),
        command(
            "DELETE",
            "/v1/rooms/{room}/invites/{invite}",
            "invite_revoke",
            Tag::Invites,
            Who::Moderators,
            &[OfferExpired],
        ),
    ]
}

fn records() -> Vec<Operation> {
    vec![
        Operation {
            notes: "With `room`, wants `roomAdmin` for it; without, `roomList`.",
            query: &["after_event", "room", "kinds", "limit"],
            answers: &[(200, "The events, the oldest first.", Some("EventPage"))],
            refusals: vec![InvalidArgument, Storage],
            ..Operation::new("GET", "/v1/events", "event_list", Tag::Records, "Read the log again.")
        },
        Operation {
            notes: "With `room`, wants `roomAdmin` for it; without, `roomList`.",
            query: &["after_audit", "room", "identity", "limit"],
            answers: &[(200, "The acts of moderation, the oldest first.", Some("AuditPage"))],
            refusals: vec![InvalidArgument, Storage],
            ..Operation::new("GET", "/v1/audit", "audit_list", Tag::Records, "Read who moderated whom, and why.")
        },
        Operation {
            notes: "Wants `roomList` and `roomCreate`.",
            answers: &[(200, "All of it.", Some("PersonData"))],
            refusals: vec![InvalidArgument, Storage],
            ..Operation::new(
                "GET",
                "/v1/people/{identity}/data",
                "person_export",
                Tag::Records,
                "Export what is kept about a person.",
            )
        },
        Operation {
            notes: "Wants `roomList` and `roomCreate`. What a room needs at present (a seat, the rank of someone who is there) is not touched.",
            query: &["keep_bans"],
            answers: &[(200, "It is done.", Some("Erased"))],
            refusals: vec![InvalidArgument, Storage],
            ..Operation::new(
                "DELETE",
                "/v1/people/{identity}/data",
                "person_erase",
                Tag::Records,
                "Erase what is kept about a person.",
            )
        },
    ]
}

fn others() -> Vec<Operation> {
    vec![
        Operation {
            notes: "A WebSocket upgrade, subprotocol `podium.v1`. The token travels in `Authorization`, as a further subprotocol `bearer.<token>`, or as `access_token`. A bad one is told after the upgrade, in a `bye`.",
            query: &["access_token"],
            answers: &[(101, "The session begins: from here on, frames.", None)],
            refusals: vec![InvalidArgument, NodeFull],
            ..Operation::new("GET", "/v1/rooms/{room}/session", "session_open", Tag::Sessions, "Enter a room.")
        },
        Operation {
            answers: &[(200, "The document.", Some("Document"))],
            ..Operation::new("GET", "/v1/openapi.json", "document", Tag::About, "This document.")
        },
        Operation {
            answers: &[(200, "The page.", None)],
            ..Operation::new("GET", "/v1/docs", "page", Tag::About, "This document as a page.")
        },
    ]
}

/// Whose acts count.
enum Who {
    Moderators,
    Hosts,
}

/// An operation that is a command of the WebSocket protocol.
fn command(
    method: &'static str,
    path: &'static str,
    kind: &'static str,
    tag: Tag,
    who: Who,
    refusals: &[Refusal],
) -> Operation {
    Operation {
        summary: None,
        notes: match who {
            Who::Moderators => {
                "Wants `roomAdmin` for the room, or a token for it whose bearer is a host or cohost of it by its own record."
            }
            Who::Hosts => {
                "Wants `roomAdmin` for the room, or a token for it whose bearer is its host by its own record."
            }
        },
        asks: Asks::Command(kind),
        answers: &[(200, "It was carried out.", Some("CommandResult"))],
        refusals: [&[InvalidArgument, TooLarge, RoomNotFound, RoomClosed], refusals].concat(),
        is_keyed: true,
        ..Operation::new(method, path, kind, tag, "")
    }
}

/// What moderators decided is forgotten.
fn forget(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation {
        notes: "Wants `roomAdmin` for the room, which need not be there. People who are in it keep their rank for as long as it lasts.",
        answers: &[(200, "It was carried out.", Some("CommandResult"))],
        refusals: vec![InvalidArgument, TooLarge, RoomNotFound, RoomClosed, ParticipantNotFound],
        is_keyed: true,
        ..Operation::new("DELETE", path, id, Tag::Bans, summary)
    }
}

/// Who may ban from all rooms.
const EVERYWHERE: &str = "Wants `roomList` and `roomCreate`, and a token that is for no single room.";

/// A list of a room's, by pages.
fn list(path: &'static str, id: &'static str, tag: Tag, summary: &'static str, page: &'static str) -> Operation {
    // The table is a handful of constants; what one of them names lives as long.
    let answers: &'static [(u16, &'static str, Option<&'static str>)] = match page {
        "HandPage" => &[(200, "A page, in the order of the queue.", Some("HandPage"))],
        "InvitePage" => &[(200, "A page of them.", Some("InvitePage"))],
        "BanPage" => &[(200, "A page, by identity.", Some("BanPage"))],
        "MutePage" => &[(200, "A page, by identity.", Some("MutePage"))],
        "RankPage" => &[(200, "A page, by identity.", Some("RankPage"))],
        _ => &[(200, "A page, by identity.", Some("ParticipantPage"))],
    };
    Operation {
        notes: "Wants `roomAdmin` for the room.",
        query: if page == "HandPage" { &["after_hand", "limit"] } else { &["after_identity", "limit"] },
        answers,
        refusals: vec![InvalidArgument, RoomNotFound, RoomClosed],
        ..Operation::new("GET", path, id, tag, summary)
    }
}

impl Operation {
    fn new(method: &'static str, path: &'static str, id: &'static str, tag: Tag, summary: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            tag,
            summary: Some(summary),
            notes: "",
            query: &[],
            asks: Asks::Nothing,
            answers: &[],
            refusals: Vec::new(),
            tagged: Tagged::Not,
            is_keyed: false,
        }
    }

    /// Needs no token.
    pub(super) fn is_public(&self) -> bool {
        self.tag == Tag::About
    }
}
