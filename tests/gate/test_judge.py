from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.baseline import Baseline
from diagnose.core.report import Fidelity
from diagnose.core.verdict import GateVerdict, RuleVerdict
from diagnose.gate.rules import Rules
from tests.gate.made import changed, gate, row, side, system


def rule(verdict: GateVerdict, name: str, of: str | None = None) -> RuleVerdict:
    return next(r for r in verdict.rules if r.rule == name and r.of == of)


def noisy(whole: Baseline) -> Baseline:
    return msgspec.structs.replace(whole, steady=False)


def test_an_unchanged_system_passes() -> None:
    before = system(200, {"ranker": 30, "model": 10})
    verdict = gate(before, before)
    assert verdict.outcome == "pass"
    assert verdict.stage is None
    assert verdict.headline.startswith("Passed: mean score 0.800 → 0.800, no change; both systems are steady")
    assert all(r.outcome == "pass" for r in verdict.rules)


def test_a_drop_fails_and_names_the_stage() -> None:
    before, after = (
        system(200, {"model": 20}),
        system(200, {"model": 20, "ranker": 20}, stages=changed("ranker")),
    )
    verdict = gate(before, after)
    assert verdict.outcome == "fail"
    assert verdict.stage == "ranker"
    assert rule(verdict, "score").outcome == "fail"
    assert rule(verdict, "blame", "ranker").outcome == "fail"
    assert rule(verdict, "blame", "model").outcome == "pass"
    assert "10 points lost" in verdict.headline
    assert "The ranker: its blame rose by 10 points (p < 0.0001); it was changed." in verdict.headline
    assert verdict.comparison.score.change == -0.1
    assert [t.verdict_after for t in verdict.comparison.regressed] == ["ranker"] * 20


def test_the_other_way_round_it_passes() -> None:
    worse, better = system(200, {"model": 20, "ranker": 20}), system(200, {"model": 20})
    verdict = gate(worse, better)
    assert verdict.outcome == "pass"
    assert len(verdict.comparison.repaired) == 20


def test_a_better_model_does_not_hide_a_worse_ranker() -> None:
    before = system(200, {"model": 30})
    after = system(200, {"ranker": 30})
    verdict = gate(before, after)
    assert verdict.comparison.score.change == 0.0
    assert rule(verdict, "score").outcome == "pass"
    assert rule(verdict, "blame", "ranker").outcome == "fail"
    assert (verdict.outcome, verdict.stage) == ("fail", "ranker")
    assert "blame of ranker: costs 15 points, before 0 points" in verdict.headline


def test_what_is_beyond_the_least_effect_but_not_beyond_noise_does_not_fail() -> None:
    before, after = noisy(system(200, {"model": 20})), noisy(system(200, {"model": 24}))
    verdict = gate(before, after)
    assert verdict.comparison.score.change == -0.02
    assert rule(verdict, "score").outcome == "inconclusive"
    assert verdict.outcome == "inconclusive"
    assert verdict.needed is not None
    assert verdict.needed.traces is not None
    assert f"about {verdict.needed.traces:,} traces" in verdict.headline


def test_what_is_beyond_noise_but_below_the_least_effect_does_not_fail() -> None:
    before, after = system(2000, {"model": 200}), system(2000, {"model": 216})
    found = rule(gate(before, after), "score")
    assert found.p_value is not None
    assert found.p_value <= 0.0125
    assert found.outcome == "pass"


def test_too_few_traces_are_no_pass() -> None:
    before = noisy(system(40, {"model": 8}))
    verdict = gate(before, before)
    assert verdict.outcome == "inconclusive"
    assert "is not ruled out: about" in verdict.headline
    assert gate(system(40, {"model": 8}), system(40, {"model": 8})).outcome == "pass"


