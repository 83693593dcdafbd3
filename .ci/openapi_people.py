"""People who are in a room while its HTTP API is tried: they raise hands, take what they are offered, and come back when they are put out.

python3 openapi_people.py PORT PODIUM CONFIGURATION ROOM IDENTITY... with PODIUM_TOKEN, an administrator's, in the environment
"""

import asyncio
import base64
import json
import os
import sys

PAUSE_S = 1.0
AGAIN_S = 0.5


async def person(port, mint, room, identity):
    while True:
        try:
            await pardon(port, room, identity)
            await visit(port, await mint(identity), room)
        except (OSError, EOFError):
            pass
        await asyncio.sleep(PAUSE_S)


async def pardon(port, room, identity):
    """Whoever was banned comes back as well."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"DELETE /v1/rooms/{room}/bans/{identity} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close",
            f"Authorization: Bearer {os.environ['PODIUM_TOKEN']}", "", ""]
    writer.write("\r\n".join(head).encode())
    await reader.read()
    writer.close()


async def visit(port, token, room):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        head = [f"GET /v1/rooms/{room}/session HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", f"Authorization: Bearer {token}", "", ""]
        writer.write("\r\n".join(head).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n")[0]:
            return
        say(writer, {"type": "join"})
        wishing = asyncio.create_task(wish(writer))
        try:
            await listen(reader, writer)
        finally:
            wishing.cancel()
    finally:
        writer.close()


async def wish(writer):
    while True:
        await asyncio.sleep(AGAIN_S)
        say(writer, {"type": "hand_raise", "mic_ready": True})


async def listen(reader, writer):
    while True:
        kind, payload = await frame(reader)
        if kind == CLOSE:
            return
        if kind == PING:
            write(writer, PONG, payload)
        elif kind == TEXT and b'"seat_offer"' in payload:
            say(writer, {"type": "seat_confirm"})


async def frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    return first & 0x0F, await reader.readexactly(length)


def say(writer, command):
    command["request_id"] = base64.b32encode(os.urandom(10)).decode()
    write(writer, TEXT, json.dumps(command).encode())


def write(writer, kind, payload):
    """A frame shorter than 126 bytes, under a mask that changes nothing."""
    assert len(payload) < 126
    writer.write(bytes([0x80 | kind, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


async def main(port, podium, configuration, room, *identities):
    async def mint(identity):
        arguments = ["--config", configuration, "token", "--room", room, "--identity", identity]
        minting = await asyncio.create_subprocess_exec(podium, *arguments, stdout=asyncio.subprocess.PIPE)
        return (await minting.communicate())[0].decode().strip()

    await asyncio.gather(*(person(int(port), mint, room, identity) for identity in identities))


TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

asyncio.run(main(*sys.argv[1:]))
