"""Verdicts as the annotations that other tools keep beside a trace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from diagnose.core.artifact import Frozen
from diagnose.core.blame import Blame
from diagnose.errors import visible

NAME = "diagnose.blame"
"""What the annotation is called; readers of logs take no notice of it (`judged.OURS`)."""
SOURCE = "diagnose"
"""Who annotates. A second run with the same name and source replaces what the first one wrote."""
LONGEST = 2000
"""Characters of an explanation."""
_SPAN = re.compile(r"^(?P<trace>.+)/(?P<span>[0-9a-f]{16})$")


class Verdict(Frozen, frozen=True, omit_defaults=False):
    """A verdict to write beside a trace.

    `span_id` is set where the trace is a part of a logged one (a batch of queries in one trace). `label` is the
    verdict, `score` how sure it is (0 to 1, None where it is undecided), `about` the numbers behind it.
    """

    trace_id: str
    span_id: str | None
    label: str
    score: float | None
    explanation: str
    about: dict[str, str]


class Written(NamedTuple):
    """How many verdicts were written where, and the ids of traces that are not there."""

    place: str
    n: int
    absent: tuple[str, ...] = ()


def verdicts_of(blames: Iterable[Blame]) -> Iterator[Verdict]:
    """The verdict of each failing trace."""
    for blame in blames:
        part = _SPAN.match(blame.trace_id)
        yield Verdict(
            trace_id=part["trace"] if part else blame.trace_id,
            span_id=part["span"] if part else None,
            label=blame.verdict,
            score=blame.confidence if blame.undecided is None else None,
            explanation=_explained(blame)[:LONGEST],
            about=_about(blame),
        )


def _explained(blame: Blame) -> str:
    said = [f"{blame.verdict}, {blame.mode}" if blame.mode else blame.verdict]
    if blame.undecided is not None:
        why = blame.undecided
        said = [f"undecided, {why.reason}"]
        said += [why.detail] if why.detail else []
    if blame.evidence:
        said.append(blame.evidence)
    if blame.minimal_repairs:
        said.append(f"right once repaired: {_alternatives(blame)}")
    if blame.level != "replayed":
        said.append("the log alone, not replayed: no stage is convicted")
    return visible("; ".join(said)).replace("\n", " ")


def _alternatives(blame: Blame) -> str:
    return " or ".join(" and ".join(repair) for repair in blame.minimal_repairs)


def _about(blame: Blame) -> dict[str, str]:
    about = {"level": blame.level, "loss": f"{blame.loss:g}"}
    about |= {f"share.{role}": f"{share:g}" for role, share in blame.shares.items()}
    if blame.mode:
        about["mode"] = blame.mode
    if blame.residual is not None:
        about["residual"] = f"{blame.residual:g}"
    if blame.minimal_repairs:
        about["repairs"] = _alternatives(blame)
    if blame.undecided is not None:
        about["reason"] = blame.undecided.reason
    return about
