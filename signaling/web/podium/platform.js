/**
 * A platform is what a client needs of its surroundings: a page has it all, a test or a program brings its own.
 *
 *   RTCPeerConnection, WebSocket       the classes
 *   getUserMedia(constraints)          resolves to a stream with an audio track
 *   outputLatency()                    optional: resolves to the milliseconds from a sample to the ear, or null where nobody knows
 *   onNetworkChange(act)               optional: calls `act('online' | 'changed')`; returns what ends that
 */
export function platformOf(given = {}) {
  return {
    RTCPeerConnection: given.RTCPeerConnection ?? globalThis.RTCPeerConnection,
    WebSocket: given.WebSocket ?? globalThis.WebSocket,
    getUserMedia: given.getUserMedia ?? browserMicrophone(),
    outputLatency: given.outputLatency ?? browserOutput(),
    onNetworkChange: given.onNetworkChange ?? watchNetwork,
  };
}

function browserMicrophone() {
  const devices = globalThis.navigator?.mediaDevices;
  return devices?.getUserMedia ? (constraints) => devices.getUserMedia(constraints) : undefined;
}

/** An audio context knows the loudspeaker once it runs; it is asked once and let go. */
function browserOutput() {
  const { AudioContext } = globalThis;
  if (!AudioContext) return undefined;
  return async () => {
    const context = new AudioContext({ latencyHint: 'interactive' });
    try {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const { state, baseLatency = 0, outputLatency = 0 } = context;
      return state === 'running' && baseLatency + outputLatency > 0 ? (baseLatency + outputLatency) * 1000 : null;
    } finally {
      await context.close();
    }
  };
}

function watchNetwork(act) {
  const online = () => act('online');
  const changed = () => act('changed');
  const connection = globalThis.navigator?.connection;
  globalThis.addEventListener?.('online', online);
  connection?.addEventListener?.('change', changed);
  return () => {
    globalThis.removeEventListener?.('online', online);
    connection?.removeEventListener?.('change', changed);
  };
}

const SETTLE_MS = 500;
