/**
 * The story: a host speaks and is heard, a listener raises a hand, is approved, is heard, mutes and is not.
 *
 *   node story.mjs SERVER ROOM HOST_TOKEN LISTENER_TOKEN BYSTANDER_TOKEN
 *
 * One line of JSON a step on standard output; whoever started this judges them. A step that does not come within its time
 * ends the process with 1 and the reason on standard error.
 */
import { Participant } from './participant.mjs';

const [server, room, ...tokens] = process.argv.slice(2);
const [host, listener, bystander] = [440, 660, 880].map((hz, index) => new Participant({ server, room, token: tokens[index], hz }));
const TONES = [host.hz, listener.hz, bystander.hz];

const startedAt = performance.now();
const tell = (step, found) => console.log(JSON.stringify({ step, at_ms: Math.round(performance.now() - startedAt), ...found }));

async function joined(who) {
  await who.join();
  const { rank, role, seat } = who.self;
  tell('joined', { identity: who.identity, rank, role, seat });
}

async function heard(who, ...wanted) {
  await who.hears(wanted, TONES);
  tell('heard', { by: who.identity, hz: who.ear.hears(TONES), level_dbfs: who.ear.level() });
}

async function onStage(who) {
  await who.until('a seat of its own', () => who.self.seat_state === 'occupied');
  const { role, seat, self_muted } = who.self;
  tell('seated', { identity: who.identity, role, seat, self_muted });
}

async function mutes(who, muted) {
  await who.room.mute(muted);
  tell(muted ? 'muted' : 'unmuted', { identity: who.identity, self_muted: who.self.self_muted });
}

async function tellStory() {
  for (const who of [host, listener, bystander]) await joined(who);
  for (const who of [host, listener, bystander]) await heard(who);

  await host.room.takeSeat(0);
  await onStage(host);
  await heard(listener, host.hz);
  await heard(bystander, host.hz);

  await listener.room.raiseHand();
  await listener.until('its hand', () => listener.self.hand);
  await host.until('the hand in the queue', () => host.room.state.room.hand_queue.length === 1);
  tell('hand_raised', { position: listener.self.hand.position, seen: host.room.state.room.hand_queue.map(({ identity }) => identity) });
  await heard(host);

  await host.room.approveHand(listener.identity);
  await onStage(listener);
  await heard(host, listener.hz);
  await heard(listener, host.hz);
  await heard(bystander, host.hz, listener.hz);

  await mutes(listener, true);
  await heard(host);
  await heard(bystander, host.hz);
  await mutes(listener, false);
  await heard(host, listener.hz);

  await host.room.muteMember(listener.identity);
  await listener.until('the host has muted it', () => listener.self.host_muted);
  tell('muted_by_host', { identity: listener.identity, self_muted: listener.self.self_muted });
  await heard(host);

  await listener.close();
  await host.until('the seat is open again', () => host.room.state.room.seats.every(({ identity }) => identity !== listener.identity));
  tell('left', { identity: listener.identity, phase: listener.room.phase, reason: listener.room.end.reason });
  await host.close();
  await bystander.close();
}

// A native module may hold the process open; the story's end is the process's.
tellStory().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
