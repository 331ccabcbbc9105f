"""The model `extract`: answers with the sentences of its context that match the query best. It has no
weights.

It reads nothing but the context and what it says stands there word for word, so it can only be right where
the evidence is in the context; and it goes by word overlap alone, so a passage that talks more like the
question than the right one distracts it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from diagnose.core.artifact import Answer, Context
from diagnose.core.pipeline import ABSTENTION
from diagnose.stages.bm25 import AtLeastOne, Fraction
from diagnose.stages.sentences import Sentence, sentences_of
from diagnose.stages.span import short_answer
from diagnose.stages.tokens import words

FROM_PARAGRAPH = 0.25
"""Weight of a query word that is not in the sentence but elsewhere in its paragraph ("He was born in
1966.")."""
SEEN = 0.3
"""Weight that a query word keeps once a chosen sentence has it: the next sentence should bring something
new."""

_SUFFIX = re.compile(r"(?:ies|es|s|ing|ed|ly)$")
_FUNCTION_WORDS = frozenset(
    words(
        "a about after all also an and any are as at be because been before being between both but by can"
        " could did do does during each for from had has have he her him his how i if in into is it its me"
        " more most my of on or other our out she should so some such than that the their them then there"
        " these they this those to under up was we were what when where which while who whom whose why will"
        " with would you your"
    )
)


@dataclass(frozen=True)
class Extractor:
    """Picks sentences by the idf-weighted share of the query's words in them (see `extract`)."""

    n_sentences: int
    answer: Literal["sentence", "span"]
    min_overlap: float
    abstention: str
    deterministic = True

    def __call__(self, query: str, context: Context | None) -> Answer:
        found = sentences_of(context.text) if context is not None else []
        stems = [frozenset(stemmed(sentence.text)) for sentence in found]
        chosen = self._chosen(frozenset(stemmed(query)), found, stems)
        if not chosen:
            return Answer(self.abstention)
        # In the order of the context: that is the order in which the sentences make sense.
        text = " ".join(found[i].text for i in sorted(chosen))
        if self.answer == "span":
            text = short_answer(query, [found[i].text for i in chosen]) or text
        return Answer(text)

    def _chosen(
        self, query: frozenset[str], found: Sequence[Sentence], stems: Sequence[frozenset[str]]
    ) -> list[int]:
        """The positions of the best sentences, best first; none where the first is below `min_overlap`."""
        idf = _idf(stems)
        weights = {stem: idf.get(stem, _idf_of(0, len(stems))) for stem in query}
        total = math.fsum(weights.values())
        scores = _scores(weights, found, stems)
        chosen: list[int] = []
        while len(chosen) < min(self.n_sentences, len(found)):
            best = max((i for i in range(len(found)) if i not in chosen), key=lambda i: (scores[i], -i))
            if scores[best] <= 0 or (not chosen and scores[best] < self.min_overlap * total):
                break
            chosen.append(best)
            weights = {stem: w * (SEEN if stem in stems[best] else 1.0) for stem, w in weights.items()}
            scores = _scores(weights, found, stems)
        return chosen


def extract(
    sentences: AtLeastOne = 1,
    answer: Literal["sentence", "span"] = "sentence",
    min_overlap: Fraction = 0.0,
    abstention: str = ABSTENTION,
) -> Extractor:
    """`extract`: the `sentences` best sentences of the context, in its order, or a short span of the best.

    A sentence's score is the summed idf (over the sentences of the context) of the query's words in it,
    words of its paragraph at a quarter of their weight; the earlier one wins a tie. The second and later
    sentences are judged by the query words that the chosen ones leave open, as a question that takes two
    hops needs. `answer = "span"` guesses the kind of answer from the question word (a number, a date, a
    name) and gives that. It says `abstention` where no word matches, or the best sentence has less than
    `min_overlap` (0 to 1) of the query's weight.
    """
    return Extractor(sentences, answer, min_overlap, abstention)


def stemmed(text: str) -> list[str]:
    """The content words of a text without the commonest English endings.

    >>> stemmed("Which cities was she visiting?")
    ['cit', 'visit']
    """
    content = (word for word in words(text) if word not in _FUNCTION_WORDS)
    return [_SUFFIX.sub("", word) if len(word) > 4 else word for word in content]


def _scores(
    weights: Mapping[str, float], found: Sequence[Sentence], stems: Sequence[frozenset[str]]
) -> list[float]:
    """The weight of the words in each sentence, plus part of that of the others in its paragraph."""
    paragraphs: dict[int, set[str]] = {}
    for sentence, own in zip(found, stems, strict=True):
        paragraphs.setdefault(sentence.paragraph, set()).update(own)

    def score(sentence: Sentence, own: frozenset[str]) -> float:
        around = paragraphs[sentence.paragraph] - own
        # fsum: plain sums depend on the order of the set, and that on the process.
        mine = math.fsum(weights[stem] for stem in own & weights.keys())
        near = math.fsum(weights[stem] for stem in around & weights.keys())
        return mine + FROM_PARAGRAPH * near

    return [score(sentence, own) for sentence, own in zip(found, stems, strict=True)]


def _idf(stems: Sequence[frozenset[str]]) -> dict[str, float]:
    counts = Counter(stem for own in stems for stem in own)
    return {stem: _idf_of(count, len(stems)) for stem, count in counts.items()}


def _idf_of(count: int, total: int) -> float:
    """Smoothed inverse document frequency, above zero even for a word that every sentence has."""
    return math.log(1 + (total + 1) / (count + 1))
