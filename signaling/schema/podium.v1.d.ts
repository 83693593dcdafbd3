// The frames of Podium's WebSocket protocol. Made from podium.v1.schema.json; do not edit.
// Fields and types may be added at any time: ignore what is not known.

/** The audience, counted and sampled. */
export interface Audience {
  /** How many. */
  count: number;
  /** A few of them; 20 at most. */
  sample: AudienceMember[];
}

/** The audience now. */
export interface AudienceEvent {
  type: "audience";
  /** How many. */
  count: number;
  /** A few of them; 20 at most. */
  sample: AudienceMember[];
}

/** One of the audience. */
export interface AudienceMember {
  /** Who. */
  identity: Identity;
  /** The name to show. */
  name: string;
}

/** A ban. */
export interface Ban {
  /** Who decided it. */
  by: Identity;
  /** When it runs out; absent: it does not. */
  ends_in_ms?: number;
  /** Who may not come in. */
  identity: Identity;
  /** Why. */
  reason?: string;
  /** How long ago. */
  since_ms: number;
}

/** A ban was set or has ended. For hosts and cohosts. */
export interface BanChangedEvent {
  type: "ban_changed";
  /** The ban. */
  ban: Ban;
  /** Set, or ended. */
  banned: boolean;
  /** Who did it; absent: it ran out. */
  by?: Identity;
  /** How it came about. */
  cause: DecisionCause;
  /** Its number in the room's log; absent if the room was over then. */
  seq?: number;
}

export type ByeAction = "stop" | "resume" | "rejoin" | "retry" | (string & {});

/** The last frame of a session. */
export interface ByeFrame {
  type: "bye";
  /** What the client is to do. */
  action: ByeAction;
  /** The id of the connection, as in the header `X-Request-Id` of the upgrade. It stands in the server's log, too. */
  connection?: string;
  /** What is wrong with the token, in words for developers. Only if its signature is good. */
  detail?: string;
  /** Why it ends. */
  reason: ByeReason;
  /** When it may try again. */
  retry_after_ms?: number;
  /** The reason that a moderator gave for it, for the person. */
  text?: string;
}

export type ByeReason = "kicked" | "duplicate" | "slow_consumer" | "invalid_argument" | "unknown_type" | "unauthenticated" | "token_expired" | "forbidden" | "banned" | "do_not_invite" | "screening_required" | "room_not_found" | "participant_not_found" | "seat_not_found" | "hand_gone" | "seat_occupied" | "seat_reserved" | "seat_locked" | "already_seated" | "not_seated" | "all_seats_taken" | "wrong_seat_mode" | "hand_already_handled" | "rev_conflict" | "session_stale" | "room_full" | "room_closed" | "offer_expired" | "precondition_failed" | "too_large" | "memory_full" | "rate_limited" | "internal" | "node_full" | "latency_at_risk" | "draining" | "storage" | (string & {});

export type CanJoin = "yes" | "apply" | "no" | (string & {});

export type CannotJoin = "forbidden" | "already_seated" | "cooling_down" | "hands_off" | (string & {});

/** What a client says. */
export type ClientFrame = 
  | JoinCommand
  | ResumeCommand
  | IceRestartCommand
  | PingCommand
  | StatsCommand
  | LeaveCommand
  | SeatTakeCommand
  | SeatLeaveCommand
  | SeatMoveCommand
  | SeatSwapCommand
  | SeatAssignCommand
  | SeatConfirmCommand
  | SeatDeclineCommand
  | SeatLockCommand
  | SeatUnlockCommand
  | SeatMuteCommand
  | SeatUnmuteCommand
  | SeatKickCommand
  | HandRaiseCommand
  | HandLowerCommand
  | HandApproveCommand
  | HandDenyCommand
  | HandNextCommand
  | HandsLowerAllCommand
  | InviteSendCommand
  | InviteRevokeCommand
  | InviteAcceptCommand
  | InviteDeclineCommand
  | PeopleListCommand
  | MemberMuteCommand
  | MemberUnmuteCommand
  | MemberKickCommand
  | MemberBanCommand
  | MemberUnbanCommand
  | MemberRankCommand
  | HostTransferCommand
  | HostAcceptCommand
  | HostDeclineCommand
  | MuteSelfCommand
  | PrefsCommand
  | ReactionCommand
  | MessageCommand
  | RoomUpdateCommand
  | RoomCloseCommand;

/** Why a command was refused. */
export interface CommandError {
  /** The stable code. */
  code: ErrorCode;
  /** What may help. */
  details: Details;
  /** In words for people or developers. */
  message: string;
}

/** What a command has led to. What does not apply is absent. */
export interface CommandResult {
  /** The answer to the offer, after `ice_restart`. */
  answer?: string;
  /** False if it was carried out and holds, but could not be written down yet: a crash of the server may undo it. Otherwise absent. */
  durable?: boolean;
  /** The hand it was about. */
  hand?: Hand;
  /** The invite it was about. */
  invite?: Invite;
  /** Where the list goes on: `after` of the next page. Absent at its end. */
  next?: Identity;
  /** True if it waits for someone else's word. */
  pending?: boolean;
  /** A page of the people in the room, after `people_list`. */
  people?: Participant[];
  /** One's place in the queue, from 1. */
  position?: number;
  /** The seat it was about, as it is now. */
  seat?: Seat;
  /** The server's clock, after `ping`. */
  time_ms?: number;
}

