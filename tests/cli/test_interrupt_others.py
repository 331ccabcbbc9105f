"""`compare`, `trust` and `budget` when they are interrupted: partial results that say so, and the same bytes later."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from diagnose.core.stage import Role
from tests.cli.desks import command, files, refused
from tests.cli.slow_desk import STEADY, SlowDesk, interrupted_twice, waited

pytestmark = pytest.mark.slow
SWEEP = ("--sweep", "stages.packer.budget_tokens=40,80,120")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def desk(tmp_path: Path) -> SlowDesk:
    tables: dict[Role, str] = {**STEADY, "ranker": 'use = "own:rank"\ndeterministic = true'}
    made = SlowDesk(tmp_path / "desk", 14, tables)
    worse = made.pipeline.read_text().replace('"own:rank"', '"own:rank_worst_first"')
    (made.folder / "worse.toml").write_text(worse)
    return made


def arguments_of(name: str, desk: SlowDesk, out: Path) -> tuple[object, ...]:
    """A command on the desk, its results in a folder."""
    queries = desk.folder / "queries.jsonl"
    if name == "compare":
        files = [part for suffix in ("json", "md", "html") for part in ("-o", out / f"swaps.{suffix}")]
        return ("compare", desk.pipeline, desk.folder / "worse.toml", "--traces", queries, *files)
    if name == "trust":
        return ("trust", queries, "-p", desk.pipeline, "--json")
    return ("budget", desk.log, "-p", desk.pipeline, "-o", out, *SWEEP)


def whole(name: str, desk: SlowDesk, out: Path) -> tuple[dict[str, bytes], int]:
    """The results of a command that nobody interrupts, and the calls it takes."""
    desk.forget()
    out.mkdir()
    done = command(*arguments_of(name, desk, out), "--no-memo")
    assert done.exit_code == 0, done.stderr
    calls = desk.calls
    desk.forget()
    return {**files(out), "stdout": done.stdout_bytes}, calls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["compare", "trust", "budget"])
def test_the_first_signal_leaves_a_partial_result_and_resume_the_whole_one(
    name: str, number: int, desk: SlowDesk, tmp_path: Path, cache: Path
) -> None:
    expected, calls = whole(name, desk, tmp_path / "whole")
    out = tmp_path / "out"
    out.mkdir()
    process = desk.start(*arguments_of(name, desk, out), cache=cache, slow_s=0.02)
    waited(desk, process, calls - 4)
    process.send_signal(number)
    said, talk = (part.decode() for part in process.communicate(timeout=60))
    assert process.returncode == 130, talk
    assert "what is under way is finished first" in talk
    assert "the same command with --resume finishes it" in talk
    assert "Traceback" not in talk
    assert desk.broken_off == 0, "the call under way was finished"
    told = {path.suffix: path.read_text() for path in out.iterdir() if path.name != "unfinished.json"}
    if name == "trust":
        told = {".json": said}
    assert len(told) == {"compare": 3, "trust": 1, "budget": 4}[name]
    document = json.loads(told[".json"])
    assert document["partial"] is True
    for suffix in set(told) - {".toml"}:
        assert "Partial result, interrupted after" in told[suffix], suffix
    again = command(*arguments_of(name, desk, out), "--resume")
    assert again.exit_code == 0, again.stderr
    assert "holds no unfinished run" not in again.stderr
    assert {**files(out), "stdout": again.stdout_bytes} == expected | {
        "stdout": expected["stdout"].replace(str(tmp_path / "whole").encode(), str(out).encode())
    }
    assert desk.calls == calls, "no call was made twice, and none was left out"
    once_more = command(*arguments_of(name, desk, out), "--resume")
    assert "holds no unfinished run" in once_more.stderr, "the note went with the whole result"


@pytest.mark.parametrize("name", ["compare", "trust", "budget"])
def test_stopped_before_there_is_anything_to_tell(
    name: str, desk: SlowDesk, tmp_path: Path, cache: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    code, talk = desk.interrupted(*arguments_of(name, desk, out), cache=cache, after=1)
    assert code == 130, talk
    assert "stage runs so far are kept, run the same command to go on" in talk
    assert "Traceback" not in talk
    assert [path.name for path in out.iterdir()] in ([], ["unfinished.json"])


@pytest.mark.parametrize("name", ["compare", "trust", "budget"])
def test_the_second_signal_quits(name: str, desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = desk.start(*arguments_of(name, desk, out), cache=cache, slow_s=20.0)
    waited(desk, process, 1)
    code, talk = interrupted_twice(process)
    assert code == 130, talk
    assert "Traceback" not in talk
    assert desk.broken_off == 1
    assert [path.name for path in out.iterdir()] in ([], ["unfinished.json"])


@pytest.mark.parametrize("name", ["compare", "trust", "budget"])
def test_resume_goes_on_with_the_same_work_only(
    name: str, desk: SlowDesk, tmp_path: Path, cache: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    desk.interrupted(*arguments_of(name, desk, out), cache=cache, after=2)
    arguments = arguments_of(name, desk, out)
    refused(command(*arguments, "--resume", "--seed", 5), 2, "was begun with another seed")
    refused(command(*arguments, "--resume", "--no-memo"), 2, "leave --no-memo out")
    own = desk.pipeline.read_text()
    desk.pipeline.write_text(own.replace('"own:rank"', '"own:rank_worst_first"'))
    if name != "compare":  # there the two sides would be the same
        refused(command(*arguments, "--resume"), 2, "another the ranker")
    desk.pipeline.write_text(own)
    assert command(*arguments, "--resume").exit_code == 0


def test_two_reports_are_not_gone_on_with(tmp_path: Path) -> None:
    refused(
        command("compare", tmp_path / "a", tmp_path / "b", "--resume"), 2, "--resume is for two pipelines"
    )


JUDGED = """
[score]
metric = "judge"
[score.model]
use = "own:judging"
deterministic = true
"""
JUDGING = """
def judging(query, context):
    with open(__file__ + ".asked", "a") as file:
        file.write("?")
    time.sleep(float(os.environ.get("SLOW_S", "0")))
    reference = query.partition("<<reference ")[2].partition(">>\\n")[2].partition("\\n<<end")[0]
    return "yes" if reference in query.partition("<<answer ")[2] else "no"
"""


def test_the_metrics_judge_is_asked_nothing_twice(tmp_path: Path, cache: Path) -> None:
    desk = SlowDesk(tmp_path / "desk", 8, more=JUDGING)
    worse = desk.pipeline
    worse.write_text(worse.read_text() + JUDGED)
    asked = desk.folder / "own.py.asked"
    done = command("record", desk.folder / "queries.jsonl", "-p", worse, "-o", desk.log, "--no-timing")
    assert done.exit_code == 0, done.stderr

    def run(out: Path, *more: object) -> tuple[object, ...]:
        return ("run", desk.log, "-p", worse, "-o", out, *more)

    asked.write_text("")
    whole_out = tmp_path / "whole" / "out"
    assert command(*run(whole_out, "--no-memo")).exit_code == 0
    times = len(asked.read_text())
    assert times > 10
    asked.write_text("")
    desk.forget()
    out = tmp_path / "half" / "out"
    code, talk = desk.interrupted(*run(out), cache=cache, after=6, slow_s=0.02)
    assert code == 130, talk
    done = command(*run(out, "--resume"))
    assert done.exit_code == 0, done.stderr
    assert files(out) == files(whole_out)
    assert len(asked.read_text()) == times
