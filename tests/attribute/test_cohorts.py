from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute import cohorts
from diagnose.attribute.cohorts import MOST_VALUES, find_cohorts
from diagnose.core.blame import Blame, Undecided
from diagnose.core.report import Cohort
from diagnose.core.stage import Role

ROLES: tuple[Role, ...] = ("retriever", "ranker", "model")


def blame(trace_id: str, role: Role, loss: float = 1.0, /, **tags: str) -> Blame:
    shares: dict[Role, float] = {r: loss * (r == role) for r in ROLES}
    return Blame(trace_id=trace_id, level="replayed", verdict=role, shares=shares, loss=loss, tags=tags)


def by(found: cohorts.Cohorts, value: str) -> Cohort:
    return next(cohort for cohort in found.cohorts if cohort.value == value)


def planted(per_cohort: int, loss_of_acme: float = 1.0) -> list[Blame]:
    """Tenant acme fails at the ranker; two others at model and retriever in turn."""
    acme = [blame(f"a{i}", "ranker", loss_of_acme, tenant="acme") for i in range(per_cohort)]
    rest = [
        blame(f"{t}{i}", ("model", "retriever")[i % 2], tenant=t)
        for t in ("beta", "core")
        for i in range(per_cohort)
    ]
    return acme + rest


def test_a_planted_cohort_departs_at_its_stage() -> None:
    blames = planted(12)
    passing = {f"p{i}": {"tenant": "acme"} for i in range(30)}
    found = find_cohorts(blames, {b.trace_id: b.tags for b in blames} | passing, ROLES, seed=1)
    acme = by(found, "acme")
    assert (acme.tag, acme.n_traces, acme.n_failures) == ("tenant", 42, 12)
    assert acme.shares == {"retriever": 0.0, "ranker": 1.0, "model": 0.0}
    assert acme.departs == "ranker"
    assert acme.p_value is not None
    assert 0.0 < acme.p_value < 0.01
    assert found.notes == ()


def test_failing_harder_is_no_departure() -> None:
    blames = [
        blame(f"{t}{i}", ROLES[i % 3], loss, t=t) for t, loss in (("a", 1.0), ("b", 0.2)) for i in range(15)
    ]
    found = find_cohorts(blames, {}, ROLES, seed=1)
    assert [(c.value, c.departs, c.p_value) for c in found.cohorts] == [("a", None, 1.0), ("b", None, 1.0)]


def test_a_log_without_a_departure_seldom_names_one() -> None:
    """At a family-wise error of 5 %, more than 5 of 25 logs name a stage once in eight hundred times; without
    Holm's correction about half of them do."""
    named = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        blames = [
            blame(f"q{i}", ROLES[rng.integers(3)], topic=str(rng.integers(3)), tier=str(rng.integers(3)))
            for i in range(40)
        ]
        named += any(c.departs for c in find_cohorts(blames, {}, ROLES, seed=seed).cohorts)
    assert named <= 5


def test_small_cohorts_are_shown_and_not_tested() -> None:
    blames = [*planted(6), *[blame(f"s{i}", "ranker", tenant="small") for i in range(4)]]
    small = by(find_cohorts(blames, {}, ROLES, seed=1), "small")
    assert (small.n_failures, small.departs, small.p_value) == (4, None, None)
    assert small.shares["ranker"] == 1.0


def test_undecided_failures_count_but_do_not_make_a_test() -> None:
    blames = planted(5)
    noise = [
        Blame(
            trace_id=f"u{i}",
            level="replayed",
            verdict="undecided",
            undecided=Undecided("noise"),
            tags={"tenant": "new"},
        )
        for i in range(9)
    ]
    new = by(find_cohorts([*blames, *noise], {}, ROLES, seed=1), "new")
    assert new == Cohort("tenant", "new", 9, 9, {}, None, None)


def test_two_values_of_a_tag_are_one_test() -> None:
    blames = [
        blame(f"q{i}", "ranker" if i < 8 else "model", half="first" if i < 8 else "second") for i in range(16)
    ]
    found = find_cohorts(blames, {}, ROLES, seed=1)
    first, second = by(found, "first"), by(found, "second")
    # Two stages, so two tests of 1,999 permutations, none as extreme.
    assert first.p_value == second.p_value == 0.001
    assert (first.departs, second.departs) == ("ranker", "model")


def test_a_tag_needs_two_values_that_are_no_ids() -> None:
    blames = [blame(f"q{i}", "ranker", same="x", id=str(i)) for i in range(6)]
    assert find_cohorts(blames, {}, ROLES, seed=1).cohorts == ()


def test_values_and_tags_beyond_the_cap_are_noted() -> None:
    blames = [blame(f"q{i}", "ranker", session=f"{i // 2:03}") for i in range(2 * MOST_VALUES + 6)]
    found = find_cohorts(blames, {}, ROLES, seed=1)
    assert len(found.cohorts) == MOST_VALUES
    assert found.notes == ('tag "session": 3 more values made no cohorts',)
    wide = [blame(f"q{i}", "ranker", **{f"t{k:02}": "ab"[i % 2] for k in range(12)}) for i in range(6)]
    found = find_cohorts(wide, {}, ROLES, seed=1)
    assert {c.tag for c in found.cohorts} == {f"t{k:02}" for k in range(10)}
    assert found.notes == ("2 more tags made no cohorts",)


def test_an_empty_value_is_not_the_same_as_no_tag() -> None:
    blames = [
        blame("q0", "ranker", t=""),
        blame("q1", "ranker", t=""),
        blame("q2", "model", t="x"),
        blame("q3", "model"),
    ]
    found = find_cohorts(blames, {}, ROLES, seed=1)
    assert [(c.value, c.n_traces, c.n_failures) for c in found.cohorts] == [("", 2, 2), ("x", 1, 1)]


def test_a_sample_is_tested_where_failures_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "MOST_TESTED", 40)
    blames = planted(200)
    first, again = (find_cohorts(blames, {}, ROLES, seed=1) for _ in range(2))
    assert first == again
    acme = by(first, "acme")
    assert acme.n_failures == 200
    assert acme.departs == "ranker"


def test_no_failures_no_tests() -> None:
    tags = {f"p{i}": {"t": "ab"[i % 2]} for i in range(6)}
    found = find_cohorts([], tags, (), seed=1)
    assert [(c.value, c.n_traces, c.shares, c.p_value) for c in found.cohorts] == [
        ("a", 3, {}, None),
        ("b", 3, {}, None),
    ]
