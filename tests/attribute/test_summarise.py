from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute.gains import Log, Swayed
from diagnose.attribute.shapley import divide
from diagnose.attribute.summarise import Summary, summarise, triage_of
from diagnose.core.blame import Blame, FunnelStep, Undecided, Verdict
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.report import Findings, FixStep, Gain, PairGain, PassingCheck, UndecidedCount
from diagnose.core.stage import Role

FOUR: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")


def played(trace_id: str, roles: tuple[Role, ...], *repairs: set[Role]) -> Game:
    """A game worth 1 as soon as all stages of one of `repairs` are repaired, else 0."""
    worth = {name: float(any(repair <= set(name.split("+")) for repair in repairs)) for name in keys(roles)}
    return Game(trace_id, roles, worth)


def convicted(
    game: Game, verdict: Verdict, evidence_retrieved: bool | None = True, mode: str | None = None
) -> Blame:
    parts = divide(game)
    return Blame(
        trace_id=game.trace_id,
        level="replayed",
        verdict=verdict,
        mode=mode,
        shares=parts.shares,
        loss=parts.loss,
        residual=parts.residual,
        funnel=(FunnelStep("retriever", evidence_retrieved),),
    )


def undecided(trace_id: str, calls_needed: int | None = None) -> Blame:
    reason = Undecided("noise", calls_needed=calls_needed) if calls_needed else Undecided("no-label")
    return Blame(trace_id=trace_id, level="replayed", verdict="undecided", undecided=reason)


def log_of(guilty: dict[Role, int], roles: tuple[Role, ...] = FOUR) -> tuple[list[Game], list[Blame]]:
    """So many failures of each stage, each mended by repairing that stage alone."""
    games, blames = [], []
    for role, n in guilty.items():
        for i in range(n):
            games.append(played(f"{role}{i}", roles, {role}))
            blames.append(convicted(games[-1], role, role != "retriever", mode="cut"))
    return games, blames


def test_the_ranking_of_a_log() -> None:
    games, blames = log_of({"ranker": 14, "model": 6, "retriever": 5})
    found = summarise(games, blames, Log(100, 0.7), seed=1)
    assert [r.role for r in found.ranking] == ["ranker", "model", "retriever", "packer"]
    first, last = found.ranking[0], found.ranking[-1]
    assert first.share == pytest.approx(14 / 25)
    assert (first.loss, first.verdicts, first.modes) == (14.0, 14, {"cut": 14})
    assert first.low is not None
    assert first.high is not None
    assert first.low < 14 / 25 < first.high
    assert 0.9 < first.p_first < 1.0
    assert first.fix_alone.gain == pytest.approx(0.14)
    assert sum(r.share for r in found.ranking) == pytest.approx(1.0)
    assert sum(r.p_first for r in found.ranking) == pytest.approx(1.0)
    assert (last.share, last.low, last.high, last.p_first, last.modes) == (0.0, None, None, 0.0, {})
    assert last.fix_alone == Gain(0.0, None, None)


def test_gains_are_over_all_traces_of_the_log() -> None:
    games, blames = log_of({"ranker": 10})
    of_20 = summarise(games, blames, Log(20, 0.5), seed=1).ranking[0].fix_alone
    of_1000 = summarise(games, blames, Log(1000, 0.99), seed=1).ranking[0].fix_alone
    assert (of_20.gain, of_1000.gain) == (0.5, 0.01)
    # The interval is that of a proportion: 10 of 20, and 10 of 1,000.
    assert of_20.low == pytest.approx(0.28, abs=0.06)
    assert of_20.high == pytest.approx(0.72, abs=0.06)
    assert of_1000.low == pytest.approx(0.004, abs=0.002)
    assert of_1000.high == pytest.approx(0.016, abs=0.003)


