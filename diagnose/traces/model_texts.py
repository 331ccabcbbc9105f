"""What a model read and what it said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnose.core.artifact import Turn
from diagnose.traces import attributes as names
from diagnose.traces.heads import Event
from diagnose.traces.listed import Listed, messages_of
from diagnose.traces.said import answer_in, is_redacted, messages_in, query_in, text_of, unwrapped
from diagnose.traces.span import Kind


def prompt_of(listed: Listed, events: Sequence[Event], given_in: Any) -> tuple[Turn, ...]:
    """What a model read, a system instruction first."""
    system = unwrapped(listed.first("system"))
    before = (Turn("system", text),) if (text := text_of(system)) else ()
    turns = messages_of(listed.list(names.PROMPT) or ())
    if not turns:
        value = unwrapped(listed.first("prompt"))
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
    visible = tuple(turn for turn in turns if not is_redacted(turn.content))
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


def text_of_output(
    listed: Listed, events: Sequence[Event], put_out: Any, role: Kind
) -> tuple[str | None, str | None]:
    """The output as text, and the reason the model stopped where its message has it."""
    if role == "model":
        said = messages_of(listed.list(names.ANSWER) or ()) or _messages(listed.first("answer"))
        texts = [turn.content for turn in said if turn.content.strip() and not is_redacted(turn.content)]
        if texts:
            return texts[-1], _told(listed.first("answer"))
        raw = listed.first("answer")
        if isinstance(raw, str) and (text := answer_in(raw)):
            return text, None
        said_events = [_event_text(event) for event in events if event.name in names.ANSWER_EVENTS]
        if any(said_events):
            return next(text for text in said_events if text), None
    if isinstance(put_out, str):
        return clean(put_out), None
    return answer_in(put_out), None


def _messages(value: Any) -> tuple[Turn, ...]:
    return messages_in(unwrapped(value)) if value is not None else ()


def _told(value: Any) -> str | None:
    found = unwrapped(value)
    last = found[-1] if isinstance(found, list) and found else None
    reason = last.get("finish_reason") if isinstance(last, dict) else None
    return reason if isinstance(reason, str) and reason else None


def clean(value: Any) -> str | None:
    """A text that says something: not blank, and not what stands for a hidden one."""
    return (
        value if isinstance(value, str) and value and not value.isspace() and not is_redacted(value) else None
    )
