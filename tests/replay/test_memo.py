"""The memo: what it is asked by, what it keeps, and that it can always be done without."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from diagnose.core.artifact import (
    Answer,
    Context,
    Decision,
    Output,
    Passage,
    Passages,
    Query,
    Route,
    Text,
    Turn,
)
from diagnose.core.stage import Given, Role
from diagnose.replay import memo as module
from diagnose.replay.memo import Memo, key_of, opened
from tests.replay.made_stages import QUERY, Counting, read

STAGE = Counting().stage("model", read)
GIVEN = Given("q", QUERY, (Passage("a", "x"),), Context("x", (Passage("a", "x"),)), Answer("y"))
OUTPUTS: list[tuple[Role, Output]] = [
    ("router", Route("cheap")),
    ("rewriter", Text("what — and “why”?")),
    ("retriever", Passages((Passage("a", "x", 0.1, "t", {"k": "v"}), Passage("b")))),
    ("packer", Context("x\n\ny", (Passage("a", "x"),))),
    ("model", Answer("y", 3, 4, "stop")),
    ("verifier", Decision(False, "no")),
]


def test_equal_runs_have_one_key_and_others_another() -> None:
    base = key_of(STAGE, GIVEN, None)
    assert key_of(STAGE, GIVEN, None) == base
    others = [
        key_of(replace(STAGE, fingerprint="2"), GIVEN, None),
        key_of(replace(STAGE, role="verifier"), GIVEN, None),
        key_of(STAGE, GIVEN, "seed 0"),
        key_of(STAGE, GIVEN, "seed 1"),
        key_of(STAGE, GIVEN, "repeat 1"),
        key_of(STAGE, Given("r", QUERY, GIVEN.passages, GIVEN.context), None),
        key_of(STAGE, Given("q", QUERY, GIVEN.passages, Context("z", GIVEN.passages)), None),
    ]
    assert len({base, *others}) == 8


def test_what_a_stage_does_not_take_makes_no_difference() -> None:
    other = Given("q", QUERY, (Passage("b", "z"),), GIVEN.context, Answer("else"))
    assert key_of(STAGE, other, None) == key_of(STAGE, GIVEN, None)


@pytest.mark.parametrize("role", ["retriever", "ranker", "packer", "model", "rewriter"])
def test_one_question_after_two_histories_is_two_inputs(role: Role) -> None:
    """Any stage may have a parameter named `conversation`."""
    stage = replace(STAGE, role=role)
    after = Query(QUERY.text, (Turn("user", "Of what?"),))
    assert key_of(stage, replace_conversation(after), None) != key_of(stage, GIVEN, None)


def replace_conversation(query: Query) -> Given:
    return Given(GIVEN.query, query, GIVEN.passages, GIVEN.context, GIVEN.answer)


@pytest.mark.parametrize("role, output", OUTPUTS)
def test_what_goes_in_comes_out_of_memory_and_file(tmp_path: Path, role: Role, output: Output) -> None:
    path = tmp_path / "deep" / "memo.sqlite"
    with opened(path) as memo:
        assert memo.get("k", role) is None
        memo.put("k", output)
        assert memo.get("k", role) is output
    with opened(path) as memo:
        assert memo.get("k", role) == output
        assert memo.note is None


def test_without_a_file_it_is_kept_in_memory_only(tmp_path: Path) -> None:
    with opened(None) as memo:
        memo.put("k", Answer("x"))
        assert memo.get("k", "model") == Answer("x")
    assert list(tmp_path.iterdir()) == []


def test_spaces_share_a_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    with opened(path, "log/") as memo:
        memo.put("k", Answer("logged"))
    with opened(path) as memo:
        assert memo.get("k", "model") is None
        memo.put("k", Answer("replayed"))
    with opened(path, "log/") as memo:
        assert memo.get("k", "model") == Answer("logged")


def test_memory_is_bounded_where_a_file_holds_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", 2)
    with opened(tmp_path / "memo.sqlite") as memo:
        for i in range(5):
            memo.put(str(i), Answer(str(i)))
        assert len(memo._recent) == 2
        assert memo.get("0", "model") == Answer("0")
    with opened(None) as memo:
        for i in range(5):
            memo.put(str(i), Answer(str(i)))
        assert memo.get("0", "model") == Answer("0")


def test_the_file_is_the_users_own(tmp_path: Path) -> None:
    with opened(tmp_path / "cache" / "memo.sqlite") as memo:
        memo.put("k", Answer("x"))
        assert (tmp_path / "cache" / "memo.sqlite").stat().st_mode & 0o077 == 0


def test_a_file_that_breaks_while_it_is_used_costs_the_memo_only(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    with opened(path) as memo:
        memo.put("k", Answer("x"))
        assert memo._db is not None
        memo._db.execute("DROP TABLE runs")
        memo.put("l", Answer("y"))
        assert memo.note is not None
        assert "stage runs are not kept" in memo.note
        assert memo.get("k", "model") == Answer("x")
        assert memo.get("l", "model") == Answer("y")
    with opened(path) as memo:
        assert memo.note is None
        assert memo.get("k", "model") is None


def test_a_table_gone_is_found_when_it_is_read(tmp_path: Path) -> None:
    with opened(tmp_path / "memo.sqlite") as memo:
        assert memo._db is not None
        memo._db.execute("DROP TABLE runs")
        assert memo.get("k", "model") is None
        assert memo.note is not None


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    path.write_bytes(b"no database at all" * 500)
    with opened(path) as memo:
        assert memo.note == "the memo on disk was damaged: it was made anew, and stage runs are run again"
        memo.put("k", Answer("x"))
    with opened(path) as memo:
        assert memo.note is None
        assert memo.get("k", "model") == Answer("x")


def test_a_file_of_another_version_is_made_anew_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with opened(path) as memo:
        assert memo.note is not None and "was of another version" in memo.note
        memo.put("k", Answer("x"))
    with opened(path) as memo:
        assert (memo.note, memo.get("k", "model")) == (None, Answer("x"))


def test_damage_behind_a_sound_first_page_is_mended_when_it_is_met(tmp_path: Path) -> None:
    """A second run is not to meet the same damage."""
    path = tmp_path / "memo.sqlite"
    with opened(path) as memo:
        for i in range(300):
            memo.put(f"{i:064}", Answer("x" * 500))
    body = bytearray(path.read_bytes())
    body[4096:] = b"\x07" * (len(body) - 4096)
    path.write_bytes(body)
    with opened(path) as memo:
        assert memo.get(f"{7:064}", "model") is None
        assert memo.note is not None and "was damaged" in memo.note
        memo.put("k", Answer("y"))
    with opened(path) as memo:
        assert (memo.note, memo.get("k", "model")) == (None, Answer("y"))


@pytest.mark.parametrize("cut", range(0, 100, 7))
def test_a_power_cut_costs_the_last_runs_only(tmp_path: Path, cut: int) -> None:
    """Of the log of writes any part may have reached the disk: what is read back is what was put, or nothing."""
    path = tmp_path / "memo.sqlite"
    with opened(path) as memo:
        for i in range(40):
            memo.put(f"{i:064}", Answer(f"answer {i}" * 20))
        lost = tmp_path / f"after{cut}"
        lost.mkdir()
        (lost / "memo.sqlite").write_bytes(path.read_bytes())
        wal = Path(f"{path}-wal").read_bytes()
        assert len(wal) > 10_000
        (lost / "memo.sqlite-wal").write_bytes(wal[: len(wal) * cut // 100] + bytes(512))
    with opened(lost / "memo.sqlite") as memo:
        found = [memo.get(f"{i:064}", "model") for i in range(40)]
        kept = sum(answer is not None for answer in found)
        assert found == [Answer(f"answer {i}" * 20) for i in range(kept)] + [None] * (40 - kept)
        memo.put("k", Answer("x"))
        assert memo._db is not None
        assert memo._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("place", ["folder", "file/memo.sqlite"])
def test_a_place_where_no_file_can_be_is_said_so(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with opened(tmp_path / place) as memo:
        assert memo.note is not None
        memo.put("k", Answer("x"))
        assert memo.get("k", "model") == Answer("x")
    assert (tmp_path / "folder").is_dir()


def test_a_locked_file_is_not_taken_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may be at work on it."""
    path = tmp_path / "memo.sqlite"
    with opened(path) as memo:
        memo.put("k", Answer("x"))
    monkeypatch.setattr(module, "BUSY_MS", 10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with opened(path) as memo:
            memo.put("l", Answer("y"))
            assert memo.note is not None
            assert "locked" in memo.note
    finally:
        other.execute("ROLLBACK")
        other.close()
    with opened(path) as memo:
        assert memo.get("k", "model") == Answer("x")


def test_two_at_once(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    with opened(path) as one, opened(path) as two:
        one.put("k", Answer("x"))
        assert two.get("k", "model") == Answer("x")
        two.put("l", Answer("y"))
        assert one.get("l", "model") == Answer("y")


def test_threads_share_one(tmp_path: Path) -> None:
    with opened(tmp_path / "memo.sqlite") as memo:

        def work(name: str) -> None:
            for i in range(40):
                memo.put(f"{name}{i}", Answer(name))
                assert memo.get(f"{name}{i}", "model") == Answer(name)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert memo.note is None
        assert len(memo._recent) == 160


def test_a_closed_memo_can_be_closed_again() -> None:
    memo = Memo()
    memo.put("k", Answer("x"))
    memo.close()
    memo.close()
    assert memo.get("k", "model") == Answer("x")
