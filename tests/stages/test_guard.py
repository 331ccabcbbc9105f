"""The verifiers `regex` and `json-schema`: accept, reject or rewrite."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Answer, Decision
from diagnose.errors import BadInput, UsageError
from diagnose.stages.guard import json_schema, regex
from diagnose.stages.json_form import check_form, misfit

HERE = Path()
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 1}, "unit": {"enum": ["days", "weeks"]}},
    "required": ["days"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "settings, draft, decision",
    [
        ({"must_match": r"\d+ days"}, "It takes 30 days.", Decision(True)),
        ({"must_match": r"\d+ days"}, "It takes long.", Decision(False)),
        ({"must_match": r"\d+ days", "say": "Ask us."}, "It takes long.", Decision(False, "Ask us.")),
        ({"must_not_match": "(?i)as an ai"}, "As an AI I cannot say.", Decision(False)),
        ({"must_match": r"\d+ days", "keep": True}, "Well, 30 days.", Decision(False, "30 days")),
        ({"must_match": r"\d+ days", "keep": True}, "30 days", Decision(True)),
    ],
)
def test_patterns_accept_reject_and_rewrite(settings: dict[str, str], draft: str, decision: Decision) -> None:
    assert regex(**settings)("How long?", Answer(draft)) == decision  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "must_match: missing"),
        ({"must_match": "("}, 'must_match: expected a pattern, found "\\("'),
        ({"must_not_match": "x", "keep": True}, "keep: expected must_match"),
    ],
)
def test_wrong_patterns_are_named(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        regex(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "draft, decision",
    [
        ('{"days": 30}', Decision(True)),
        ('{"days": 30, "unit": "days"}', Decision(True)),
        ('Sure! ```json\n{"days": 30}\n``` Anything else?', Decision(False, '{"days": 30}')),
        ('{"days": "30"} or {"days": 30}', Decision(False, '{"days": 30}')),
        ('{"days": 0}', Decision(False)),
        ('{"days": true}', Decision(False)),
        ('{"days": 30, "note": "\\"}\\""}', Decision(False)),
        ("30 days", Decision(False)),
        ("{" * 5000, Decision(False)),
        ("[" * 100_000, Decision(False)),
    ],
)
def test_json_has_to_fit_the_schema(draft: str, decision: Decision) -> None:
    assert json_schema(HERE, SCHEMA)("How long?", Answer(draft)) == decision


def test_extraction_can_be_left_out() -> None:
    guard = json_schema(HERE, SCHEMA, repair="none", say="{}")
    assert guard("?", Answer('ok {"days": 3}')) == Decision(False, "{}")


def test_a_schema_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "form.json").write_text(json.dumps(SCHEMA))
    assert json_schema(tmp_path, file="form.json")("?", Answer('{"days": 3}')).accept
    with pytest.raises(BadInput, match=r"other\.json: expected a JSON Schema"):
        json_schema(tmp_path, file="other.json")
    with pytest.raises(UsageError, match="either it or file"):
        json_schema(tmp_path, SCHEMA, "form.json")


@pytest.mark.parametrize(
    "value, schema, where",
    [
        ([1, "x"], {"items": {"type": "integer"}}, "$[1]: expected integer"),
        ({"a": {"b": 1}}, {"properties": {"a": {"required": ["c"]}}}, "$.a.c: missing"),
        ("abc", {"maxLength": 2}, "$: over maxLength"),
        ("abc", {"pattern": "^b"}, "$: expected another pattern"),
        ([], {"minItems": 1}, "$: under minItems"),
        (1, {"const": True}, "$: expected const"),
        (1, {"anyOf": [{"type": "string"}, {"minimum": 2}]}, "$: fits none of anyOf"),
        (None, {"type": ["string", "number"]}, "$: expected string or number"),
        (2.0, {"type": "integer"}, None),
        (1, {"anyOf": [{"type": "string"}, {"minimum": 1}]}, None),
    ],
)
def test_a_misfit_is_named_by_its_place(value: object, schema: dict[str, object], where: str | None) -> None:
    check_form(schema, "schema")
    assert misfit(value, schema) == where


@pytest.mark.parametrize(
    "schema, message",
    [
        ({"oneOf": []}, 'schema "oneOf": not looked at'),
        ({"type": "text"}, 'type: expected object, .*found "text"'),
        ({"properties": {"a": {"pattern": "("}}}, "properties.a pattern"),
        ({"properties": {"a": 3}}, "properties.a: expected a table"),
        ({"minimum": "1"}, "minimum: expected a number"),
        ({"required": "a"}, "required: expected a list"),
    ],
)
def test_a_schema_that_would_be_passed_over_is_refused(schema: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_form(schema, "schema")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@over(JSON, st.text(max_size=20), st.text(max_size=20))
def test_any_json_object_is_found_between_prose(value: object, before: str, after: str) -> None:
    document = msgspec.json.encode({"v": value}).decode()
    free = {ord(c): None for c in '{}[]"'}
    draft = before.translate(free) + document + after.translate(free)
    decision = json_schema(HERE, {"type": "object", "required": ["v"]})("?", Answer(draft))
    alone = draft.strip(" \t\r\n") == document
    assert decision == (Decision(True) if alone else Decision(False, document))


def test_a_number_longer_than_any_float_is_an_integer() -> None:
    guard = json_schema(Path(), {"type": "integer"}, repair="none")
    assert guard("Q?", Answer("9" * 400)).accept
    assert guard("Q?", Answer("2.0")).accept
    assert not guard("Q?", Answer("2.5")).accept
