"""`diagnose convert`: logs in, traces out, and an account of what was lost."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from diagnose.cli import app
from diagnose.core.trace import Trace
from diagnose.traces.account import AccountSummary
from diagnose.traces.check import check_log
from diagnose.traces.from_jsonl import read_traces

SAMPLES = Path(__file__).resolve().parents[1] / "traces" / "samples"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_a_log_becomes_traces_and_the_account_says_how(tmp_path: Path) -> None:
    out = tmp_path / "traces.jsonl"
    code, stdout, talk = run("convert", SAMPLES / "openinference.jsonl", "-o", out)
    assert (code, stdout) == (0, "")
    (trace,) = read_traces(out)
    assert isinstance(trace, Trace)
    assert [step.role for step in trace.steps] == ["retriever", "ranker", "packer", "model"]
    assert "1 traces written to" in talk
    assert "RERANKER > ranker 1" in talk
    assert "an attribute of their own 3" in talk


def test_traces_on_standard_output_and_the_account_as_json(tmp_path: Path) -> None:
    code, stdout, _ = run("convert", SAMPLES / "mlflow.json")
    assert (code, json.loads(stdout)["schema"]) == (0, "diagnose.trace/1")
    code, stdout, _ = run("convert", SAMPLES / "mlflow.json", "--json", "-o", tmp_path / "t.jsonl")
    summary = msgspec.json.decode(stdout, type=AccountSummary)
    assert (code, summary.n_traces, summary.formats) == (0, 1, {"mlflow": 1})
    code, _, talk = run("convert", SAMPLES / "mlflow.json", "--json")
    assert (code, "say where the traces go" in talk) == (2, True)


def test_a_folder_of_many_tools(tmp_path: Path) -> None:
    code, _, talk = run("convert", SAMPLES, "-o", tmp_path / "traces.jsonl")
    assert code == 0
    assert check_log(tmp_path / "traces.jsonl").n_problems == 0
    assert "spans logged more than once were merged" in talk  # the samples share a trace id


def test_labels_corpus_and_columns(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("frage,said,ids\nwhy?,so,\"['d1']\"\n")
    (tmp_path / "gold.csv").write_text("question,answer\nWhy?,because\n")
    (tmp_path / "corpus.jsonl").write_text('{"id": "d1", "text": "a text"}\n')
    out = tmp_path / "traces.jsonl"
    code, _, talk = run(
        "convert", tmp_path / "log.csv", "-o", out, "--map", "query=frage,answer=said", "--map", "passage_ids=ids",
        "--gold", tmp_path / "gold.csv", "--corpus", tmp_path / "corpus.jsonl",
    )  # fmt: skip
    assert code == 0
    (trace,) = read_traces(out)
    assert isinstance(trace, Trace)
    assert trace.gold is not None
    assert trace.gold.answers == ("because",)
    assert json.loads(out.read_text())["steps"][0]["output"]["passages"] == [{"id": "d1", "text": "a text"}]
    assert "joined by question 1" in talk


def test_what_is_left_out_is_said_and_fatal_when_strict(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"user_input": "q?", "response": "a"}\n{"level": "info"}\n')
    code, _, talk = run("convert", log, "-o", tmp_path / "t.jsonl")
    assert code == 0
    assert "left out:" in talk
    code, _, _ = run("convert", log, "-o", tmp_path / "s.jsonl", "--strict")
    assert (code, (tmp_path / "s.jsonl").exists()) == (3, False)


def test_nothing_usable_is_bad_input(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"level": "info"}\n')
    assert run("convert", log, "-o", tmp_path / "t.jsonl")[0] == 3
    assert run("convert", tmp_path / "gone.json")[0] == 3
    assert run("convert", SAMPLES, "--format", "xml")[0] == 2
    assert run("convert", SAMPLES, "--map", "x=y")[0] == 2


@pytest.mark.parametrize("name", ["openinference.jsonl", "langfuse.json", "ragas.jsonl", "console.json"])
def test_check_reads_the_same_logs(name: str) -> None:
    code, stdout, _ = run("check", SAMPLES / name)
    assert code == 0
    assert "1 traces of 1 lines" in stdout


def test_check_says_what_the_reader_noted() -> None:
    code, stdout, _ = run("check", SAMPLES / "console.json")
    assert code == 0
    assert "packed context recovered from the model's prompt" in stdout