export type ConnectionQuality = "excellent" | "good" | "poor" | "lost" | (string & {});

/** Someone's connection is of another quality. */
export interface ConnectionQualityEvent {
  type: "connection_quality";
  /** Who, if not the recipient: someone on stage, as hosts and cohosts are told. */
  identity?: Identity;
  /** How good it is. */
  quality: ConnectionQuality;
}

export type DecisionCause = "set" | "lifted" | "expired" | "forgotten" | (string & {});

export type DelayClass = "natural" | "ok" | "laggy" | (string & {});

export type DelaySide = "hearing" | "speaking" | (string & {});

export type DelayTerm = "uplink" | "framing" | "residence" | "downlink" | "jitter_buffer" | "device" | (string & {});

/** What may help someone who was refused. What does not apply is absent. */
export interface Details {
  /** Who holds it. */
  holder?: Identity;
  /** The next seat that is open. */
  next_open?: SeatIndex;
  /** When it may be tried again. */
  retry_after_ms?: number;
  /** The seat as it is now. */
  seat?: Seat;
}

export type Duplicates = "takeover" | "reject" | "allow" | (string & {});

export type ErrorCode = "invalid_argument" | "unknown_type" | "unauthenticated" | "token_expired" | "forbidden" | "banned" | "do_not_invite" | "screening_required" | "room_not_found" | "participant_not_found" | "seat_not_found" | "hand_gone" | "seat_occupied" | "seat_reserved" | "seat_locked" | "already_seated" | "not_seated" | "all_seats_taken" | "wrong_seat_mode" | "hand_already_handled" | "rev_conflict" | "session_stale" | "room_full" | "room_closed" | "offer_expired" | "precondition_failed" | "too_large" | "memory_full" | "rate_limited" | "internal" | "node_full" | "latency_at_risk" | "draining" | "storage" | (string & {});

/** A batch of events, in order. */
export interface EventsFrame {
  type: "events";
  /** The events. */
  events: RoomEvent[];
}

/** A raised hand, as hosts see it. */
export interface Hand {
  /** Which hand of this room. */
  id: HandId;
  /** Whose. */
  identity: Identity;
  /** The microphone may be aired at once. */
  mic_ready: boolean;
  /** The name to show. */
  name: string;
  /** Its place in the queue, from 1 (of a hand that has just left the queue: the place it had). */
  position: number;
  /** The owner's tier: higher ones come first. */
  tier: number;
  /** How long it has been up. */
  waited_ms: number;
  /** The seat they would like. */
  wanted_seat?: SeatIndex;
}

/** Give someone whose hand is up a seat. */
export interface HandApproveCommand {
  type: "hand_approve";
  request_id: RequestId;
  /** Who. */
  identity: Identity;
}

export type HandChange = "raised" | "changed" | "lowered" | "approved" | "denied" | "cleared" | "expired" | "gone" | (string & {});

/** A hand changed. For hosts and cohosts, and for its owner when others or time decided on it. */
export interface HandChangedEvent {
  type: "hand_changed";
  /** Who did it, if it was a person. */
  by?: Identity;
  /** What became of it. */
  change: HandChange;
  /** How many are pending now. */
  count: number;
  /** The hand. */
  hand: Hand;
  /** Its number in the room's log; absent when it is told to the one whom it is about. */
  seq?: number;
}

/** Turn someone's hand down. */
export interface HandDenyCommand {
  type: "hand_deny";
  request_id: RequestId;
  /** Who. */
  identity: Identity;
}

/** Names one raised hand of a room. */
export type HandId = string;

/** Lower one's hand, or give back the seat that its approval reserved. */
export interface HandLowerCommand {
  type: "hand_lower";
  request_id: RequestId;
}

/** Approve the first hand in the queue whose owner is there. */
export interface HandNextCommand {
  type: "hand_next";
  request_id: RequestId;
}

/** The recipient's place in the queue. */
export interface HandPositionEvent {
  type: "hand_position";
  /** The place, from 1. */
  position: number;
}

/** Raise one's hand. */
export interface HandRaiseCommand {
  type: "hand_raise";
  request_id: RequestId;
  /** One's microphone may be aired at once. */
  mic_ready?: boolean;
  /** The seat one would like. */
  wanted_seat?: SeatIndex;
}

/** Lower every hand. */
export interface HandsLowerAllCommand {
  type: "hands_lower_all";
  request_id: RequestId;
}

/** Accept the room. */
export interface HostAcceptCommand {
  type: "host_accept";
  request_id: RequestId;
}

/** Decline the room. */
export interface HostDeclineCommand {
  type: "host_decline";
  request_id: RequestId;
}

/** The room, offered to someone. */
export interface HostOffer {
  /** How long it stands. */
  expires_in_ms: number;
  /** By whom. */
  from: Identity;
}

/** What became of the room that was offered. To both. */
export interface HostOfferEndedEvent {
  type: "host_offer_ended";
  /** Who offered it. */
  from: Identity;
  /** How it ended. */
  outcome: OfferOutcome;
  /** To whom. */
  to: Identity;
}

/** The room is offered to the recipient. */
export interface HostOfferEvent {
  type: "host_offer";
  /** How long it stands. */
  expires_in_ms: number;
  /** By whom. */
  from: Identity;
}

