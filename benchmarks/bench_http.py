"""An HTTP stage against a server that takes 50 ms, 64 requests at once."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
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


def main() -> None:
    """The best of three, the server in another process as it is in life."""
    import subprocess

    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        stage = http_stage(
            {}, "model", f"http://127.0.0.1:{server.stdout.readline().strip()}/", concurrency=AT_ONCE
        )
        text = "A passage of a context as long as they are. " * 60
        givens = [Given(f"question {i}", Query(f"question {i}"), (), Context(text)) for i in range(ASKED)]
        stage.batch(givens[:AT_ONCE])
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            stage.batch(givens)
            taken.append(time.perf_counter() - started)
        server.kill()
    ideal = ASKED / AT_ONCE * SERVED_S
    note = f"{ASKED / min(taken):.0f} requests a second of {AT_ONCE / SERVED_S:.0f}, best of 3"
    tell(
        Figure(
            "HTTP stage, 64 at once, 50 ms server", "ideal throughput", ideal / min(taken), 0.85, ">=", note
        )
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        print(_server(), flush=True)
        threading.Event().wait()
    main()
