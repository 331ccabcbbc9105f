"""The result of planting faults, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType

from diagnose.core.trust import Trial, Trust
from diagnose.report import numbers
from diagnose.report.drawn import Column, prose, show, table
from diagnose.report.foreign import flat

COLUMNS = (
    Column("fault"),
    Column("stage"),
    Column("failed", "right"),
    Column("right", "right"),
    Column("wrong", "right"),
    Column("undecided", "right"),
    Column("runs", "right"),
)


def trust_text(found: Trust, console: Console) -> None:
    """Print how often blame landed on the planted stage, over all faults and for each."""
    show(console, _parts(found))


def _parts(found: Trust) -> Iterator[RenderableType]:
    if found.partial:
        yield prose(found.notes[0], "bold")
    if found.right is not None and found.right_low is not None and found.right_high is not None:
        yield prose(
            f"Blame lands on the planted stage in {tenths(found.right)} of "
            f"{numbers.count(found.failed)} failures (95 % interval {tenths(found.right_low)} to "
            f"{tenths(found.right_high)}), on another one in {tenths(found.wrong or 0.0)}.",
            "bold",
        )
    if apart := _apart(found):
        yield prose(apart)
    yield prose(
        f"{found.n_answered} of {found.n_queries} labelled queries are answered without faults, "
        f"{found.n_earned} of them from evidence that reached the model: faults were planted in those. "
        f"{found.model_runs_per_failure or 0:.2f} model runs a failure; "
        f"noise {found.noise:g}, seed {found.seed}.",
        "dim",
    )
    yield table(COLUMNS, [_row(trial) for trial in found.trials])
    confused = [t for t in found.trials if set(t.verdicts) - set(t.roles)]
    for trial in confused:
        told = ", ".join(f"{verdict} {n}" for verdict, n in trial.verdicts.items())
        yield prose(f"{_name(trial)}: {told}")
    for note in found.notes[1 if found.partial else 0 :]:
        yield prose(flat(note), "dim")


def _apart(found: Trust) -> str | None:
    """What is counted apart, and why; None where nothing is."""
    inert = sum(t.inert for t in found.trials)
    through = sum(t.read_through for t in found.trials)
    said = []
    if inert:
        said.append(f"{inert} in which the planted fault broke no contract of its stage")
    if through:
        said.append(
            f"{through} of pairs in which the evidence reached the faulty model, whose repair is enough"
        )
    return f"Counted apart, neither right nor wrong: {' and '.join(said)}." if said else None


def tenths(part: float) -> str:
    """A part (0 to 1) in tenths of a percent: between 99 and 100 lies what this is about.

    >>> tenths(0.9927), tenths(0.0)
    ('99.3 %', '0.0 %')
    """
    return f"{part:.1%}".replace("%", " %")


def _name(trial: Trial) -> str:
    return " + ".join(trial.faults) or "none (noise only)"


def _row(trial: Trial) -> list[str]:
    n = trial.failed - trial.inert - trial.read_through
    runs = f"{trial.model_runs / trial.failed:.2f}" if trial.failed else numbers.NOTHING
    right = _part(trial.right, n) if trial.roles else numbers.NOTHING
    return [
        _name(trial),
        " + ".join(trial.roles) or numbers.NOTHING,
        str(trial.failed),
        right,
        _part(trial.wrong, n),
        _part(trial.undecided, n),
        runs,
    ]


def _part(k: int, n: int) -> str:
    return tenths(k / n) if n else numbers.NOTHING
