"""A span's attributes, of whatever convention, as a `Span`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from diagnose.core.artifact import Turn
from diagnose.traces import attributes as names
from diagnose.traces.account import Account
from diagnose.traces.cited import as_number, passages_in, tags_of
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.listed import Listed, joined, messages_of, passages_of, split
from diagnose.traces.said import (
    REDACTED,
    answer_in,
    history_in,
    messages_in,
    query_in,
    text_of,
    unwrapped,
)
from diagnose.traces.span import Cited, Kind, Labelled, Span

LEAST_VARIABLE = 12
"""Characters below which a named text in an output is too short to be a context."""
MAX_TEXT = 4_000_000
"""Characters of one text that are kept; the rest is cut and noted."""
USAGE_KEYS = ("usage", "usage_metadata", "token_usage", "tokenUsage")
ASKED_KEYS = ("input_tokens", "prompt_tokens", "input", "promptTokens", "prompt")
ANSWERED_KEYS = ("output_tokens", "completion_tokens", "output", "completionTokens", "completion")
OF_FRAMEWORKS = ("ls_", "lc_", "langgraph_", "is_langchain", "__")
"""Beginnings of metadata that frameworks add by themselves."""
ACCEPTED = (
    "accept",
    "accepted",
    "passed",
    "pass",
    "valid",
    "is_valid",
    "allowed",
    "safe",
    "is_safe",
    "approved",
)
BLOCKED = ("blocked", "flagged", "rejected", "triggered")


class Head(NamedTuple):
    """What every span has: who it is, when it ran, how it ended."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    error: str | None = None
    source: str = ""


class Event(NamedTuple):
    """A span event."""

    name: str
    attributes: Mapping[str, Any]


def span_of(
    head: Head,
    attributes: Mapping[str, Any],
    account: Account,
    events: Sequence[Event] = (),
    kind: str | None = None,
) -> Span:
    """The span. `kind` is an OpenInference kind that the source keeps outside of the attributes."""
    listed = split(attributes, account)
    if kind and "openinference.span.kind" not in listed.flat:
        listed.flat["openinference.span.kind"] = kind
    role, label, tool = kind_of(listed.flat, events)
    given_in, put_out = unwrapped(listed.first(names.INPUT)), unwrapped(listed.first(names.OUTPUT))
    given = _given(listed, given_in, role)
    prompt = _prompt(listed, events, given_in) if role == "model" else ()
    cited = _cited(listed, events, put_out, role, given or ())
    text, told = _text(listed, events, None if cited is not None else put_out, role)
    usage = _usage(listed, put_out if role == "model" else None)
    return Span(
        trace_id=head.trace_id,
        span_id=head.span_id,
        kind=role,
        label=label,
        name=_name(listed.flat, head),
        parent_id=head.parent_id,
        start_ns=head.start_ns,
        end_ns=head.end_ns,
        query=_clean(listed.first(names.QUERY))
        or (None if role in ("model", "embedding") else query_in(given_in)),
        history=history_in(given_in) if isinstance(given_in, dict | list) else (),
        given=given,
        cited=cited,
        prompt=_cut_turns(prompt, account),
        variables=_variables(listed, given_in, put_out, role),
        text=_cut(text, account),
        accept=_accept(put_out, text) if role == "verifier" else None,
        model=_clean(listed.first(names.MODEL)),
        prompt_tokens=usage[0],
        completion_tokens=usage[1],
        cost=_cost(listed),
        finish_reason=told or _finish(listed),
        error=head.error or _error(listed, events) or None,
        labelled=_labelled(listed, events, account),
        tags=_tags(listed) if head.parent_id is None else {},
        source=head.source,
        tool=tool,
    )


