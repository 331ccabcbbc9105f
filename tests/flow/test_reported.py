"""From blame to the report, and from a table of games alone."""

from __future__ import annotations

import msgspec
import pytest

from diagnose.core.blame import Blame, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import Role
from diagnose.core.trace import Outcome, Trace
from diagnose.flow import divided, observed, reported, reported_games
from diagnose.flow.found import Found, Scored
from diagnose.score.table import Scorer
from tests.flow.test_logged import LOST, trace

ROLES: tuple[Role, ...] = ("retriever", "model")


def game(trace_id: str, *worths: float) -> Game:
    return Game(trace_id, ROLES, dict(zip(keys(ROLES), worths, strict=True)))


GAMES = [game("a", 0, 1, 0, 1), game("b", 1, 1, 1, 1), game("c", 0.25, 0.25, 1, 1)]


def test_games_below_the_pass_mark_are_failures() -> None:
    found = divided(GAMES, 0.5)
    assert [(b.trace_id, b.verdict) for b in found.blames] == [("a", "retriever"), ("c", "model")]
    assert [b.trace_id for b in divided(GAMES, 0.2).blames] == ["a"]
    assert found.games == tuple(GAMES)


def test_the_report_of_a_table() -> None:
    report = reported_games(divided(GAMES, 0.5), 0.5, None, 0, "diagnose attribute g", ["g:3: bad"])
    assert (report.n_traces, report.n_failures) == (3, 2)
    assert report.score == pytest.approx((0 + 1 + 0.25) / 3)
    assert report.roles == ROLES
    assert report.skipped == ("g:3: bad",)
    assert (report.provenance.metric, report.provenance.pipeline) == ("worth", None)
    assert sum(r.share for r in report.ranking) == pytest.approx(1.0)


def test_a_table_may_hold_the_failures_of_a_larger_log() -> None:
    report = reported_games(divided(GAMES, 0.5), 0.5, 10, 0, "x", ())
    assert report.n_traces == 10
    assert report.score == pytest.approx((1.25 + 7) / 10)
    assert reported_games(divided(GAMES, 0.5), 0.5, 1, 0, "x", ()).n_traces == 3


def test_an_empty_table() -> None:
    report = reported_games(divided([], 0.5), 0.5, None, 0, "x", ())
    assert (report.n_traces, report.score, report.ranking) == (0, None, ())


def test_a_log_without_labels_says_so_and_what_to_label_first() -> None:
    bare = [msgspec.structs.replace(trace(), trace_id=f"t{i}", gold=None, outcome=None) for i in range(3)]
    liked = [
        msgspec.structs.replace(t, outcome=Outcome(feedback=1 - 2 * (i == 1))) for i, t in enumerate(bare)
    ]
    report = reported(observed(liked, Scorer("contains")), None, Scorer("contains"), 0, "x")
    assert report.headline.startswith("Nothing can be judged: 3 traces have neither scores nor labels.")
    assert (report.n_unlabelled, report.score) == (3, None)
    assert report.label_first[0].trace_id == "t1"
    assert report.label_first[0].why[0] == "a user found it wrong"


def found_of(*pairs: tuple[Trace, float | None], blames: tuple[Blame, ...] = ()) -> Found:
    return Found(tuple(Scored(t, None, score) for t, score in pairs), blames)


def test_traces_without_a_score_are_counted_and_noted() -> None:
    found = found_of((trace("a", LOST), None), (trace("b", LOST), 1.0))
    report = reported(found, None, Scorer(), 0, "x")
    assert (report.n_traces, report.n_failures, report.score) == (2, 0, 1.0)
    assert "1 traces have no score and no usable label: they count as traces only" in report.notes


def test_an_observed_log_is_reported_without_a_ranking() -> None:
    report = reported(observed([trace("t", LOST)], Scorer()), None, Scorer(), 0, "x", ["log:9: bad"])
    assert report.levels == {"observed": 1}
    assert (report.ranking, report.fidelity, report.same_outcome) == ((), {}, None)
    assert report.funnel == {"packer": 1}
    assert report.undecided.reasons == {"observed-only": 1}
    assert report.roles == ("retriever", "packer", "model")
    assert report.skipped == ("log:9: bad",)


def test_failures_that_fail_again_are_told_from_those_that_do_not() -> None:
    shares: dict[Role, float] = {"retriever": 1.0, "model": 0.0}
    again = Blame("a", "replayed", "retriever", shares=shares, loss=1.0)
    gone = Blame("b", "replayed", "undecided", shares=shares, loss=1.0, undecided=Undecided("not-reproduced"))
    bare = Blame("c", "replayed", "undecided", undecided=Undecided("not-replayable"))
    traces = [(trace(i, LOST), 0.0) for i in "abc"]
    found = found_of(*traces, blames=(again, gone, bare))
    assert reported(found, None, Scorer(), 0, "x").same_outcome == 0.5


def test_what_single_repairs_break_among_right_answers() -> None:
    right = (game("r1", 1, 0, 1, 1), game("r2", 1, 1, 1, 1), game("gone", 0, 0, 0, 0))
    found = Found((), (), games=right)
    report = reported(found, None, Scorer(), 0, "x")
    assert report.passing is not None
    assert (report.passing.n, report.passing.broken) == (2, {"retriever": 1, "model": 0})
    assert reported(Found((), ()), None, Scorer(), 0, "x").passing is None


def test_traces_of_one_cluster_are_resampled_together() -> None:
    """Ten failures of one conversation are one observation: the interval is as wide as it can be, or not there."""
    one = [game(f"t{i}", 0, float(i % 2), float(1 - i % 2), 1) for i in range(10)]
    blames = divided(one, 0.5).blames

    def width(cluster: bool) -> float:
        tagged = [
            msgspec.structs.replace(trace(f"t{i}", LOST), tags={"cluster": str(i // 5)} if cluster else {})
            for i in range(10)
        ]
        found = Found(tuple(Scored(t, None, 0.0) for t in tagged), blames, games=tuple(one))
        first = reported(found, None, Scorer(), 0, "x").ranking[0]
        return 0.0 if first.low is None or first.high is None else first.high - first.low

    assert width(False) > width(True)


def test_the_same_seed_gives_the_same_report() -> None:
    found = observed([trace("t", LOST)], Scorer())
    assert reported(found, None, Scorer(), 3, "x") == reported(found, None, Scorer(), 3, "x")
