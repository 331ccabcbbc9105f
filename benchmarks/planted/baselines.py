"""What others would say of the same failures.

Three rules of thumb that look at the logged trace alone, and `whydunit` (PyPI), run for real where it is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from diagnose.attribute.funnel import funnel_of, lost_at, triage
from diagnose.core.artifact import Answer, Context, Passage, Query
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Trace
from diagnose.score.label import Label
from diagnose.score.table import Scorer

MODEL, TRIAGE, FUNNEL, WHYDUNIT = "blame the model", "usual triage", "evidence funnel", "whydunit"
NAMES = (MODEL, TRIAGE, FUNNEL, WHYDUNIT)

MAPPED: dict[str, tuple[Role, ...]] = {
    "distractor": ("retriever", "ranker", "packer"),
    "position": ("ranker", "packer"),
    "representation": ("packer",),
    "reasoning": ("model",),
}
"""The stages that a class of whydunit counts for: any of them is right. `retrieval` counts for the stage
at which the log loses the evidence, wherever that is (whydunit sees the context alone and cannot tell), else for the
retriever. `compound` counts as both stages of a pair and as no verdict on a single fault; `undetermined` as none."""
CALLS_MOST = 24
"""whydunit's own default of model calls for one trace."""
_BLANK_LINE = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Said:
    """What a baseline says of one failure: the stages it blames (any one of which would do), () where it gives no
    verdict; `word` is its own word for it; `pair` says that it names two causes at once."""

    stages: tuple[Role, ...]
    word: str
    calls: int = 0
    pair: bool = False


def from_log(trace: Trace, label: Label) -> dict[str, Said]:
    """The three rules of thumb, on a logged failure."""
    funnel = funnel_of([(step.role, step.output) for step in trace.steps], label, passed=False)
    usual, lost = triage(funnel) or "model", lost_at(funnel) or "model"
    return {
        MODEL: Said(("model",), "model"),
        TRIAGE: Said((usual,), usual),
        FUNNEL: Said((lost,), lost),
    }


def whydunit_version() -> str | None:
    """The version of whydunit installed here, or None."""
    return str(_whydunit().__version__) if importlib.util.find_spec("whydunit") else None


def _whydunit(part: str = "") -> Any:
    """The package, which only this benchmark needs and type checks need not find."""
    return importlib.import_module(f"whydunit{part}")


def asked_whydunit(
    trace: Trace, label: Label, model: Stage, scorer: Scorer, seed: int, lost: Role, noisy: bool
) -> Said:
    """What whydunit says of one logged failure.

    It gets what it is made for: the context as blocks, the gold ids, the reference, the pipeline's own
    scorer as its oracle, the (faulty) model to run on changed blocks with a seed, and the knowledge
    whether that model is deterministic.
    """
    whydunit = _whydunit()
    gold = label.gold
    mark = scorer.pass_mark
    context = trace.output("packer")
    assert isinstance(context, Context)

    def run(query: str, blocks: Sequence[Any], *, seed: int) -> str:
        passages = tuple(Passage(block.id, block.text) for block in blocks)
        text = "\n\n".join(block.text for block in blocks)
        answer = model.run(Given(query, Query(query), passages, Context(text, passages)), seed)
        assert isinstance(answer, Answer)
        return answer.text

    def right(_: Any, output: str) -> bool:
        return (scorer.score(output, gold).value or 0.0) >= mark

    answer = trace.output("model")
    found = whydunit.Diagnoser(
        whydunit.FunctionRunner(_seeded(run, seed), passes_seed=True),
        oracle=_whydunit(".oracle").Predicate(right),
        config=whydunit.DiagnosisConfig(
            policy=whydunit.RepeatPolicy(deterministic=not noisy), calls_per_trace=CALLS_MOST
        ),
    ).diagnose(
        whydunit.Trace(
            id=trace.trace_id,
            query=trace.query.text,
            blocks=tuple(_blocks(context)),
            output=answer.text if isinstance(answer, Answer) else "",
            reference=gold.answers[0],
            gold_block_ids=tuple(passage.id for passage in gold.passages if passage.id),
            passed=False,
        )
    )
    word = str(found.label)
    stages = (lost if lost != "model" else "retriever",) if word == "retrieval" else MAPPED.get(word, ())
    return Said(stages, word, found.calls, pair=word == "compound")


def _seeded(run: Callable[..., str], first: int) -> Callable[..., str]:
    """whydunit numbers its repeats from 0; the log was written under another seed."""

    def seeded(query: str, blocks: Sequence[Any], *, seed: int) -> str:
        return run(query, blocks, seed=first + seed)

    return seeded


def _blocks(context: Context) -> list[Any]:
    """What the model saw, one block a paragraph, each under the id of the passage it is (a copy under one of its
    own); garbled or cut paragraphs keep the id of the passage packed in their place."""
    texts = [text for text in _BLANK_LINE.split(context.text) if text.strip()]
    blocks, used = [], set[str]()
    for i, text in enumerate(texts):
        known = next((p.id for p in context.passages if p.text and p.text.strip() == text.strip()), None)
        name = known or (context.passages[i].id if i < len(context.passages) else f"block-{i}")
        if name in used:
            name = f"{name}-{i}"
        used.add(name)
        blocks.append(_whydunit().ContextBlock(id=name, text=text, score=1.0 / (i + 1)))
    return blocks
