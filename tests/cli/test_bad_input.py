"""Whatever is wrong with an input: where, what was found, what was expected; no traceback; the right exit code."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnose.core.stage import Role
from tests.cli.desks import command, logged, made, refused, started
from tests.planted.desk import WORST_FIRST

GOOD = '{"trace_id": "good", "query": {"text": "x"}, "steps": [{"role": "model", "output": {"text": "y"}}]}'
DEEP = 100_000


def missing(path: Path) -> None:
    pass


def a_folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def blank(path: Path) -> None:
    path.write_bytes(b"\n  \n\n")


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40)


def utf16(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-16")


def one_document(path: Path) -> None:
    path.write_text(json.dumps([json.loads(GOOD)], indent=2))


def broken_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(GOOD.encode() * 50)[:-20])


FILES: list[tuple[Callable[[Path], None], str]] = [
    (missing, "no such file"),
    (a_folder, "folder"),
    (empty, "found an empty file"),
    (blank, "found an empty file"),
    (binary, "found a binary file"),
    (utf16, "expected UTF-8 text, found UTF-16"),
    (broken_gzip, "expected a whole gzip file"),
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.parametrize("verb", ["check", "run", "record", "attribute"])
@pytest.mark.parametrize("make, says", FILES, ids=lambda f: getattr(f, "__name__", ""))
def test_a_file_that_holds_no_lines(
    tmp_path: Path, make: Callable[[Path], None], says: str, verb: str
) -> None:
    path = tmp_path / "bad.jsonl"
    make(path)
    more = ("-p", made(tmp_path / "desk", most=1)) if verb == "record" else ()
    refused(command(verb, path, *more), 3, "bad.jsonl", says)


def test_a_json_list_of_traces_is_a_log_too(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([json.loads(GOOD)], indent=2))
    done = command("run", tmp_path / "list.json", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["n_traces"] == 1


LINES: list[tuple[str, str, str, str]] = [
    ("broken", '{"trace_id": "a", "query"', "", "a line that ends in the middle of one"),
    ("no-json", "trace a: wrong answer", "", "broken JSON at column 1"),
    ("deep", '{"trace_id": ' + "[" * DEEP + "]" * DEEP + "}", "", "nested too deep"),
    ("deep-open", "[" * DEEP, "", "nested too deep"),
    ("list", '{"trace_id": "a"}\n[1, 2]', "", "a list"),
    ("schema", '{"schema": "diagnose.trace/9", "trace_id": "a"}', "schema", '"diagnose.trace/9"'),
    ("foreign", '{"schema": 3, "trace_id": "a", "query": {"text": "x"}}', "schema", "3"),
    ("no-id", '{"query": {"text": "x"}}', "trace_id", "nothing"),
    ("no-query", '{"trace_id": "a"}', "query", "nothing"),
    ("role", GOOD.replace('"model"', '"cook"').replace("good", "b"), "steps[0].role", '"cook"'),
    (
        "repeated-role",
        '{"trace_id": "a", "query": {"text": "x"}, "steps": ['
        '{"role": "model", "output": {"text": "y"}}, {"role": "model", "output": {"text": "z"}}]}',
        "steps[1].role",
        "one step per role",
    ),
    ("duplicate", GOOD, "trace_id", "an id of its own (line 1 has it already)"),
    (
        "nan",
        GOOD.replace('"query"', '"outcome": {"score": NaN}, "query"').replace("good", "n"),
        "outcome",
        "number",
    ),
    (
        "range",
        GOOD.replace('"query"', '"outcome": {"score": 2}, "query"').replace("good", "r"),
        "outcome.score",
        "2",
    ),
    ("nul", '{"trace_id": "\\u0000", "query": {"text": 3}}', "query.text", "3"),
]


@pytest.mark.parametrize("line, field, says", [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_a_bad_line_costs_itself_alone(tmp_path: Path, line: str, field: str, says: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(f"{GOOD}\n{line}\n")
    checked = command("check", log)
    assert checked.exit_code == 3
    place = re.search(r"problem  \S*log\.jsonl:\d+ ?(\S*): expected .*, found .*", checked.stdout)
    assert place is not None, checked.stdout
    assert field in checked.stdout
    assert says in checked.stdout
    done = command("run", log, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "left out: " in done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert report["n_traces"] == 1 + ("\n" in line and line.count("trace_id") - 1)
    assert all(text.startswith("log.jsonl:") for text in report["skipped"])
    refused(command("run", log, "-o", tmp_path / "out", "--strict"), 3, "log.jsonl:", "expected", "found")


def test_every_problem_is_in_the_report_and_most_are_printed(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(GOOD + "\n" + '{"trace_id": 1}\n' * 30)
    done = command("run", tmp_path / "log.jsonl", "-o", tmp_path / "out")
    assert done.stderr.count("left out: ") == 20
    assert "more problems; `diagnose check` lists all" in done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert len(report["skipped"]) >= 30


# ---- pipelines

CODE = """
def raises(query, context):
    raise ValueError("no luck\\nsecond line \\x1b[31m")

