"""Whether a log speaks to the models that judge, rewrite or compress it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from diagnose.core.artifact import Answer, Context, Passages
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Stage
from diagnose.core.trace import Trace
from diagnose.errors import quoted
from diagnose.stages.addressed import addressed

READING = frozenset({"judge", "llm-rewrite", "llm-summary"})
"""Built-in stages that ask a model about text which is not its own."""
SHOWN = 5


def addressing(pipeline: Pipeline | None, traces: Iterable[Trace]) -> tuple[str, ...]:
    """A note that names the traces whose text speaks to a model of the pipeline that is to judge or rewrite it."""
    if pipeline is None or not any(stage.name in READING for stage in _stages(pipeline)):
        return ()
    found = {t.trace_id: said for t in traces if (said := _addressed(t)) is not None}
    if not found:
        return ()
    shown = [f"{quoted(name, 40)} ({quoted(said, 60)})" for name, said in list(found.items())[:SHOWN]]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{len(found)} traces hold text that speaks to the model which judges or rewrites it: "
        f"{', '.join(shown)}{more}. "
        "It was fenced off; look at their verdicts by hand",
    )


def _stages(pipeline: Pipeline) -> Sequence[Stage]:
    return [*pipeline.stages, *(stage for routed in pipeline.routes.values() for stage in routed.values())]


def _addressed(trace: Trace) -> str | None:
    return next((said for text in _texts(trace) if (said := addressed(text)) is not None), None)


def _texts(trace: Trace) -> Iterator[str]:
    yield trace.query.text
    yield from (turn.content for turn in trace.query.history)
    for step in trace.steps:
        match step.output:
            case Answer() | Context():
                yield step.output.text
            case Passages():
                yield from (passage.text for passage in step.output.passages)
