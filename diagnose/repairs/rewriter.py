"""The rewriter owes a query that keeps the user's intent."""

from __future__ import annotations

import re

from diagnose.core.artifact import Output, Text
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.score.content import content_words

_NEGATION = re.compile(r"\b(?:not|no|never|none|without|except|cannot)\b|n['’]t\b", re.IGNORECASE)


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """The retriever finds with it every gold passage that it finds with the repaired query, and it has every word
    of that query that the gold passages have too, and its negations."""
    assert isinstance(own, Text)
    reference = reference_query(given, scene)
    if own.text == reference:
        return True
    return not lost(given, own.text, scene) and _finds(own.text, reference, scene)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """The reference query if the label has one, else the user's own words."""
    assert isinstance(own, Text)
    reference = reference_query(given, scene)
    if own.text == reference or kept(given, own, scene):
        return own
    return Text(reference)


def reference_query(given: Given, scene: Scene) -> str:
    """What the rewriter's query is held against."""
    return scene.label.gold.query or given.conversation.text


def lost(given: Given, query: str, scene: Scene) -> frozenset[str]:
    """The words of the reference query that are missing from this one and that the gold passages have: those that
    say what is asked. A negation that is missing, or new, counts as one."""
    reference = reference_query(given, scene)
    has, gold = content_words(query), frozenset(w for text in _gold_texts(scene) for w in content_words(text))
    gone = (content_words(reference) & gold) - has
    same = bool(_NEGATION.search(reference)) == bool(_NEGATION.search(query))
    return gone if same or not gold else gone | {"not"}


def foreign(given: Given, query: str, scene: Scene) -> frozenset[str]:
    """The words of this query that are neither the reference query's nor the user's own."""
    return (
        content_words(query)
        - content_words(reference_query(given, scene))
        - content_words(given.conversation.text)
    )


MAY_GO = 0.2
"""Part of the reference query's content words that may be missing before a query counts as another one."""


def suspect(given: Given, query: str, scene: Scene) -> bool:
    """Whether this is more than another wording of the reference query: words of neither it nor the user came in, or
    many of its words are gone. What it does to the stages behind then has to be looked at."""
    wanted = content_words(reference_query(given, scene))
    gone = wanted - content_words(query)
    return bool(foreign(given, query, scene)) or len(gone) > MAY_GO * len(wanted)


def _gold_texts(scene: Scene) -> list[str]:
    found = (passage for passages in scene.label.passages for passage in passages)
    return [f"{passage.title or ''} {passage.text}" for passage in found]


def _finds(query: str, reference: str, scene: Scene) -> bool:
    if scene.retrieve is None:
        return True
    evidence = scene.label.evidence
    owed = evidence.held(scene.retrieve(reference))
    return scene.label.satisfied(evidence.held(scene.retrieve(query)), owed)
