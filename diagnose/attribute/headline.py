"""The sentence a report opens with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diagnose.core.report import Findings, Ranked, Triage, UndecidedCount
from diagnose.core.stage import Role

EVEN = 10
"""Failures at the upper end of an interval from which on both ends are whole."""
SURE_FIRST = 0.9
"""Below this probability of ranking first the headline says `probably`."""


def headline(
    ranking: Sequence[Ranked],
    triage: Triage | None,
    undecided: UndecidedCount,
    findings: Findings,
    lost_at: Mapping[Role, int],
    n_failures: int,
    n_traces: int,
) -> str:
    """One to three sentences: what to fix first and what that costs now, against usual triage; or why
    nothing can be said."""
    if not n_failures:
        return f"No failures in {n_traces} {_plural('trace', n_traces)}: nothing to blame."
    if ranking:
        return _fix_first(ranking, triage, n_failures) + _beside(undecided, findings)
    if undecided.reasons.get("observed-only") == n_failures:
        return "Nothing was replayed, so no stage is convicted." + _where_lost(lost_at, n_failures)
    return f"No stage is convicted of {_of_failures(n_failures)}." + _beside(undecided, findings, why=True)


def nothing_judged(n_traces: int) -> str:
    """The headline of a log without scores and labels."""
    none = "has neither a score nor a label" if n_traces == 1 else "have neither scores nor labels"
    return (
        f"Nothing can be judged: {n_traces} {_plural('trace', n_traces)} {none}. Label some first, or join a file of "
        "labels with --gold."
    )


def _fix_first(ranking: Sequence[Ranked], triage: Triage | None, n_failures: int) -> str:
    first = ranking[0]
    sure = "Fix the" if first.p_first >= SURE_FIRST else "Probably fix the"
    doubt = "" if first.p_first >= SURE_FIRST else f" (probability {first.p_first:.2f})"
    cost = f"it costs {quantity(first.loss)} of {n_failures} {_plural('failure', n_failures)}"
    return f"{sure} {first.role} first{doubt}: {cost}{_interval(first)}{_usual(ranking, triage)}."


def _interval(first: Ranked) -> str:
    if first.low is None or first.high is None:
        return ""
    # The share's interval, in failures.
    total = first.loss / first.share
    low, high = (quantity(_even(end * total, first.high * total)) for end in (first.low, first.high))
    return f" (95 % interval {low} to {high})"


def _even(failures: float, largest: float) -> float:
    """Decimals at one end of an interval whose other end is in tens would only look exact."""
    return round(failures) if abs(largest) >= EVEN else failures


def _usual(ranking: Sequence[Ranked], triage: Triage | None) -> str:
    """What usual triage blames most, where it can tell."""
    if triage is None:
        return ""
    usual, n = max(triage.blames.items(), key=lambda item: item[1])
    if usual == ranking[0].role:
        return f"; usual triage blames it for {n}"
    loss = next((ranked.loss for ranked in ranking if ranked.role == usual), None)
    if loss is None:
        return ""
    return f"; the {usual}, which usual triage blames for {n}, costs {quantity(loss)}"


def _beside(undecided: UndecidedCount, findings: Findings, why: bool = False) -> str:
    """The failures that no stage is convicted of."""
    every = {"scorer": findings.scorer, "corpus": findings.corpus, "label": findings.label}
    named = ", ".join(f"{name} {len(ids)}" for name, ids in every.items() if ids)
    found = sum(map(len, every.values()))
    parts = []
    if undecided.n:
        reasons = ", ".join(f"{reason} {n}" for reason, n in undecided.reasons.items())
        parts.append(f"{undecided.n} {_are(undecided.n)} undecided" + (f" ({reasons})" if why else ""))
    if found:
        parts.append(f"{found} {_are(found)} no stage's fault ({named})")
    calls = (
        f" Some {undecided.calls_needed} more model calls should settle it." if undecided.calls_needed else ""
    )
    return (f" {' and '.join(parts)}." if parts else "") + (calls if why else "")


def _where_lost(lost_at: Mapping[Role, int], n_failures: int) -> str:
    """Where the evidence was lost; that it reached the model is not held against the model."""
    before = [(role, n) for role, n in lost_at.items() if role not in ("model", "verifier")]
    parts = [f"at the {role} in {n}" for role, n in sorted(before, key=lambda item: -item[1])]
    reached = sum(n for role, n in lost_at.items() if role in ("model", "verifier"))
    lost = f" Of {_of_failures(n_failures)} the evidence was lost {', '.join(parts)}." if parts else ""
    return lost + (f" It reached the model in {reached}." if reached else "")


def quantity(failures: float) -> str:
    """A number of failures: whole where it nearly is or decimals say nothing, else one decimal.

    >>> quantity(14.0), quantity(2.46), quantity(123.4), quantity(-0.01)
    ('14', '2.5', '123', '0')
    """
    whole = round(failures)
    return str(whole) if abs(failures - whole) < 0.05 or abs(failures) >= 100 else f"{failures:.1f}"


def _of_failures(n: int) -> str:
    return f"{n} {_plural('failure', n)}"


def _plural(word: str, n: int) -> str:
    return word if n == 1 else word + "s"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
