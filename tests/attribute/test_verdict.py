"""From a game to a verdict: the largest share, ties, findings, and why nobody is convicted."""

from __future__ import annotations

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.attribute.verdict import Facts, blamed, convicted, doubted, without_game
from diagnose.core.blame import FunnelStep, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game, Runs
from diagnose.core.stage import Role

ROLES: tuple[Role, ...] = ("retriever", "ranker", "model")


def game(*worths: float, roles: tuple[Role, ...] = ROLES) -> Game:
    """The game whose worths are these, in order of the coalitions' bit masks."""
    return Game("t", roles, dict(zip(keys(roles), worths, strict=True)), Runs(2, 3, 4))


def fixed_by(*coalitions: str) -> Game:
    """A game that any of these repairs wins."""
    wins = [set(c.split("+")) for c in coalitions]
    return game(*(float(any(w <= set(name.split("+")) for w in wins)) for name in keys(ROLES)))


def lost(role: Role) -> tuple[FunnelStep, ...]:
    """A funnel in which the evidence is lost there."""
    at = ROLES.index(role)
    return tuple(FunnelStep(r, i < at) for i, r in enumerate(ROLES))


def test_the_stage_whose_repair_wins_it_back() -> None:
    blame = blamed(fixed_by("ranker"), 0.5, Facts(modes={"ranker": "cut", "model": "ignored"}))
    assert (blame.verdict, blame.mode, blame.confidence) == ("ranker", "cut", 1.0)
    assert blame.shares == {"retriever": 0.0, "ranker": 1.0, "model": 0.0}
    assert blame.minimal_repairs == (("ranker",),)
    assert blame.runs == Runs(2, 3, 4)
    assert blame.undecided is None


@pytest.mark.parametrize(
    "repairs, funnel, verdict",
    [
        (("retriever", "model"), lost("retriever"), "retriever"),
        (("ranker", "model"), (), "ranker"),
        (("ranker+model",), lost("model"), "ranker"),
        (("retriever", "ranker"), lost("ranker"), "ranker"),
        (("retriever", "ranker"), lost("model"), "retriever"),
        (("retriever", "ranker"), (), "retriever"),
        (("retriever+ranker+model",), lost("ranker"), "ranker"),
        (("model",), lost("retriever"), "model"),
    ],
)
def test_ties(repairs: tuple[str, ...], funnel: tuple[FunnelStep, ...], verdict: str) -> None:
    """The model yields to every other stage; among those the funnel decides, else the earliest has it."""
    assert blamed(fixed_by(*repairs), 0.5, Facts(funnel=funnel)).verdict == verdict


@over(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.sampled_from([None, *ROLES]))
def test_nobody_is_convicted_who_has_less_than_another(shares: list[float], at: Role | None) -> None:
    table = dict(zip(ROLES, shares, strict=True))
    verdict = convicted(table, lost(at) if at else ())
    assert table[verdict] >= max(shares) - 1e-9
    assert verdict != "model" or all(table["model"] > table[r] + 1e-9 for r in ROLES[:2])


def test_a_failure_that_no_repair_wins_back() -> None:
    blame = blamed(game(*[0.0] * 8), 0.5, Facts())
    assert (blame.verdict, blame.mode, blame.residual) == ("undecided", None, 1.0)
    assert blame.undecided is not None
    assert blame.undecided.reason == "no-loss"
    assert blame.confidence is None
    assert blame.minimal_repairs == ()


def test_a_repair_that_only_hurts_convicts_nobody() -> None:
    blame = blamed(game(0.4, *[0.0] * 7), 0.5, Facts())
    assert blame.loss == pytest.approx(-0.4)
    assert blame.verdict == "undecided"


def test_a_replay_that_passes_convicts_nobody() -> None:
    blame = blamed(fixed_by("ranker"), 0.5, Facts(passed_again=True))
    assert blame.undecided is not None
    assert blame.undecided.reason == "not-reproduced"


@pytest.mark.parametrize("finding", ["scorer", "corpus", "label"])
def test_a_finding_comes_before_any_stage(finding: str) -> None:
    facts = Facts(finding=finding, evidence="seen", passed_again=True)  # type: ignore[arg-type]
    blame = blamed(fixed_by("ranker"), 0.5, facts)
    assert (blame.verdict, blame.undecided, blame.evidence) == (finding, None, "seen")
    assert blame.shares["ranker"] == 1.0
    alone = without_game("t", Undecided("observed-only"), facts)
    assert (alone.verdict, alone.undecided, alone.loss) == (finding, None, 0.0)


def test_without_a_game_the_reason_stands() -> None:
    why = Undecided("not-replayable", "retriever: down")
    blame = without_game("t", why, Facts(level="observed", tags={"a": "b"}))
    assert (blame.verdict, blame.undecided, blame.level, blame.tags) == (
        "undecided",
        why,
        "observed",
        {"a": "b"},
    )
    assert blame.shares == {}


def test_a_doubted_verdict_is_withdrawn_with_its_mode() -> None:
    blame = blamed(fixed_by("ranker"), 0.5, Facts(modes={"ranker": "cut"}))
    why = Undecided("noise", power=0.3, calls_needed=8)
    withdrawn = doubted(blame, why, 0.7)
    assert (withdrawn.verdict, withdrawn.mode, withdrawn.undecided) == ("undecided", None, why)
    assert withdrawn.confidence == 0.7
    assert withdrawn.shares == blame.shares


def test_the_pass_mark_decides_what_counts_as_repaired() -> None:
    half = game(0.0, 0.6, 0.0, 0.6, 0.0, 0.6, 0.0, 1.0)
    assert blamed(half, 0.5, Facts()).minimal_repairs == (("retriever",),)
    assert blamed(half, 0.9, Facts()).minimal_repairs == (("retriever", "ranker", "model"),)
