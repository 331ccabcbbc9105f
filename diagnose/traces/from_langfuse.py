"""Langfuse: the UI's download of a trace, and exports of observations (JSON, JSON lines, CSV, Parquet; camel or
snake case)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import span_of
from diagnose.traces.heads import Head
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.moments import as_ns, hex_id, parent_id
from diagnose.traces.rows import plain_cell
from diagnose.traces.said import answer_in, history_in, query_in
from diagnose.traces.span import Span

SOURCE = "langfuse"
KEPT_APART = frozenset({"attributes", "resourceAttributes", "scope"})
"""Parts of an observation's metadata that are the original span's."""


def spans_of_langfuse(document: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """A trace with its observations (`{"trace", "observations"}`, or a trace that holds them)."""
    whole = document.get("trace", document)
    observations = plain_cell(document.get("observations"))
    if isinstance(whole, Mapping) and whole.get("id"):
        yield _whole(whole, plain_cell(whole.get("scores") or document.get("scores")), account)
    for observation in observations if isinstance(observations, list) else ():
        if isinstance(observation, Mapping):
            yield span_of_observation(observation, account)


def span_of_observation(row: Mapping[str, Any], account: Account) -> Span:
    """One observation."""
    get = _getter(row)
    metadata = plain_cell(get("metadata"))
    metadata = metadata if isinstance(metadata, Mapping) else {}
    original = metadata.get("attributes")
    attributes: dict[str, Any] = dict(original) if isinstance(original, Mapping) else {}
    attributes |= {
        "langfuse.observation.type": str(get("type") or "").lower(),
        "langfuse.observation.input": plain_cell(get("input")),
        "langfuse.observation.output": plain_cell(get("output")),
        "langfuse.observation.model.name": get("model", "providedModelName"),
        "langfuse.observation.usage_details": plain_cell(get("usageDetails", "usage")),
        "langfuse.observation.cost_details": plain_cell(get("costDetails")),
        "gen_ai.usage.prompt_tokens": get("promptTokens", "inputUsage"),
        "gen_ai.usage.completion_tokens": get("completionTokens", "outputUsage"),
    }
    attributes = {name: value for name, value in attributes.items() if value not in (None, "", {}, 0)}
    failed = str(get("level") or "") == "ERROR"
    parent = parent_id(get("parentObservationId") or "")
    made = span_of(
        Head(
            trace_id=hex_id(get("traceId")),
            span_id=hex_id(get("id")),
            parent_id=parent,
            name=str(get("name") or ""),
            start_ns=as_ns(get("startTime")),
            end_ns=as_ns(get("endTime")),
            error=str(get("statusMessage") or "error") if failed else None,
            source=SOURCE,
        ),
        attributes,
        account,
    )
    tags = _tags(get, {k: v for k, v in metadata.items() if k not in KEPT_APART}) if parent is None else {}
    return msgspec.structs.replace(made, tool=SOURCE, tags={**tags, **made.tags})


def judgement_of_score(score: Mapping[str, Any]) -> tuple[str, Judgement]:
    """A row of an export of scores, and the id of the observation (else the trace) it is about."""
    get = _getter(score)
    about = hex_id(get("observationId") or get("traceId"))
    return about, _judgement(score)


def _judgement(score: Mapping[str, Any]) -> Judgement:
    get = _getter(score)
    return Judgement(str(get("name") or ""), get("value"), get("stringValue"))


def _judgements(scores: Any) -> list[Judgement]:
    """Scores as a list of objects, or as the tables of traces have them: values by name."""
    if isinstance(scores, Mapping):
        values = ((str(name), value) for name, value in scores.items())
        return [Judgement(name, v[0] if isinstance(v, list) and v else v) for name, v in values]
    return [
        _judgement(score)
        for score in (scores if isinstance(scores, list) else ())
        if isinstance(score, Mapping)
    ]


def _whole(trace: Mapping[str, Any], scores: Any, account: Account) -> Span:
    get = _getter(trace)
    asked = plain_cell(get("input"))
    judgements = _judgements(scores)
    metadata = plain_cell(get("metadata"))
    rest = {k: v for k, v in metadata.items() if k not in KEPT_APART} if isinstance(metadata, Mapping) else {}
    return Span(
        hex_id(get("id")),
        "",
        "trace",
        "trace",
        query=query_in(asked),
        history=history_in(asked) if isinstance(asked, Mapping | list) else (),
        text=answer_in(plain_cell(get("output"))),
        labelled=labelled_by(judgements, account) if judgements else None,
        tags=_tags(get, rest),
        source=SOURCE,
        tool=SOURCE,
    )


def _tags(get: Any, metadata: Mapping[str, Any]) -> dict[str, str]:
    found = {
        tag: str(value)
        for tag, value in (
            ("session", get("sessionId")),
            ("user", get("userId")),
            ("environment", get("environment")),
        )
        if value
    }
    tags = plain_cell(get("tags", "traceTags"))
    if isinstance(tags, list) and tags:
        found["tags"] = ", ".join(sorted(map(str, tags)))
    for name, value in metadata.items():
        if isinstance(value, str | int | float) and len(str(value)) <= 200 and len(found) < 12:
            found.setdefault(str(name), str(value))
    return found


def _getter(row: Mapping[str, Any]) -> Any:
    """Looks a field up by its camel-case names, as they are and in snake case."""

    def get(*names: str) -> Any:
        for name in names:
            for spelt in (name, snake(name)):
                if (value := row.get(spelt)) is not None:
                    return value
        return None

    return get


def snake(name: str) -> str:
    """`parentObservationId` as `parent_observation_id`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