/** Hand the room over to someone. A cohost has it at once; anyone else is asked. */
export interface HostTransferCommand {
  type: "host_transfer";
  request_id: RequestId;
  /** To whom. */
  to: Identity;
}

/** New ICE credentials, because the network has changed. */
export interface IceRestartCommand {
  type: "ice_restart";
  request_id: RequestId;
  /** The session description with the new credentials. */
  offer: string;
}

/** Names a person or an agent, as its token does. It can be shown: no controls, no characters that format text or are invisible, no white space at its ends. Not `.` or `..`. */
export type Identity = string;

export type Interrupt = "off" | "duck" | "hold" | (string & {});

/** A host or cohost began to speak over the others, or ceased to. */
export interface InterruptionEvent {
  type: "interruption";
  /** Who speaks; absent: it is over. */
  by?: Identity;
  /** What becomes of the others. */
  mode: Interrupt;
}

/** An invite to the stage. */
export interface Invite {
  /** How long it waits for an answer. */
  expires_in_ms: number;
  /** Who invites. */
  from: Identity;
  /** Their name. */
  from_name: string;
  /** Whether that seat is kept for them. */
  hold: boolean;
  /** Which invite of this room. */
  id: InviteId;
  /** To which seat; absent: to any. */
  seat?: SeatIndex;
  /** Who is invited. */
  to: Identity;
  /** Their name. */
  to_name: string;
}

/** Accept an invite. */
export interface InviteAcceptCommand {
  type: "invite_accept";
  request_id: RequestId;
  /** Its id. */
  invite?: InviteId;
}

export type InviteChange = "sent" | "accepted" | "declined" | "expired" | "revoked" | (string & {});

/** An invite changed. For hosts and cohosts, and for the one invited when others or time ended it. */
export interface InviteChangedEvent {
  type: "invite_changed";
  /** Who did it, if it was a person. */
  by?: Identity;
  /** What became of it. */
  change: InviteChange;
  /** The invite. */
  invite: Invite;
  /** Its number in the room's log; absent when it is told to the one whom it is about. */
  seq?: number;
}

/** Decline an invite. */
export interface InviteDeclineCommand {
  type: "invite_decline";
  request_id: RequestId;
  /** Its id. */
  invite?: InviteId;
}

/** The recipient is invited to the stage. */
export interface InviteEvent {
  type: "invite";
  /** The invite. */
  invite: Invite;
}

/** Names one invite of a room. */
export type InviteId = string;

/** Take an invite back. It is named by its id or by the person who has it; one of the two. */
export interface InviteRevokeCommand {
  type: "invite_revoke";
  request_id: RequestId;
  /** Who has it. */
  identity?: Identity;
  /** Its id. */
  invite?: InviteId;
}

/** Invite someone to the stage. */
export interface InviteSendCommand {
  type: "invite_send";
  request_id: RequestId;
  /** Keep the seat (or the first open one) for them. */
  hold?: boolean;
  /** Whom. */
  identity: Identity;
  /** To which seat, if not to any. */
  seat?: SeatIndex;
}

/** Join the room that the socket was opened for. */
export interface JoinCommand {
  type: "join";
  request_id: RequestId;
  /** The microphone is open and may be aired as soon as one is asked to the stage. */
  mic_ready?: boolean;
  /** The session description; absent for a session without media. */
  offer?: string;
}

/** The server has done something about it. */
export interface LatencyActedData {
  type: "latency_acted";
  /** What. */
  act: string;
  /** Whom it is about, if it is about a person. */
  identity?: Identity;
  /** Why. */
  why: string;
}

/** A promise about delays is broken. */
export interface LatencyBreachedData {
  type: "latency_breached";
  /** Which promise. */
  budget: string;
  /** What causes most of it, if that is known. */
  cause?: string;
  /** Whom it is about, if it is about a person. */
  identity?: Identity;
  /** What was promised. */
  limit: number;
  /** The unit of both. */
  unit: string;
  /** What was measured. */
  value: number;
}

/** It is kept again. */
export interface LatencyRecoveredData {
  type: "latency_recovered";
  /** Which promise. */
  budget: string;
  /** What causes most of it, if that is known. */
  cause?: string;
  /** Whom it is about, if it is about a person. */
  identity?: Identity;
  /** What was promised. */
  limit: number;
  /** The unit of both. */
  unit: string;
  /** What was measured. */
  value: number;
}

/** The delay from mouth to ear that someone has is another one. Without `class` none is known any more. */
export interface LatencyStateEvent {
  type: "latency_state";
  /** How it feels. */
  class?: DelayClass;
  /** The greatest part of it. */
  dominant_term?: DelayTerm;
  /** A part of it is assumed: a client has not told how long its jitter buffer holds audio. */
  estimated?: boolean;
  /** Who, if not the recipient: someone on stage, as hosts and cohosts are told. */
  identity?: Identity;
  /** Milliseconds from a mouth to an ear. */
  mouth_to_ear_ms?: number;
  /** As they hear others, or as others hear them: the worse of the two. */
  side?: DelaySide;
}

/** Leave the room. */
export interface LeaveCommand {
  type: "leave";
  request_id: RequestId;
}

export type LeftReason = "left" | "kicked" | "banned" | "gone" | (string & {});

/** The limits that a client can run into. */
export interface Limits {
  /** Commands at once. */
  burst: number;
  /** Commands a second. */
  commands_per_second: number;
  /** The longest frame. */
  frame_bytes: number;
}

