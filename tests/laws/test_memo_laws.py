"""A memo changes nothing but the time; two runs give the same bytes. Each law is seen to fail on a deliberate break."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import diagnose.replay.run
import diagnose.traces.record
from diagnose.core.artifact import Output, Passages
from diagnose.core.stage import Given, Role, Stage
from diagnose.replay import memo
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from tests.cli.desks import OUTPUTS, command, files, logged, made
from tests.conftest import ROOT

FLAKY = '''
import hashlib

def guess(query, context, seed):
    """Reads the clause, or does not, as the seed falls."""
    drawn = hashlib.sha256(f"{query}/{seed}".encode()).digest()[0]
    return read(query, context) if drawn < 150 else "Who knows?"
'''
NOISY: dict[Role, str] = {"model": 'use = "own:guess"'}
MOODY = """
calls = 0

def rank_moodily(query, passages, top_n: int = 4):
    global calls
    calls += 1
    return rank_worst_first(query, passages, top_n) if calls % 2 else rank(query, passages, top_n)
"""
LYING: dict[Role, str] = {"ranker": 'use = "own:rank_moodily"\ndeterministic = true'}
BY_HASH = """
def rank_by_hash(query, passages, top_n: int = 4):
    return sorted(passages, key=lambda p: hash(p.text))[:top_n]
"""
HASHED: dict[Role, str] = {"ranker": 'use = "own:rank_by_hash"\ndeterministic = true'}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the memo is, of this test alone."""
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def report(log: Path, *options: object, seed: int = 0) -> dict[str, bytes]:
    """The files of a run; the folder has the same name each time, and is gone afterwards."""
    out = log.parent / "out"
    done = command("run", log, "-p", log.parent / "pipeline.toml", "-o", out, "--seed", seed, *options)
    assert done.exit_code == 0, done.stderr
    found = files(out)
    shutil.rmtree(out)
    assert set(OUTPUTS) <= set(found)
    return found


def calls_made(log: Path) -> str:
    out = log.parent / "out"
    done = command("run", log, "-p", log.parent / "pipeline.toml", "-o", out)
    return next((line for line in done.stderr.splitlines() if "stage calls made now" in line), "none")