def test_the_fix_order_adds_up_to_a_score() -> None:
    games, blames = log_of({"retriever": 5, "ranker": 14, "model": 6})
    found = summarise(games, blames, Log(100, 0.7), seed=1)
    assert found.fix_order == (
        FixStep("ranker", 0.14, 0.84),
        FixStep("model", 0.06, 0.9),
        FixStep("retriever", 0.05, 0.95),
    )
    assert found.best_pair == PairGain(("ranker", "model"), 0.2, 0.9)
    unscored = summarise(games, blames, Log(100, None), seed=1)
    assert (unscored.fix_order, unscored.best_pair) == ((), None)


def test_games_of_different_stages_make_one_ranking() -> None:
    games, blames = log_of({"ranker": 3})
    fewer, others = log_of({"model": 2}, ("retriever", "model"))
    more, rest = log_of({"rewriter": 4}, ("rewriter", *FOUR))
    found = summarise([*games, *fewer, *more], [*blames, *others, *rest], Log(20, 0.5), seed=1)
    assert [(r.role, r.loss) for r in found.ranking] == [
        ("rewriter", 4.0),
        ("ranker", 3.0),
        ("model", 2.0),
        ("retriever", 0.0),
        ("packer", 0.0),
    ]
    assert found.ranking[0].fix_alone.gain == 0.2


def test_on_a_tie_the_model_comes_after_every_other_stage() -> None:
    games, blames = log_of({"model": 4, "verifier": 4, "ranker": 4}, ("ranker", "model", "verifier"))
    ranking = summarise(games, blames, Log(12, 0.0), seed=1).ranking
    assert [r.role for r in ranking] == ["ranker", "verifier", "model"]
    assert [r.p_first for r in ranking] == pytest.approx([1 / 3] * 3, abs=0.06)