/** What happened, by its `type`. */
export type LoggedData = SeatChangedEvent | HandChangedEvent | ParticipantJoinedEvent | ParticipantLeftEvent | RankChangedEvent | RoomUpdatedEvent | InviteChangedEvent | BanChangedEvent | MuteChangedEvent | MessageEvent | RoomCreatedData | RoomRestoredData | RoomClosedData | SessionBeganData | SessionEndedData | LatencyBreachedData | LatencyRecoveredData | LatencyActedData | ModerationData | OtherData;

/** One event: the body of a webhook, and an item of `GET /v1/events`. */
export interface LoggedEvent {
  /** Its kind: `seat.changed`. */
  type: string;
  /** When, in milliseconds since 1970. */
  at_ms: number;
  /** The file has lost what it was. */
  damaged?: true;
  /** What happened. Absent if it is damaged. */
  data?: LoggedData;
  /** Its number. It grows over all rooms. */
  event_id: number;
  /** In which room, if it is about one. */
  room?: RoomId;
  /** Its number in the room's log, or that of the last event before it that has one. */
  seq: number;
}

/** The recipient came back too late for their seat. */
export interface LostSeatEvent {
  type: "lost_seat";
  /** The place in the queue that they have instead, if hands are on. */
  position?: number;
  /** The seat. */
  seat: SeatIndex;
}

/** Put a person out of the room for good. They need not be there. */
export interface MemberBanCommand {
  type: "member_ban";
  request_id: RequestId;
  /** How long, in milliseconds; absent: until it is lifted. */
  for_ms?: number;
  /** Whom. */
  identity: Identity;
  /** Why, for the hosts and for the person. */
  reason?: string;
}

/** Put a person out of the room. */
export interface MemberKickCommand {
  type: "member_kick";
  request_id: RequestId;
  /** Also refuse the tokens that were issued to them until now. */
  deny?: boolean;
  /** Whom. */
  identity: Identity;
  /** Why, for the hosts and for the person. */
  reason?: string;
}

/** Mute a person, wherever they sit. */
export interface MemberMuteCommand {
  type: "member_mute";
  request_id: RequestId;
  /** How long, in milliseconds; absent: until it is lifted. */
  for_ms?: number;
  /** Whom. */
  identity: Identity;
}

/** Give a person another rank. */
export interface MemberRankCommand {
  type: "member_rank";
  request_id: RequestId;
  /** Whom. */
  identity: Identity;
  /** Which. `host` is refused: see `host_transfer`. */
  rank: "host" | "cohost" | "member";
}

/** Lift a ban. */
export interface MemberUnbanCommand {
  type: "member_unban";
  request_id: RequestId;
  /** Who. */
  identity: Identity;
}

/** Lift a person's mute. It opens no microphone. */
export interface MemberUnmuteCommand {
  type: "member_unmute";
  request_id: RequestId;
  /** Who. */
  identity: Identity;
}

/** Write to the room. */
export interface MessageCommand {
  type: "message";
  request_id: RequestId;
  /** What. */
  text: string;
}

/** Someone wrote to the room. */
export interface MessageEvent {
  type: "message";
  /** Who. */
  from: Identity;
  /** Their name. */
  name: string;
  /** Its number in the room's log. */
  seq: number;
  /** What. */
  text: string;
}

/** A host, cohost or back end has moderated. */
export interface ModerationData {
  type: "moderation";
  /** What they did: the type of the command. */
  act: string;
  /** Who did it. */
  by: Identity;
  /** The rest of the command. */
  details: { [field: string]: unknown };
  /** On whom, if on someone. */
  on?: Identity;
  /** Why, if they said. */
  reason?: string;
  /** As what: `host`, `cohost`, `member`, or `admin` for a back end. */
  role: string;
}

/** What only hosts and cohosts see. To someone who has just become one. */
export interface ModerationEvent {
  type: "moderation";
  /** How many bans there are. */
  ban_count: number;
  /** The latest bans, the newest first; 100 at most. */
  bans: Ban[];
  /** The pending hands, in order. */
  hand_queue: Hand[];
  /** The invites that wait for an answer. */
  invites: Invite[];
  /** How many people are muted, here or away. */
  mute_count: number;
  /** The latest mutes of people, the newest first; 100 at most. */
  mutes: Mute[];
}

/** A mute of a person by a host or cohost. */
export interface Mute {
  /** Who decided it. */
  by: Identity;
  /** When it runs out; absent: it does not. */
  ends_in_ms?: number;
  /** Who is muted. They may be away. */
  identity: Identity;
  /** How long ago. */
  since_ms: number;
}

/** A mute of a person was set or has ended. For hosts and cohosts. */
export interface MuteChangedEvent {
  type: "mute_changed";
  /** Who did it; absent: it ran out. */
  by?: Identity;
  /** How it came about. */
  cause: DecisionCause;
  /** The mute. */
  mute: Mute;
  /** Set, or ended. */
  muted: boolean;
  /** Its number in the room's log; absent if the room was over then. */
  seq?: number;
}

/** Mute or unmute oneself. */
export interface MuteSelfCommand {
  type: "mute_self";
  request_id: RequestId;
  /** Muted from now on, or not. */
  muted: boolean;
}

/** A seat that waits for one's word. */
export interface Offer {
  /** How much longer. */
  expires_in_ms: number;
  /** Which. */
  seat: SeatIndex;
  /** Why. */
  why: ReservedWhy;
}

