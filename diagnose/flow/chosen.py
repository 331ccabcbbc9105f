"""Which failures are replayed where not all of them can be paid for, and what that says of the rest.

Failures are drawn from strata (where the log loses the evidence, which costs nothing to tell, and a tag), each in
proportion to its size, so that every beginning of the order is such a sample.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from diagnose.ablate.plan import planned
from diagnose.ablate.scene import scene_of
from diagnose.attribute.funnel import funnel_of, lost_at
from diagnose.attribute.sampling import Sampling
from diagnose.core.blame import Blame, Undecided
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Trace
from diagnose.errors import UsageError
from diagnose.flow.counterquestions import CONTROLS, EACH
from diagnose.flow.failing import Failing
from diagnose.flow.found import Found
from diagnose.flow.logged import logged_case, unreplayed
from diagnose.replay.run import Broken, Meter, Runner
from diagnose.score.table import Scorer
from diagnose.stages.addressed import RULES
from diagnose.stats.prediction import FEWEST, corrected_mean

MOST_COHORTS = 8
"""Values that a tag may have to make strata; one with more would leave a failure or two in each."""

Stratum = tuple[str, str]


def lost_in_log(one: Failing) -> str:
    """The stage at which the log loses the evidence: `model` where it reached the model, `none` without a label."""
    if one.known is None:
        return "none"
    outputs = [(step.role, step.output) for step in one.item.trace.steps]
    return lost_at(funnel_of(outputs, one.known, passed=False)) or "model"


def strata_of(failures: Sequence[Failing]) -> list[Stratum]:
    """The stratum of each failure: where its log loses the evidence, and its value of the log's coarsest tag."""
    tag = _coarsest([one.item.trace for one in failures])
    return [(lost_in_log(one), one.item.trace.tags.get(tag, "") if tag else "") for one in failures]


def _coarsest(traces: Sequence[Trace]) -> str | None:
    values: dict[str, set[str]] = defaultdict(set)
    for trace in traces:
        for name, value in trace.tags.items():
            values[name].add(value)
    usable = sorted((len(found), name) for name, found in values.items() if 1 < len(found) <= MOST_COHORTS)
    return usable[0][1] if usable else None


def drawn(strata: Sequence[Stratum], seed: int) -> list[int]:
    """Positions of all failures in the order in which they are replayed. Same input and seed, same order.

    >>> drawn([("ranker", "")] * 4 + [("model", "")] * 2, seed=0)[:3]
    [2, 4, 1]
    """
    rng = random.Random(seed)
    members: dict[Stratum, list[int]] = defaultdict(list)
    for i, stratum in enumerate(strata):
        members[stratum].append(i)
    placed: list[tuple[float, int]] = []
    for stratum in sorted(members):
        inside = members[stratum]
        rng.shuffle(inside)
        start = rng.random()
        placed += [((rank + start) / len(inside), i) for rank, i in enumerate(inside)]
    return [i for _, i in sorted(placed)]


@dataclass(frozen=True)
class Price:
    """What one model run takes by the log's own figures: seconds and money, None where the log has none."""

    elapsed_s: float | None
    cost: float | None


def price_of(traces: Sequence[Trace]) -> Price:
    """The mean over the model steps that say it."""
    steps = [step for trace in traces for step in trace.steps if step.role == "model"]
    times = [step.elapsed_s for step in steps if step.elapsed_s is not None]
    costs = [step.usage.cost for step in steps if step.usage is not None and step.usage.cost is not None]
    return Price(sum(times) / len(times) if times else None, sum(costs) / len(costs) if costs else None)


def affordable(max_calls: int | None, max_cost: float | None, price: Price) -> int | None:
    """The model runs that both limits allow, None for no limit.

    UsageError where money is limited and the log does not say what a run costs.
    """
    if max_cost is None:
        return max_calls
    if not price.cost:
        raise UsageError(
            "--max-cost: the log does not say what its model calls cost (usage.cost of its model steps): "
            "limit the number of calls instead (--max-calls)"
        )
    calls = int(max_cost / price.cost + 1e-9)
    return calls if max_calls is None else min(calls, max_calls)


LEFT_OUT = "not replayed: it is not in the sample that was drawn"


def left_out(one: Failing) -> Blame:
    """The blame of a failure that is not in the sample: what its log shows, and no verdict."""
    blame = unreplayed(one.item, one.known, one.scorer)
    if blame.undecided is None or one.label is None:
        return blame
    return msgspec.structs.replace(blame, undecided=Undecided("budget", LEFT_OUT))


def with_left_out(found: Found, failures: Sequence[Failing]) -> Found:
    """The same with a blame and a case for every failure, in the order of the log."""
    blames = {blame.trace_id: blame for blame in found.blames}
    cases = {case.trace_id: case for case in found.cases}
    if len(blames) == len(failures):
        return found
    ids = [one.item.trace.trace_id for one in failures]
    return replace(
        found,
        blames=tuple(blames.get(i) or left_out(one) for i, one in zip(ids, failures, strict=True)),
        cases=tuple(
            cases.get(i) or logged_case(one.item, one.known) for i, one in zip(ids, failures, strict=True)
        ),
    )