def raises_exit(query, context):
    raise SystemExit("gone")

class Sly(Exception):
    def __str__(self):
        raise RuntimeError("not even this")

def raises_slyly(query, context):
    raise Sly

def hangs(query, context):
    import time
    time.sleep(30)

def gives_nothing(query, context):
    return None

async def raises_late(query, context):
    raise ValueError("no luck, later")

def gives_a_list(query, corpus):
    return 7

def bad_factory(size):
    raise OSError("no such index")

def no_factory(size):
    return size
"""


def table(function: str, more: str = "") -> str:
    return f'use = "own:{function}"\n{more}'


FAILING: list[tuple[Role, str, str, str]] = [
    ("model", "raises", "", "raised ValueError: no luck"),
    ("model", "raises_exit", "", "raised SystemExit: gone"),
    ("model", "raises_slyly", "", "raised Sly"),
    ("model", "hangs", "timeout_s = 0.05", "gave nothing within its timeout_s of 0.05 seconds"),
    ("model", "gives_nothing", "", "returned None: expected an answer"),
    ("model", "raises_late", "", "raised ValueError: no luck, later"),
    ("retriever", "gives_a_list", "", "returned 7: expected a list of passages"),
    ("retriever", "bad_factory", "size = 3", "its factory raised OSError: no such index"),
    ("retriever", "no_factory", "size = 3", "its factory returned 3; expected a callable"),
]


@pytest.mark.parametrize("role, function, more, says", FAILING, ids=[case[1] for case in FAILING])
def test_a_stage_that_fails(tmp_path: Path, role: Role, function: str, more: str, says: str) -> None:
    pipeline = made(tmp_path / "desk", {role: table(function, more)}, CODE, most=2)
    recorded = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline)
    refused(recorded, 5, f"stage {role} (own:{function})", says)
    assert "\x1b" not in recorded.stderr


@pytest.mark.parametrize("role, function, more, says", FAILING[:6], ids=[case[1] for case in FAILING[:6]])
def test_a_stage_that_fails_in_a_replay(
    tmp_path: Path, role: Role, function: str, more: str, says: str
) -> None:
    log = logged(tmp_path / "desk", code=CODE, most=2)
    tables: dict[Role, str] = {**WORST_FIRST, role: table(function, more)}
    pipeline = made(tmp_path / "desk", tables, CODE, most=2)
    done = command("run", log, "-p", pipeline, "-o", tmp_path / "out")
    refused(done, 5, "2 of 2 failures could not be replayed", f"stage {role} (own:{function})", says)
    blame = json.loads((tmp_path / "out" / "blame.jsonl").read_text().splitlines()[0])
    assert blame["undecided"]["reason"] == "not-replayable"
    assert says in blame["undecided"]["detail"]


PIPELINES: list[tuple[str, str, int, str]] = [
    ("no-module", '[stages.model]\nuse = "nowhere:model"', 2, "found no module nowhere"),
    (
        "no-function",
        '[stages.model]\nuse = "own:nobody"',
        2,
        'expected a callable "nobody" in module own, found nothing',
    ),
    ("import-raises", '[stages.model]\nuse = "broken:model"', 2, "importing module broken"),
    ("no-built-in", '[stages.model]\nuse = "gpt"', 2, "[stages.model] use"),
    ("no-model", '[stages.retriever]\nuse = "own:retrieve"', 2, "[stages.model]: missing"),
    ("unknown-role", '[stages.cook]\nuse = "own:read"\n[stages.model]\nuse = "own:read"', 2, "cook"),
    ("unknown-key", '[stages.model]\nuse = "own:read"\ntemprature = 1', 2, "temprature"),
    ("no-toml", "[stages.model\nuse", 3, "expected TOML"),
    ("no-corpus", '[pipeline]\ncorpus = "gone.jsonl"\n[stages.model]\nuse = "own:read"', 3, "gone.jsonl"),
    ("bad-corpus", '[pipeline]\ncorpus = "bad.jsonl"\n[stages.model]\nuse = "own:read"', 3, "bad.jsonl:2"),
    ("metric", '[score]\nmetric = "vibes"\n[stages.model]\nuse = "own:read"', 2, '"vibes"'),
    ("pass", '[score]\npass = 3\n[stages.model]\nuse = "own:read"', 2, "pass"),
    ("empty", "", 2, "[stages.model]: missing"),
]


@pytest.mark.parametrize(
    "text, code, says", [case[1:] for case in PIPELINES], ids=[case[0] for case in PIPELINES]
)
def test_a_bad_pipeline_file(tmp_path: Path, text: str, code: int, says: str) -> None:
    folder = tmp_path / "desk"
    made(folder, most=1)
    (folder / "pipeline.toml").write_text(text)
    (folder / "broken.py").write_text("import numpyy_typo\n")
    (folder / "bad.jsonl").write_text('{"id": "a", "text": "x"}\n{"id": "b"}\n')
    (folder / "log.jsonl").write_text(GOOD + "\n")
    for verb, file in (("record", "queries.jsonl"), ("run", "log.jsonl")):
        done = command(verb, folder / file, "-p", folder / "pipeline.toml", "-o", tmp_path / "out")
        refused(done, code, says)


def test_a_missing_pipeline_file(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(GOOD + "\n")
    refused(
        command("run", tmp_path / "log.jsonl", "-p", tmp_path / "no.toml"),
        2,
        "no.toml",
        "expected a pipeline file",
    )


def test_a_corpus_without_the_gold_passages_is_a_finding_that_names_them(tmp_path: Path) -> None:
    log = logged(tmp_path / "desk", most=3)
    corpus = tmp_path / "desk" / "corpus.jsonl"
    kept = [line for line in corpus.read_text().splitlines() if '"pay01"' not in line]
    corpus.write_text("\n".join(kept) + "\n")
    pipeline = tmp_path / "desk" / "pipeline.toml"
    done = command("run", log, "-p", pipeline, "-o", tmp_path / "out", "--fidelity-floor", 0)
    assert done.exit_code == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert report["findings"]["corpus"] == ["q01"]
    blames = [json.loads(line) for line in (tmp_path / "out" / "blame.jsonl").read_text().splitlines()]
    assert [b["evidence"] for b in blames if b["verdict"] == "corpus"] == ["the corpus does not hold pay01"]


# ---- tracebacks


def test_debug_shows_the_traceback_and_keeps_the_code(tmp_path: Path) -> None:
    done = command("check", tmp_path / "no.jsonl", "--debug")
    assert done.exit_code == 3
    assert "Traceback" in done.stderr
    assert "BadInput" in done.stderr


def test_a_bug_of_ours_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import diagnose.traces.check

    def bug(path: object, **_: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(diagnose.traces.check, "check_log", bug)
    (tmp_path / "log.jsonl").write_text(GOOD)
    refused(
        command("check", tmp_path / "log.jsonl"), 70, "this is a bug in diagnose", "IndexError", "--debug"
    )


def test_the_program_itself_keeps_tracebacks_back(tmp_path: Path) -> None:
    process = started("run", tmp_path / "no.jsonl")
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"error: " in talk
    assert b"no such file" in talk
    assert b"Traceback" not in talk


def test_usage_errors_end_with_two() -> None:
    for arguments in (("run",), ("run", "x", "--nonsense"), ("cook",), ("run", "x", "--alpha", "7")):
        done = command(*arguments)
        assert done.exit_code == 2, arguments
        assert "Traceback" not in done.output


def test_a_folder_that_may_not_be_looked_into_is_named_in_a_sentence(tmp_path: Path) -> None:
    from diagnose.cli.session import _told

    assert (
        _told(PermissionError(13, "Permission denied", b"a\xff"))
        == "a\udcff: cannot be used: Permission denied"
    )
    assert _told(FileNotFoundError(2, "No such file or directory")) == (
        "the folder that this was started in is gone (No such file or directory)"
    )


def test_a_full_standard_output_is_called_so(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"trace_id": "a", "query": {"text": "Why?"}, "steps": []}\n')
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "diagnose", "check", log], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 74
    assert done.stderr.startswith(b"error: standard output: No space left on device")


def test_the_mode_of_what_a_link_leads_to_is_not_taken_over(tmp_path: Path) -> None:
    from diagnose.cli.outputs import write_bytes

    (tmp_path / "open.txt").write_text("for all")
    (tmp_path / "open.txt").chmod(0o644)
    (tmp_path / "report.html").symlink_to(tmp_path / "open.txt")
    write_bytes(tmp_path / "report.html", b"questions")
    assert not (tmp_path / "report.html").is_symlink()
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "open.txt").read_text() == "for all"