def kind_of(flat: Mapping[str, Any], events: Iterable[Event] = ()) -> tuple[Kind, str, str]:
    """The kind, the tool's own word for it, and the convention it is from (for the hint on hidden texts)."""
    fallback: tuple[Kind, str, str] | None = None
    for attribute, kinds in names.KINDS:
        value = flat.get(attribute)
        if not isinstance(value, str):
            continue
        word = value.strip('"')
        kind = kinds.get(word.lower(), "unknown")
        if kind in names.SPECIFIC:
            return kind, word, _tool(attribute, flat)
        if fallback is None or (fallback[0] == "unknown" and kind != "unknown"):
            fallback = (kind, word, _tool(attribute, flat))
    component = flat.get(names.HAYSTACK_TYPE)
    if isinstance(component, str):
        kind = next((k for end, k in names.HAYSTACK_ENDINGS if component.endswith(end)), "chain")
        return kind, component, "haystack"
    if any(flat.get(attribute) for attribute in names.DATABASE):
        found = any(event.name == names.DATABASE_EVENT for event in events)
        return ("retriever" if found else "tool"), "database", "openllmetry"
    if fallback is not None:
        return fallback
    if any(name.startswith("haystack.pipeline.") for name in flat):
        return "chain", "haystack.pipeline", "haystack"
    return "unknown", "", ""


def _tool(attribute: str, flat: Mapping[str, Any]) -> str:
    """The convention whose switch hides texts: that of the instrumentation, not of what a server made of it."""
    if any(name.startswith("traceloop.") for name in flat):
        return "openllmetry"
    start = "gen_ai" if "gen_ai.operation.name" in flat else attribute.partition(".")[0]
    return {"gen_ai": "genai", "llm": "openllmetry", "traceloop": "openllmetry"}.get(start, start)


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


def _prompt(listed: Listed, events: Sequence[Event], given_in: Any) -> tuple[Turn, ...]:
    system = unwrapped(listed.first(names.SYSTEM))
    before = (Turn("system", text),) if (text := text_of(system)) else ()
    turns = messages_of(listed.list(names.PROMPT) or ())
    if not turns:
        value = unwrapped(listed.first(names.PROMPT))
        turns = messages_in(value) or ((Turn("user", value),) if isinstance(value, str) and value else ())
    if not turns:
        turns = tuple(
            Turn(names.PROMPT_EVENTS[event.name], text)
            for event in events
            if event.name in names.PROMPT_EVENTS and (text := _event_text(event))
        )
    if not turns:
        said = query_in(given_in)
        turns = messages_in(given_in) or ((Turn("user", said),) if said else ())
    visible = tuple(turn for turn in turns if turn.content not in REDACTED)
    return visible if any(turn.role == "system" for turn in visible) else (*before, *visible)


def _event_text(event: Event) -> str | None:
    for key in ("content", "gen_ai.prompt", "gen_ai.completion", "message", "gen_ai.event.content"):
        value = unwrapped(event.attributes.get(key))
        if isinstance(value, dict | list):
            said = messages_in(value)
            return said[-1].content if said else answer_in(value)
        if isinstance(value, str) and value:
            return value
    return None


def _text(listed: Listed, events: Sequence[Event], put_out: Any, role: Kind) -> tuple[str | None, str | None]:
    """The output as text, and the reason the model stopped where its message has it."""
    if role == "model":
        said = messages_of(listed.list(names.ANSWER) or ()) or _messages(listed.first(names.ANSWER))
        texts = [turn.content for turn in said if turn.content.strip() and turn.content not in REDACTED]
        if texts:
            return texts[-1], _told(listed.first(names.ANSWER))
        raw = listed.first(names.ANSWER)
        if isinstance(raw, str) and (text := answer_in(raw)):
            return text, None
        said_events = [_event_text(event) for event in events if event.name in names.ANSWER_EVENTS]
        if any(said_events):
            return next(text for text in said_events if text), None
    if isinstance(put_out, str):
        return _clean(put_out), None
    return answer_in(put_out), None


def _messages(value: Any) -> tuple[Turn, ...]:
    return messages_in(unwrapped(value)) if value is not None else ()


def _told(value: Any) -> str | None:
    found = unwrapped(value)
    last = found[-1] if isinstance(found, list) and found else None
    reason = last.get("finish_reason") if isinstance(last, dict) else None
    return reason if isinstance(reason, str) and reason else None