def sampling_of(blames: Sequence[Blame], failures: Sequence[Failing]) -> Sampling | None:
    """Which failures were replayed, where not all were that needed it.

    What the scorer is to blame for, and what has no label, is known without a replay. None of a run that was
    interrupted: what it came to is no sample.
    """
    reasons = [blame.undecided.reason if blame.undecided is not None else None for blame in blames]
    asked = np.array(
        [b.verdict != "scorer" and why != "no-label" for b, why in zip(blames, reasons, strict=True)],
        dtype=bool,
    )
    left = np.array(
        [why == "budget" and not b.shares for b, why in zip(blames, reasons, strict=True)], dtype=bool
    )
    seen = asked & ~left
    if "interrupted" in reasons or not FEWEST <= seen.sum() < asked.sum():
        return None
    return Sampling(asked, seen, [lost_in_log(one) for one in failures])


def sample_notes(blames: Sequence[Blame], sampling: Sampling | None) -> tuple[str, ...]:
    """What the failures that were replayed say of all, in sentences; nothing where all were.

    The verdicts are corrected by where the log loses the evidence, which is known of every failure.
    """
    if sampling is None:
        return ()
    guesses, seen, asked = np.array(sampling.guess), sampling.seen, sampling.asked
    verdicts = np.array([blame.verdict for blame in blames])
    told = []
    for role in (r for r in ROLES if any(blame.verdict == r for blame in blames)):
        guess = (guesses == role).astype(float)
        found = corrected_mean((verdicts[seen] == role).astype(float), guess[seen], guess[asked])
        told.append(
            f"{role} {max(0.0, found.mean):.2f} ({max(0.0, found.low):.2f} to {min(1.0, found.high):.2f})"
        )
    n, total = int(seen.sum()), int(asked.sum())
    beside = f" ({len(blames) - total} more need no replay)" if len(blames) > total else ""
    return (
        f"{n} of {total} failures were replayed{beside}. Shares, failures and gains are of all {total}, by prediction-"
        "powered inference from where the log loses the evidence; verdicts, modes and cohorts are of those that were "
        f"replayed. Verdicts of all {total} (95 % intervals): {', '.join(told) or 'none'}.",
    )


PLANNED = 20
"""Failures whose prompts are counted, before any is run, to forecast those of all."""
UNPLANNED: frozenset[Role] = frozenset({"router", "rewriter"})
"""Stages of which it takes model runs to tell what a working one does: no forecast without them."""


def forecast(
    failures: Sequence[Failing],
    runner: Runner,
    most: int | None,
    scorer: Scorer | None = None,
    counter_check: bool = True,
) -> str | None:
    """What a replay of these failures will take, in a sentence; None where that cannot be told beforehand.

    Runs, time and money are of the model; what the verifier and the metric's judge (of `scorer`) are asked beside it,
    counter-questions included, is told as the most that it can come to.
    """
    labelled = [one for one in failures if one.label is not None]
    if not labelled or UNPLANNED & set(runner.pipeline.roles):
        return None
    counts = [
        n for one in labelled[:: -(-len(labelled) // PLANNED)] if (n := _prompts(one, runner)) is not None
    ]
    if not counts:
        return None
    each = sum(counts) / len(counts)
    runs = round(each * len(labelled))
    price = price_of([one.item.trace for one in failures])
    taken = runs if most is None else min(runs, most)
    said = f"about {runs:,} model runs ({each:.1f} a failure: the prompts of {len(counts)} failures were counted)"
    said += f", of which {most:,} may be made" if taken < runs else ""
    said += f"; {_lasting(price.elapsed_s * taken)} by the log's times" if price.elapsed_s else ""
    said += f"; {price.cost * taken:.4g} by the log's costs" if price.cost else ""
    asking = scorer if scorer is not None and scorer.ask is not None and scorer.metric == "judge" else None
    return said + _beside(labelled, taken, runner, most, asking, counter_check)


DRAFTS = 2
"""Drafts that one prompt comes to: the model's, and the reference that its repair puts in its place."""


def _beside(
    labelled: Sequence[Failing],
    taken: int,
    runner: Runner,
    most: int | None,
    scorer: Scorer | None,
    counter_check: bool,
) -> str:
    """What judges are asked beside `taken` model runs at most, but for probes: each draft and each answer once, and
    what puts those verdicts to the test, of which there are no more than `most` to each judge."""
    told, questions, drafts = [], 0, DRAFTS * taken
    verifier = runner.pipeline.stage("verifier")
    if verifier is not None and verifier.name not in RULES:
        told.append(f"{drafts:,} calls of the verifier")
        questions += _within(CONTROLS + EACH * drafts, most)
    if scorer is not None:
        references = max(len(one.label.gold.answers) for one in labelled if one.label is not None)
        told.append(f"{drafts * references * scorer.votes:,} of the metric's judge")
        questions += _within(CONTROLS + len(scorer.heard()) + drafts, most)
    if not told:
        return ""
    if counter_check:
        told.append(f"{questions:,} counter-questions (--no-counter-check leaves them out)")
    return f"; beside them up to about {', '.join(told)}"


def _within(n: int, most: int | None) -> int:
    return n if most is None else min(n, most)


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _prompts(one: Failing, runner: Runner) -> int | None:
    """Different prompts of a failure's game; no model runs for it."""
    assert one.label is not None
    meter = Meter()
    try:
        scene = scene_of(runner, one.item.trace.query, one.label, one.right, meter, 0, one.worth)
        return len(planned(runner, one.item.trace.query, scene, meter).cells)
    except Broken:
        return None
