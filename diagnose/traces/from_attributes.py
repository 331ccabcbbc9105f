"""A span's attributes, of whatever convention, as a `Span`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from diagnose.core.artifact import Turn
from diagnose.traces import attributes as names
from diagnose.traces.account import Account
from diagnose.traces.cited import passages_in, tags_of
from diagnose.traces.costs import COSTED, NO_COSTS, costs_of, finish_of
from diagnose.traces.decided import accepted, deciding, route_in
from diagnose.traces.heads import Event, Head
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.kinds import kind_of
from diagnose.traces.listed import Listed, joined, passages_of, split
from diagnose.traces.model_texts import clean, prompt_of, text_of_output
from diagnose.traces.said import history_in, query_in, unwrapped
from diagnose.traces.span import Cited, Kind, Labelled, Span

LEAST_VARIABLE = 12
"""Characters below which a named text in an output is too short to be a context."""
OF_FRAMEWORKS = ("ls_", "lc_", "langgraph_", "is_langchain", "__")
"""Beginnings of metadata that frameworks add by themselves."""
_JUDGED = frozenset(names.JUDGED)


def span_of(
    head: Head,
    attributes: Mapping[str, Any],
    account: Account,
    events: Sequence[Event] = (),
    kind: str | None = None,
) -> Span:
    """The span. `kind` is an OpenInference kind that the source keeps outside of the attributes."""
    details = [event.attributes.items() for event in events if event.name == names.DETAILS_EVENT]
    return span_of_listed(
        head, split(itertools.chain(attributes.items(), *details), account), account, events, kind
    )


def span_of_listed(
    head: Head, listed: Listed, account: Account, events: Sequence[Event] = (), kind: str | None = None
) -> Span:
    """The same of attributes that were sorted already."""
    if kind and "openinference.span.kind" not in listed.flat:
        listed.flat["openinference.span.kind"] = kind
    role, label, tool = kind_of(listed.flat, events)
    given_in, put_out = unwrapped(listed.first("input")), unwrapped(listed.first("output"))
    role = deciding(role, head.name, listed.flat, put_out)
    given = _given(listed, given_in, role)
    prompt = prompt_of(listed, events, given_in) if role == "model" else ()
    cited = _cited(listed, events, put_out, role, given or ())
    text, told = text_of_output(listed, events, None if cited is not None else put_out, role)
    if role == "router":
        text = route_in(head.name, listed.flat, given_in, put_out) or text
    error = head.error or (_error(events) if events else None)
    costs = costs_of(listed, put_out) if role == "model" or listed.facts.keys() & COSTED else NO_COSTS
    return Span(
        trace_id=head.trace_id,
        span_id=head.span_id,
        kind=role,
        label=label,
        name=_name(listed.flat, head),
        parent_id=head.parent_id,
        start_ns=head.start_ns,
        end_ns=head.end_ns,
        query=clean(listed.first("query"))
        or (None if role in ("model", "embedding") else query_in(given_in)),
        history=history_in(given_in) if type(given_in) in (dict, list) else (),
        given=given,
        cited=cited,
        prompt=_cut_turns(prompt, account),
        variables=_variables(listed, given_in, put_out, role, account),
        text=_cut(text, account),
        accept=accepted(listed.flat, put_out, text, error) if role == "verifier" else None,
        model=clean(listed.first("model")),
        prompt_tokens=costs.prompt_tokens,
        completion_tokens=costs.completion_tokens,
        cost=costs.cost,
        finish_reason=told or (finish_of(listed) if role == "model" else None),
        error=error,
        labelled=_labelled(listed, events, account)
        if events or not _JUDGED.isdisjoint(listed.lists)
        else None,
        tags=_tags(listed) if head.parent_id is None else {},
        source=head.source,
        tool=tool,
    )


def _name(flat: Mapping[str, Any], head: Head) -> str:
    component = flat.get("haystack.component.name")
    return component if isinstance(component, str) and component else head.name


def _given(listed: Listed, given_in: Any, role: Kind) -> tuple[Cited, ...] | None:
    if (found := listed.list(names.GIVEN)) is not None:
        return passages_of(found)
    return None if role in ("model", "embedding", "retriever") else passages_in(given_in)


def _cited(
    listed: Listed, events: Sequence[Event], put_out: Any, role: Kind, given: Sequence[Cited]
) -> tuple[Cited, ...] | None:
    if role in ("model", "embedding", "evaluator"):
        return None
    bare = role in ("retriever", "ranker", "compressor")
    in_output = passages_in(put_out, bare=bare, given=given)
    if (found := listed.list(names.CITED)) is not None:
        return joined(passages_of(found, tagged=role == "retriever"), in_output or ())
    documents = unwrapped(listed.flat.get("gen_ai.retrieval.documents"))
    if documents is not None and (explicit := passages_in(documents, bare=True)) is not None:
        return joined(tuple(_explicit(passage) for passage in explicit), in_output or ())
    results = [_event_passage(event) for event in events if event.name == names.DATABASE_EVENT]
    return tuple(results) if results else in_output


def _explicit(passage: Cited) -> Cited:
    return Cited(
        passage.id, passage.text, passage.score, passage.title, passage.tags, "id" if passage.id else "text"
    )


def _event_passage(event: Event) -> Cited:
    values = {key.rpartition(".")[2]: value for key, value in event.attributes.items()}
    metadata = unwrapped(values.get("metadata"))
    found = values.get("id")
    return Cited(
        id=str(found) if found not in (None, "") else None,
        text=str(values.get("document") or ""),
        tags=tags_of(metadata if isinstance(metadata, dict) else {}, values.get("distance")),
        id_from="id" if found not in (None, "") else "text",
    )


def _variables(listed: Listed, given_in: Any, put_out: Any, role: Kind, account: Account) -> dict[str, str]:
    found: dict[str, str] = {}
    stated = unwrapped(listed.first("variables"))
    inputs = given_in if role == "prompt" else None
    for source in (put_out, inputs, stated, listed.variables):
        if isinstance(source, dict):
            for name, value in source.items():
                if isinstance(value, str) and len(value) >= LEAST_VARIABLE:
                    found[str(name)] = value[: account.limits.text]
    return found if role not in ("retriever", "ranker", "embedding") else {}


def _error(events: Sequence[Event]) -> str | None:
    for event in events:
        if event.name == "exception":
            kind, message = event.attributes.get("exception.type"), event.attributes.get("exception.message")
            return ": ".join(str(part) for part in (kind, message) if part) or "exception"
    return None


def _labelled(listed: Listed, events: Sequence[Event], account: Account) -> Labelled | None:
    found: list[Judgement] = []
    for item in listed.list(names.JUDGED) or ():
        if isinstance(item, dict):
            values = {key.rpartition(".")[2]: value for key, value in item.items()}
            found.append(Judgement(str(values.get("name", "")), values.get("score"), values.get("label")))
    for event in events:
        if event.name == names.EVALUATION_EVENT:
            get = event.attributes.get
            found.append(
                Judgement(
                    str(get("gen_ai.evaluation.name", "")),
                    get("gen_ai.evaluation.score.value"),
                    get("gen_ai.evaluation.score.label"),
                )
            )
    return labelled_by(found, account) if found else None


def _tags(listed: Listed) -> dict[str, str]:
    tags: dict[str, str] = {}
    for attribute, tag in names.TAGS:
        if isinstance(value := listed.flat.get(attribute), str | int) and value != "":
            tags.setdefault(tag, str(value))
    for attribute in names.TAG_LISTS:
        value = unwrapped(listed.flat.get(attribute))
        if isinstance(value, list | tuple) and value:
            tags["tags"] = ", ".join(sorted(str(item) for item in value))
    stated = unwrapped(listed.first("metadata"))
    for source in (stated, listed.metadata):
        if isinstance(source, dict):
            for name, text in (tags_of(source) or {}).items():
                if not name.startswith(OF_FRAMEWORKS):
                    tags.setdefault(name, text)
    return tags


def _cut(text: str | None, account: Account) -> str | None:
    if text is None or len(text) <= account.limits.text:
        return text
    account.note(f"texts of more than {account.limits.text} characters were cut (--limit text=N)")
    return text[: account.limits.text]


def _cut_turns(turns: tuple[Turn, ...], account: Account) -> tuple[Turn, ...]:
    if not turns or all(len(turn.content) <= account.limits.text for turn in turns):
        return turns
    return tuple(Turn(turn.role, _cut(turn.content, account) or "") for turn in turns)


def as_json(value: Any) -> str | None:
    """A value as an attribute's text: texts as they are, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
