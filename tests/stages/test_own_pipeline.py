"""A pipeline of the user's own, attached as it is: four plain functions and seven lines of TOML."""

from __future__ import annotations

from pathlib import Path

import msgspec

from diagnose.core.artifact import Answer, Context, Output, Passages, Query
from diagnose.core.stage import Given
from diagnose.stages.load import load_pipeline

CODE = """
PAGES = {"p1": "Leave lasts sixteen weeks.", "p2": "Bikes are in the cellar.", "p3": "Leave is paid."}

def retrieve(query):
    return [{"id": key, "text": text} for key, text in PAGES.items()]

def rerank(query, passages):
    score = lambda p: len(set(query.lower().split()) & set(p.text.lower().strip(".").split()))
    return sorted(passages, key=score, reverse=True)[:2]

def build_prompt(question, docs):
    return "\\n".join(doc.text for doc in docs)

def generate(query, context, limit=6, seed=0):
    return " ".join(context.text.split()[:limit])
"""
PIPELINE = """
[pipeline]
name = "mine"
[stages]
retriever = { use = "my_rag:retrieve" }
ranker = { use = "my_rag:rerank" }
packer = { use = "my_rag:wrapped_packer" }
model = { use = "my_rag:generate", limit = 4 }
"""
WRAPPED = CODE + "\ndef wrapped_packer():\n    return build_prompt\n"


def test_four_plain_functions_in_under_ten_lines_of_toml(tmp_path: Path) -> None:
    (tmp_path / "my_rag.py").write_text(WRAPPED)
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    assert len(PIPELINE.strip().splitlines()) < 10
    pipeline = load_pipeline(tmp_path / "pipeline.toml", {})
    state = Given("how many weeks is leave", Query("how many weeks is leave"))
    outputs: list[Output] = []
    for stage in pipeline.stages:
        outputs.append(output := stage.run(state, None))
        if isinstance(output, Passages):
            state = msgspec.structs.replace(state, passages=output.passages)
        elif isinstance(output, Context):
            state = msgspec.structs.replace(state, context=output)
    retrieved, ranked, packed, answer = outputs
    assert isinstance(retrieved, Passages)
    assert isinstance(ranked, Passages)
    assert isinstance(packed, Context)
    assert [p.id for p in retrieved.passages] == ["p1", "p2", "p3"]
    assert [p.id for p in ranked.passages] == ["p1", "p3"]
    # The packer gave a bare string; what it was packed of was read off it.
    assert [p.id for p in packed.passages] == ["p1", "p3"]
    assert answer == Answer("Leave lasts sixteen weeks.")
    assert pipeline.stages[-1].settings == {"limit": 4}
    assert [stage.seeded for stage in pipeline.stages] == [False, False, False, True]
