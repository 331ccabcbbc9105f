"""`use = "recorded"` in a pipeline file: the log stands in for what cannot be run, and the report says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Role
from diagnose.core.trace import Step, Trace
from diagnose.errors import UsageError
from diagnose.stages.failure import RunFailed
from diagnose.stages.load import load_pipeline
from diagnose.stages.recorded import weakened
from tests.conftest import ROOT
from tests.house.console import run
from tests.stages.made import BIKES, HANDBOOK, LEAVE, given

LOG = Trace(
    "t1",
    Query("How long is parental leave?"),
    (
        Step("retriever", Passages(HANDBOOK)),
        # Logged by id alone, as many tools log what a ranker gave.
        Step("ranker", Passages((Passage("d2"), Passage("d1")))),
        Step("packer", Context(f"{BIKES.text}\n{LEAVE.text}", (BIKES, LEAVE))),
        Step("model", Answer("In the cellar.")),
    ),
)


def pipeline(folder: Path, *recorded: Role, traces: list[Trace] | None, without: str = "") -> Pipeline:
    built_in = {
        "retriever": "tests.stages.test_recorded_file:all_pages",
        "ranker": "tests.stages.test_recorded_file:two",
        "packer": "rank-order",
        "model": "extract",
    }
    uses = {
        role: "recorded" if role in recorded else use for role, use in built_in.items() if role != without
    }
    (folder / "p.toml").write_text("".join(f'[stages.{role}]\nuse = "{use}"\n' for role, use in uses.items()))
    return load_pipeline(folder / "p.toml", {}, traces)


def all_pages(query: str) -> tuple[Passage, ...]:
    return HANDBOOK


def two(query: str, passages: list[Passage]) -> list[Passage]:
    return passages[:2]


def outputs(pipeline: Pipeline, passages: tuple[Passage, ...] = HANDBOOK) -> list[object]:
    stages = [stage for stage in pipeline.stages if stage.name == "recorded"]
    context = Context(f"{BIKES.text}\n{LEAVE.text}", (BIKES, LEAVE))
    return [stage.run(given(passages=passages, context=context), None) for stage in stages]


def test_the_logged_input_gets_the_logged_output_with_its_texts(tmp_path: Path) -> None:
    found = pipeline(tmp_path, "retriever", "ranker", traces=[LOG])
    bare = Passages((Passage("d2", BIKES.text), Passage("d1", LEAVE.text, title="Leave")))
    retrieved, ranked = outputs(found)
    assert retrieved == Passages(HANDBOOK)
    assert isinstance(ranked, Passages)
    assert [(p.id, p.text) for p in ranked.passages] == [(p.id, p.text) for p in bare.passages]
    assert all(stage.deterministic for stage in found.stages if stage.name == "recorded")
    # What the recorded ranker gives is what the recorded packer was given.
    packed = pipeline(tmp_path, "packer", traces=[LOG]).stage("packer")
    assert packed is not None
    assert packed.run(given(passages=ranked.passages), None) == LOG.output("packer")


def test_ids_will_do_where_the_log_has_no_texts(tmp_path: Path) -> None:
    bare = Passages(tuple(Passage(p.id) for p in HANDBOOK))
    steps = (Step("retriever", bare), *LOG.steps[1:])
    found = pipeline(tmp_path, "ranker", traces=[Trace("t1", LOG.query, steps)])
    (ranked,) = outputs(found)
    assert isinstance(ranked, Passages)
    assert [p.text for p in ranked.passages] == [BIKES.text, LEAVE.text]


def test_any_other_input_is_unseen(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="the log has no ranker step for this input") as caught:
        outputs(pipeline(tmp_path, "ranker", traces=[LOG]), HANDBOOK[::-1])
    assert caught.value.kind == "unseen"


def test_another_log_is_another_stage(tmp_path: Path) -> None:
    other = Trace("t1", LOG.query, (LOG.steps[0], Step("ranker", Passages((LEAVE,))), *LOG.steps[2:]))
    prints = {pipeline(tmp_path, "ranker", traces=[log]).stages[1].fingerprint for log in (LOG, LOG, other)}
    assert len(prints) == 2


def test_what_it_cannot_be_used_for_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"\[stages\.model\] use: a logged answer says nothing of another context"
    ):
        pipeline(tmp_path, "model", traces=[LOG])
    with pytest.raises(
        UsageError, match=r"recorded answers from the log of  diagnose run ; here there is none"
    ):
        pipeline(tmp_path, "ranker", traces=None)
    less = Trace("t1", LOG.query, (LOG.steps[0], LOG.steps[3]))
    expected = r"recorded finds no ranker step in the log; it has steps of retriever, model"
    with pytest.raises(UsageError, match=expected):
        pipeline(tmp_path, "ranker", traces=[less])


def test_what_it_weakens_is_said(tmp_path: Path) -> None:
    assert weakened(pipeline(tmp_path, traces=[LOG]), [LOG]) == ()
    (first,) = weakened(pipeline(tmp_path, "retriever", traces=[LOG]), [LOG])
    assert first.startswith("not run, the log stands in: retriever.")
    _, more = weakened(pipeline(tmp_path, "retriever", "ranker", traces=[LOG]), [LOG])
    assert "where a repaired stage changes what the ranker gets" in more
    (left_out,) = weakened(pipeline(tmp_path, traces=[LOG], without="ranker"), [LOG])
    assert "the log has a ranker, the pipeline has none" in left_out
    assert '[stages.ranker] use = "recorded"' in left_out


PAGES = {f"d{n}": f"Item {n} is kept on shelf number {n * 7} of room {n}." for n in range(4)}


def listed(*ids: str) -> dict[str, object]:
    return {"passages": [{"id": name, "text": PAGES[name]} for name in ids]}


def logged(n: int, found: tuple[str, ...], ranked: str) -> dict[str, object]:
    """A trace of the question after item `n`: what the retriever found, and the one that the ranker kept."""
    text = PAGES[ranked]
    outputs = {
        "retriever": listed(*found),
        "ranker": listed(ranked),
        "packer": {"text": text, **listed(ranked)},
        "model": {"text": text},
    }
    return {
        "trace_id": f"t{n}",
        "query": {"text": f"On which shelf is item {n}?"},
        "gold": {"answers": [f"{n * 7} of room"], **listed(f"d{n}")},
        "steps": [{"role": role, "output": output} for role, output in outputs.items()],
    }


@pytest.mark.slow
def test_a_run_decides_what_the_log_can_decide_and_says_what_it_cannot(tmp_path: Path) -> None:
    rows = [
        logged(
            0, ("d1", "d2", "d3"), "d1"
        ),  # not found: how the ranker would have ranked it is not in the log
        logged(1, ("d1", "d2", "d3"), "d3"),  # found, and dropped by the ranker
        logged(2, ("d2", "d1", "d3"), "d2"),
    ]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = [{"id": name, "text": text} for name, text in PAGES.items()]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(page) + "\n" for page in corpus))
    (tmp_path / "pipeline.toml").write_text(
        '[pipeline]\ncorpus = "corpus.jsonl"\n[stages]\n'
        'retriever = { use = "recorded" }\nranker = { use = "recorded" }\n'
        'packer = { use = "rank-order" }\nmodel = { use = "extract" }\n'
    )
    command = "diagnose run traces.jsonl -p pipeline.toml -o out --no-memo --quiet"
    code, _, talk = run(command, tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)})
    assert code == 0, talk
    lines = (tmp_path / "out" / "blame.jsonl").read_text().splitlines()
    blames = {blame["trace_id"]: blame for blame in map(json.loads, lines)}
    assert set(blames) == {"t0", "t1"}
    assert blames["t1"]["verdict"] == "ranker"
    assert blames["t0"]["verdict"] == "undecided"
    assert blames["t0"]["undecided"]["reason"] == "not-replayable"
    assert "the log has no ranker step for this input" in blames["t0"]["undecided"]["detail"]
    notes = " ".join(json.loads((tmp_path / "out" / "report.json").read_text())["notes"])
    assert "those failures stay undecided (not-replayable)" in notes
