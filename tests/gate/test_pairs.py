from __future__ import annotations

import msgspec
import pytest

from diagnose.core.baseline import Baseline
from diagnose.errors import BadInput, UsageError
from diagnose.gate.pairs import paired
from tests.gate.made import changed, row, side, system


def without(whole: Baseline, *names: str) -> Baseline:
    return msgspec.structs.replace(whole, rows=tuple(r for r in whole.rows if r.trace_id not in names))


def altered(whole: Baseline, name: str, **more: object) -> Baseline:
    rows = tuple(msgspec.structs.replace(r, **more) if r.trace_id == name else r for r in whole.rows)
    return msgspec.structs.replace(whole, rows=rows)


def test_traces_are_paired_by_id() -> None:
    pairs = paired(system(20, {"ranker": 3}), system(20, {"ranker": 5}))
    assert [a.trace_id == b.trace_id for a, b in pairs.rows] == [True] * 20
    assert pairs.scores()[0].sum() == 17
    assert pairs.scores()[1].sum() == 15
    assert (pairs.changed, pairs.notes) == ((), ())


def test_new_ids_are_matched_by_the_question_with_a_note() -> None:
    before = system(20, {"ranker": 3})
    renamed = tuple(msgspec.structs.replace(r, trace_id=f"new-{r.trace_id}") for r in before.rows)
    pairs = paired(before, msgspec.structs.replace(before, rows=renamed))
    assert len(pairs.rows) == 20
    assert all(a.query == b.query for a, b in pairs.rows)
    assert "trace ids have changed: 20 traces matched by the text" in pairs.notes[0]


def test_questions_asked_twice_are_not_matched_by_text() -> None:
    before = side([row("a", query="same"), row("b", query="same"), row("c")])
    after = side([row("x", query="same"), row("y", query="same"), row("z", query="query c")])
    assert [(a.trace_id, b.trace_id) for a, b in paired(before, after, ("missing",)).rows] == [("c", "z")]


def test_other_logs_are_refused() -> None:
    with pytest.raises(
        BadInput, match=r'no common traces: the baseline has "q0000", "q0001" …, the report "x"'
    ):
        paired(system(20, {}), side([row("x")]))


def test_another_question_under_an_id_is_left_out_and_many_are_refused() -> None:
    before = system(20, {"ranker": 3})
    pairs = paired(before, altered(before, "q0001", query="another"))
    assert len(pairs.rows) == 19
    assert '1 trace of 20 with another question under the same id ("q0001"): left out' in pairs.notes[0]
    other = before
    for i in range(5):
        other = altered(other, f"q{i:04}", query=f"another {i}")
    with pytest.raises(BadInput, match="these are different logs"):
        paired(before, other)
    assert len(paired(before, other, ("questions",)).rows) == 20


def test_another_scorer_is_refused_unless_allowed() -> None:
    before = system(20, {"ranker": 3})
    for more in ({"metric": "exact"}, {"pass_mark": 0.9}):
        after = msgspec.structs.replace(before, **more)
        with pytest.raises(BadInput, match=r"scored differently .* --allow scorer"):
            paired(before, after)
        assert [c.what for c in paired(before, after, ("scorer",)).changed] == ["scorer"]


def test_changed_labels_are_named_and_left_out() -> None:
    before = system(20, {"ranker": 3})
    after = altered(before, "q0001", label="other")
    pairs = paired(before, after)
    assert len(pairs.rows) == 19
    assert [c.what for c in pairs.changed] == ["labels"]
    assert len(paired(before, after, ("labels",)).rows) == 20
    every = msgspec.structs.replace(
        before, rows=tuple(msgspec.structs.replace(r, label="x") for r in before.rows)
    )
    with pytest.raises(BadInput, match="the labels of 20 traces of 20 have changed"):
        paired(before, every)


def test_a_trace_that_vanished_is_not_passed_over() -> None:
    before = system(20, {"ranker": 3})
    gone, blank = without(before, "q0010"), altered(before, "q0010", score=None)
    for after, what in ((gone, "missing from the report"), (blank, "without a score in the report")):
        with pytest.raises(BadInput, match=rf'{what}: 1 trace that the baseline has a score for \("q0010"\)'):
            paired(before, after)
        pairs = paired(before, after, ("missing",))
        assert len(pairs.rows) == 19
        assert "left out" in " ".join(pairs.notes)


def test_new_traces_are_noted() -> None:
    after = system(25, {"ranker": 3})
    pairs = paired(system(20, {"ranker": 3}), after)
    assert len(pairs.rows) == 20
    assert pairs.notes == ("5 traces of the report not in the baseline: left out",)
    unscored = altered(system(25, {}), "q0003", score=None)
    assert "1 trace without a score in the baseline: left out" in paired(unscored, after).notes


def test_empty_sides_are_refused() -> None:
    some, none = system(5, {}), side([])
    with pytest.raises(BadInput, match="the report holds no traces"):
        paired(some, none)
    with pytest.raises(BadInput, match="the baseline holds no traces"):
        paired(none, some)
    blank = msgspec.structs.replace(
        some, rows=tuple(msgspec.structs.replace(r, score=None) for r in some.rows)
    )
    with pytest.raises(BadInput, match="no trace of the report has a score"):
        paired(some, blank)


def test_what_changed_is_named_by_fingerprint() -> None:
    before = system(20, {"ranker": 3})
    after = msgspec.structs.replace(before, corpus="corpus-2", stages=changed("ranker"))
    found = paired(before, after).changed
    assert [c.what for c in found] == ["corpus", "ranker"]
    assert (found[1].before, found[1].after) == ("a ranker ranker-1", "a ranker 2")
    fewer = msgspec.structs.replace(before, stages=tuple(s for s in before.stages if s.role != "packer"))
    assert [(c.what, c.after) for c in paired(before, fewer).changed] == [("packer", None)]


def test_replays_tell_only_where_both_sides_have_them() -> None:
    before = system(20, {"ranker": 3})
    assert paired(before, before).held() is not None
    assert paired(before, msgspec.structs.replace(before, replayed=False)).held() is None
    half = altered(altered(altered(before, "q0000", held=None), "q0001", held=None), "q0002", held=None)
    assert paired(before, half).held() is None


def test_clusters_come_from_the_tag() -> None:
    before = system(4, {})
    assert paired(before, before).clusters is None
    tagged = altered(altered(before, "q0000", tags={"cluster": "a"}), "q0001", tags={"cluster": "a"})
    clusters = paired(tagged, tagged).clusters
    assert clusters is not None
    assert list(clusters[:2]) == ["a", "a"]
    assert len(set(clusters)) == 3


def test_an_unknown_allowance() -> None:
    with pytest.raises(UsageError, match=r'allow: expected one of scorer, .*, found "everything"'):
        paired(system(2, {}), system(2, {}), ("everything",))