@given(st.integers(20, 300), st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_a_pass_rules_a_large_drop_out(n: int, failing: int, more: int, steady: bool) -> None:
    """Whatever passes lost less than the margin, and what lost the margin never passes."""
    before = system(n, {"model": min(failing, n)}, steady=steady)
    after = system(n, {"model": min(failing + more, n)}, steady=steady)
    verdict = gate(before, after)
    drop = -verdict.comparison.score.change
    if drop >= Rules().margin:
        assert verdict.outcome != "pass"
    if verdict.outcome == "fail":
        assert drop > Rules().min_effect
    assert verdict.outcome in ("pass", "fail", "inconclusive")


def test_failures_that_do_not_reproduce_are_neither_a_pass_nor_a_failure() -> None:
    """Twenty new failures in the log that all pass again, against six that were mended for good."""
    before = system(200, {"model": 6}, steady=False)
    gone = [row(f"q{i:04}", "model", held=0.5) for i in range(100, 120)]
    gone = [msgspec.structs.replace(r, verdict="undecided", blame={}) for r in gone]
    kept = [row(f"q{i:04}") for i in range(200) if not 100 <= i < 120]
    found = rule(gate(before, side([*kept, *gone], steady=False)), "score")
    assert found.p_value is not None
    assert found.p_value > 0.0125
    assert found.outcome == "inconclusive"
    assert "replays do not reproduce the new failures" in found.says


def test_new_only_looks_at_what_passed_before() -> None:
    before = system(200, {"model": 40})
    known = gate(before, before, Rules(new_only=True))
    assert (known.outcome, len(known.rules)) == ("pass", 1)
    one = side([*before.rows[:-1], row("q0199", "packer")])
    verdict = gate(before, one, Rules(new_only=True))
    assert (verdict.outcome, verdict.stage) == ("fail", "packer")
    assert "1 trace of 160 that passed before now fails" in verdict.headline
    assert gate(before, one, Rules(new_only=True, new_failures=1)).outcome == "pass"
    assert gate(noisy(before), noisy(one), Rules(new_only=True)).outcome == "inconclusive"


def test_the_family_shares_its_error_rate() -> None:
    before, after = system(300, {"model": 30}), system(300, {"ranker": 30})
    found = rule(gate(before, after), "blame", "ranker")
    alone = gate(before, after, Rules(blame_any=None, blame={"ranker": 0.01}))
    assert found.p_value is not None
    assert rule(alone, "blame", "ranker").p_value is not None
    assert found.p_value == pytest.approx(4 * (rule(alone, "blame", "ranker").p_value or 0.0), abs=1e-8)
    assert found.level == Rules().alpha_others
    worse = gate(system(300, {"model": 30}), system(300, {"model": 30, "ranker": 30}))
    # Once the score rule has rejected, its error rate is free for the others.
    assert rule(worse, "blame", "ranker").level == Rules().alpha + Rules().alpha_others


def test_unknown_blame_is_no_failure_unless_it_was_asked_for() -> None:
    before = system(200, {"model": 20}, replayed=False)
    verdict = gate(before, before)
    assert verdict.outcome == "pass"
    assert "were not replayed" in " ".join(verdict.comparison.notes)
    asked = gate(before, before, Rules(blame={"ranker": 0.02}))
    assert rule(asked, "blame", "ranker").outcome == "inconclusive"
    assert asked.outcome == "inconclusive"
    stranger = gate(system(200, {"model": 20}), system(200, {"model": 20}), Rules(blame={"router": 0.02}))
    assert rule(stranger, "blame", "router").says == "neither side has a router"


def test_the_gain_of_a_repair_alone() -> None:
    before, after = system(200, {"model": 20}), system(200, {"model": 20, "packer": 20})
    found = rule(gate(before, after, Rules(fix_alone={"packer": 0.05})), "fix_alone", "packer")
    assert (found.outcome, found.value) == ("fail", 0.1)
    assert (
        rule(gate(before, before, Rules(fix_alone={"packer": 0.05})), "fix_alone", "packer").outcome == "pass"
    )


@pytest.mark.parametrize(
    "same, outcome", [(1.0, "pass"), (0.95, "pass"), (0.92, "inconclusive"), (0.4, "fail")]
)
def test_the_fidelity_floor(same: float, outcome: str) -> None:
    before = system(200, {"model": 20})
    after = msgspec.structs.replace(before, fidelity={"ranker": Fidelity(50, same, 1 - same, 0.0)})
    for rules in (Rules(fidelity={"ranker": 0.95}), Rules(fidelity_any=0.95)):
        assert rule(gate(before, after, rules), "fidelity", "ranker").outcome == outcome
    unknown = gate(before, before, Rules(fidelity_any=0.95))
    assert rule(unknown, "fidelity").outcome == "inconclusive"


@pytest.mark.parametrize("undecided, outcome", [(4, "pass"), (6, "inconclusive"), (20, "fail")])
def test_the_undecided_ceiling(undecided: int, outcome: str) -> None:
    before = system(200, {"model": 40})
    after = msgspec.structs.replace(before, undecided=undecided)
    assert rule(gate(before, after, Rules(undecided=0.1)), "undecided").outcome == outcome


@pytest.mark.parametrize("name, field", [("latency", "elapsed_s"), ("cost", "cost"), ("tokens", "tokens")])
def test_spending_per_query(name: str, field: str) -> None:
    def spending(factor: float) -> Baseline:
        rows = [
            row(f"q{i:04}", "model" if i < 5 else None, **{field: factor * (1 + i % 7)}) for i in range(100)
        ]
        return side(rows)

    rules = Rules(**{name: 0.1})  # type: ignore[arg-type]
    dearer = rule(gate(spending(1.0), spending(1.3), rules), name)
    assert dearer.outcome == "fail"
    assert dearer.value == pytest.approx(0.3)
    assert rule(gate(spending(1.0), spending(1.05), rules), name).outcome == "pass"
    assert rule(gate(spending(1.3), spending(1.0), rules), name).outcome == "pass"
    unknown = rule(gate(system(50, {"model": 5}), system(50, {"model": 5}), rules), name)
    assert unknown.outcome == "inconclusive"
    assert "do not both have" in unknown.says


@pytest.mark.parametrize("failing, outcome", [(3, "pass"), (5, "inconclusive"), (12, "fail")])
def test_a_cohort_has_its_floor(failing: int, outcome: str) -> None:
    rows = [row(f"q{i:04}", "model" if i < failing else None, tags={"tenant": "acme"}) for i in range(20)]
    made = side(rows)
    rules = Rules(cohorts={("tenant", "acme"): 0.8})
    assert rule(gate(made, made, rules), "cohort", "tenant=acme").outcome == outcome
    other = rule(gate(made, made, Rules(cohorts={("tenant", "globex"): 0.8})), "cohort", "tenant=globex")
    assert (other.outcome, other.says) == ("inconclusive", "no paired trace has this tag")


def test_a_cohort_of_graded_scores() -> None:
    rows = [row(f"q{i:04}", score=0.6 + i % 3 / 20, tags={"tenant": "acme"}) for i in range(30)]
    made = side(rows)
    for floor, outcome in ((0.6, "pass"), (0.9, "fail")):
        rules = Rules(cohorts={("tenant", "acme"): floor})
        assert rule(gate(made, made, rules), "cohort", "tenant=acme").outcome == outcome


def test_the_same_input_gives_the_same_verdict() -> None:
    rows = [
        row(f"q{i:04}", "model" if i < 9 else None, score=(i % 5) / 20 if i < 9 else 0.8) for i in range(60)
    ]
    before, after = side(rows, steady=False), side(rows[::-1], steady=False)
    assert gate(before, after) == gate(before, after)
    assert msgspec.json.decode(msgspec.json.encode(gate(before, after)), type=GateVerdict) == gate(
        before, after
    )


def test_the_comparison_counts() -> None:
    before, after = system(100, {"model": 10, "ranker": 5}), system(100, {"model": 12, "ranker": 8})
    found = gate(before, after).comparison
    assert (len(found.regressed), len(found.repaired), len(found.failing)) == (5, 0, 15)
    assert found.flips == 0.05
    assert [s.role for s in found.stages] == ["retriever", "ranker", "packer", "model"]
    moved = {s.role: s.blame.change for s in found.stages if s.blame}
    assert sum(moved.values()) == pytest.approx(0.05)
    verdicts = [(t.trace_id, t.verdict_before, t.verdict_after) for t in found.failing]
    assert ("q0010", "ranker", "model") in verdicts


def test_cohorts_are_compared_where_a_tag_has_several_values() -> None:
    def tagged(failing: int) -> Baseline:
        rows = [
            row(
                f"q{i:04}",
                "model" if i < failing else None,
                tags={"tenant": "acme" if i < 50 else "globex", "all": "x"},
            )
            for i in range(100)
        ]
        return side(rows)

    found = gate(tagged(0), tagged(20)).comparison.cohorts
    assert {(c.tag, c.value): c.score.change for c in found} == {
        ("tenant", "acme"): -0.4,
        ("tenant", "globex"): 0.0,
    }
    assert next(c.score.p_value or 1 for c in found if c.value == "acme") < 0.001
