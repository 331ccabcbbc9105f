"""The table of failures: its lines, their order, and what they can be filtered by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from diagnose.core.blame import Blame
from diagnose.core.report import Cohort, Report
from diagnose.core.stage import ROLES
from diagnose.report.foreign import flat

NAME_CHARS, TAGS_CHARS, MODE_CHARS = 60, 44, 30
NAME_BYTES, TAGS_BYTES = 120, 90
"""What a trace id and its tags may take on the page, escaped; longer ones are clipped."""
MOST_COHORTS = 200
"""Cohorts that can be filtered by."""


class Line(NamedTuple):
    """A failure in the table. `name` is its trace id as shown, `anchor` the place of its section; `firsts`
    are the anchors of a verdict and of a mode where this is the first line that has them."""

    blame: Blame
    name: str
    anchor: str
    cohorts: str
    tags: str
    firsts: tuple[str, ...]


class Choice(NamedTuple):
    """Something to filter by, and how many failures have it."""

    value: str
    label: str
    n: int


class Choices(NamedTuple):
    """The filters of the table; one that would leave nothing out has no choices."""

    verdicts: tuple[Choice, ...]
    modes: tuple[Choice, ...]
    levels: tuple[Choice, ...]
    cohorts: tuple[Choice, ...]


def lines_of(report: Report, blames: Sequence[Blame]) -> list[Line]:
    """The lines: stages in order of blame, then findings and undecided; commonest modes first."""
    order = verdict_order(report)
    often = Counter((blame.verdict, blame.mode) for blame in blames)
    ordered = sorted(blames, key=lambda b: (order[b.verdict], -often[b.verdict, b.mode], b.mode or ""))
    cohorts = {(c.tag, c.value): i for i, c in enumerate(report.cohorts[:MOST_COHORTS])}
    names = _Names()
    seen: set[str] = set()
    lines: list[Line] = []
    for blame in ordered:
        name = names.of(blame.trace_id)
        anchors = [f"verdict={blame.verdict}"]
        anchors += [f"mode={flat(blame.mode, MODE_CHARS)}"] if blame.mode else []
        firsts = tuple(anchor for anchor in anchors if anchor not in seen)
        seen.update(firsts)
        member = " ".join(str(cohorts[item]) for item in blame.tags.items() if item in cohorts)
        lines.append(Line(blame, name, f"trace={name}", member, _tags(blame.tags), firsts))
    return lines


def verdict_order(report: Report) -> dict[str, int]:
    """The place of every verdict: stages as ranked, the others in pipeline order, findings, undecided."""
    ranked = [r.role for r in report.ranking]
    names = [*ranked, *(r for r in ROLES if r not in ranked), "scorer", "corpus", "label", "undecided"]
    return {name: i for i, name in enumerate(names)}


def href(anchor: str) -> str:
    """The link to a place of the page."""
    return "#" + quote(anchor, safe="=")


def choices_of(report: Report, blames: Sequence[Blame]) -> Choices:
    """What there is to filter by."""
    order = verdict_order(report)
    verdicts = Counter(blame.verdict for blame in blames)
    modes = Counter(flat(blame.mode, MODE_CHARS) for blame in blames if blame.mode)
    levels = Counter(blame.level for blame in blames)
    return Choices(
        verdicts=_choices((name, name, verdicts[name]) for name in sorted(verdicts, key=order.__getitem__)),
        modes=_choices((mode, mode, n) for mode, n in modes.most_common()),
        levels=_choices((level, level, n) for level, n in levels.most_common()),
        cohorts=_cohort_choices(report.cohorts[:MOST_COHORTS]),
    )


def _choices(found: Iterable[tuple[str, str, int]]) -> tuple[Choice, ...]:
    made = tuple(Choice(*item) for item in found)
    return made if len(made) > 1 else ()


def _cohort_choices(cohorts: Sequence[Cohort]) -> tuple[Choice, ...]:
    labels = [f"{flat(c.tag, 40)} = {flat(c.value, 40)}" for c in cohorts]
    return tuple(
        Choice(str(i), label, c.n_failures)
        for i, (c, label) in enumerate(zip(cohorts, labels, strict=True))
        if c.n_failures
    )


def _tags(tags: Mapping[str, str]) -> str:
    return fitted(", ".join(flat(value, 30) for value in list(tags.values())[:6]), TAGS_CHARS, TAGS_BYTES)


def fitted(text: str, chars: int, size: int) -> str:
    """The text on one line, clipped so that it takes no more than `size` bytes in a link and in a page."""
    shown = flat(text, chars)
    while max(len(quote(shown)), len(escape(shown).encode())) > size:
        chars = min(chars, len(shown)) * 3 // 4
        shown = flat(text, chars)
    return shown


class _Names:
    """Trace ids as they are shown: on one line, clipped, and each only once."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    def of(self, trace_id: str) -> str:
        name = fitted(trace_id, NAME_CHARS, NAME_BYTES) or "(empty)"
        self.taken[name] += 1
        return name if self.taken[name] == 1 else f"{name} ~{self.taken[name]}"