export type OfferOutcome = "accepted" | "declined" | "expired" | "withdrawn" | (string & {});

export type OnOff = "on" | "off" | (string & {});

/** An event of a later version. */
export interface OtherData {
  /** Which. */
  type: string;
}

/** One's own raised hand. */
export interface OwnHand {
  /** One's microphone may be aired at once. */
  mic_ready: boolean;
  /** Its place in the queue, from 1. */
  position: number;
  /** The seat one would like. */
  wanted_seat?: SeatIndex;
}

export type OwnSeatState = "occupied" | "reserved" | (string & {});

/** A person whom everyone sees by name. */
export interface Participant {
  /** Who. */
  identity: Identity;
  /** What kind of participant it is, if not a person: `agent`, say. */
  kind?: string;
  /** The name to show. */
  name: string;
  /** The rank. */
  rank: Rank;
  /** What others see. */
  role: Role;
}

/** A person with a rank came, or came back under another name. */
export interface ParticipantJoinedEvent {
  type: "participant_joined";
  /** Who. */
  participant: Participant;
  /** Its number in the room's log. */
  seq: number;
}

/** A person with a rank, or one on stage, has left the room. */
export interface ParticipantLeftEvent {
  type: "participant_left";
  /** Who. */
  identity: Identity;
  /** How. */
  reason: LeftReason;
  /** Its number in the room's log. */
  seq: number;
}

/** A page of everyone in the room, by identity. For hosts and cohosts. */
export interface PeopleListCommand {
  type: "people_list";
  request_id: RequestId;
  /** Whom the page begins behind: `next` of the page before. */
  after?: Identity;
  /** How many at most; 100 if absent. */
  limit?: number;
  /** Only those whose name or identity has this in it, whatever the case. */
  query?: string;
}

export type Phase = "scheduled" | "live" | "hostless" | "closing" | "closed" | (string & {});

/** Is anybody there. */
export interface PingCommand {
  type: "ping";
  request_id: RequestId;
}

/** Change one's preferences. What is absent stays. */
export interface PrefsCommand {
  type: "prefs";
  request_id: RequestId;
  /** One wants no invites and no assigned seats. */
  do_not_invite?: boolean;
}

export type Promote = "cohost" | "longest_seated" | "none" | (string & {});

export type Rank = "host" | "cohost" | "member" | (string & {});

export type RankCause = "given" | "transferred" | "promoted" | (string & {});

/** A person's rank changed. */
export interface RankChangedEvent {
  type: "rank_changed";
  /** Who did it, if it was a person. */
  by?: Identity;
  /** How it came about. */
  cause: RankCause;
  /** The person as they are now. */
  participant: Participant;
  /** Its number in the room's log. */
  seq: number;
}

/** React, without words. */
export interface ReactionCommand {
  type: "reaction";
  request_id: RequestId;
  /** How: a short name or an emoji. */
  kind: string;
}

/** How people reacted since the last tally. */
export interface ReactionTallyEvent {
  type: "reaction_tally";
  /** Each reaction with its count. */
  tally: Tally[];
}

/** The answer to any other command. */
export interface ReplyFrame {
  type: "reply";
  /** The command it answers; absent if that could not be read. */
  request_id?: RequestId;
  /** It was refused. */
  error?: CommandError;
  /** It was carried out. */
  ok?: CommandResult;
}

/** Names one command of a session; chosen by the client. */
export type RequestId = string;

export type ReservedWhy = "approved" | "invited" | "offered" | "assigned" | "reconnect" | (string & {});

/** Go on with a session whose socket was lost. */
export interface ResumeCommand {
  type: "resume";
  request_id: RequestId;
  /** The `seq` of the last event that came, or that of the snapshot if none did. */
  last_seq: number;
  /** The newest one that a welcome brought. */
  resume_token: string;
}

export type Role = "host" | "guest" | "listener" | (string & {});

/** The room, as one viewer may see it. */
export interface Room {
  /** Everyone else, counted and sampled. */
  audience: Audience;
  /** Whether an opened seat is offered to the hands in the queue, one after the other. */
  auto_offer: boolean;
  /** How many bans there are. */
  ban_count?: number;
  /** The latest bans, the newest first; 100 at most. */
  bans?: Ban[];
  /** When it closes, if it is closing. */
  closes_in_ms?: number;
  /** What becomes of a second session of an identity. */
  duplicates: Duplicates;
  /** Where to begin reading `GET /v1/events`: all up to this event is in it. Absent while the log cannot be written. */
  event_id?: number;
  /** The pending hands, in order. */
  hand_queue?: Hand[];
  /** Whether hands may be raised. */
  hands: OnOff;
  /** How much longer it waits for a host, if it is hostless. */
  hostless_for_ms?: number;
  /** Which room. */
  id: RoomId;
  /** What becomes of others while a host or cohost speaks. */
  interrupt: Interrupt;
  /** The invites that wait for an answer. */
  invites?: Invite[];
  /** How many people are muted, here or away. */
  mute_count?: number;
  /** The latest mutes of people, the newest first; 100 at most. */
  mutes?: Mute[];
  /** When it opens, if it is scheduled. */
  opens_in_ms?: number;
  /** People with a rank, and those on stage. */
  participants: Participant[];
  /** The most participants. */
  participants_max: number;
  /** Where it is in its life. */
  phase: Phase;
  /** Who becomes host when the last one has gone. */
  promote: Promote;
  /** The revision of the stage. */
  revision: number;
  /** Who may take an open seat. */
  seat_mode: SeatMode;
  /** Every seat, in order. */
  seats: Seat[];
  /** The number of the last event of the room that this contains. */
  seq: number;
  /** How long a guest may hold a seat; absent: as long as they like. */
  turn_ms?: number;
}

