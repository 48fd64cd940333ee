"""What stands between everybody and the object store hands on every byte, in both directions, and outlives its target."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.forward import connect


async def exchange(sent: bytes, answer: bytes, *, is_there: bool = True) -> tuple[bytes, bytes]:
    """What a server got through the forwarder, and what the client got back; the client closes its side when it is done."""
    got = b""

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal got
        got = await reader.read()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if not is_there:
        server.close()
        await server.wait_closed()
    forwarder = await asyncio.start_server(lambda *streams: connect(target, *streams), "127.0.0.1", 0)
    async with forwarder:
        reader, writer = await asyncio.open_connection(*forwarder.sockets[0].getsockname())
        writer.write(sent)
        writer.write_eof()
        back = await asyncio.wait_for(reader.read(), timeout=20)
        writer.close()
    server.close()
    return got, back


@settings(max_examples=20)
@given(st.binary(max_size=64), st.binary(max_size=64), st.integers(1, 40_000), st.integers(1, 40_000))
def test_every_byte_arrives_both_ways(one: bytes, other: bytes, often: int, back_often: int) -> None:
    """More than any buffer holds, too, and an answer that begins when the question has ended."""
    sent, answer = one * often, other * back_often
    assert asyncio.run(exchange(sent, answer)) == (sent, answer)


def test_a_store_that_is_not_there_closes_the_connection() -> None:
    """The client gets an error at once and tries again; it does not wait."""
    assert asyncio.run(exchange(b"", b"", is_there=False)) == (b"", b"")


def test_a_client_that_is_gone_is_gone_for_the_store_too() -> None:
    """A reset, as of a worker that was killed, leaves no connection behind."""

    async def story() -> bytes:
        over: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            over.set_result(await reader.read())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        forwarder = await asyncio.start_server(lambda *streams: connect(target, *streams), "127.0.0.1", 0)
        async with server, forwarder:
            _, writer = await asyncio.open_connection(*forwarder.sockets[0].getsockname())
            writer.write(b"half a question")
            await writer.drain()
            # No time to linger: TCP says reset, not end.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return await asyncio.wait_for(over, timeout=20)

    assert b"half a question".startswith(asyncio.run(story()))
