"""One participant's media on aiortc: a microphone that hums, slots that listen. Whoever started this does the signaling.

    participant.py HZ SLOTS FIRST

FIRST is what the offer begins with: nothing, video, data or pcmu. JSON objects go by lines. Out: {"offer": …}, {"state": …} whenever
the connection changes, {"heard": [hz, …]}. In: {"answer": …}, {"listen": [hz, …]}. It ends with its standard input.
"""

import array
import asyncio
import fractions
import json
import math
import sys
import time

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from av import AudioFrame

RATE = 48_000
FRAME_SAMPLES = 960
AMPLITUDE = 9_000  # of 32,767: loud, and far from clipping
WINDOW_S = 0.5
AUDIBLE = 1e-5  # -50 dBFS
SHARE = 0.5  # of all power; a lone tone has nearly all of it


class Microphone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz = hz
        self.sent = 0
        self.started_at = time.monotonic()

    async def recv(self):
        due_at = self.started_at + self.sent * FRAME_SAMPLES / RATE
        await asyncio.sleep(max(0, due_at - time.monotonic()))
        turn = 2 * math.pi * self.hz / RATE
        first = self.sent * FRAME_SAMPLES
        samples = array.array("h", (round(AMPLITUDE * math.sin(turn * (first + n))) for n in range(FRAME_SAMPLES)))
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = RATE
        frame.pts = first
        frame.time_base = fractions.Fraction(1, RATE)
        self.sent += 1
        return frame


class Ear:
    """The last half second of each slot."""

    def __init__(self):
        self.slots = {}

    async def listen(self, track):
        slot = self.slots[track.id] = {"samples": array.array("h"), "at": 0.0}
        while True:
            frame = await track.recv()
            channels = len(frame.layout.channels)
            pcm = array.array("h", bytes(frame.planes[0])[: 2 * channels * frame.samples])
            slot["samples"] = (slot["samples"] + pcm[::channels])[-int(RATE * WINDOW_S) :]
            slot["at"] = time.monotonic()

    def hears(self, tones):
        flowing = [slot["samples"] for slot in self.slots.values() if time.monotonic() - slot["at"] < WINDOW_S]
        return [hz for hz in tones if any(is_tone(samples, hz) for samples in flowing)]


def is_tone(samples, hz):
    """Goertzel: the share of one frequency in all of the power."""
    scaled = [sample / 32_768 for sample in samples]
    power = sum(sample * sample for sample in scaled) / max(1, len(scaled))
    factor = 2 * math.cos(2 * math.pi * hz / RATE)
    last = before = 0.0
    for sample in scaled:
        last, before = sample + factor * last - before, last
    square = last * last + before * before - factor * last * before
    return power > AUDIBLE and 2 * square / len(scaled) ** 2 / power > SHARE


def say(what):
    print(json.dumps(what), flush=True)


async def main(hz, slots, first):
    # No server for candidates: nothing leaves this machine.
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    ear = Ear()
    listening = []
    peer.on("track", lambda track: listening.append(asyncio.ensure_future(ear.listen(track))))
    peer.on("connectionstatechange", lambda: say({"state": peer.connectionState}))
    if first == "video":
        peer.addTransceiver("video", "recvonly")
    if first == "data":
        peer.createDataChannel("chat")
        await peer.setLocalDescription(await peer.createOffer())
    if first == "pcmu":
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        peer.addTransceiver("audio").setCodecPreferences([codec for codec in codecs if codec.mimeType == "audio/PCMU"])
    peer.addTransceiver(Microphone(hz), "sendonly")
    for _ in range(slots):
        peer.addTransceiver("audio", "recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    say({"offer": peer.localDescription.sdp})

    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = json.loads(line)
        if "answer" in asked:
            await peer.setRemoteDescription(RTCSessionDescription(asked["answer"], "answer"))
        if "listen" in asked:
            say({"heard": ear.hears(asked["listen"])})
    for task in listening:
        task.cancel()
    await peer.close()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