/** Close the room. */
export interface RoomCloseCommand {
  type: "room_close";
  request_id: RequestId;
  /** How long people are told before. 0 or absent: at once. */
  notice_ms?: number;
}

/** The room is over. */
export interface RoomClosedData {
  type: "room_closed";
  /** Which. */
  room: RoomId;
}

/** The room was made: what was known of a room of this id is void. */
export interface RoomCreatedData {
  type: "room_created";
  /** Which. */
  room: RoomId;
}

/** What happened. */
export type RoomEvent = 
  | SeatChangedEvent
  | SeatCueEvent
  | SeatOfferEvent
  | HandPositionEvent
  | HandChangedEvent
  | ParticipantJoinedEvent
  | ParticipantLeftEvent
  | RankChangedEvent
  | RoomUpdatedEvent
  | InviteEvent
  | InviteChangedEvent
  | BanChangedEvent
  | MuteChangedEvent
  | SwapProposedEvent
  | HostOfferEvent
  | HostOfferEndedEvent
  | TurnEndingEvent
  | LostSeatEvent
  | InterruptionEvent
  | ModerationEvent
  | MessageEvent
  | ReactionTallyEvent
  | AudienceEvent
  | SlotsEvent
  | SpeakersEvent
  | LatencyStateEvent
  | ConnectionQualityEvent
  | UnheardEvent
  | SelfChangedEvent;

/** Names a room. */
export type RoomId = string;

/** The room goes on after a restart of the server. The sessions of before are over. */
export interface RoomRestoredData {
  type: "room_restored";
  /** Which. */
  room: RoomId;
}

/** Change the room's settings. What is absent stays. */
export interface RoomUpdateCommand {
  type: "room_update";
  request_id: RequestId;
  /** Whether an opened seat is offered to the hands in the queue, one after the other. */
  auto_offer?: boolean;
  /** What becomes of a second session of an identity. */
  duplicates?: "takeover" | "reject" | "allow";
  /** Whether hands may be raised. */
  hands?: "on" | "off";
  /** What becomes of others while a host or cohost speaks. */
  interrupt?: "off" | "duck" | "hold";
  /** Open a scheduled room now, or call off a closing. */
  phase?: "live";
  /** Who becomes host when the last one has gone. */
  promote?: "cohost" | "longest_seated" | "none";
  /** Who may take an open seat. */
  seat_mode?: "free" | "apply" | "invite_only";
  /** How long a guest may hold a seat: 0 (as long as they like), or 10000 to 3600000. */
  turn_ms?: number;
}

/** The room's phase or settings changed; this is the whole of them. */
export interface RoomUpdatedEvent {
  type: "room_updated";
  /** Whether an opened seat is offered to the hands in the queue, one after the other. */
  auto_offer: boolean;
  /** Who did it, if it was a person. */
  by?: Identity;
  /** When it closes, if it is closing. */
  closes_in_ms?: number;
  /** What becomes of a second session of an identity. */
  duplicates: Duplicates;
  /** Whether hands may be raised. */
  hands: OnOff;
  /** How much longer it waits for a host, if it is hostless. */
  hostless_for_ms?: number;
  /** What becomes of others while a host or cohost speaks. */
  interrupt: Interrupt;
  /** When it opens, if it is scheduled. */
  opens_in_ms?: number;
  /** The most participants. */
  participants_max: number;
  /** Where it is in its life. */
  phase: Phase;
  /** Who becomes host when the last one has gone. */
  promote: Promote;
  /** Who may take an open seat. */
  seat_mode: SeatMode;
  /** Its number in the room's log. */
  seq: number;
  /** How long a guest may hold a seat; absent: as long as they like. */
  turn_ms?: number;
}

/** A seat. */
export interface Seat {
  /** False while its holder's media is lost. */
  connected?: boolean;
  /** The id of this occupancy, as audio packets carry it. */
  csrc?: number;
  /** How much longer it is kept. */
  expires_in_ms?: number;
  /** Its holder was muted by a host or cohost. */
  host_muted?: boolean;
  /** Who sits there, or has it kept. */
  identity?: Identity;
  /** Its number. */
  index: SeatIndex;
  /** What kind of participant its holder is, if not a person. */
  kind?: string;
  /** The seat's own mute. */
  muted_by_host: boolean;
  /** Their name. */
  name?: string;
  /** Their rank. */
  rank?: Rank;
  /** Grows with each change of the seat, but not of its holder's own mutes. */
  rev: number;
  /** Its holder muted themselves. */
  self_muted?: boolean;
  /** What it is. */
  state: SeatState;
  /** What is left of its holder's turn, if turns are limited. */
  turn_ends_in_ms?: number;
  /** Why it is kept for someone. */
  why?: ReservedWhy;
}

/** Keep an open seat for someone, who is asked to confirm. */
export interface SeatAssignCommand {
  type: "seat_assign";
  request_id: RequestId;
  /** Only if the seat still has this revision. */
  expect_rev?: number;
  /** For whom. */
  identity: Identity;
  /** Which. */
  seat: SeatIndex;
}