def _variables(listed: Listed, given_in: Any, put_out: Any, role: Kind) -> dict[str, str]:
    found: dict[str, str] = {}
    stated = unwrapped(listed.first(names.VARIABLES))
    inputs = given_in if role == "prompt" else None
    for source in (put_out, inputs, stated, listed.variables):
        if isinstance(source, dict):
            for name, value in source.items():
                if isinstance(value, str) and len(value) >= LEAST_VARIABLE:
                    found[str(name)] = value[:MAX_TEXT]
    return found if role not in ("retriever", "ranker", "embedding") else {}


def _usage(listed: Listed, put_out: Any) -> tuple[int | None, int | None]:
    usage = unwrapped(listed.first(names.USAGE))
    inside = usage if isinstance(usage, dict) else usage_in(put_out)
    asked = listed.first(names.PROMPT_TOKENS)
    answered = listed.first(names.COMPLETION_TOKENS)
    return (
        count(asked if asked is not None else _first_of(inside, ASKED_KEYS)),
        count(answered if answered is not None else _first_of(inside, ANSWERED_KEYS)),
    )


def usage_in(value: Any, depth: int = 0) -> Mapping[str, Any]:
    """The object with token counts in a model's output, {} where there is none."""
    if isinstance(value, list) and value:
        return usage_in(value[0], depth + 1)
    if not isinstance(value, dict) or depth > 4:
        return {}
    for key in USAGE_KEYS:
        if isinstance(found := value.get(key), dict):
            return found
    inner = (
        value.get(key)
        for key in ("meta", "_meta", "replies", "llm_output", "response_metadata", "generations")
    )
    return next((found for item in inner if (found := usage_in(item, depth + 1))), {})


def _first_of(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def count(value: Any) -> int | None:
    """A number of tokens: whole and not negative."""
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < 1e15 else None


def _cost(listed: Listed) -> float | None:
    value = unwrapped(listed.first(names.COST))
    if isinstance(value, dict):
        value = value.get("total", value.get("total_cost"))
    number = as_number(value)
    return number if number is not None and number >= 0 else None


def _finish(listed: Listed) -> str | None:
    value = unwrapped(listed.first(names.FINISH))
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None


def _error(listed: Listed, events: Sequence[Event]) -> str | None:
    for event in events:
        if event.name == "exception":
            kind, message = event.attributes.get("exception.type"), event.attributes.get("exception.message")
            return ": ".join(str(part) for part in (kind, message) if part) or "exception"
    return None


def _accept(put_out: Any, text: str | None) -> bool | None:
    if isinstance(put_out, dict):
        for keys, meaning in ((ACCEPTED, True), (BLOCKED, False)):
            for key in keys:
                if isinstance(value := put_out.get(key), bool):
                    return value is meaning
    word = (text or "").strip().lower().rstrip(".")
    if word in ("yes", "true", "pass", "passed", "safe", "accept", "accepted", "grounded"):
        return True
    return (
        False
        if word in ("no", "false", "fail", "failed", "unsafe", "reject", "rejected", "blocked")
        else None
    )


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
    stated = unwrapped(listed.first(names.METADATA))
    for source in (stated, listed.metadata):
        if isinstance(source, dict):
            for name, text in (tags_of(source) or {}).items():
                if not name.startswith(OF_FRAMEWORKS):
                    tags.setdefault(name, text)
    return tags


def _clean(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() and value not in REDACTED else None


def _cut(text: str | None, account: Account) -> str | None:
    if text is None or len(text) <= MAX_TEXT:
        return text
    account.note(f"texts of more than {MAX_TEXT} characters were cut")
    return text[:MAX_TEXT]


def _cut_turns(turns: tuple[Turn, ...], account: Account) -> tuple[Turn, ...]:
    if all(len(turn.content) <= MAX_TEXT for turn in turns):
        return turns
    return tuple(Turn(turn.role, _cut(turn.content, account) or "") for turn in turns)


def as_json(value: Any) -> str | None:
    """A value as an attribute's text: texts as they are, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
