from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Route, Text
from diagnose.core.stage import OUTPUT_TYPES, ROLES, Role
from diagnose.stages.adapt import Known, adapt
from diagnose.stages.corpus import MemoryCorpus
from diagnose.stages.match import LEAST_PREFIX, packed_passages
from diagnose.stages.passage import WrongField, content_id
from tests.stages.made import BIKES, HANDBOOK, LEAVE, TRAINS, given

CORPUS = Known(MemoryCorpus(HANDBOOK))


def passages(role: Role, value: object, known: Known = CORPUS) -> tuple[Passage, ...]:
    output = adapt(role, value, given(), known)
    assert isinstance(output, Passages)
    return output.passages


def context(value: object) -> Context:
    output = adapt("packer", value, given())
    assert isinstance(output, Context)
    return output


@pytest.mark.parametrize(
    "role, value, expected",
    [
        ("router", "cheap", Route("cheap")),
        ("router", {"route": "cheap"}, Route("cheap")),
        ("rewriter", "leave?", Text("leave?")),
        ("rewriter", {"query": "leave?"}, Text("leave?")),
        ("model", "Sixteen.", Answer("Sixteen.")),
        ("model", "", Answer("")),
        ("model", {"text": "16", "prompt_tokens": np.int64(3)}, Answer("16", prompt_tokens=3)),
        ("model", {"answer": "16", "finish_reason": "stop"}, Answer("16", finish_reason="stop")),
        ("verifier", True, Decision(True)),
        ("verifier", np.bool_(False), Decision(False)),
        ("verifier", (False, "Ask HR."), Decision(False, "Ask HR.")),
        ("verifier", {"accept": False, "text": None}, Decision(False)),
    ],
)
def test_plain_values_become_outputs(role: Role, value: object, expected: Output) -> None:
    assert adapt(role, value, given()) == expected


TYPED: dict[Role, Output] = {
    "router": Route("cheap"),
    "rewriter": Text("q"),
    "retriever": Passages(HANDBOOK),
    "ranker": Passages(HANDBOOK[::-1]),
    "compressor": Passages(HANDBOOK),
    "packer": Context("x", (Passage("d1", "x"),)),
    "model": Answer("a", 1, 2, "length"),
    "verifier": Decision(False, "no"),
}


@pytest.mark.parametrize("role", ROLES)
def test_the_core_types_pass_through_as_they_are(role: Role) -> None:
    assert isinstance(TYPED[role], OUTPUT_TYPES[role])
    assert adapt(role, TYPED[role], given()) == TYPED[role]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("value", [None, 7, 0.5, b"bytes", object(), {}, [None], [[]], {"text": 3}])
def test_nonsense_is_refused_in_every_role(role: Role, value: object) -> None:
    with pytest.raises(WrongField, match="expected"):
        adapt(role, value, given())


@pytest.mark.parametrize(
    "value, message",
    [
        ([{"id": "d1", "score": "high"}], 'passages[0].score: expected a number, found "high"'),
        ([LEAVE, {"id": "d9"}], 'passages[1].text: missing, and no known passage has the id "d9"'),
        ([LEAVE, {"id": "d1", "text": 7}], "passages[1].text: expected a string, found 7"),
        ([3.5], 'passages[0]: expected a passage (a string, a dict with "id" and "text", or a Passage)'),
        ("d1", 'expected a list of passages, found "d1"'),
    ],
)
def test_errors_carry_the_path_and_what_was_found(value: object, message: str) -> None:
    with pytest.raises(WrongField) as caught:
        adapt("retriever", value, given(), CORPUS)
    assert str(caught.value).startswith(message)


NONE: Any = None
FIVE: Any = 5
WORD: Any = "three"
"""Values that a type checker would not let into the fields they are put in below."""


@pytest.mark.parametrize(
    "role, value, message",
    [
        ("model", Answer(NONE), "expected an answer"),
        ("model", Answer("a", WORD), 'prompt_tokens: expected a whole number or None, found "three"'),
        ("packer", Context(FIVE), "expected a context"),
        ("ranker", Passages((Passage("d1", FIVE),)), r"passages\[0\].text: expected a string, found 5"),
        ("ranker", [Passage(NONE, "x")], r"passages\[0\].id: expected a string, found None"),
        ("verifier", Decision(WORD), 'expected true or false .*found "three"'),
        ("router", Route(FIVE), "expected the name of a route"),
    ],
)
def test_a_core_type_with_wrong_fields_is_refused(role: Role, value: object, message: str) -> None:
    with pytest.raises(WrongField, match=message):
        adapt(role, value, given())


def test_numpy_values_come_out_as_plain_ones() -> None:
    number: Any = np.float32(0.5)
    (found,) = passages("ranker", [Passage(np.str_("d1"), np.str_("x"), score=number)])
    assert (type(found.id), type(found.text), type(found.score)) == (str, str, float)
    (found,) = passages("retriever", np.array(["d2"]))
    assert (found.id, type(found.id)) == ("d2", str)


def test_an_undeclared_route_is_refused() -> None:
    known = Known(routes=("cheap", "full"))
    assert adapt("router", "full", given(), known) == Route("full")
    with pytest.raises(WrongField, match='one of the routes cheap, full, found "dear"'):
        adapt("router", "dear", given(), known)


