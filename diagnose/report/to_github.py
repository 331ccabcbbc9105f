"""A gate's verdict for GitHub Actions: annotations, step summary and outputs.

GitHub shows ten errors and ten warnings of a step, so the ten that say most are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from diagnose.core.stage import Role
from diagnose.core.verdict import GateVerdict
from diagnose.errors import visible
from diagnose.report.foreign import flat
from diagnose.report.sections import gate_sections, said
from diagnose.report.sections_markdown import markdown_sections

MOST = 10
SUMMARY_BYTES = 1 << 20
"""GitHub drops a larger step summary, and says nothing."""
CUT = "\n\n… cut: GitHub takes no longer summary\n"


class Place(NamedTuple):
    """Where a stage is written: a file by its path from the repository's top, and a line from 1."""

    path: str
    line: int


def workflow_commands(verdict: GateVerdict, places: Mapping[Role, Place]) -> list[str]:
    """The ten annotations that say most, as workflow commands, one a line: failed rules, inconclusive ones,
    then regressed queries."""
    return [*_commands(verdict, places)][:MOST]


def _commands(verdict: GateVerdict, places: Mapping[Role, Place]) -> Iterator[str]:
    for outcome, level in (("fail", "error"), ("inconclusive", "warning")):
        for rule in verdict.rules:
            if rule.outcome == outcome:
                name = f"{rule.rule.replace('_', ' ')}{f' of {rule.of}' if rule.of else ''}"
                place = places.get(verdict.stage) if verdict.stage else None
                yield _command(level, f"diagnose: {name}", rule.says, place)
    if verdict.outcome == "pass":
        return
    for trace in verdict.comparison.regressed:
        place = next((p for role, p in places.items() if role == trace.verdict_after), None)
        what = f"{trace.trace_id} passed before and fails now: {said(trace.verdict_after, trace.mode_after)}"
        yield _command("warning", "diagnose: regressed", what, place)


def _command(level: str, title: str, message: str, place: Place | None) -> str:
    fields = {"title": title}
    if place is not None:
        fields = {"file": place.path, "line": str(place.line), **fields}
    told = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    return f"::{level} {told}::{_data(flat(message, 1000))}"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(verdict: GateVerdict) -> str:
    """The step summary: the Markdown of the verdict, cut where GitHub would drop it."""
    body = markdown_sections(gate_sections(verdict))
    data = body.encode()
    if len(data) <= SUMMARY_BYTES:
        return body
    return data[: SUMMARY_BYTES - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def outputs(verdict: GateVerdict) -> str:
    """The lines for `$GITHUB_OUTPUT`."""
    passed = "true" if verdict.outcome == "pass" else "false"
    return f"outcome={verdict.outcome}\npassed={passed}\ntop-stage={verdict.stage or ''}\n"
