from __future__ import annotations

import random

import pytest

from diagnose.attribute.topics import FEWEST_TRACES, MOST_TOPICS, NAMED_BY, find_topics
from tests.browser.handbook import FACTS
from tests.report.hostile import TEXTS

SUBJECTS = {
    "leave": ["leave", "holiday", "carry", "annual", "days"],
    "expenses": ["receipt", "claim", "taxi", "expenses", "refund"],
    "security": ["passphrase", "badge", "phishing", "screen", "laptop"],
}


def asked(per_subject: int, seed: int = 0) -> dict[str, str]:
    """Questions of three subjects in turn, made of words of their own and words that all share."""
    rng = random.Random(seed)
    subjects = list(SUBJECTS)
    questions = {}
    for i in range(per_subject * len(subjects)):
        own = rng.sample(SUBJECTS[subjects[i % len(subjects)]], 3)
        questions[f"q{i}"] = f"What about the {own[0]} and {own[1]} at the office, and {own[2]}?"
    return questions


def test_subjects_come_out_as_topics() -> None:
    topics = find_topics(asked(40), seed=0).of
    assert len(topics) == 120
    groups = [{topics[f"q{i}"] for i in range(start, 120, 3)} for start in range(3)]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == 3


def test_a_topic_is_named_by_its_own_words() -> None:
    topics = find_topics(asked(40), seed=0).of
    for start, words in enumerate(SUBJECTS.values()):
        named = topics[f"q{start}"].split(", ")
        assert len(named) == NAMED_BY
        assert set(named) <= set(words)


def test_same_input_same_topics() -> None:
    assert find_topics(asked(30), seed=3) == find_topics(asked(30), seed=3)


def test_real_questions_fall_into_topics_that_say_something() -> None:
    rng = random.Random(1)
    questions = {f"q{i}": rng.choice(FACTS).question for i in range(300)}
    topics = find_topics(questions, seed=0).of
    assert 2 <= len(set(topics.values())) <= MOST_TOPICS
    same = {
        question: {topics.get(t) for t in questions if questions[t] == question}
        for question in questions.values()
    }
    assert all(len(found) == 1 for found in same.values())


def test_topics_are_neither_too_small_nor_too_many() -> None:
    questions = {**asked(60), **{f"odd{i}": f"zebra quagga okapi number {i}" for i in range(4)}}
    names = list(find_topics(questions, seed=0).of.values())
    counts = {name: names.count(name) for name in names}
    assert min(counts.values()) >= FEWEST_TRACES
    assert len(counts) <= MOST_TOPICS


@pytest.mark.parametrize(
    "questions, why",
    [
        ({}, "too few"),
        ({f"q{i}": "leave" for i in range(19)}, "too few"),
        ({f"q{i}": f"word{i}" for i in range(50)}, "share no words"),
        ({f"q{i}": "the same leave question" for i in range(50)}, "share no words"),
        ({f"q{i}": "" for i in range(50)}, "share no words"),
    ],
)
def test_where_there_are_no_topics_it_says_why(questions: dict[str, str], why: str) -> None:
    found = find_topics(questions, seed=0)
    assert found.of == {}
    assert found.why_none is not None and why in found.why_none


def test_questions_that_mix_all_words_have_no_topics() -> None:
    rng = random.Random(0)
    words = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(20) for j in range(20)]
    questions = {f"q{i}": " ".join(rng.sample(words, 6)) for i in range(200)}
    assert find_topics(questions, seed=0).of == {}


def test_hostile_questions_name_nothing_but_words() -> None:
    attacks = list(TEXTS.values())
    questions = {f"h{i}": attacks[i % len(attacks)] for i in range(60)}
    for name in find_topics({**asked(20), **questions}, seed=0).of.values():
        assert all(word.isalnum() or "_" in word for word in name.split(", "))
        assert len(name) < 100