export type SeatCause = "taken" | "confirmed" | "reserved" | "released" | "left" | "kicked_off" | "locked" | "unlocked" | "muted" | "unmuted" | "member_muted" | "member_unmuted" | "mute_over" | "self_muted" | "self_unmuted" | "taken_over" | "interrupted" | "restored" | "lost" | "rank" | "moved" | "swapped" | "turn" | "turn_over" | (string & {});

/** A seat, its holder or its mutes changed. */
export interface SeatChangedEvent {
  type: "seat_changed";
  /** Who did it, if it was a person. */
  by?: Identity;
  /** How it came about. */
  cause: SeatCause;
  /** The other seat, when two changed in one step: the one that was left, or swapped with. */
  other?: Seat;
  /** The seat as it is now. */
  seat: Seat;
  /** Its number in the room's log. */
  seq: number;
}

/** Accept the seat that is kept for one. */
export interface SeatConfirmCommand {
  type: "seat_confirm";
  request_id: RequestId;
  /** Its number. */
  seat?: SeatIndex;
}

/** A seat is open. */
export interface SeatCueEvent {
  type: "seat_cue";
  /** Whether the recipient can have it. */
  can_join: CanJoin;
  /** Which. */
  index: SeatIndex;
  /** Why not, if not. */
  why?: CannotJoin;
}

/** Decline the seat that is kept for one. */
export interface SeatDeclineCommand {
  type: "seat_decline";
  request_id: RequestId;
  /** Its number. */
  seat?: SeatIndex;
}

/** The number of a seat. Seat 0 is the host seat. */
export type SeatIndex = number;

/** Send whoever holds a seat back to the audience. */
export interface SeatKickCommand {
  type: "seat_kick";
  request_id: RequestId;
  /** Act only if the seat still has this revision. */
  expect_rev?: number;
  /** Its number. */
  seat: SeatIndex;
}

/** Leave one's seat. */
export interface SeatLeaveCommand {
  type: "seat_leave";
  request_id: RequestId;
}

/** Lock a seat. */
export interface SeatLockCommand {
  type: "seat_lock";
  request_id: RequestId;
  /** Also when someone sits there. */
  evict?: boolean;
  /** Only if the seat still has this revision. */
  expect_rev?: number;
  /** Which. */
  seat: SeatIndex;
}

export type SeatMode = "free" | "apply" | "invite_only" | (string & {});

/** Move to an open seat, or move someone else there. */
export interface SeatMoveCommand {
  type: "seat_move";
  request_id: RequestId;
  /** Who moves, if not oneself. For hosts and cohosts. */
  identity?: Identity;
  /** The open seat. */
  seat: SeatIndex;
}

/** Mute a seat, whoever sits there. */
export interface SeatMuteCommand {
  type: "seat_mute";
  request_id: RequestId;
  /** Act only if the seat still has this revision. */
  expect_rev?: number;
  /** Its number. */
  seat: SeatIndex;
}

/** A seat is kept for the recipient, who confirms or declines. */
export interface SeatOfferEvent {
  type: "seat_offer";
  /** How long. */
  expires_in_ms: number;
  /** Which. */
  seat: SeatIndex;
  /** Why. */
  why: ReservedWhy;
}

export type SeatState = "open" | "locked" | "reserved" | "occupied" | (string & {});

/** Let the holders of two seats change places, or propose it. */
export interface SeatSwapCommand {
  type: "seat_swap";
  request_id: RequestId;
  /** One seat. */
  seat: SeatIndex;
  /** The other. */
  with: SeatIndex;
}

/** Take an open seat. */
export interface SeatTakeCommand {
  type: "seat_take";
  request_id: RequestId;
  /** Its number. */
  seat: SeatIndex;
}

/** Unlock a seat. */
export interface SeatUnlockCommand {
  type: "seat_unlock";
  request_id: RequestId;
  /** Act only if the seat still has this revision. */
  expect_rev?: number;
  /** Its number. */
  seat: SeatIndex;
}

/** Lift the mute of a seat. */
export interface SeatUnmuteCommand {
  type: "seat_unmute";
  request_id: RequestId;
  /** Act only if the seat still has this revision. */
  expect_rev?: number;
  /** Its number. */
  seat: SeatIndex;
}

/** The recipient's own state changed; this is the whole of it. */
export interface SelfChangedEvent {
  type: "self_changed";
  /** The state. */
  self: SelfState;
}

/** A participant's own state. */
export interface SelfState {
  /** May ever hold a seat. */
  can_publish: boolean;
  /** May send messages and reactions. */
  can_publish_data: boolean;
  /** Wants no invites and no assigned seats. */
  do_not_invite: boolean;
  /** Their raised hand. */
  hand?: OwnHand;
  /** How long they may raise no hand, after a denial. */
  hand_after_ms?: number;
  /** Muted by a host or cohost. */
  host_muted: boolean;
  /** The room, if it is offered to them. */
  host_offer?: HostOffer;
  /** Who. */
  identity: Identity;
  /** An invite that waits for their answer. */
  invite?: Invite;
  /** The name that others see. */
  name: string;
  /** A seat that waits for their word. */
  offer?: Offer;
  /** The rank. */
  rank: Rank;
  /** What others see. */
  role: Role;
  /** The seat that is theirs. */
  seat?: SeatIndex;
  /** How it is theirs. */
  seat_state?: OwnSeatState;
  /** Muted by themselves. */
  self_muted: boolean;
  /** The present session. */
  session: SessionId;
}

