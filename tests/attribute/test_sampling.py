"""What a sample of failures says of all of them: shares and gains of the whole log, with intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import UnsetType

from diagnose.attribute.gains import Log
from diagnose.attribute.sampling import Sampling
from diagnose.attribute.summarise import Summary, summarise
from diagnose.core.blame import Blame, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import Role

ROLES: tuple[Role, ...] = ("retriever", "ranker", "model")
PARTS = (0.2, 0.5, 0.3)
FAILURES, TRACES, SEEN = 400, 1_000, 60


def blame(i: int, role: Role | None) -> Blame:
    """A failure that one stage is to blame for wholly, or one that was not replayed."""
    if role is None:
        return Blame(f"t{i}", "observed", "undecided", undecided=Undecided("budget", "left out"))
    shares = {r: float(r == role) for r in ROLES}
    return Blame(f"t{i}", "replayed", role, shares=shares, loss=1.0, residual=0.0, confidence=1.0)


def game(i: int, role: Role) -> Game:
    return Game(f"t{i}", ROLES, {name: float(role in name.split("+")) for name in keys(ROLES)})


def summary(guilty: list[Role], guess: list[str], seen: np.ndarray) -> Summary:
    blames = [blame(i, role if seen[i] else None) for i, role in enumerate(guilty)]
    games = [game(i, role) for i, role in enumerate(guilty) if seen[i]]
    sampling = None if seen.all() else Sampling(np.ones(len(seen), dtype=bool), seen, guess)
    return summarise(games, blames, Log(TRACES, 0.6, sampling=sampling), 0, resamples=100)


def drawn(rng: np.random.Generator, right: float) -> tuple[list[Role], list[str], np.ndarray]:
    guilty = rng.choice(len(ROLES), FAILURES, p=PARTS)
    guess = np.where(rng.random(FAILURES) < right, guilty, rng.choice(len(ROLES), FAILURES, p=PARTS))
    seen = np.zeros(FAILURES, dtype=bool)
    seen[rng.choice(FAILURES, SEEN, replace=False)] = True
    return [ROLES[i] for i in guilty], [ROLES[i] for i in guess], seen


@pytest.mark.parametrize("right, narrower", [(0.9, 0.75), (0.3, 1.02)])
def test_shares_of_the_whole_log_are_covered_by_narrower_intervals(right: float, narrower: float) -> None:
    rng = np.random.default_rng(1)
    held, width, own = 0, 0.0, 0.0
    repeats = 120
    for _ in range(repeats):
        guilty, guess, seen = drawn(rng, right)
        for ranked in summary(guilty, guess, seen).ranking:
            assert ranked.low is not None
            assert ranked.high is not None
            truth = sum(role == ranked.role for role in guilty) / FAILURES
            held += ranked.low <= truth <= ranked.high
            width += ranked.high - ranked.low
            assert not isinstance(ranked.sampled, UnsetType)
            own += (ranked.sampled.high or 0.0) - (ranked.sampled.low or 0.0)
    assert held / repeats / len(ROLES) >= 0.94
    assert width <= narrower * own


def test_numbers_are_of_all_failures() -> None:
    guilty, guess, seen = drawn(np.random.default_rng(3), 1.0)
    some = summary(guilty, guess, seen)
    every = summary(guilty, guess, np.ones(FAILURES, dtype=bool))
    exact = {r.role: r for r in every.ranking}
    for ranked in some.ranking:  # a guess that is always right leaves nothing open
        assert ranked.share == pytest.approx(exact[ranked.role].share)
        assert ranked.loss == pytest.approx(exact[ranked.role].loss)
        assert ranked.fix_alone.gain == pytest.approx(exact[ranked.role].fix_alone.gain)
        assert ranked.verdicts < exact[ranked.role].verdicts
    assert sum(r.loss for r in some.ranking) == pytest.approx(FAILURES)
    assert sum(r.p_first for r in some.ranking) == pytest.approx(1.0)
    assert sum(step.gain for step in some.fix_order) == pytest.approx(FAILURES / TRACES)
    assert isinstance(every.ranking[0].sampled, UnsetType)


def test_what_needs_no_replay_is_no_part_of_the_sample() -> None:
    guilty, guess, seen = drawn(np.random.default_rng(3), 1.0)
    asked = np.ones(FAILURES + 50, dtype=bool)
    asked[FAILURES:] = False
    blames = [blame(i, role if seen[i] else None) for i, role in enumerate(guilty)]
    blames += [Blame(f"s{i}", "observed", "scorer") for i in range(50)]
    games = [game(i, role) for i, role in enumerate(guilty) if seen[i]]
    sampling = Sampling(asked, np.append(seen, [False] * 50), [*guess, *["none"] * 50])
    found = summarise(games, blames, Log(TRACES, 0.6, sampling=sampling), 0, resamples=100)
    assert sum(r.loss for r in found.ranking) == pytest.approx(FAILURES)
