"""What to label first in a log without labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diagnose.attribute.label_first import DISLIKED, FAILED, MOST, label_first
from diagnose.core.artifact import Answer, Passage, Passages, Query
from diagnose.core.trace import Outcome, Step, Trace

NOTHING = "I do not know."


def trace(name: str, *, found: int = 3, answer: str = "yes", feedback: int | None = None) -> Trace:
    steps = (
        Step("retriever", Passages(tuple(Passage(f"{name}{i}", f"text {i}") for i in range(found)))),
        Step("model", Answer(answer)),
    )
    return Trace(name, Query("?"), steps, outcome=None if feedback is None else Outcome(feedback=feedback))


def test_known_failures_come_first_then_what_users_disliked_then_rare_suspicions() -> None:
    log = [
        *(trace(f"n{i}") for i in range(6)),
        trace("abstains-1", answer=NOTHING),
        trace("abstains-2", answer=NOTHING),
        trace("empty", found=0),
        trace("disliked", feedback=-1),
        trace("liked", feedback=1),
        trace("failed"),
    ]
    named = label_first(log, {"failed"}, NOTHING)
    assert [(one.trace_id, one.why) for one in named] == [
        ("failed", (FAILED,)),
        ("disliked", (DISLIKED,)),
        ("empty", ("retriever empty",)),
        ("abstains-1", ("model over-abstained",)),
        ("abstains-2", ("model over-abstained",)),
    ]


def test_what_is_true_of_all_of_them_says_nothing() -> None:
    assert label_first([trace(f"n{i}", answer=NOTHING) for i in range(5)], frozenset(), NOTHING) == ()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, -1, 1])), max_size=60))
def test_nobody_is_named_twice_or_for_nothing(kinds: list[tuple[bool, bool, int | None]]) -> None:
    log = [
        trace(f"t{i}", found=0 if empty else 3, answer=NOTHING if silent else "yes", feedback=feedback)
        for i, (empty, silent, feedback) in enumerate(kinds)
    ]
    named = label_first(log, frozenset(), NOTHING)
    assert len({one.trace_id for one in named}) == len(named) <= MOST
    assert all(one.why for one in named)
    assert label_first(log, frozenset(), NOTHING) == named
