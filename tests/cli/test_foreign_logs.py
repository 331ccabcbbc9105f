"""`check` and `run` on what other tools logged: no conversion before, several sources, texts from a corpus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diagnose.cli.sources import Wanted
from tests.cli.desks import command
from tests.conftest import ROOT
from tests.traces import sample_logs as samples
from tests.traces.reading import written

WRONG = "The Arno"
PIPELINE = """
[pipeline]
corpus = "corpus.jsonl"
[stages.retriever]
use = "recorded"
[stages.ranker]
use = "recorded"
[stages.packer]
use = "own:first_only"
deterministic = true
[stages.model]
use = "own:reads"
deterministic = true
"""
OWN = '''
def first_only(query, passages):
    """A packer that drops all but the last passage."""
    return {"text": passages[-1].text, "passages": [passages[-1]]}

def reads(query, context):
    return "The Po" if "Po" in context.text else "The Arno"
'''


def spans(hidden: bool = False, trace: str = samples.TRACE_ID) -> list[dict[str, Any]]:
    """The rivers' trace, its packer keeping the wrong passage; texts of passages may be hidden."""
    found = []
    for span in samples.openinference():
        attributes = {
            key: WRONG if value == samples.ANSWER else str(value).replace(samples.CONTEXT, samples.ARNO)
            for key, value in span["attributes"].items()
            if not (hidden and key.endswith(("document.content", "document.metadata")))
        }
        found.append({**span, "attributes": attributes, "trace_id": trace})
    return found


@pytest.fixture
def rivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a corpus, labels and a pipeline."""
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))
    corpus = [{"id": name, "text": text} for name, text, _ in samples.FOUND]
    written(tmp_path, corpus, "corpus.jsonl")
    written(tmp_path, [{"question": samples.QUESTION, "answer": "Po", "gold_doc_ids": ["r1"]}], "gold.jsonl")
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "p.toml").write_text(PIPELINE)
    return tmp_path


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "report.json").read_bytes())
    return found


@pytest.mark.parametrize("hidden", [False, True], ids=["texts logged", "texts hidden"])
def test_a_run_on_an_otlp_file(rivers: Path, hidden: bool) -> None:
    log = written(rivers, samples.otlp(spans(hidden)), "spans.otlp.json")
    done = command("run", log, "--gold", rivers / "gold.jsonl", "-p", rivers / "p.toml", "-o", rivers / "out")
    assert done.exit_code == 0, done.stderr
    report = report_of(rivers)
    assert (report["n_traces"], report["n_failures"]) == (1, 1)
    assert [ranked["verdicts"] for ranked in report["ranking"] if ranked["role"] == "packer"] == [1]
    noted = " ".join(report["notes"])
    assert "ids of passages come from an attribute of their own 3" in noted
    assert "labels joined by question 1" in noted
    assert ("passage texts filled in from the corpus" in noted) == hidden
    assert report["provenance"]["command"].startswith("diagnose run spans.otlp.json ")


def test_without_a_corpus_the_switch_is_named(rivers: Path) -> None:
    log = written(rivers, samples.otlp(spans(hidden=True)), "spans.json")
    done = command("run", log, "--gold", rivers / "gold.jsonl", "-o", rivers / "out")
    assert done.exit_code == 0, done.stderr
    assert "give --corpus, or unset OPENINFERENCE_HIDE_INPUTS" in " ".join(report_of(rivers)["notes"])
    given = command(
        "run", log, "--gold", rivers / "gold.jsonl", "--corpus", rivers / "corpus.jsonl", "-o", rivers / "out"
    )
    assert given.exit_code == 0, given.stderr
    assert "passage texts filled in from the corpus" in " ".join(report_of(rivers)["notes"])


def test_what_was_inferred_is_in_every_form_of_the_report(rivers: Path) -> None:
    log = written(rivers, samples.otlp(spans()[:2] + spans()[3:]), "spans.json")
    done = command("run", log, "--gold", rivers / "gold.jsonl", "-o", rivers / "out")
    assert "ids of passages come from" in (rivers / "out" / "report.md").read_text()
    assert done.exit_code == 0


@pytest.mark.parametrize("how", ["folder", "glob", "several", "stdin"])
def test_check_and_run_take_whatever_holds_logs(rivers: Path, how: str) -> None:
    (rivers / "logs").mkdir()
    one = written(rivers / "logs", samples.otlp(spans()), "a.json")
    other = written(rivers / "logs", samples.phoenix(spans(trace="f" * 32)), "b.json")
    sources: dict[str, list[Any]] = {
        "folder": [rivers / "logs"],
        "glob": [f"{rivers / 'logs'}/*.json"],
        "several": [one, other],
    }
    if how == "stdin":
        piped = [sys.executable, "-m", "diagnose", "check", "-", "--json"]
        shown = subprocess.run(piped, cwd=ROOT, input=one.read_bytes(), capture_output=True)
        assert json.loads(shown.stdout)["n_traces"] == 1, shown.stderr
        ran = command(
            "run", "-", "--gold", rivers / "gold.jsonl", "-o", rivers / "out", stdin=one.read_bytes()
        )
        assert ran.exit_code == 0, ran.stderr
        assert report_of(rivers)["n_traces"] == 1
        return
    checked = command("check", *sources[how], "--gold", rivers / "gold.jsonl", "--json")
    assert checked.exit_code == 0, checked.stderr
    summary = json.loads(checked.stdout)
    assert (summary["n_traces"], summary["n_labelled"], summary["level"]) == (2, 2, "observed")
    assert summary["formats"] == {"otlp": 1, "phoenix": 5}
    assert summary["ids"] == {"an attribute of their own": 6}
    done = command("run", *sources[how], "--gold", rivers / "gold.jsonl", "-o", rivers / "out")
    assert done.exit_code == 0, done.stderr
    assert report_of(rivers)["n_traces"] == 2


def test_columns_of_a_table(rivers: Path) -> None:
    log = written(rivers, "frage,said\nWhich river flows through Turin?,The Arno\n", "log.csv")
    done = command(
        "run", log, "--map", "query=frage,answer=said", "--gold", rivers / "gold.jsonl", "-o", rivers / "out"
    )
    assert done.exit_code == 0, done.stderr
    assert report_of(rivers)["n_failures"] == 1


def test_a_key_in_an_address_is_in_no_report() -> None:
    wanted = Wanted(["http://user:secret@localhost:6006/x", "/home/me/a.json"])
    assert wanted.name == "http://localhost:6006/x a.json"
