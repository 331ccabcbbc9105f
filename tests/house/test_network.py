"""Tests run without a network: the guard in conftest.py works."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import NetworkUsed

ELSEWHERE = ("192.0.2.1", 80)
"""An address that RFC 5737 keeps for documents: nobody answers there."""


def test_another_machine_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(NetworkUsed, match=r"192\.0\.2\.1:80"):
        connection.connect(ELSEWHERE)


def test_this_machine_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