def test_the_same_seed_gives_the_same_summary_and_another_seed_another() -> None:
    games, blames = log_of({"ranker": 7, "model": 6})
    first, again, other = (summarise(games, blames, Log(30, 0.5), seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.ranking != other.ranking


def test_clusters_that_fail_together_widen_the_intervals() -> None:
    games, blames = log_of({"ranker": 12, "model": 12})
    tenants = {blame.trace_id: blame.verdict + blame.trace_id[-1] for blame in blames}
    # Six clusters: the last digit of 0 to 11, so most hold one or two failures; against two of twelve.
    alone = summarise(games, blames, Log(24, 0.0), seed=1).ranking[0]
    tens = summarise(games, blames, Log(24, 0.0, tenants), seed=1).ranking[0]
    four = {blame.trace_id: f"{blame.verdict}{i % 2}" for i, blame in enumerate(blames)}
    fours = summarise(games, blames, Log(24, 0.0, four), seed=1).ranking[0]
    widths = [r.high - r.low for r in (alone, tens, fours) if r.high is not None and r.low is not None]
    assert len(widths) == 3
    assert widths[0] < widths[1] < widths[2]


def test_passing_traces_join_clusters_by_their_id() -> None:
    games, blames = log_of({"ranker": 6})
    everyone = {**{b.trace_id: "a" for b in blames[:3]}, **{b.trace_id: "b" for b in blames[3:]}}
    apart = summarise(games, blames, Log(12, 0.5, everyone), seed=1).ranking[0].fix_alone
    # With six passing traces in cluster b, drawing a or b changes the rate at which the log fails.
    joined = summarise(games, blames, Log(12, 0.5, everyone | {f"p{i}": "b" for i in range(6)}), seed=1)
    gain = joined.ranking[0].fix_alone
    assert apart != gain
    assert gain.low == pytest.approx(1 / 3)
    assert gain.high == 1.0


def test_one_failure_has_no_interval() -> None:
    games, blames = log_of({"ranker": 1})
    first = summarise(games, blames, Log(10, 0.9), seed=1).ranking[0]
    assert (first.share, first.low, first.high) == (1.0, None, None)
    assert (first.fix_alone.low, first.fix_alone.high) == (None, None)


def test_one_cluster_has_no_interval() -> None:
    games, blames = log_of({"ranker": 3, "model": 2})
    one = Log(10, 0.5, dict.fromkeys((blame.trace_id for blame in blames), "the one tenant"))
    ranking = summarise(games, blames, one, seed=1).ranking
    assert {r.low for r in ranking} == {r.fix_alone.low for r in ranking} == {None}


def test_games_may_come_in_another_order_than_blames() -> None:
    games, blames = log_of({"ranker": 5, "model": 5})
    log = Log(12, 0.1, {blame.trace_id: f"{blame.verdict}{i % 2}" for i, blame in enumerate(blames)})
    assert summarise(games[::-1], blames, log, seed=1) == summarise(games, blames, log, seed=1)


def test_no_failures() -> None:
    found = summarise([], [], Log(40, 1.0), seed=1)
    assert found == Summary(
        (), Findings(), UndecidedCount(0, {}), None, (), None, None, {}, found.headline, ()
    )
    assert found.headline == "No failures in 40 traces: nothing to blame."
    assert summarise([], [], Log(0, None), seed=1).ranking == ()


def test_findings_and_undecided_hold_no_share_and_are_counted() -> None:
    games, blames = log_of({"ranker": 2})
    scorer = convicted(played("s", FOUR, {"model"}), "scorer")
    beside = [undecided("u1", 40), undecided("u2", 2), undecided("u3"), scorer]
    found = summarise([*games, played("s", FOUR, {"model"})], [*blames, *beside], Log(10, 0.4), seed=1)
    assert found.ranking[0].share == 1.0
    assert [r.fix_alone.gain for r in found.ranking if r.role == "model"] == [0.0]
    assert found.findings == Findings(scorer=("s",))
    assert found.undecided == UndecidedCount(3, {"noise": 2, "no-label": 1}, 42)


def test_all_undecided_has_no_ranking_no_fix_order_and_no_advice() -> None:
    games = [played("u0", FOUR, {"ranker"})]
    games += [played(f"u{i}", FOUR, {"packer", "model"}) for i in (1, 2, 3)]
    found = summarise(games, [undecided(f"u{i}", 40) for i in range(5)], Log(10, 0.5), seed=1)
    assert (found.ranking, found.fix_order, found.notes) == ((), (), ())
    assert found.undecided.n == 5


def test_an_undecided_game_still_counts_for_the_gain() -> None:
    games, blames = log_of({"ranker": 2})
    noisy = Game("u1", FOUR, {name: 0.5 * ("ranker" in name) for name in keys(FOUR)})
    found = summarise([*games, noisy], [*blames, undecided("u1", 40)], Log(10, 0.7), seed=1)
    assert found.ranking[0].fix_alone.gain == 0.25
    assert found.ranking[0].loss == 2.0


def test_a_verdict_without_a_loss_holds_no_share() -> None:
    games, blames = log_of({"ranker": 1})
    lossless = Blame(trace_id="x", level="replayed", verdict="model", shares={"model": 0.0}, loss=0.0)
    found = summarise(games, [*blames, lossless], Log(10, 0.8), seed=1)
    assert [(r.role, r.verdicts) for r in found.ranking if r.verdicts] == [("ranker", 1)]


def test_residuals_add_up_in_failures() -> None:
    half = Game("h", ("model",), {"": 0.0, "model": 0.25})
    games, blames = log_of({"ranker": 3})
    assert summarise(games, blames, Log(10, 0.7), seed=1).residual == 0.0
    found = summarise([*games, half], [*blames, convicted(half, "model")], Log(10, 0.6), seed=1)
    assert found.residual == 0.75
    assert summarise([], [undecided("u")], Log(10, 0.9), seed=1).residual is None


def test_usual_triage_blames_the_model_wherever_the_evidence_was_retrieved() -> None:
    _, blames = log_of({"retriever": 5, "ranker": 14, "model": 6})
    blind = convicted(played("x", FOUR, {"ranker"}), "ranker", evidence_retrieved=None)
    found = triage_of([*blames, blind, undecided("u")])
    assert found is not None
    assert found.blames == {"retriever": 5, "model": 20}
    assert found.replay == {"ranker": 14, "model": 6, "retriever": 5}
    assert (found.agrees, found.model_acquitted) == (11, 14)
    assert triage_of([undecided("u")]) is None


def test_a_finding_does_not_acquit_the_model() -> None:
    found = triage_of([convicted(played("x", FOUR, {"model"}), "scorer")])
    assert found is not None
    assert (found.replay, found.agrees, found.model_acquitted) == ({"scorer": 1}, 0, 0)


def test_where_the_evidence_was_lost_is_counted_for_every_failure() -> None:
    funnel = (FunnelStep("retriever", True), FunnelStep("ranker", False), FunnelStep("model", False))
    observed = Blame(
        trace_id="o",
        level="observed",
        verdict="undecided",
        undecided=Undecided("observed-only"),
        funnel=funnel,
    )
    assert summarise([], [observed] * 3, Log(10, 0.7), seed=1).lost_at == {"ranker": 3}


def test_repairs_that_work_only_together_are_noted() -> None:
    games = [played(f"q{i}", FOUR, {"ranker", "packer"}) for i in range(4)]
    found = summarise(games, [convicted(game, "ranker") for game in games], Log(10, 0.6), seed=1)
    assert found.fix_order == ()
    assert found.notes == (
        "Repaired together, the ranker and the packer gain 0.400 in mean score; the first two steps of the "
        "fix order gain 0.000.",
    )
    assert found.ranking[0].fix_alone == Gain(0.0, None, None)


def test_more_failures_than_traces_is_refused() -> None:
    games, blames = log_of({"ranker": 3})
    with pytest.raises(ValueError, match="at least the 3 failures, found 2"):
        summarise(games, blames, Log(2, 0.0), seed=1)


def test_repairs_that_break_right_answers_are_charged() -> None:
    games, blames = log_of({"ranker": 20})
    checked = PassingCheck(n=40, broken={"ranker": 4})
    found = summarise(games, blames, Log(100, 0.8, passing=checked), seed=1)
    gain = found.ranking[0].fix_alone
    # 20 won, and a tenth of the 80 right answers lost.
    assert gain.gain == pytest.approx(0.12)
    assert found.fix_order == (FixStep("ranker", 0.12, 0.92),)
    unchecked = summarise(games, blames, Log(100, 0.8), seed=1).ranking[0].fix_alone
    assert None not in (gain.low, gain.high, unchecked.low, unchecked.high)
    assert gain.high - gain.low > unchecked.high - unchecked.low  # type: ignore[operator]


def swayed(right: float, *failing: tuple[str, float]) -> Swayed:
    """Of two stages whose losses are swayed by failures one way and by right answers the other way."""
    roles: tuple[Role, ...] = ("ranker", "model")
    rows = {trace_id: np.array([x, -x, x, x]) for trace_id, x in failing}
    return Swayed(roles, rows, np.full((70, 4), right) * [1, -1, 1, 1])


def test_what_traces_tell_of_each_other_widens_the_intervals_and_nothing_else() -> None:
    games, blames = log_of({"ranker": 14, "model": 16})
    plain = summarise(games, blames, Log(100, 0.7), seed=1)
    sway = swayed(-0.3, *((b.trace_id, 0.7) for b in blames))
    found = summarise(games, blames, Log(100, 0.7, swayed=sway), seed=1)
    for before, after in zip(plain.ranking, found.ranking, strict=True):
        assert (before.role, before.share, before.loss) == (after.role, after.share, after.loss)
        assert before.fix_alone.gain == after.fix_alone.gain
        if before.role in sway.roles:
            assert width(after.low, after.high) > 1.2 * width(before.low, before.high)
            assert width(after.fix_alone.low, after.fix_alone.high) > 1.2 * width(
                before.fix_alone.low, before.fix_alone.high
            )
        else:
            assert before == after


def test_traces_that_tell_nothing_of_each_other_change_nothing() -> None:
    games, blames = log_of({"ranker": 14, "model": 16})
    nothing = swayed(0.0, *((b.trace_id, 0.0) for b in blames))
    plain = summarise(games, blames, Log(100, 0.7), seed=1)
    assert summarise(games, blames, Log(100, 0.7, swayed=nothing), seed=1) == plain


def width(low: float | None, high: float | None) -> float:
    assert low is not None and high is not None
    return high - low
