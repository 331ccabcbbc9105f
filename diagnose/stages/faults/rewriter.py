"""Faults of rewriters."""

from __future__ import annotations

import random

from diagnose.core.artifact import Output, Text
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault
from diagnose.stages.tokens import words

LOST = 3
"""One in so many of a query's words is lost when it drifts, the longest first."""
INTRUDERS = 16
"""Words of something foreign that get into the query."""


def _drifted(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The longest third of its words is gone: those that say what is asked."""
    assert isinstance(own, Text)
    said = own.text.split()
    longest = sorted(range(len(said)), key=lambda i: (-len(said[i]), i))
    lost = set(longest[: -(-len(said) // LOST)])
    return Text(" ".join(word for i, word in enumerate(said) if i not in lost))


def _drops_context(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The user's last words stand for the conversation."""
    return Text(given.conversation.text) if given.conversation.history else own


def _stale_memory(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """What the conversation settled last is taken for what it began with."""
    assert isinstance(own, Text)
    turns = [turn.content for turn in given.conversation.history if turn.role == "user"]
    asked, known = set(words(given.conversation.text)), set(words(own.text))
    if len(turns) < 2 or known <= asked:
        return own
    # The first word of a turn is upper-case whatever it is.
    first = [w for w in turns[0].split()[1:] if w[:1].isupper() and not set(words(w)) & known]
    kept = [w for w in own.text.split() if set(words(w)) <= asked or not w[:1].isupper()]
    return Text(" ".join((*kept, *first))) if first else own


def _intruding_memory(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """A remembered fact that has nothing to do with the question comes along, twice as loud as it."""
    assert isinstance(own, Text)
    asked = set(words(own.text))
    drawn = rng.sample(around.others, min(8, len(around.others)))
    if not drawn:
        return own
    fact = min(drawn, key=lambda p: len(asked & set(words(p.text)))).text.split()[:INTRUDERS]
    return Text(" ".join((own.text, *fact)))


FAULTS = (
    Fault("drifted", "rewriter", "drifted", "loses the words that say what is asked", _drifted),
    Fault("drops-context", "rewriter", "dropped-context", "forgets the conversation", _drops_context),
    Fault("stale-memory", "rewriter", "stale", "remembers what was settled first, not last", _stale_memory),
    Fault("intruding-memory", "rewriter", "intruding", "adds a fact of something else", _intruding_memory),
)
