"""LangSmith runs: exported one a line, in the body of a batch, as rows of a bulk export, or nested in one another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import span_of
from diagnose.traces.heads import Head
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.moments import as_ns
from diagnose.traces.rows import plain_cell
from diagnose.traces.span import Span

SOURCE = "langsmith"
OWN_METADATA = ("ls_", "lc_", "LANGSMITH", "LANGCHAIN", "langgraph_", "revision_id", "__")


def spans_of_langsmith(run: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """A run and the runs nested in it."""
    waiting: deque[tuple[Mapping[str, Any], Mapping[str, Any] | None]] = deque([(run, None)])
    while waiting:
        current, parent = waiting.popleft()
        yield _span(current, parent, account)
        children = plain_cell(current.get("child_runs"))
        waiting += [
            (c, current) for c in (children if isinstance(children, list) else ()) if isinstance(c, Mapping)
        ]


def _span(run: Mapping[str, Any], parent: Mapping[str, Any] | None, account: Account) -> Span:
    extra = _object(run.get("extra"))
    metadata = _object(extra.get("metadata"))
    parameters = _object(extra.get("invocation_params"))
    outputs = plain_cell(run.get("outputs"))
    above = run.get("parent_run_id") or (parent.get("id") if parent else None)
    attributes = {
        "langsmith.span.kind": run.get("run_type"),
        "inputs": _lone(plain_cell(run.get("inputs"))),
        "outputs": _lone(outputs),
        "gen_ai.request.model": metadata.get("ls_model_name")
        or parameters.get("model")
        or parameters.get("model_name"),
        **_tokens(run, metadata, outputs),
    }
    made = span_of(
        Head(
            trace_id=_trace_id(run, parent),
            span_id=str(run.get("id") or ""),
            parent_id=str(above) if above else None,
            name=str(run.get("name") or ""),
            start_ns=as_ns(run.get("start_time")),
            end_ns=as_ns(run.get("end_time")),
            error=str(run["error"])[:2000] if run.get("error") else None,
            source=SOURCE,
        ),
        {name: value for name, value in attributes.items() if value is not None},
        account,
    )
    stats = _object(run.get("feedback_stats"))
    judgements = [Judgement(str(name), _object(value).get("avg")) for name, value in stats.items()]
    return msgspec.structs.replace(
        made,
        tool=SOURCE,
        labelled=labelled_by(judgements, account) if judgements else None,
        tags=_tags(run, metadata) if not above else {},
    )


def _trace_id(run: Mapping[str, Any], parent: Mapping[str, Any] | None) -> str:
    """A run's own trace id, else the first run in its dotted order, else the one it is nested in, else itself."""
    if run.get("trace_id"):
        return str(run["trace_id"])
    if isinstance(order := run.get("dotted_order"), str) and "Z" in order:
        return order.split(".")[0].partition("Z")[2]
    if parent is not None:
        return _trace_id(parent, None)
    return str(run.get("id") or "")


def _tokens(run: Mapping[str, Any], metadata: Mapping[str, Any], outputs: Any) -> dict[str, Any]:
    usage = _object(metadata.get("usage_metadata"))
    inside = _object(_object(_object(outputs).get("llm_output")).get("token_usage"))
    return {
        "llm.token_count.prompt": run.get("prompt_tokens")
        or usage.get("input_tokens")
        or inside.get("prompt_tokens"),
        "llm.token_count.completion": run.get("completion_tokens")
        or usage.get("output_tokens")
        or inside.get("completion_tokens"),
        "llm.cost.total": run.get("total_cost"),
    }


def _tags(run: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, str]:
    tags = {
        str(name): str(value)
        for name, value in metadata.items()
        if isinstance(value, str | int | float)
        and not str(name).startswith(OWN_METADATA)
        and len(str(value)) <= 200
    }
    if isinstance(project := run.get("session_name"), str):
        tags["project"] = project
    if example := run.get("reference_example_id"):
        tags["example_id"] = str(example)
    stated = plain_cell(run.get("tags"))
    if isinstance(stated, list) and stated:
        tags["tags"] = ", ".join(sorted(map(str, stated)))
    return tags


def _lone(value: Any) -> Any:
    """What a runnable took or gave, out of the object LangSmith wraps a lone value in."""
    if isinstance(value, Mapping) and len(value) == 1:
        key, inner = next(iter(value.items()))
        return inner if key in ("input", "output") else value
    return value


def _object(value: Any) -> Mapping[str, Any]:
    value = plain_cell(value)
    return value if isinstance(value, Mapping) else {}
