/**
 * Figures are what a browser's statistics say of one audio path: how long the way is, how long sound is held, what was lost.
 *
 * Pure: statistics go in, plain numbers come out. What a browser does not tell is null. Sums grow over a session; delays and loss are
 * those of the time between two readings, or they would only tell how it once was.
 */

/** The sums of one reading. `capture_s`: what the microphone's driver says it adds, if it is asked at all. */
export function sumsOf(stats, capture_s = null) {
  const report = [...stats.values()];
  const inbound = report.filter(isAudio('inbound-rtp'));
  const sent = report.find(isAudio('outbound-rtp'));
  const pairId = report.find((one) => one.type === 'transport')?.selectedCandidatePairId;
  const pair = report.find((one) => (pairId ? one.id === pairId : one.type === 'candidate-pair' && one.nominated));
  const playout = report.filter((one) => one.type === 'media-playout');
  const source = report.find(isAudio('media-source'));
  return {
    received: count(sum(inbound, 'packetsReceived')),
    lost: count(sum(inbound, 'packetsLost')),
    concealed: count(sum(inbound, 'concealedSamples') - sum(inbound, 'silentConcealedSamples')),
    sent: count(sent?.packetsSent),
    arrived: count((pair?.bytesReceived ?? 0) + (pair?.responsesReceived ?? 0)),
    rtt_s: pair?.currentRoundTripTime ?? null,
    held: mean(sum(inbound, 'jitterBufferDelay'), sum(inbound, 'jitterBufferEmittedCount')),
    played: mean(sum(playout, 'totalPlayoutDelay'), sum(playout, 'totalSamplesCount')),
    captured: mean(source?.totalCaptureDelay, source?.totalSamplesCaptured),
    capture_s,
    slots: inbound.map((one) => ({
      mid: one.mid, received: one.packetsReceived, level: one.audioLevel ?? 0, energy: one.totalAudioEnergy ?? 0,
    })),
  };
}

/** What holds between two readings; `output_ms`: what the loudspeaker adds, where the statistics do not say. */
export function figuresOf(sums, since = null, output_ms = null) {
  const lost = Math.max(0, sums.lost - (since?.lost ?? 0));
  const expected = Math.max(0, sums.received - (since?.received ?? 0)) + lost;
  const output = between(sums.played, since?.played) ?? output_ms;
  const input = between(sums.captured, since?.captured) ?? milliseconds(sums.capture_s);
  return {
    rtt_ms: milliseconds(sums.rtt_s),
    jitter_buffer_ms: between(sums.held, since?.held),
    device_ms: output === null ? null : output + (input ?? output), // told as one: where the microphone's part is unknown it counts as much again
    loss: expected > 0 ? lost / expected : null,
    received: sums.received,
    lost: sums.lost,
    concealed: sums.concealed,
    sent: sums.sent,
    arrived: sums.arrived,
    slots: sums.slots,
  };
}

/** A time that can be told to the server, in tenths of a millisecond, or nothing: no clock gone wild may spoil what others see. */
export function tellable(ms) {
  return isTime(ms) ? Math.round(ms * 10) / 10 : undefined;
}

const isAudio = (type) => (one) => one.type === type && (one.kind ?? 'audio') === 'audio';
const sum = (list, name) => list.reduce((total, one) => total + (one[name] ?? 0), 0);
const count = (value) => (Number.isFinite(value) ? Math.max(0, Math.round(value)) : 0);
const mean = (total_s, times) => ({ total_s: total_s ?? 0, times: times ?? 0 });
const isTime = (ms) => Number.isFinite(ms) && ms >= 0 && ms <= TIME_MAX_MS;

function milliseconds(seconds) {
  const ms = seconds === null || seconds === undefined ? NaN : seconds * 1000;
  return isTime(ms) ? ms : null;
}

/** The mean of what came since then. A browser that starts to count anew has nothing to say of the time between. */
function between(now, then = { total_s: 0, times: 0 }) {
  const times = now.times - then.times;
  return times > 0 ? milliseconds((now.total_s - then.total_s) / times) : null;
}

const TIME_MAX_MS = 60_000; // the server takes no more for true
