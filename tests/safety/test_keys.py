"""A key in the environment reaches the endpoint it is for, and nothing that is shown, kept or written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from diagnose.core.stage import Role
from tests.cli.desks import command, made, refused, started
from tests.planted.desk import WORST_FIRST
from tests.stages.local_server import LocalServer, Reply, json_reply, local_server, reply

KEY = "sk-planted-4f9c27a1b03d"
OTHER = "planted-password-77"
MODEL = 'use = "openai-chat"\nbase_url = "{url}"\nmodel = "small"\nretries = 0\ndeterministic = true'
RAISES = """
import os

def leaks(query, context):
    raise RuntimeError("no access with " + os.environ["DB_PASSWORD"])

def answers_with_it(query, context):
    return "It says " + os.environ["DB_PASSWORD"] + " here."
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


def quoting(server: LocalServer, status: int = 200, every: int = 1) -> None:
    """Answers that quote the key which the request came with, in every place there is."""

    def take(path: str, headers: dict[str, str], body: Any) -> Reply:
        assert headers["authorization"] == f"Bearer {KEY}", "the key has arrived"
        server.asked.append((path, headers, body))
        said = {"error": f"bad key {KEY}", "choices": [{"message": {"content": f"You sent {KEY}."}}]}
        return json_reply(said, status if len(server.asked) % every == 0 else 200, x_key=KEY)

    server.take = take  # type: ignore[method-assign]


def artefacts(*folders: Path) -> dict[str, bytes]:
    """Every file below the folders, and each value of a memo once more as it is read."""
    found = {str(p): p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}
    for name in [name for name in found if name.endswith("memo.sqlite")]:
        with closing(sqlite3.connect(name)) as db:
            rows = db.execute("SELECT key, output FROM runs").fetchall()
        assert rows
        found[f"{name} rows"] = repr(rows).encode()
    return found


def told(*arguments: object, environment: dict[str, str]) -> bytes:
    """What a command says, on both streams."""
    process = started(*arguments, **environment)  # type: ignore[arg-type]
    return b"\n".join(process.communicate(timeout=120))


@pytest.mark.parametrize("status, every", [(200, 1), (401, 1), (401, 3), (500, 2)])
@pytest.mark.parametrize("from_file", [False, True])
def test_a_key_is_in_no_artefact(
    server: LocalServer, tmp_path: Path, status: int, every: int, from_file: bool
) -> None:
    quoting(server, status, every)
    desk = tmp_path / "desk"
    pipeline = made(desk, {"model": MODEL.format(url=server.url)}, most=6)
    (tmp_path / "keyfile").write_text(KEY + "\n")
    cache = tmp_path / "cache"
    environment = {"DIAGNOSE_CACHE_DIR": str(cache), "COLUMNS": "300"}
    environment |= (
        {"OPENAI_API_KEY_FILE": str(tmp_path / "keyfile")} if from_file else {"OPENAI_API_KEY": KEY}
    )
    log, out = tmp_path / "made" / "traces.jsonl", tmp_path / "made" / "out"
    log.parent.mkdir()
    asked = ("record", desk / "queries.jsonl", "-p", pipeline, "--debug")
    said = told(*asked, "-o", log, "--no-timing", environment=environment)
    if log.exists():
        said += told("run", log, "-p", pipeline, "-o", out, "--debug", environment=environment)
        said += told("show", out, "q01", environment=environment)
    assert server.asked
    for name, body in {**artefacts(cache, log.parent), "both streams": said}.items():
        assert KEY.encode() not in body, name
    if status == 200:
        assert b"You sent [key]." in log.read_bytes()
        assert (out / "report.json").exists()


