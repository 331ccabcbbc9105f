"""Where the model is not deterministic: which prompt of which trace to run next, and when to stop.

All traces go forward in rounds. A round learns the priors from every prompt run so far (and the log's right
answers), settles the traces whose verdict is sure enough, and gives each of the others one run of the
prompt that tells most. Rounds, not traces, are the unit of order, so that any order of work inside a round
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diagnose.ablate.cells import KINDS, Cells, Floats, Judge, Kind
from diagnose.replay.ahead import Call
from diagnose.replay.run import Broken, Runner, Stopped
from diagnose.stats import belief, pooled

DRAWS = 2000
"""Draws from the posterior of a trace's pass rates; their verdicts' shares are known to 0.002."""


@dataclass(frozen=True)
class Effort:
    """How sure a verdict must be, and the model calls that may be spent.

    `alpha` is the probability (0 to 1) of a wrong verdict that is borne; `max_calls` bounds all traces
    together.
    """

    alpha: float = 0.01
    max_calls_per_trace: int = 24
    max_calls: int | None = None


@dataclass(frozen=True)
class Leaning:
    """What a trace's posterior says: the odds of each verdict code, the expected game [2ⁿ], and how much one
    more run of each prompt should tell."""

    odds: Floats
    worth: Floats
    told: Floats

    @property
    def leader(self) -> int:
        """The verdict with the best odds."""
        return int(self.odds.argmax())


@dataclass
class Sampled:
    """One trace on its way to a verdict.

    `judge` turns games into verdict codes below `n_codes`; `proof` names the prompt that a verdict still has
    to be seen on, or None where it rests on replays already. `posteriors` [units, g] and `own` [g] are what is
    believed of its prompts' pass rates and of the pipeline's own; `settled` says whether the leader is sure and
    proven.
    """

    cells: Cells
    judge: Judge
    n_codes: int
    proof: Callable[[Cells, int], int | None]
    leaning: Leaning | None = None
    posteriors: Floats | None = None
    own: Floats | None = None
    settled: bool = False
    broken: Broken | None = None


@dataclass(frozen=True)
class Logged:
    """What the log's right answers tell about unrepaired prompts: how many of each kind passed."""

    passes: Mapping[Kind, int]


