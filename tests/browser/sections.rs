//! Offers whose first section is none that the server can use, with `bundlePolicy: "max-bundle"`: a browser applies the answer and connects.

use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::{LISTENER_HZ, PHONE, serve};

/// What an offer begins with, before its microphone and its slot.
pub(super) const FIRST: [&str; 5] = ["video", "data", "pcmu", "video and data", "nothing"];

/// Joins the room `args[0]` by a connection of the page's own, and returns the state that it comes to. Then ICE is restarted, which must succeed too.
pub(super) const JOIN: &str = "
    const [room, first] = args;
    const body = JSON.stringify({ room, rank: 'member', identity: `first-${first.replaceAll(' ', '-')}` });
    const answer = await fetch('/dev/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { token } = await answer.json();
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    if (first === 'data') {
      peer.createDataChannel('chat');
      await peer.setLocalDescription(await peer.createOffer()); // later sections come after it
    }
    if (first === 'pcmu') {
      const { codecs } = RTCRtpReceiver.getCapabilities('audio');
      const { mimeType } = codecs.find(({ mimeType: type }) => type.endsWith('/PCMU'));
      peer.addTransceiver('audio').setCodecPreferences(codecs.filter(({ mimeType: type }) => type === mimeType));
    }
    if (first.includes('video')) peer.addTransceiver('video', { direction: 'recvonly' });
    if (first === 'video and data') {
      peer.addTransceiver('video', { direction: 'sendonly' });
      peer.createDataChannel('chat');
    }
    peer.addTransceiver('audio', { direction: 'sendonly' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    await peer.setLocalDescription(await peer.createOffer());
    const kinds = [...peer.localDescription.sdp.matchAll(/^m=(.*)$/gm)].map(([, line]) => line);
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/v1/rooms/${room}/session`, ['podium.v1', `bearer.${token}`]);
    await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
    const replies = new Map();
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === 'welcome') replies.get('join')?.(frame);
      if (frame.type === 'reply') replies.get(frame.request_id)?.(frame);
    };
    const ask = (id, frame) => new Promise((resolve, reject) => {
      replies.set(id, (reply) => (reply.error ? reject(new Error(JSON.stringify(reply.error))) : resolve(reply)));
      socket.send(JSON.stringify({ request_id: id, ...frame }));
    });
    const welcome = await ask('join', { type: 'join', offer: peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: 'answer', sdp: welcome.answer });
    const connected = async () => {
      for (let n = 0; n < 300 && !(peer.connectionState === 'connected' && ['connected', 'completed'].includes(peer.iceConnectionState)); n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return peer.connectionState;
    };
    const state = await connected();
    if (state !== 'connected') return `${state}, ICE ${peer.iceConnectionState}, ${kinds}: ${welcome.answer}`;
    const again = await peer.createOffer({ iceRestart: true });
    await peer.setLocalDescription(again);
    const { ok } = await ask('again', { type: 'ice_restart', offer: peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: 'answer', sdp: ok.answer });
    const after = await connected();
    socket.close();
    peer.close();
    return after;";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_applies_the_answer_whatever_section_its_offer_begins_with() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let browser = Browser::open(&programs, "sections", &tone_file(LISTENER_HZ), PHONE).await;
    browser.go(&server.links().unwrap().listener).await;
    for first in FIRST {
        let state = browser.run_async(JOIN, json!(["demo", first])).await;
        assert_eq!(state, json!("connected"), "{first}");
    }
    server.stop().await;
}