def test_a_key_is_in_no_artefact_of_the_other_commands(server: LocalServer, tmp_path: Path) -> None:
    quoting(server)
    desk = tmp_path / "desk"
    pipeline = made(desk, {"model": MODEL.format(url=server.url)}, most=11)
    (desk / "other.toml").write_text(pipeline.read_text().replace("small", "smaller"))
    place = tmp_path / "made"
    place.mkdir()
    environment = {"DIAGNOSE_CACHE_DIR": str(tmp_path / "cache"), "OPENAI_API_KEY": KEY, "COLUMNS": "300"}
    log, out, sweep = place / "traces.jsonl", place / "out", ("--sweep", "stages.packer.budget_tokens=40,80")
    swaps = [part for suffix in ("json", "md", "html") for part in ("-o", place / f"swaps.{suffix}")]
    gates = [
        part for suffix in ("json", "md", "html", "xml", "sarif") for part in ("-o", place / f"g.{suffix}")
    ]
    said = b""
    for line in (
        ("record", desk / "queries.jsonl", "-p", pipeline, "-o", log, "--no-timing"),
        ("check", log),
        ("convert", log, "-o", place / "again.jsonl"),
        ("run", log, "-p", pipeline, "-o", out, *sweep),
        ("attribute", out / "games.jsonl", "-o", place / "attributed"),
        ("budget", log, "-p", pipeline, "-o", place / "budget", *sweep),
        ("compare", pipeline, desk / "other.toml", "--traces", log, *swaps),
        ("compare", out, out, "-o", place / "same.html"),
        ("trust", log, "-p", pipeline, "--fault", "lose-gold", "--attach", out),
        ("gate", out, "--baseline", out, *gates),
        ("annotate", out, "--to", place / "annotations.jsonl"),
        ("show", out, "-o", place / "failures.csv"),
        ("show", out, "q01"),
    ):
        said += told(*line, environment=environment)
    assert b"Traceback" not in said
    found = artefacts(tmp_path / "cache", place)
    assert len(found) > 25
    for name, body in {**found, "both streams": said}.items():
        assert KEY.encode() not in body, name


@pytest.mark.parametrize("function", ["leaks", "answers_with_it"])
def test_what_a_stage_of_the_users_lets_slip_is_taken_out(tmp_path: Path, function: str) -> None:
    desk = tmp_path / "desk"
    tables: dict[Role, str] = {**WORST_FIRST, "model": 'use = "own:read"\ndeterministic = true'}
    pipeline = made(desk, tables, RAISES, most=3)
    environment = {"DIAGNOSE_CACHE_DIR": str(tmp_path / "cache"), "DB_PASSWORD": OTHER}
    log, out = tmp_path / "made" / "traces.jsonl", tmp_path / "made" / "out"
    log.parent.mkdir()
    told("record", desk / "queries.jsonl", "-p", pipeline, "-o", log, "--no-timing", environment=environment)
    pipeline.write_text(pipeline.read_text().replace("own:read", f"own:{function}"))
    arguments = ("run", log, "-p", pipeline, "-o", out, "--debug", "--fidelity-floor", 0.0)
    said = told(*arguments, environment=environment)
    said += told("record", desk / "queries.jsonl", "-p", pipeline, environment=environment)
    found = {**artefacts(tmp_path / "cache", log.parent), "both streams": said}
    assert b"[key]" in said
    if function == "leaks":
        assert b"no access with [key]" in found[str(out / "blame.jsonl")]
    for name, body in found.items():
        assert OTHER.encode() not in body, name


@pytest.mark.parametrize("name", ["api_key", "token", "password", "client_secret", "secret_key"])
def test_a_pipeline_file_holds_no_key(tmp_path: Path, name: str) -> None:
    pipeline = made(tmp_path / "desk", {"model": f'use = "own:read"\n{name} = "{KEY}"'}, most=1)
    done = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline)
    refused(done, 2, f"[stages.model] {name}: a pipeline file holds no keys", "key_env")
    assert KEY not in done.output


def test_a_file_with_a_key_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "gone"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    pipeline = made(tmp_path / "desk", {"model": MODEL.format(url="http://127.0.0.1:9")}, most=1)
    done = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline)
    refused(done, 2, "OPENAI_API_KEY_FILE: expected a file with a key, found none to read")


