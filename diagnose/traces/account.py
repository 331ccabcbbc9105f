"""What a conversion recovered, and everything it could not map."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from diagnose.core.artifact import Frozen
from diagnose.errors import visible
from diagnose.traces.limits import DEFAULT_LIMITS, Limits

KEPT_NAMES = 200
"""Different names that one list tells apart; the rest are counted as `OTHERS`."""
NAME_CHARACTERS = 120
OTHERS = "(others)"


class Noted(Frozen, frozen=True, omit_defaults=False):
    """Something a reader did that the log does not say by itself, or could not do: how often, and where first."""

    what: str
    n: int
    first: str | None = None


class AccountSummary(Frozen, frozen=True, omit_defaults=False):
    """An account as plain values.

    `formats` counts the records of each format; `stages` the traces in which each role was recovered;
    `spans` says of every kind of span what became of it (`RETRIEVER > retriever`); `ids` where passage ids
    were found; `unmapped` counts the spans that no role could be given, by name; `attributes` the
    attributes that were not read.
    """

    n_traces: int
    n_left_out: int
    formats: dict[str, int]
    stages: dict[str, int]
    n_passages: int
    n_passages_with_text: int
    ids: dict[str, int]
    labels: dict[str, int]
    spans: dict[str, int]
    unmapped: dict[str, int]
    attributes: dict[str, int]
    notes: tuple[Noted, ...]


@dataclass
class Account:
    """Counts that grow while a log streams by; every list of names in it is bounded. `limits` say how much of a trace
    and of a text is kept."""

    n: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    spans: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)
    noted: dict[str, Noted] = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS
    _files: dict[str, str] = field(default_factory=dict)
    _last: tuple[str, int, int] = ("", 0, 0)

    def note(self, what: str, where: str | None = None, n: int = 1) -> None:
        """Puts something down; `where` is kept of the first time only."""
        before = self.noted.get(what)
        if before is None and len(self.noted) >= KEPT_NAMES:
            what = OTHERS
            before = self.noted.get(what)
        if before is None:
            before = Noted(what, 0, where)
        self.noted[what] = Noted(what, before.n + n, before.first)

    def place(self, source: str, line: int) -> str:
        """A name for a row that has none: its file and line, no folder of the machine.

        Several rows of one line (a list that was not laid out) and files of one name get a number.
        """
        name = source.replace("\\", "/").rpartition("/")[2]
        n = 2
        while self._files.setdefault(name, source) != source:
            name = f"{name.removesuffix(f' ({n - 1})')} ({n})"
            n += 1
        before = self._last
        nth = before[2] + 1 if before[:2] == (source, line) else 1
        self._last = (source, line, nth)
        return f"{name}:{line}" if nth == 1 else f"{name}:{line}.{nth}"

    def summary(self) -> AccountSummary:
        """The account as plain values, the most frequent first."""
        return AccountSummary(
            n_traces=self.n["traces"],
            n_left_out=self.n["left out"],
            formats=dict(self.formats.most_common()),
            stages=dict(self.stages.most_common()),
            n_passages=self.n["passages"],
            n_passages_with_text=self.n["passages with text"],
            ids=dict(self.ids.most_common()),
            labels=dict(self.labels.most_common()),
            spans=dict(self.spans.most_common()),
            unmapped=dict(self.unmapped.most_common()),
            attributes=dict(self.attributes.most_common()),
            notes=tuple(sorted(self.noted.values(), key=lambda noted: -noted.n)),
        )


def count_name(counter: Counter[str], name: str, n: int = 1) -> None:
    """Counts a foreign name: printable, clipped, and under `OTHERS` once there are too many of them."""
    if name not in counter:
        name = visible(name[:NAME_CHARACTERS]).replace("\n", " ")
        if name not in counter and len(counter) >= KEPT_NAMES:
            name = OTHERS
    counter[name] += n