def spread(
    sampled: Sequence[Sampled],
    runner: Runner,
    effort: Effort,
    logged: Logged,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> pooled.Pooled:
    """Run prompts until every trace is settled or the calls are spent; returns what the last round pooled."""
    spent = 0
    while True:
        told = pooled_of(sampled, logged)
        known: Known = {}
        waiting: list[tuple[Sampled, int]] = []
        for one in sampled:
            if one.broken is None and (prompt := _advanced(one, told, effort, known)) is not None:
                waiting.append((one, prompt))
        tick(len(sampled) - len(waiting), len(sampled))
        if not waiting:
            return told
        most = None if effort.max_calls is None else effort.max_calls - spent
        try:
            runner.ahead(calls_of(waiting[:most], runner))
        except Stopped:
            if not runner.stopped:
                raise
            return told
        for one, prompt in waiting:
            if effort.max_calls is not None and spent >= effort.max_calls:
                return told
            try:
                one.cells.run(runner, prompt)
            except Broken as broken:
                one.broken = broken
            except Stopped:
                if not runner.stopped:
                    raise
                return told
            spent += 1


def calls_of(waiting: Sequence[tuple[Sampled, int]], runner: Runner) -> list[Call]:
    """The model runs of a round. A trace whose stages before the model fail now has none: its turn will tell."""
    calls = []
    for one, prompt in waiting:
        try:
            calls.append(one.cells.call(runner, prompt))
        except Broken:
            continue
    return calls


Known = dict[Hashable, tuple["Leaning", Floats]]
"""Leanings and posteriors of this round, by what they follow from: traces of which the same was seen lean the same
way, and a log has few different ones."""


def _advanced(one: Sampled, told: pooled.Pooled, effort: Effort, known: Known) -> int | None:
    """Bring a trace up to date; the prompt to run next, or None where it is settled or its calls are
    spent."""
    key = alike(one)
    if key not in known:
        known[key] = leaning_of(one, told)
    one.leaning, one.posteriors = known[key]
    one.own = told.own
    sure = bool(one.leaning.odds.max() >= 1.0 - effort.alpha)
    unproven = one.proof(one.cells, one.leaning.leader)
    one.settled = sure and unproven is None
    if one.settled or one.cells.n_calls >= effort.max_calls_per_trace:
        return None
    if sure and unproven is not None:
        return unproven
    return belief.most_informative(one.leaning.told, range(len(one.leaning.told)))


def pooled_of(sampled: Sequence[Sampled], logged: Logged) -> pooled.Pooled:
    """What the prompts of all traces tell, by kind."""
    return pooled.pooled(seen_of(sampled, logged))


def seen_of(sampled: Sequence[Sampled], logged: Logged) -> list[tuple[Floats, Floats]]:
    """For each kind the passes and fails of every prompt of the traces, and of the log's right answers."""
    seen: list[tuple[Floats, Floats]] = []
    for kind in KINDS:
        own = [(s.cells, u) for s in sampled for u, k in enumerate(s.cells.kinds) if k == kind]
        passed = logged.passes.get(kind, 0)
        passes = np.array([*(c.passes[u] for c, u in own), *[1.0] * passed])
        seen.append((passes, np.array([*(c.fails[u] for c, u in own), *[0.0] * passed])))
    return seen


def alike(one: Sampled) -> Hashable:
    """All that a leaning follows from, beside what is pooled."""
    cells = one.cells
    seen = (tuple(cells.passes.tolist()), tuple(cells.fails.tolist()), cells.kinds, cells.prompt_of)
    shape = (tuple(cells.unit_of.items()), tuple(cells.oracle.items()), cells.plan.roles, cells.fair_unit)
    return one.judge, one.n_codes, seen, shape


def leaning_of(one: Sampled, told: pooled.Pooled) -> tuple[Leaning, Floats]:
    """What the runs so far say about a trace, and the posteriors [units, g] of its prompts."""
    cells = one.cells
    prior = np.stack([told.priors[KINDS.index(kind)] for kind in cells.kinds])
    posteriors = belief.posterior(prior, cells.passes, cells.fails)
    rates, flaky = _drawn(posteriors, told.own, DRAWS)
    codes = one.judge(cells.worths(rates), flaky)
    tells = belief.informative(codes, one.n_codes, rates)
    by_prompt = np.array(
        [max(tells[u] for u, p in enumerate(cells.prompt_of) if p == i) for i in range(len(cells.calls))]
    )
    worth = cells.worths(belief.means(posteriors)[None, :])[0]
    return Leaning(belief.verdict_odds(codes, one.n_codes), worth, by_prompt), posteriors


def _drawn(posteriors: Floats, own: Floats, m: int) -> tuple[Floats, float]:
    """[m, units]: draws of the prompts' pass rates; and how often the model is wrong whatever it reads."""
    rates = belief.draws(posteriors, belief.uniform_points(m, len(posteriors)))
    return rates, 1.0 - float(own @ belief.GRID)


SIMULATED = 24
"""Futures that are simulated to say what further calls would settle."""
LONGEST = 256
"""Further calls a trace that are looked at."""
ENOUGH = 0.8
"""The part of futures in which the verdict has to be settled for a number of calls to count as enough."""


def outlook(one: Sampled, effort: Effort) -> tuple[float | None, int | None]:
    """The power reached, and the further model calls that would settle the verdict.

    Power (0 to 1) is the part of simulated repetitions of this trace's runs in which the leading verdict
    would have been settled; calls are the fewest (doubling) with which it would be in `ENOUGH` of futures,
    None beyond `LONGEST`.
    """
    if one.leaning is None or one.posteriors is None or one.own is None:
        return None, None
    cells = one.cells
    rates, flaky = _drawn(one.posteriors, one.own, DRAWS)
    leading = rates[one.judge(cells.worths(rates), flaky) == one.leaning.leader][:SIMULATED]
    if not len(leading):
        return None, None
    rng = np.random.default_rng(0)
    power = _settles(one, leading, cells.n_calls, effort, rng, afresh=True)
    further = 1
    while further <= LONGEST:
        if _settles(one, leading, further * len(cells.calls), effort, rng, afresh=False) >= ENOUGH:
            return round(power, 3), further * len(cells.calls)
        further *= 2
    return round(power, 3), None


def _settles(
    one: Sampled, leading: Floats, calls: int, effort: Effort, rng: np.random.Generator, afresh: bool
) -> float:
    """The part of futures in which so many calls, spread evenly over the prompts, settle the leading
    verdict."""
    cells, settled = one.cells, 0
    assert one.posteriors is not None and one.leaning is not None and one.own is not None
    each = -(-calls // len(cells.calls))
    for rates in leading:
        passes = rng.binomial(each, rates).astype(float)
        start = np.ones_like(one.posteriors) / one.posteriors.shape[1] if afresh else one.posteriors
        future = belief.posterior(start, passes, each - passes)
        drawn, flaky = _drawn(future, one.own, DRAWS // 4)
        odds = belief.verdict_odds(one.judge(cells.worths(drawn), flaky), one.n_codes)
        settled += bool(odds[one.leaning.leader] >= 1.0 - effort.alpha)
    return settled / len(leading)
