"""Four functions of a user's own, attached in seven lines, logged, replayed and blamed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.desks import command

FUNCTIONS = """
def search(query, corpus):
    asked = set(query.lower().strip("?").split())
    return sorted(corpus, key=lambda p: -len(asked & set(p.text.lower().split())))[:4]

def rerank(query, passages):
    return sorted(passages, key=lambda p: len(p.text))      # a bug: the shortest first

def build_prompt(query, passages):
    return "\\n".join(p.text for p in passages[:2])

def generate(query, context):
    lines = context.text.splitlines()
    return max(lines, key=lambda line: sum(word in line for word in query.strip("?").split()))
"""
ATTACHED = """\
[pipeline]
corpus = "corpus.jsonl"
[stages]
retriever = { use = "mine:search", deterministic = true }
ranker = { use = "mine:rerank", deterministic = true }
packer = { use = "mine:build_prompt", deterministic = true }
model = { use = "mine:generate", deterministic = true }
"""
PAGES = {
    "leave": "Parental leave lasts sixteen weeks and is paid in full to both parents.",
    "bikes": "Bikes are kept in the cellar.",
    "notes": "Sick leave needs a note.",
    "lunch": "Lunch is at noon.",
}


@pytest.mark.parametrize("sure", [True, False], ids=["deterministic", "unsaid"])
def test_under_ten_lines_and_the_bug_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sure: bool
) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))
    attached = ATTACHED if sure else ATTACHED.replace(", deterministic = true", "")
    assert len(attached.splitlines()) < 10
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    (tmp_path / "pipeline.toml").write_text(attached)
    rows = [{"id": i, "text": text} for i, text in PAGES.items()]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    gold = {"answers": ["sixteen weeks"], "passages": [{"id": "leave"}]}
    query = {"trace_id": "q1", "query": {"text": "How long is parental leave?"}, "gold": gold}
    (tmp_path / "queries.jsonl").write_text(json.dumps(query) + "\n")
    log, pipeline = tmp_path / "traces.jsonl", tmp_path / "pipeline.toml"
    recorded = command("record", tmp_path / "queries.jsonl", "-p", pipeline, "-o", log)
    assert recorded.exit_code == 0, recorded.stderr
    done = command("run", log, "-p", pipeline, "-o", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    blame = json.loads((tmp_path / "report" / "blame.jsonl").read_text())
    assert blame["verdict"] == "ranker"
    assert blame["minimal_repairs"] == [["ranker"]]
    assert "Verdict: ranker" in command("show", tmp_path / "report", "q1").stdout