# ---- ways for a memo to be in a bad state


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def cut_short(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body[: len(body) // 2])


def holes(path: Path) -> None:
    """The header is fine, the pages behind it are not."""
    body = bytearray(path.read_bytes())
    body[4096:] = os.urandom(1) * (len(body) - 4096)
    path.write_bytes(body)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def wrong_values(path: Path) -> None:
    """Values that are no such outputs, from a version that forgot to say so."""
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET output = ?", (b'{"text": 3}',))
    db.close()


def other_table(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE runs")
        db.execute("CREATE TABLE runs (something TEXT)")
    db.close()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def no_folder_to_be_in(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("a file stands where the folder should be")


STATES: list[Callable[[Path], None]] = [
    garbage, cut_short, holes, empty, other_version, wrong_values, other_table, a_folder, no_folder_to_be_in,
]  # fmt: skip


def test_warm_cold_or_no_memo_give_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    log = logged(tmp_path / "desk", most=6)
    bare = report(log, "--no-memo")
    cold = report(log)
    assert cold == bare
    assert "ranker" not in calls_made(log)
    assert report(log) == bare
    assert json.loads(bare["report.json"])["n_failures"] == 6


@pytest.mark.parametrize("state", STATES, ids=lambda f: f.__name__)
def test_a_memo_in_a_bad_state_costs_time_only(
    tmp_path: Path, cache: Path, state: Callable[[Path], None]
) -> None:
    log = logged(tmp_path / "desk", most=4)
    first = report(log)
    state(cache / "memo.sqlite")
    assert report(log) == first


def test_noisy_runs_are_the_same_with_and_without_memo(tmp_path: Path, cache: Path) -> None:
    log = logged(tmp_path / "desk", NOISY, FLAKY)
    bare = report(log, "--no-memo")
    assert json.loads(bare["report.json"])["n_failures"] >= 3
    assert report(log) == bare
    assert report(log) == bare


def test_another_seed_is_not_answered_with_the_runs_of_this_one(tmp_path: Path, cache: Path) -> None:
    log = logged(tmp_path / "desk", NOISY, FLAKY)
    report(log, seed=0)
    assert report(log, seed=5) == report(log, "--no-memo", seed=5)


def test_two_pipelines_share_a_memo_and_nothing_else(tmp_path: Path, cache: Path) -> None:
    log = logged(tmp_path / "desk", most=4)
    report(log)
    pipeline = tmp_path / "desk" / "pipeline.toml"
    pipeline.write_text(pipeline.read_text().replace('worst_first"', 'worst_first"\ntop_n = 3'))
    assert _relogged(log) == _relogged(log, "--no-memo")


def _relogged(log: Path, *options: str) -> dict[str, bytes]:
    """The report of the desk as it is now, recorded anew."""
    folder = log.parent
    again = folder / "again.jsonl"
    asked, pipeline = folder / "queries.jsonl", folder / "pipeline.toml"
    done = command("record", asked, "-p", pipeline, "-o", again, "--no-timing", *options)
    assert done.exit_code == 0, done.stderr
    return report(again, *options)


def test_the_replay_is_not_answered_with_the_log_itself(tmp_path: Path, cache: Path) -> None:
    """A stage that only claims to be deterministic is found out, whatever recording left in the memo."""
    log = logged(tmp_path / "desk", LYING, MOODY)
    found = json.loads(report(log)["report.json"])
    assert any("the ranker says that it is deterministic" in note for note in found["notes"])


# ---- breaks


def memo_that_garbles(patch: pytest.MonkeyPatch) -> None:
    """What comes back from the file is not what went in."""
    real = Memo.get

    def get(self: Memo, key: str, role: Role) -> Output | None:
        kept = key in self._recent
        found = real(self, key, role)
        return found if kept or not isinstance(found, Passages) else Passages(found.passages[1:])

    patch.setattr(Memo, "get", get)


def key_without_stage(patch: pytest.MonkeyPatch) -> None:
    real = memo.key_of

    def key(stage: Stage, given: Given, draw: str | None) -> str:
        return real(replace(stage, fingerprint="any"), given, draw)

    patch.setattr(diagnose.replay.run, "key_of", key)


def key_without_seed(patch: pytest.MonkeyPatch) -> None:
    real = Runner._draw
    patch.setattr(Runner, "_draw", lambda self, s, repeat: (real(self, s, repeat)[0], f"repeat {repeat}"))


def log_in_the_same_space(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(diagnose.traces.record, "LOG_SPACE", "")


BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Path, Path], None]]] = [
    (memo_that_garbles, test_warm_cold_or_no_memo_give_the_same_bytes),
    (key_without_stage, test_two_pipelines_share_a_memo_and_nothing_else),
    (key_without_seed, test_another_seed_is_not_answered_with_the_runs_of_this_one),
    (log_in_the_same_space, test_the_replay_is_not_answered_with_the_log_itself),
]


@pytest.mark.parametrize("mutant, law", BROKEN, ids=lambda f: f.__name__)
def test_law_rejects(
    mutant: Callable[[pytest.MonkeyPatch], None],
    law: Callable[[Path, Path], None],
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        law(tmp_path, cache)


# ---- the same bytes in every process

SCRIPT = """
import sys
from pathlib import Path
from tests.cli.desks import command
seed = sys.argv[1]
for folder in map(Path, sys.argv[2:]):
    out, pipeline = folder / f"seed{seed}", folder / "pipeline.toml"
    out.mkdir()
    log = out / "traces.jsonl"
    for arguments in (["record", folder / "queries.jsonl", "-p", pipeline, "-o", log, "--no-timing", "--no-memo"],
                      ["run", log, "-p", pipeline, "-o", out / "report", "--no-memo"]):
        done = command(*arguments)
        if done.exit_code:
            sys.exit(done.stderr)
"""


@pytest.fixture(scope="module")
def under_hash_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs and reports of two desks, made in processes of their own with different hash seeds."""
    top = tmp_path_factory.mktemp("seeds")
    made(top / "sound", most=6)
    made(top / "hashed", HASHED, BY_HASH, most=6)
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, seed, str(top / "sound"), str(top / "hashed")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
    return top


def made_under(folder: Path, seed: str) -> dict[str, bytes]:
    out = folder / f"seed{seed}"
    return {**files(out / "report"), "traces.jsonl": (out / "traces.jsonl").read_bytes()}


def test_the_hash_seed_of_the_process_changes_nothing(under_hash_seeds: Path) -> None:
    assert made_under(under_hash_seeds / "sound", "0") == made_under(under_hash_seeds / "sound", "1")


def test_a_stage_that_depends_on_it_is_seen(under_hash_seeds: Path) -> None:
    assert made_under(under_hash_seeds / "hashed", "0") != made_under(under_hash_seeds / "hashed", "1")
