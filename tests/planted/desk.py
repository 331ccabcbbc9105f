"""A small contract desk for planted faults: 30 clauses, 15 questions, and pipelines that answer them all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from diagnose.core.artifact import Output, Passage, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.flow import Found, Settings, replayed
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.stages.faults import Around, Fault, faulty
from diagnose.stages.load import load_pipeline
from diagnose.traces.record import recorded

SUPPLIERS = (
    "Austral Mining", "Borealis Freight", "Cirrus Software", "Delmar Foods", "Ember Heating",
    "Fjord Shipping", "Granite Works", "Harbour Cranes", "Indigo Paints", "Juniper Labs",
    "Kestrel Drones", "Lumen Optics", "Meridian Maps", "Nimbus Hosting", "Orchid Farms",
)  # fmt: skip
ASIDES = (" for goods", "", " for goods and works delivered to its order", "", " for works")
"""What makes payment clauses of different length."""
FOUR: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
SEVEN: tuple[Role, ...] = ("rewriter", "retriever", "ranker", "compressor", "packer", "model", "verifier")
FUNCTIONS: dict[Role, str] = {
    "rewriter": "rewrite",
    "retriever": "retrieve",
    "ranker": "rank",
    "compressor": "compress",
    "packer": "pack",
    "model": "read",
    "verifier": "verify",
}


def due(i: int) -> str:
    """The answer to question i."""
    return f"{21 + 4 * i} days"


def clauses() -> list[Passage]:
    """Two clauses a supplier, payment and notice; every payment clause is like every other but for its figure."""
    made: list[Passage] = []
    for i, name in enumerate(SUPPLIERS):
        aside = ASIDES[i % len(ASIDES)]
        paid = f"Invoices of {name}{aside}, unless disputed in writing, are payable within {due(i)}."
        notice = f"{name} may end its contract with {300 + i} days of notice (see annex {i}) to the buyer."
        made += [Passage(f"pay{i:02}", paid), Passage(f"end{i:02}", notice)]
    return made


def queries() -> list[Trace]:
    """Fifteen labelled questions."""
    return [
        Trace(
            f"q{i:02}",
            Query(f"Within how many days are invoices of {name} payable?"),
            gold=Gold((due(i),), (GoldPassage(f"pay{i:02}"),)),
            tags={"third": "first" if i < 5 else "later"},
        )
        for i, name in enumerate(SUPPLIERS)
    ]


def write_desk(
    folder: Path, roles: Sequence[Role] = FOUR, tables: dict[Role, str] | None = None, most: int = 15
) -> Path:
    """The desk as files: corpus, the first queries, the user's functions and `pipeline.toml`, whose path is
    returned."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = "".join(json.dumps({"id": p.id, "text": p.text}) + "\n" for p in clauses())
    (folder / "corpus.jsonl").write_text(corpus)
    (folder / "queries.jsonl").write_text("".join(query_line(q) for q in queries()[:most]))
    shutil.copy(Path(__file__).with_name("own.py"), folder / "own.py")
    lines = ["[pipeline]", 'corpus = "corpus.jsonl"']
    for role in roles:
        table = (tables or {}).get(role, f'use = "own:{FUNCTIONS[role]}"\ndeterministic = true')
        lines += [f"[stages.{role}]", table]
    (folder / "pipeline.toml").write_text("\n".join(lines) + "\n")
    return folder / "pipeline.toml"


def query_line(query: Trace) -> str:
    """A query as a line of a file."""
    assert query.gold is not None
    gold = {"answers": query.gold.answers, "passages": [{"id": p.id} for p in query.gold.passages]}
    record = {"trace_id": query.trace_id, "query": {"text": query.query.text}, "gold": gold}
    return json.dumps(record | {"tags": query.tags}) + "\n"


WORST_FIRST: dict[Role, str] = {"ranker": 'use = "own:rank_worst_first"\ndeterministic = true'}
"""Tables of a desk that answers nothing: its ranker has a sign error."""


def desk(folder: Path, roles: Sequence[Role] = FOUR) -> Pipeline:
    """The desk as a pipeline, loaded from its files."""
    return load_pipeline(write_desk(folder, roles))


def gold_of(question: str, passages: Sequence[Passage]) -> tuple[bool, ...]:
    """Which passages are the gold one of a question, told by their text alone."""
    i = next((i for i, name in enumerate(SUPPLIERS) if name in question), -1)
    return tuple(i >= 0 and SUPPLIERS[i] in p.text and due(i) in p.text for p in passages)


def with_faults(pipeline: Pipeline, *faults: Fault) -> Pipeline:
    """The pipeline with faults in it."""
    around = Around(gold_of)
    wrapped = {fault.role: fault for fault in faults}
    stages = (
        faulty(stage, wrapped[stage.role], around) if stage.role in wrapped else stage
        for stage in pipeline.stages
    )
    return replace(pipeline, stages=tuple(stages))


Spoil = Callable[[Given, Output], Output]


def spoilt(pipeline: Pipeline, role: Role, spoil: Spoil, deterministic: bool = True) -> Pipeline:
    """The pipeline with what one stage gives spoilt by a function."""

    def wrapped(stage: Stage) -> Stage:
        def run(given: Given, seed: int | None) -> Output:
            return spoil(given, stage.run(given, seed))

        return replace(stage, run=run, fingerprint=stage.fingerprint + "/spoilt", deterministic=deterministic)

    stages = (wrapped(stage) if stage.role == role else stage for stage in pipeline.stages)
    return replace(pipeline, stages=tuple(stages))


def log_of(pipeline: Pipeline, asked: Sequence[Trace] | None = None, seed: int = 1_000) -> list[Trace]:
    """What the pipeline logs for the queries; the seed is not that of the replays."""
    runner, scorer = Runner(pipeline, Memo(), seed), scorer_of(pipeline)

    def logged(query: Trace) -> Trace:
        made = recorded(query, pipeline, runner, lambda a: scorer.score(a, query.gold or Gold()).value, None)
        assert made.failure is None, made.failure
        return made.trace

    return [logged(query) for query in (queries() if asked is None else asked)]


def scorer_of(pipeline: Pipeline) -> Scorer:
    """The pipeline's scorer."""
    return Scorer.from_settings(pipeline.score, pipeline.abstention)


def diagnosed(pipeline: Pipeline, log: Sequence[Trace], settings: Settings = Settings()) -> Found:
    """What replays of a log find."""
    return replayed(log, Runner(pipeline, Memo(), settings.seed), scorer_of(pipeline), settings)


def failures(log: Sequence[Trace]) -> list[Trace]:
    """The wrong answers of a log."""
    return [t for t in log if t.outcome is not None and t.outcome.score == 0.0]


def without_gold(given: Given, own: Output) -> Output:
    """A spoil: passages without the gold one."""
    assert isinstance(own, Passages)
    marks = gold_of(given.conversation.text, own.passages)
    return Passages(tuple(p for p, gold in zip(own.passages, marks, strict=True) if not gold))
