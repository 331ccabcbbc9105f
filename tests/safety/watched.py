"""Loaded into a Python program (`PYTHONPATH` names a folder that has this as `sitecustomize.py`): every connection,
look-up and datagram is noted in the file that `WATCHED` names, and refused unless it stays on this machine."""

from __future__ import annotations

import os
import sys

NOTES = os.environ.get("WATCHED", "")
HERE = ("127.", "::1", "localhost")


def _noted(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" or event == "socket.sendto":
        target = arguments[1]
        host = str(target[0]) if isinstance(target, tuple) else ""  # not a tuple: a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = str(arguments[0])
    else:
        return
    kind = "here" if not host or host == "None" or host.startswith(HERE) else "ELSEWHERE"
    descriptor = os.open(NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{kind} {event} {host}\n".encode())
    os.close(descriptor)
    if kind == "ELSEWHERE":
        raise PermissionError(f"the network is denied: {event} {host}")


if NOTES:
    sys.addaudithook(_noted)