def test_a_retriever_may_name_passages_of_the_corpus_or_bring_its_own() -> None:
    found = passages("retriever", ["d2", ("d1", 0.9), {"id": "d3", "score": np.float32(0.5)}, "New text."])
    assert [p.id for p in found] == ["d2", "d1", "d3", content_id("New text.")]
    assert [p.text for p in found] == [BIKES.text, LEAVE.text, TRAINS.text, "New text."]
    assert [p.score for p in found] == [None, 0.9, 0.5, None]
    assert passages("retriever", ["same"], Known()) == passages("retriever", ["same"], Known())


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, None, np.float64("nan"), 10**400])
def test_a_score_that_orders_nothing_is_none(score: object) -> None:
    assert passages("retriever", [{"id": "x", "text": "y", "score": score}])[0].score is None
    assert passages("retriever", [("d1", score)])[0].score is None


def test_a_ranker_gives_ids_texts_or_dicts_of_what_it_was_given() -> None:
    found = passages("ranker", ["d3", LEAVE.text, {"id": "d2", "score": 0.1}])
    assert [p.id for p in found] == ["d3", "d1", "d2"]
    assert [p.text for p in found] == [TRAINS.text, LEAVE.text, BIKES.text]
    # The scores were the retriever's.
    assert [p.score for p in found] == [None, None, 0.1]
    assert found[1].title == "Leave"
    with pytest.raises(WrongField, match=r"passages\[0\]: expected one of the 3 passages it was given"):
        passages("ranker", ["sixteen weeks"])


def test_a_compressor_gives_shorter_texts_by_id_content_or_place() -> None:
    by_id = passages("compressor", [{"id": "d2", "text": "Bikes: cellar."}])
    assert (by_id[0].id, by_id[0].text) == ("d2", "Bikes: cellar.")
    by_content = passages("compressor", ["travel desk", "sixteen weeks"])
    assert [p.id for p in by_content] == ["d3", "d1"]
    by_place = passages("compressor", ["16 weeks", "cellar", "via the desk"])
    assert [(p.id, p.text) for p in by_place] == [
        ("d1", "16 weeks"),
        ("d2", "cellar"),
        ("d3", "via the desk"),
    ]
    # "the" stands in two of them: each text stays with the passage at its own place.
    assert [p.id for p in passages("compressor", ["leave", "the", "the"])] == ["d1", "d2", "d3"]
    with pytest.raises(WrongField, match="expected one of the 3 passages"):
        passages("compressor", ["16 weeks"])


def test_what_a_bare_string_was_packed_of_is_read_off_it() -> None:
    text = f"[1] {BIKES.text}\n\n[2] {TRAINS.text[:55]}…\n\n[3] {BIKES.text}"
    packed = context(text)
    assert packed.text == text
    assert [p.id for p in packed.passages] == ["d2", "d3", "d2"]
    assert packed.passages[1].text == TRAINS.text[:55].rstrip()
    assert context("Nothing of these.").passages == ()
    assert context(TRAINS.text[: LEAST_PREFIX - 1] + "!").passages == ()


def test_a_packer_may_name_its_passages() -> None:
    text = f"{LEAVE.text}\n{BIKES.text[:50]}"
    for value in (
        {"text": text, "passages": ["d1", "d2"]},
        {"context": text, "passages": [{"id": "d1"}, {"id": "d2"}]},
        (text, ["d1", "d2"]),
        Context(text),
    ):
        packed = context(value)
        assert [p.id for p in packed.passages] == ["d1", "d2"]
        assert packed.passages[1].text == BIKES.text[:50].rstrip()


def test_twins_and_nested_passages_are_told_apart() -> None:
    short, twin = Passage("s", "sixteen weeks"), Passage("t", LEAVE.text)
    pool = (LEAVE, twin, short)
    assert packed_passages(LEAVE.text, pool) == (LEAVE,)
    assert packed_passages(f"{LEAVE.text}\n{LEAVE.text}", pool) == (LEAVE, twin)
    assert packed_passages(f"{LEAVE.text}\nsixteen weeks", pool) == (LEAVE, short)


def test_lone_surrogates_which_no_file_can_hold_become_question_marks() -> None:
    assert adapt("model", "a\ud800b", given()) == Answer("a?b")
    assert passages("retriever", ["a\ud800b"])[0].text == "a?b"


@over(st.permutations(range(6)), st.integers(1, 6), st.sampled_from(["\n\n", "\n", " | "]))
def test_joined_passages_are_read_back_in_their_order(order: Sequence[int], n: int, separator: str) -> None:
    pool = tuple(Passage(f"p{i}", f"Passage number {i} speaks of topic {i * 7}.") for i in range(6))
    chosen = [pool[i] for i in order[:n]]
    assert list(packed_passages(separator.join(p.text for p in chosen), pool)) == chosen


@over(st.integers(LEAST_PREFIX, 400))
def test_a_cut_passage_is_read_back_as_cut(length: int) -> None:
    text = " ".join(f"word{i}" for i in range(80))
    (packed,) = packed_passages(f"Header\n{text[:length]}", (Passage("p", text),))
    assert packed.text == text[:length].rstrip()
