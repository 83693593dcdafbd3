/** Refusals by what a client does about them. The codes are the server's, but `offline` and `timeout`, which are one's own. */

/** Refusals that pass by themselves: the join is tried again. */
export const TEMPORARY = new Set(['offline', 'timeout', 'rate_limited', 'internal', 'node_full', 'latency_at_risk', 'draining', 'storage']);
/** Of these, those by which a server says that it has no room for more at present. */
export const BUSY = new Set(['node_full', 'latency_at_risk']);
/** Answers to a resume that mean: not this session any more, so join. */
export const STALE = new Set(['session_stale', 'unknown_type', 'invalid_argument', 'participant_not_found', 'token_expired', 'unauthenticated']);
/** Refusals of a room that is not open: one may wait for it. */
export const SHUT = new Set(['room_not_found', 'room_closed']);
/** Refusals of a token by which a fresh one may do better. */
export const RENEWABLE = new Set(['unauthenticated', 'token_expired']);
/** Faults that say nothing about what the server thinks. */
export const UNHEARD = new Set(['offline', 'timeout']);
