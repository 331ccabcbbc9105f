"""An HTTP stage against a server that takes 50 ms, 64 requests at once."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import msgspec
from figures import Figure, tell

from diagnose.core.artifact import Context, Query
from diagnose.core.stage import Given
from diagnose.stages.http import http_stage

AT_ONCE, SERVED_S, ASKED = 64, 0.05, 64 * 24
REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"text": "ok"}'


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
            await asyncio.sleep(SERVED_S)
            writer.write(REPLY)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _server() -> int:
    """A port that is served from a thread of its own."""
    loop, port = asyncio.new_event_loop(), asyncio.run_coroutine_threadsafe

    threading.Thread(target=loop.run_forever, daemon=True).start()
    made = port(asyncio.start_server(_serve, "127.0.0.1", 0, backlog=512), loop).result()
    return int(made.sockets[0].getsockname()[1])


async def _bare(port: int, body: bytes) -> float:
    """Seconds that a bare client takes for the same requests: no parsing, no errors, no JSON. What this server and
    machine are good for at this moment."""
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    left = iter(range(ASKED))

    async def hand() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(head + body)
            await reader.readexactly(len(REPLY))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(hand() for _ in range(AT_ONCE)))
    return time.perf_counter() - started


def main() -> None:
    """The best of five, bare client and ours in turn, the server in another process as it is in life."""
    import subprocess

    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        port = int(server.stdout.readline())
        stage = http_stage({}, "model", f"http://127.0.0.1:{port}/", concurrency=AT_ONCE)
        text = "A passage of a context as long as they are. " * 60
        givens = [Given(f"question {i}", Query(f"question {i}"), (), Context(text)) for i in range(ASKED)]
        body = msgspec.json.encode(stage._body(givens[0], None))
        stage.batch(givens[:AT_ONCE])
        taken, bare, cpu = [], [], []
        for _ in range(5):
            bare.append(asyncio.run(_bare(port, body)))
            began, started = time.process_time(), time.perf_counter()
            stage.batch(givens)
            taken.append(time.perf_counter() - started)
            cpu.append(time.process_time() - began)
        server.kill()
    what, ideal = f"HTTP stage, {AT_ONCE} at once, 50 ms server", ASKED / AT_ONCE * SERVED_S
    note = f"{ASKED / min(taken):.0f} requests a second of {AT_ONCE / SERVED_S:.0f}, best of 5; "
    note += f"{1000 * min(cpu) / ASKED:.2f} ms of CPU a request; "
    note += f"a bare socket client gets {ASKED / min(bare):.0f} out of the server, {ideal / min(bare):.3f} of ideal"
    tell(Figure(what, "ideal throughput", ideal / min(taken), 0.85, ">=", note))
    tell(
        Figure(what, "a bare socket client", min(bare) / min(taken), None, ">=", "what is lost in the client")
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        print(_server(), flush=True)
        threading.Event().wait()
    main()
