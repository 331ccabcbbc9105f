"""What mending a stage would buy: the sentence after the finding."""

from __future__ import annotations

from diagnose.core.report import Ranked, Report
from diagnose.report import numbers


def buys_line(report: Report) -> str | None:
    """The mean score that repairing the first stage alone would give, beside that of a model without fault.

    None where nobody is blamed, the log has no score, or the repair wins nothing.
    """
    if not report.ranking or report.score is None or report.ranking[0].fix_alone.gain <= 0:
        return None
    first = report.ranking[0]
    text = (
        f"Repairing the {first.role} alone would lift the mean score from {numbers.score(report.score)} to "
    )
    text += _reached(report.score, first)
    model = next((r for r in report.ranking[1:] if r.role == "model"), None)
    if model is not None:
        reached = numbers.score(_bounded(report.score + model.fix_alone.gain))
        text += f"; a perfect model in the same pipeline, to {reached}"
    return text + "."


def pair_line(report: Report) -> str | None:
    """What the best pair of repairs gains, or None where no pair does."""
    if report.best_pair is None or not report.ranking:
        return None
    (a, b), pair = report.best_pair.roles, report.best_pair
    return (
        f"Of all pairs the {a} and the {b} gain most repaired together: {numbers.gain(pair.gain)}, to "
        f"{numbers.score(pair.score)}."
    )


def _reached(score: float, stage: Ranked) -> str:
    gain = stage.fix_alone
    reached = numbers.score(_bounded(score + gain.gain))
    if gain.low is None or gain.high is None:
        return reached
    low, high = (_bounded(score + end) for end in (gain.low, gain.high))
    return f"{reached} (95 % interval {numbers.score(low)} to {numbers.score(high)})"


def _bounded(score: float) -> float:
    return min(1.0, max(0.0, score))
