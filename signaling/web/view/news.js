/** News: what changed for oneself between two states, in words. Pure. */
import { NEWS } from '../words.js';

/** `cause` is that of the last change of one's own seat, `own` the act one did oneself just before, if any. */
export function newsOfSelf(before, after, cause, own) {
  const was = before.self;
  const is = after.self;
  const news = [];
  const wasSeated = was.seat_state === 'occupied';
  const isSeated = is.seat_state === 'occupied';
  if (!wasSeated && isSeated) news.push(NEWS.onStage(is.seat, !is.self_muted && !is.host_muted));
  else if (wasSeated && is.seat === undefined && own !== 'leave-seat') news.push(leftStage(cause));
  if (was.offer && !is.offer && !isSeated && own !== 'decline-seat') news.push(NEWS.seatGone);
  if (!was.host_muted && is.host_muted) news.push(NEWS.mutedByHost);
  if (was.host_muted && !is.host_muted && isSeated) news.push(NEWS.maySpeak);
  return news;
}

function leftStage(cause) {
  if (cause === 'lost') return NEWS.lostSeat;
  return cause === 'kicked_off' || cause === 'locked' ? NEWS.takenOff : NEWS.offStage;
}
