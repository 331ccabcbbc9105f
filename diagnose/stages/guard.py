"""The verifiers `regex` and `json-schema`: whether a draft has the form it should have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from diagnose.core.artifact import Answer, Decision
from diagnose.errors import BadInput, UsageError, quoted
from diagnose.stages.failure import one_line
from diagnose.stages.json_form import check_form, misfit

LOOKED_AT = 100_000
"""Characters of a draft that patterns are tried on: a pattern may take long over a huge one."""


@dataclass(frozen=True)
class RegexGuard:
    """Accepts drafts by patterns (see `regex`)."""

    must: re.Pattern[str] | None
    must_not: re.Pattern[str] | None
    keep: bool
    say: str | None
    deterministic = True

    def __call__(self, query: str, answer: Answer) -> Decision:
        text = answer.text[:LOOKED_AT]
        found = self.must.search(text) if self.must is not None else None
        bad = self.must_not is not None and self.must_not.search(text) is not None
        if bad or (self.must is not None and found is None):
            return Decision(accept=False, text=self.say)
        if self.keep and found is not None and found[0] != answer.text:
            return Decision(accept=False, text=found[0])
        return Decision(accept=True)


def regex(must_match: str = "", must_not_match: str = "", keep: bool = False, say: str = "") -> RegexGuard:
    """`regex`: accepts a draft in which `must_match` is found and `must_not_match` is not (Python patterns).

    What is blocked is answered with `say`, else with the pipeline's abstention. With `keep` a draft that has
    more to it than what `must_match` finds is cut down to that.
    """
    if not must_match and not must_not_match:
        raise UsageError("must_match: missing; expected it or must_not_match")
    if keep and not must_match:
        raise UsageError("keep: expected must_match beside it, which says what is kept")
    return RegexGuard(
        _compiled(must_match, "must_match"), _compiled(must_not_match, "must_not_match"), keep, say or None
    )


def _compiled(pattern: str, key: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern, re.DOTALL) if pattern else None
    except re.error as exc:
        raise UsageError(f"{key}: expected a pattern, found {quoted(pattern)}: {one_line(exc)}") from exc


@dataclass(frozen=True)
class JsonGuard:
    """Accepts drafts that are JSON of a form (see `json_schema`)."""

    schema: Mapping[str, object]
    repair: Literal["extract", "none"]
    say: str | None
    deterministic = True

    def __call__(self, query: str, answer: Answer) -> Decision:
        if self._fits(answer.text):
            return Decision(accept=True)
        if self.repair == "extract":
            for candidate in _documents(answer.text[:LOOKED_AT]):
                if self._fits(candidate):
                    return Decision(accept=False, text=candidate)
        return Decision(accept=False, text=self.say)

    def _fits(self, text: str) -> bool:
        try:
            value = msgspec.json.decode(text.encode("utf-8", "replace"))
        except (msgspec.DecodeError, RecursionError):
            return False
        return misfit(value, self.schema) is None


def json_schema(
    folder: Path,
    schema: dict[str, object] | None = None,
    file: str = "",
    repair: Literal["extract", "none"] = "extract",
    say: str = "",
) -> JsonGuard:
    """`json-schema`: accepts a draft that is JSON and fits a schema: the table `schema`, or that in `file`.

    Of JSON Schema it knows type, enum, const, properties, required, additionalProperties (true or false),
    items, minItems, maxItems, minimum, maximum, minLength, maxLength, pattern, anyOf; any other word that
    constrains is an error, not passed over. `repair = "extract"` says the first JSON in a draft that fits
    instead of a draft with prose or a code fence around it. What is blocked is answered with `say`, else with
    the pipeline's abstention.
    """
    if (schema is None) == (not file):
        raise UsageError("schema: expected either it or file")
    found = schema if schema is not None else _read(folder / file, file)
    check_form(found, file or "schema")
    return JsonGuard(found, repair, say or None)


def _read(path: Path, name: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BadInput(f"{name}: expected a JSON Schema: {one_line(exc)}") from exc


def _documents(text: str) -> list[str]:
    """Stretches of a text from an opening bracket to the closing one that matches it, outermost ones first."""
    found: list[str] = []
    opened: list[int] = []
    quoted_at = escaped = False
    for i, c in enumerate(text):
        if opened and quoted_at:
            quoted_at, escaped = (c != '"' or escaped), c == "\\" and not escaped
        elif opened and c == '"':
            quoted_at = True
        elif c in "{[":
            opened.append(i)
        elif c in "}]" and opened:
            start = opened.pop()
            if not opened:
                found.append(text[start : i + 1])
    return found
