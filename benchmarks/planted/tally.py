"""Counts over failures, and the bars they are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.planted.baselines import NAMES
from benchmarks.planted.trials import Case
from diagnose.attribute.ranking import tally
from diagnose.stats.permutation import wilson_interval

Which = Callable[[Case], bool]
OURS = "this tool"


@dataclass(frozen=True)
class Count:
    """How a method did on some failures. `runs` are its model runs, None where it makes none; `one` counts
    those pairs of which it names at least one stage (of other failures it equals `right`)."""

    n: int
    right: int
    wrong: int
    undecided: int
    one: int
    runs: int | None

    def part(self, of: int) -> float | None:
        """A part of the failures, None where there are none."""
        return of / self.n if self.n else None

    @property
    def runs_each(self) -> float | None:
        """Model runs a failure."""
        return None if self.runs is None or not self.n else self.runs / self.n

    def interval(self) -> tuple[float | None, float | None]:
        """The Wilson 95 % interval of the part that is right."""
        return wilson_interval(self.right, self.n) if self.n else (None, None)


def counted(cases: Iterable[Case]) -> Count:
    """How this tool did."""
    found = list(cases)
    return Count(
        n=len(found),
        right=sum(c.right for c in found),
        wrong=sum(c.wrong for c in found),
        undecided=sum(not c.convicted for c in found),
        one=sum(c.right if len(c.roles) < 2 else c.verdict in c.roles for c in found),
        runs=sum(c.model_runs for c in found),
    )


def counted_by(method: str, cases: Iterable[Case]) -> Count | None:
    """How a baseline did on the failures it was asked about; None where it was asked about none."""
    asked = [(c, c.said[method]) for c in cases if method in c.said]
    if not asked:
        return None
    hits = [bool(set(said.stages) & set(c.roles)) or (said.pair and len(c.roles) == 2) for c, said in asked]
    both = [hit if len(c.roles) < 2 else said.pair for hit, (c, said) in zip(hits, asked, strict=True)]
    none = sum(not said.stages and not (said.pair and len(c.roles) == 2) for c, said in asked)
    calls = sum(said.calls for _, said in asked)
    return Count(len(asked), sum(both), len(asked) - sum(hits) - none, none, sum(hits), calls or None)


@dataclass(frozen=True)
class Bar:
    """What is promised of some failures: at least so many right, at most so many wrong, at most so many model runs
    each. `on_model` counts only those pinned on the model as wrong."""

    name: str
    which: Which
    right: float | None = None
    wrong: float | None = None
    runs: float | None = None
    on_model: bool = False

    @property
    def promises(self) -> bool:
        """Whether there is a limit to hold it against."""
        return any(limit is not None for limit in (self.right, self.wrong, self.runs))


@dataclass(frozen=True)
class Held:
    """A bar beside what was measured."""

    bar: Bar
    count: Count
    wrong: float | None

    @property
    def misses(self) -> list[str]:
        """What is missed, and by how much."""
        found: list[str] = []
        right, runs = self.count.part(self.count.right), self.count.runs_each
        if self.bar.right is not None and right is not None and right < self.bar.right:
            found.append(f"right by {(self.bar.right - right) * 100:.2f} points")
        if self.bar.wrong is not None and self.wrong is not None and self.wrong > self.bar.wrong:
            found.append(f"wrong by {(self.wrong - self.bar.wrong) * 100:.2f} points")
        if self.bar.runs is not None and runs is not None and runs > self.bar.runs:
            found.append(f"runs by {runs - self.bar.runs:.2f}")
        return found


def _single(noise: float) -> Which:
    return lambda c: c.kind == "single" and c.noise == noise and c.why != "inert"


def _upstream(c: Case) -> bool:
    return c.kind == "single" and "model" not in c.roles and c.why != "inert"


def _any_single(noise: float) -> Which:
    return lambda c: c.kind == "single" and c.noise == noise


def _pair(c: Case) -> bool:
    return c.kind == "pairs" and not c.read_through and c.why != "inert"


BARS = (
    Bar("single fault, deterministic", _single(0.0), 0.995, 0.005, 2.2),
    Bar(
        "faults that leave the evidence in the prompt (order, distractors, garbling)",
        lambda c: _single(0.0)(c) and c.in_prompt,
        0.99,
        0.01,
        2.5,
    ),
    Bar("pairs: both stages in some minimal repair set", _pair, 0.95, 0.02, 3.5),
    Bar("noise 0.2", _single(0.2), 0.985, 0.01, 4.0),
    Bar("noise 0.35", _single(0.35), 0.98, 0.01, 6.0),
    Bar(
        "no-fault control (noise only) pinned on an upstream stage", lambda c: c.kind == "control", wrong=0.01
    ),
    Bar("an upstream fault pinned on the model", _upstream, wrong=0.005, on_model=True),
)

APART = (
    Bar(
        "pairs whose evidence reached the model with the other fault",
        lambda c: c.kind == "pairs" and c.read_through,
    ),
    Bar(
        "pairs of which one fault breaks no contract once the stages before it are repaired",
        lambda c: c.kind == "pairs" and not c.read_through and c.why == "inert",
    ),
    Bar("pairs, those too", lambda c: c.kind == "pairs", 0.95, 0.02, 3.5),
    Bar(
        "single faults that broke no contract on that trace",
        lambda c: c.kind == "single" and c.why == "inert",
    ),
    Bar("single fault, deterministic, those too", _any_single(0.0), 0.995, 0.005, 2.2),
    Bar("noise 0.2, those too", _any_single(0.2), 0.985, 0.01, 4.0),
    Bar("noise 0.35, those too", _any_single(0.35), 0.98, 0.01, 6.0),
)
"""What the bars leave out, by itself and with the rest: see `written.APART_TEXT`."""

WHOLE = (
    Bar("single fault, deterministic", _any_single(0.0)),
    Bar("faults that leave the evidence in the prompt", lambda c: _any_single(0.0)(c) and c.in_prompt),
    Bar("pairs", lambda c: c.kind == "pairs"),
    Bar("noise 0.2", _any_single(0.2)),
    Bar("noise 0.35", _any_single(0.35)),
)
"""Every failure, for the comparison of methods: what is counted apart is ours to explain, not theirs."""


def held(bar: Bar, cases: Sequence[Case]) -> Held:
    """A bar held against the failures that it is about."""
    found = [c for c in cases if bar.which(c)]
    count = counted(found)
    wrong = sum(c.verdict == "model" for c in found) if bar.on_model else count.wrong
    return Held(bar, count, count.part(wrong))


def methods(cases: Sequence[Case]) -> dict[str, Count]:
    """Every method on the same failures: those that all of them were asked about."""
    asked = [c for c in cases if c.said]
    found = {OURS: counted(asked)}
    for name in NAMES:
        if (count := counted_by(name, asked)) is not None:
            found[name] = count
    return found


def missed(cases: Iterable[Case]) -> dict[str, int]:
    """Why verdicts are not right, commonest first."""
    return tally(_miss(c) for c in cases if not c.right)


def _miss(case: Case) -> str:
    if case.read_through:
        return "the evidence reached the model with the other fault: its repair is enough by definition"
    if case.why == "inert":
        return "the planted fault broke no contract on that trace"
    if case.why == "unsound before":
        return "a stage broke its contract before the fault was planted, too, and its repair is enough"
    if case.why == "alone":
        return "once one of the two stages keeps its contract, the fault of the other does no harm"
    if case.convicted:
        return f"other convictions of the {case.verdict}"
    return f"{case.verdict}: {case.reason}" if case.reason else case.verdict
