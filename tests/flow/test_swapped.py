from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.core.artifact import Answer, Output
from diagnose.core.coalition import keys
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role
from diagnose.core.swap import Swaps
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, StageFailed, UsageError
from diagnose.flow.swapped import swaps_of
from diagnose.replay.memo import Memo
from diagnose.score.table import Scorer
from tests.ablate.made_pipelines import asked, finds, keeps, packs, pipeline, says_all, stage

ROLES: tuple[Role, ...] = ("rewriter", "retriever", "ranker", "model")


def tabled(worth: dict[str, dict[str, bool]]) -> tuple[Pipeline, Pipeline]:
    """Two pipelines whose answers follow a table: by question, whether each set of B's stages answers it."""

    def marked(mark: str) -> dict[Role, str]:
        return dict.fromkeys(ROLES, mark)

    def build(name: str, marks: dict[Role, str]) -> Pipeline:
        def passes(role: Role) -> Output:
            raise AssertionError(role)

        def rewriter(given: Given, seed: int | None) -> Output:
            from diagnose.core.artifact import Text

            return Text(f"{given.conversation.text}|{'rewriter' if marks['rewriter'] == 'b' else ''}")

        def retriever(given: Given, seed: int | None) -> Output:
            return finds(given.query + ("|retriever" if marks["retriever"] == "b" else ""))(given, seed)

        def ranker(given: Given, seed: int | None) -> Output:
            found = given.passages[0].text + ("|ranker" if marks["ranker"] == "b" else "")
            return finds(found)(given, seed)

        def model(given: Given, seed: int | None) -> Output:
            seen = given.passages[0].text + ("|model" if marks["model"] == "b" else "")
            question, *swapped = seen.split("|")
            name = "+".join(role for role in ROLES if role in swapped)
            return Answer("gold" if worth[question][name] else "wrong")

        made = {"rewriter": rewriter, "retriever": retriever, "ranker": ranker, "model": model}
        return pipeline(name, **{r: (f"{r}-{marks[r]}", made[r]) for r in ROLES})

    return build("a", marked("a")), build("b", marked("b"))


def run(a: Pipeline, b: Pipeline, traces: list[Trace], **more: object) -> Swaps:
    return swaps_of(traces, a, b, Scorer("contains"), Memo(), **more)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(st.data())
def test_shares_add_up_to_the_change_whatever_the_stages_do_to_one_another(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 7))
    names = keys(ROLES)
    table = {f"question {i}": {k: data.draw(st.booleans()) for k in names} for i in range(n)}
    found = run(*tabled(table), asked(n))
    assert abs(sum(s.share for s in found.shares) - (found.after - found.before)) <= 1e-12
    assert abs(sum(s.share for s in found.shares) - found.change.value) <= 1e-12
    assert found.before == np.mean([row[""] for row in table.values()])
    assert found.after == np.mean([row[names[-1]] for row in table.values()])
    for trace in found.traces:
        assert sum(trace.shares.values()) == pytest.approx(trace.after - trace.before, abs=1e-9)
        row = table[f"question {trace.trace_id.removeprefix('q')}"]
        for revert in trace.reverts:
            kept = "+".join(role for role in ROLES if role not in revert)
            assert row[kept]


def culprit_table(n: int) -> dict[str, dict[str, bool]]:
    """B's ranker loses half of the questions; the rest makes no difference, but the model mends one of ten."""
    return {
        f"question {i}": {
            k: i % 2 == 1 or "ranker" not in k or (i % 10 == 0 and "model" in k) for k in keys(ROLES)
        }
        for i in range(n)
    }


def test_the_culprit_is_found_and_reverting_it_is_enough() -> None:
    found = run(*tabled(culprit_table(40)), asked(40))
    assert found.change.value == pytest.approx(-0.4)
    shares = {s.role: s.share for s in found.shares}
    assert found.shares[0].role == "ranker"
    assert shares["ranker"] == pytest.approx(-0.45)
    assert shares["model"] == pytest.approx(0.05)
    assert shares["rewriter"] == shares["retriever"] == 0.0
    assert found.reverts == (("ranker",),)
    assert found.minimal == (("ranker",),)
    assert found.best == ()
    assert found.interactions["ranker+model"] == pytest.approx(0.1)
    assert (
        "B lost 40 points of mean score over 40 traces: the ranker lost 45 points, the model won 5"
        in found.headline
    )
    assert found.headline.endswith("Reverting the ranker wins it back.")
    low, high = found.shares[0].low, found.shares[0].high
    assert low is not None
    assert high is not None
    assert low < -0.45 < high < -0.2


def test_a_better_pipeline_names_the_least_that_does_it() -> None:
    table = {f"question {i}": {k: "ranker" in k and "model" in k for k in keys(ROLES)} for i in range(5)}
    found = run(*tabled(table), asked(5))
    assert found.change.value == 1.0
    assert found.minimal == (("ranker", "model"),)
    assert found.reverts == ()
    assert found.best == ("ranker", "model")
    assert {s.role: (s.alone, s.last) for s in found.shares}["ranker"] == (0.0, 1.0)


def test_no_change_has_no_sets() -> None:
    table = {f"question {i}": dict.fromkeys(keys(ROLES), True) for i in range(5)}
    found = run(*tabled(table), asked(5))
    assert (found.minimal, found.reverts, found.best, found.traces) == ((), (), (), ())
    assert found.headline == "The score is the same over 5 traces."


def test_the_same_pipelines_have_nothing_to_compare() -> None:
    a, _ = tabled({})
    with pytest.raises(UsageError, match="do not differ in any stage"):
        run(a, a, asked(2))


def test_what_cannot_be_scored_or_run_is_said() -> None:
    a, b = tabled(culprit_table(4))
    unlabelled = [replace_gold(t) for t in asked(4)]
    with pytest.raises(BadInput, match="no trace has a label"):
        run(a, b, unlabelled)
    found = run(a, b, [*asked(3), *unlabelled[3:]])
    assert (found.n, found.notes) == (3, ("1 of 4 traces left out: nothing to score them by",))

    def broken(given: Given, seed: int | None) -> Output:
        raise StageFailed("no index")

    with pytest.raises(StageFailed, match="retriever: with retriever of B: no index"):
        run(a, replace(a, stages=(a.stages[0], stage("retriever", "x", broken), *a.stages[2:])), asked(2))


def replace_gold(trace: Trace) -> Trace:
    return Trace(trace.trace_id, trace.query)


def test_the_same_input_gives_the_same_bytes() -> None:
    a, b = tabled(culprit_table(10))
    assert run(a, b, asked(10)) == run(a, b, asked(10))


def test_clusters_widen_the_interval() -> None:
    a, b = tabled(culprit_table(20))
    traces = asked(20)
    grouped = [
        Trace(t.trace_id, t.query, gold=t.gold, tags={"cluster": str(i % 2)}) for i, t in enumerate(traces)
    ]
    apart, together = run(a, b, traces).change, run(a, b, grouped).change
    assert apart.low is not None
    assert together.low is not None
    assert together.low < apart.low


def test_stages_of_plain_functions() -> None:
    a = pipeline("a", retriever=("r", finds("x", "gold")), packer=("p", packs), model=("m", says_all))
    b = pipeline(
        "b",
        retriever=("r", finds("x", "gold")),
        ranker=("k", keeps(1)),
        packer=("p", packs),
        model=("m", says_all),
    )
    found = run(a, b, asked(3))
    assert [(s.role, s.before, s.after, s.share) for s in found.shares] == [("ranker", None, "made-k", -1.0)]
