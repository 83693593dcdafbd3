/** News: what changed for oneself between two states, in words. Pure. */
import { ordinal, said, seatIn, t } from '../words.js';

/** `cause` is that of the last change of one's own seat, `own` the act one did oneself just before, if any. */
export function newsOfSelf(before, after, cause, own) {
  const was = before.self;
  const is = after.self;
  const news = [];
  const wasSeated = was.seat_state === 'occupied';
  const isSeated = is.seat_state === 'occupied';
  if (!wasSeated && isSeated) news.push(t(`news.on_stage_${muteOf(after)}`, { seat: seatIn(is.seat) }));
  else if (wasSeated && is.seat === undefined && own !== 'leave-seat') news.push(leftStage(cause));
  if (was.offer && !is.offer && !isSeated && own !== 'decline-seat') news.push(t('news.seat_gone'));
  if (!was.host_muted && is.host_muted) news.push(t('news.muted_by_host'));
  if (was.host_muted && !is.host_muted && isSeated) news.push(t('news.may_speak'));
  if (was.rank !== is.rank) news.push(said(`news.rank_${is.rank}`));
  return news.filter(Boolean);
}

/** For a page that comes back to a seat, as by a reload: where one sits, and that the microphone is off. */
export function newsOfReturn(state) {
  const { self } = state;
  return self.seat_state === 'occupied' ? t(`news.on_stage_${muteOf(state)}`, { seat: seatIn(self.seat) }) : null;
}

/** What keeps one's microphone shut, by the server's word: `host`, `seat`, `off`, or nothing: `on`. */
function muteOf({ self, room }) {
  if (self.host_muted) return 'host';
  if (room.seats[self.seat]?.muted_by_host) return 'seat';
  return self.self_muted ? 'off' : 'on';
}

function leftStage(cause) {
  return t({ lost: 'news.lost_seat', turn_over: 'news.turn_over', kicked_off: 'news.taken_off', locked: 'news.taken_off' }[cause] ?? 'news.off_stage');
}

/** What an event says to oneself, or to a host who waits for an answer; nothing for most. */
export function newsOfEvent(event, state, name) {
  const isMine = (identity) => identity === state.self.identity;
  switch (event.type) {
    case 'hand_changed':
      return isMine(event.hand.identity) && TOLD_HANDS.has(event.change) ? t(`hand.${event.change}`) : null;
    case 'invite_changed':
      if (isMine(event.invite.to)) return TOLD_INVITES.has(event.change) ? t(`invited.${event.change}`) : null;
      return isMine(event.by) ? null : said(`invite.${event.change}`, { to: event.invite.to_name ?? event.invite.to });
    case 'lost_seat':
      return event.position === undefined
        ? t('news.lost_seat_gone', { seat: seatIn(event.seat) })
        : t('news.lost_seat_queue', { seat: seatIn(event.seat), place: ordinal(event.position) });
    case 'host_offer_ended':
      return isMine(event.to) ? null : said(`outcome.${event.outcome}`, { to: name(event.to) });
    case 'turn_ending': {
      const seconds = Math.ceil(event.ends_in_ms / 1000);
      return isMine(event.identity) ? null : t('news.turn_ending_of', { name: name(event.identity), seconds });
    }
    default:
      return null;
  }
}

const TOLD_HANDS = new Set(['denied', 'cleared', 'expired', 'gone']);
const TOLD_INVITES = new Set(['expired', 'revoked']);
