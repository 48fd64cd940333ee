"""Hands connections on, one port to one address: `python forward.py 0.0.0.0:8333 seaweedfs:8334`. Runs until it is ended.

In docker-compose.yaml other services reach SeaweedFS only through it: SeaweedFS' ports beside S3's need no key.
"""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

_AT_ONCE = 1024 * 1024


async def hand_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Bytes as they come, and their end."""
    with suppress(ConnectionError):
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
    # Also after a reset: the other side is not to wait for more.
    with suppress(OSError):
        writer.write_eof()


async def connect(target: str, reader: StreamReader, writer: StreamWriter) -> None:
    """One connection, both ways; the name is looked up anew for each. Without an answer it is closed."""
    host, port = target.rsplit(":", 1)
    try:
        upstream, back = await asyncio.open_connection(host, int(port))
    except OSError as error:
        print(f"{target} does not answer: {error}", file=sys.stderr, flush=True)
        writer.close()
        return
    try:
        await asyncio.gather(hand_on(reader, back), hand_on(upstream, writer))
    finally:
        back.close()
        writer.close()


async def main(listen: str, target: str) -> None:
    """Serve until ended."""
    host, port = listen.rsplit(":", 1)
    server = await asyncio.start_server(lambda *streams: connect(target, *streams), host, int(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
