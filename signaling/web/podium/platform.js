/**
 * A platform is what a client needs of its surroundings: a page has it all, a test or a program brings its own.
 *
 *   RTCPeerConnection, WebSocket       the classes
 *   getUserMedia(constraints)          resolves to a stream with an audio track
 *   onNetworkChange(act)               optional: calls `act('online' | 'changed')`; returns what ends that
 */
export function platformOf(given = {}) {
  return {
    RTCPeerConnection: given.RTCPeerConnection ?? globalThis.RTCPeerConnection,
    WebSocket: given.WebSocket ?? globalThis.WebSocket,
    getUserMedia: given.getUserMedia ?? browserMicrophone(),
    onNetworkChange: given.onNetworkChange ?? watchNetwork,
  };
}

function browserMicrophone() {
  const devices = globalThis.navigator?.mediaDevices;
  return devices?.getUserMedia ? (constraints) => devices.getUserMedia(constraints) : undefined;
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