/** What the server says. */
export type ServerFrame = 
  | WelcomeFrame
  | ReplyFrame
  | ByeFrame
  | EventsFrame
  | SeatChangedEvent
  | SeatCueEvent
  | SeatOfferEvent
  | HandPositionEvent
  | HandChangedEvent
  | ParticipantJoinedEvent
  | ParticipantLeftEvent
  | RankChangedEvent
  | RoomUpdatedEvent
  | InviteEvent
  | InviteChangedEvent
  | BanChangedEvent
  | MuteChangedEvent
  | SwapProposedEvent
  | HostOfferEvent
  | HostOfferEndedEvent
  | TurnEndingEvent
  | LostSeatEvent
  | InterruptionEvent
  | ModerationEvent
  | MessageEvent
  | ReactionTallyEvent
  | AudienceEvent
  | SlotsEvent
  | SpeakersEvent
  | LatencyStateEvent
  | ConnectionQualityEvent
  | UnheardEvent
  | SelfChangedEvent;

/** A session began. */
export interface SessionBeganData {
  type: "session_began";
  /** Whose it is. */
  identity: Identity;
  /** Which. */
  session: SessionId;
}

export type SessionEnd = "left" | "lost" | "kicked" | "banned" | "duplicate" | "room_closed" | "refused" | (string & {});

/** A session is over. */
export interface SessionEndedData {
  type: "session_ended";
  /** Whose it was. */
  identity: Identity;
  /** Why. */
  reason: SessionEnd;
  /** Which. */
  session: SessionId;
}

/** Names one joined connection of a participant. */
export type SessionId = string;

/** One slot of a listener. */
export interface Slot {
  /** The id of that occupancy, as packets carry it. */
  csrc: number;
  /** Who sits there. */
  identity: Identity;
  /** The media section of one's own description. */
  mid: string;
  /** The seat it carries. */
  seat: SeatIndex;
}

/** Whom the recipient's slots carry; slots that carry nobody are left out. */
export interface SlotsEvent {
  type: "slots";
  /** The slots. */
  slots: Slot[];
}

/** Someone who speaks. */
export interface Speaker {
  /** Who. */
  identity: Identity;
  /** How loud, in dBov, -127 to 0. */
  level: number;
  /** Where. */
  seat: SeatIndex;
}

/** Who speaks, the loudest first. */
export interface SpeakersEvent {
  type: "speakers";
  /** The people. */
  speakers: Speaker[];
}

/** What the client measured. */
export interface StatsCommand {
  type: "stats";
  request_id: RequestId;
  /** Samples made up for lost ones, since the session began. */
  concealed?: number;
  /** What the microphone and the loudspeaker add, both together. */
  device_ms?: number;
  /** How long its jitter buffer holds audio. */
  jitter_buffer_ms?: number;
  /** From the start of the join to the first audio played. Once a session. */
  join_ms?: number;
  /** Packets that never came, since the session began. */
  lost?: number;
  /** Packets that came, since the session began. */
  received?: number;
  /** Round-trip time of the media path. */
  rtt_ms?: number;
}

/** Someone would change seats with the recipient, who agrees by asking for the same swap. */
export interface SwapProposedEvent {
  type: "swap_proposed";
  /** How long it stands. */
  expires_in_ms: number;
  /** Who. */
  from: Identity;
  /** Their seat. */
  seat: SeatIndex;
  /** The recipient's seat. */
  with: SeatIndex;
}

/** One kind of reaction. */
export interface Tally {
  /** How often. */
  count: number;
  /** Which. */
  kind: string;
}

/** Someone's turn is about to end. To them, and to hosts and cohosts. */
export interface TurnEndingEvent {
  type: "turn_ending";
  /** When it ends. */
  ends_in_ms: number;
  /** Who sits there. */
  identity: Identity;
  /** The seat. */
  seat: SeatIndex;
}

/** Nothing that someone on stage says is heard: the server drops all of it. Without `why` it is over. */
export interface UnheardEvent {
  type: "unheard";
  /** Who, if not the recipient: someone on stage, as hosts and cohosts are told. */
  identity?: Identity;
  /** Why. */
  why?: UnheardWhy;
}

export type UnheardWhy = "too_large" | "no_keys" | "rtp_malformed" | "srtp_auth" | "srtp_replayed" | "no_microphone" | "payload_type" | "ssrc" | "budget" | "stale" | "stray" | "protect" | (string & {});

/** The one phase that a client can ask for. */
export type WantedPhase = "live" | (string & {});

/** The answer to `join` and `resume`. */
export interface WelcomeFrame {
  type: "welcome";
  /** The command it answers. */
  request_id: RequestId;
  /** The answer to the offer, if there was one. */
  answer?: string;
  /** Whose it is. */
  identity: Identity;
  /** What a client should know of the limits. */
  limits: Limits;
  /** What the next `resume` is to show. Good once. */
  resume_token: string;
  /** True after a `resume`. */
  resumed?: boolean;
  /** The room; absent after a `resume` that can be told what it missed. */
  room?: Room;
  /** The recipient's own state. */
  self: SelfState;
  /** The session that begins or goes on. */
  session: SessionId;
}
