"""The rewriters: what of a conversation gets into the query."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Query, Text, Turn
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.errors import BadInput, UsageError
from diagnose.stages.load import load_pipeline
from diagnose.stages.rewrite import history_window, last_turn, llm_rewrite

TALK = Query(
    "How long is it?",
    (
        Turn("user", "Is there parental leave?"),
        Turn("assistant", "Yes, there is."),
        Turn("user", "Also for fathers?"),
        Turn("assistant", "Yes."),
    ),
)
ALONE = Query("How long is it?")


def speaking(*replies: str, deterministic: bool = True) -> tuple[Stage, list[Given]]:
    """A model that says these things in turn, and what it was given."""
    asked: list[Given] = []

    def run(given: Given, seed: int | None) -> Answer:
        asked.append(given)
        return Answer(replies[min(len(asked), len(replies)) - 1])

    return Stage("model", "parrot", run, "parrot", deterministic=deterministic), asked


def test_last_turn_leaves_the_history_out() -> None:
    assert last_turn()(TALK) == "How long is it?"


@pytest.mark.parametrize(
    "settings, query",
    [
        ({"turns": 1}, "Also for fathers? How long is it?"),
        ({}, "Is there parental leave? Also for fathers? How long is it?"),
        ({"turns": 2, "roles": "all"}, "Also for fathers? Yes. How long is it?"),
        ({"turns": 1, "template": "{query} ({history})"}, "How long is it? (Also for fathers?)"),
    ],
)
def test_a_window_of_the_history_goes_before_the_query(settings: dict[str, object], query: str) -> None:
    assert history_window(**settings)(TALK) == query  # type: ignore[arg-type]


def test_without_a_history_the_words_stay_as_they_are() -> None:
    model, asked = speaking("something else")
    assert history_window()(ALONE) == llm_rewrite(model)(ALONE) == ALONE.text
    assert asked == []


def test_a_model_reads_the_turns_and_gives_the_query() -> None:
    model, asked = speaking("How long is parental leave for fathers?")
    assert llm_rewrite(model, turns=2)(TALK) == "How long is parental leave for fathers?"
    [given] = asked
    assert given.context is not None
    assert given.context.text == "user: Also for fathers?\nassistant: Yes.\nuser: How long is it?"
    assert "How long is it?" in given.query


@pytest.mark.parametrize(
    "said, query",
    [
        ('Rewritten question: "How long is leave?"', "How long is leave?"),
        ("\n\n“How long is leave?”\nThis keeps the meaning.", "How long is leave?"),
        ("Question: why not?", "why not?"),
        ("  ", "How long is it?"),
        ("Munich: how long is leave there?", "Munich: how long is leave there?"),
    ],
)
def test_of_what_the_model_says_the_query_counts(said: str, query: str) -> None:
    model, _ = speaking(said)
    assert llm_rewrite(model)(TALK) == query


def test_it_is_as_deterministic_as_its_model() -> None:
    assert llm_rewrite(speaking("x")[0]).deterministic
    assert not llm_rewrite(speaking("x", deterministic=False)[0]).deterministic


def loaded(folder: Path, rewriter: str, **files: str) -> Pipeline:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    path = folder / "pipeline.toml"
    path.write_text(f'[stages.rewriter]\n{rewriter}\n[stages.model]\nuse = "own:answers"\n')
    return load_pipeline(path, {})


OWN = "def answers(query, context):\n    return 'the pipeline says: ' + query[:7]\n"
OWN += "def other():\n    return lambda query, context: 'the other says: ' + query[:7]\n"


def rewritten(pipeline: Pipeline) -> str:
    output = pipeline.stages[0].run(Given(TALK.text, TALK), None)
    assert isinstance(output, Text)
    return output.text


def test_it_asks_the_pipelines_own_model_or_that_of_a_sub_table(tmp_path: Path) -> None:
    own = loaded(tmp_path, 'use = "llm-rewrite"\nprompt = "Rewrite {query}"', own__py=OWN)
    assert rewritten(own) == "the pipeline says: Rewrite"
    other = loaded(
        tmp_path,
        'use = "llm-rewrite"\nprompt = "Rewrite {query}"\n[stages.rewriter.model]\nuse = "own:other"',
    )
    assert rewritten(other) == "the other says: Rewrite"
    assert own.stages[0].fingerprint != other.stages[0].fingerprint


def test_another_model_is_another_stage(tmp_path: Path) -> None:
    rewriter = 'use = "llm-rewrite"\n[stages.rewriter.model]\nuse = "extract"\nsentences = {}'
    one, two = (loaded(tmp_path, rewriter.format(n), own__py=OWN).stages[0].fingerprint for n in (1, 2))
    assert one != two


def test_what_is_wrong_in_a_sub_table_is_named_by_its_place(tmp_path: Path) -> None:
    rewriter = 'use = "llm-rewrite"\n[stages.rewriter.model]\nuse = "extract"\nsentence = 2'
    with pytest.raises(UsageError, match=r"\[stages.rewriter.model\] sentence: no such key"):
        loaded(tmp_path, rewriter, own__py=OWN)
    with pytest.raises(UsageError, match=r"prompt: expected \{query\}"):
        loaded(tmp_path, 'use = "llm-rewrite"\nprompt = "Rewrite"')


FACTS = """{"id": "1", "text": "The user works at the office in Berlin."}
{"id": "2", "text": "The user keeps two cats."}
{"id": "3", "text": "Parental leave was asked about in May."}
"""


def test_memory_recalls_the_facts_most_like_the_query(tmp_path: Path) -> None:
    table = 'use = "memory-recall"\nstore = "facts.jsonl"\ntop_k = {}'
    talk = Query("Which bikes may I park at the office?")
    files = {"own__py": OWN, "facts__jsonl": FACTS}
    one = loaded(tmp_path, table.format(1), **files).stages[0]
    assert one.deterministic
    output = one.run(Given(talk.text, talk), None)
    assert output == Text(f"{talk.text} The user works at the office in Berlin.")
    nothing = one.run(Given("xyzzy", Query("xyzzy")), None)
    assert nothing == Text("xyzzy")


def test_a_store_with_another_fact_is_another_stage(tmp_path: Path) -> None:
    table = 'use = "memory-recall"\nstore = "facts.jsonl"'
    before = loaded(tmp_path, table, own__py=OWN, facts__jsonl=FACTS).stages[0].fingerprint
    after = loaded(tmp_path, table, facts__jsonl=FACTS.replace("two", "three")).stages[0].fingerprint
    assert before != after


def test_a_store_in_another_shape_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"facts.jsonl:2 .*text: missing"):
        loaded(
            tmp_path,
            'use = "memory-recall"\nstore = "facts.jsonl"',
            own__py=OWN,
            facts__jsonl='{"id": "1", "text": "x"}\n{"id": "2"}\n',
        )