def test_a_key_does_not_follow_a_redirect(tmp_path: Path, server: LocalServer) -> None:
    with local_server() as elsewhere:

        def away(handler: BaseHTTPRequestHandler, over: Event) -> None:
            reply(307, location=f"{elsewhere.url}/v1/chat/completions")(handler, over)

        server.replies = [away] * 9
        pipeline = made(tmp_path / "desk", {"model": MODEL.format(url=server.url)}, most=1)
        environment = {"OPENAI_API_KEY": KEY, "DIAGNOSE_CACHE_DIR": str(tmp_path / "cache")}
        said = told("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, environment=environment)
        assert b"a redirect to" in said
        assert server.asked and not elsewhere.asked


def test_memo_and_report_are_the_owners_alone(tmp_path: Path) -> None:
    pipeline = made(tmp_path / "desk", most=2)
    environment = {**os.environ, "DIAGNOSE_CACHE_DIR": str(tmp_path / "top" / "cache")}
    log, out = tmp_path / "traces.jsonl", tmp_path / "reports" / "out"
    told("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, "-o", log, environment=environment)
    told("run", log, "-p", pipeline, "-o", out, environment=environment)
    made_now = [out, tmp_path / "top" / "cache", log, *out.iterdir(), *(tmp_path / "top" / "cache").iterdir()]
    assert len(made_now) > 10
    assert {path: oct(path.stat().st_mode & 0o077) for path in made_now if path.stat().st_mode & 0o077} == {}


def test_personal_data_is_in_no_file_of_a_redacted_report(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    pipeline = made(desk, most=4)
    asked = desk / "queries.jsonl"
    asked.write_text(asked.read_text().replace('{"text":', '{"history":[{"role":"user","content":"I am '
        'ada@acme.example, +49 30 1234567, DE89 3704 0044 0532 0130 00, badge E-00017"}],"text":'))  # fmt: skip
    assert "ada@acme.example" in asked.read_text()
    own = tmp_path / "own.toml"
    own.write_text("badge = 'E-[0-9]{5}'\n")
    log, out = tmp_path / "traces.jsonl", tmp_path / "out"
    assert command("record", asked, "-p", pipeline, "-o", log, "--no-memo").exit_code == 0
    pieces = (b"ada@acme", b"1234567", b"DE89", b"E-00017")
    plain = command("run", log, "-p", pipeline, "-o", out, "--no-memo")
    assert plain.exit_code == 0, plain.stderr
    assert all(any(piece in p.read_bytes() for p in out.iterdir()) for piece in pieces), "it is there without"
    done = command("run", log, "-p", pipeline, "-o", out, "--no-memo", "--redact", "--redact-also", own)
    assert done.exit_code == 0, done.stderr
    assert "redacted: badge 1, email 1, iban 1, phone 1" in done.stderr
    shown = command("show", out, "q01").stdout.encode()
    for name, body in {**artefacts(out), "show": shown, "stdout": done.stdout_bytes}.items():
        assert not [piece for piece in pieces if piece in body], name
    own.write_text("people = ['Austral  Mining', 'Borealis']\n")
    done = command("run", log, "-p", pipeline, "-o", out, "--no-memo", "--redact-also", own)
    assert done.exit_code == 0, done.stderr
    for name, body in artefacts(out).items():
        assert b"austral mining" not in body.lower() and b"borealis" not in body.lower(), name
    own.write_text("people = ['Ada', 3]\n")
    refused(command("run", log, "-o", out, "--redact-also", own), 2, "or a list of words")
    refused(command("run", log, "-o", out, "--redact-also", tmp_path / "no.toml"), 2, "cannot be read")
    own.write_text("badge = '('\n")
    refused(command("run", log, "-o", out, "--redact-also", own), 2, "badge: expected a pattern")
    own.write_text("badge = 'x*'\n")
    refused(command("run", log, "-o", out, "--redact-also", own), 2, "matches nothing at all, everywhere")
