"""Topics of a log's questions, found by clustering their words, as cohorts that nobody has tagged.

Questions become TF-IDF vectors of unit length, and k-means groups them; the number of topics is the one with the
largest mean silhouette (Rousseeuw 1987) among `FEWEST_TOPICS` to `MOST_TOPICS`. Any questions fall into some groups, so
these must be clearly better than the groups of the same words dealt out to questions at random. A topic is named by
the words that its questions use most, compared with the others. What is too small to say anything about is no topic.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAG = "topic"
"""The tag under which topics stand among the cohorts."""
FEWEST_TRACES = 10
"""Traces that a topic needs."""
FEWEST_TOPICS, MOST_TOPICS = 2, 12
NAMED_BY = 3
"""Words in the name of a topic."""
COUNTED_CHARS = 2_000
"""Characters of a question that are looked at."""
MOST_WORDS = 5_000
FITTED_ON, JUDGED_ON = 5_000, 1_000
"""Questions that topics are fitted on, and that a number of topics is judged on; of more, a seeded sample is."""
LEAST_SILHOUETTE = 0.01
"""Below this the groups are no groups: the questions are as near to another as to their own."""
NULLS, BEYOND = 8, 4.0
"""Words dealt out anew so many times, and by how many standard deviations real groups must beat those."""
WORD = r"(?u)\b[^\W\d_]\w{1,19}\b"
"""A word: two to twenty characters, the first a letter."""


@dataclass(frozen=True)
class Topics:
    """The topic of each trace that has one, by trace id; where there are none, why."""

    of: dict[str, str] = field(default_factory=dict)
    why_none: str | None = None


def find_topics(questions: Mapping[str, str], seed: int) -> Topics:
    """The topics of a log from the question of each trace, by trace id. Same input and seed, same topics.

    >>> find_topics({"q1": "Until when can I take leave?"}, seed=0).why_none
    'fewer than 20 questions: too few for topics'
    """
    ids = list(questions)
    if len(ids) < FEWEST_TOPICS * FEWEST_TRACES:
        return Topics(why_none=f"fewer than {FEWEST_TOPICS * FEWEST_TRACES} questions: too few for topics")
    vectors, words = _vectors([questions[trace_id][:COUNTED_CHARS] for trace_id in ids])
    if vectors is None:
        return Topics(why_none="the questions share no words")
    labels = _labels(vectors, seed)
    if labels is None:
        return Topics(why_none="the questions fall into no groups that their words tell apart")
    names = _names(vectors, labels, words)
    return Topics(
        {trace_id: names[k] for trace_id, k in zip(ids, labels.tolist(), strict=True) if k in names}
    )


def _vectors(texts: list[str]) -> tuple[Any, list[str]]:
    """TF-IDF rows of unit length [questions, words] and the words; None where no word is shared."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    made = TfidfVectorizer(
        stop_words="english",
        token_pattern=WORD,
        min_df=2,
        max_df=0.5,
        max_features=MOST_WORDS,
        sublinear_tf=True,
    )
    try:
        return made.fit_transform(texts), made.get_feature_names_out().tolist()
    except ValueError:  # an empty vocabulary
        return None, []


def _labels(vectors: Any, seed: int) -> NDArray[np.int64] | None:
    """The group of each question, -1 for one without a known word; None where no grouping is any good."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    worded = np.flatnonzero(np.diff(vectors.indptr))
    most = min(MOST_TOPICS, len(worded) // FEWEST_TRACES)
    rng = np.random.default_rng(seed)
    fitted = vectors[_sample(worded, FITTED_ON, rng)]
    judged = vectors[_sample(worded, JUDGED_ON, rng)]
    # One thread: sums that add up in another order may end in other groups.
    with threadpool_limits(limits=1):
        found = [_grouping(fitted, judged, k, seed) for k in range(FEWEST_TOPICS, most + 1)]
        best = max(found, key=lambda item: item[0], default=None)
        if (
            best is None
            or best[0] < LEAST_SILHOUETTE
            or best[0] <= _by_chance(judged, best[1].n_clusters, rng)
        ):
            return None
        labels = np.full(vectors.shape[0], -1, dtype=np.int64)
        labels[worded] = best[1].predict(vectors[worded])
    return labels


def _by_chance(judged: Any, k: int, rng: np.random.Generator) -> float:
    """The silhouette that `k` groups of these words hardly ever exceed where questions mix them at random: every word
    keeps its weights and loses its questions."""
    from sklearn.preprocessing import normalize

    found = []
    for _ in range(NULLS):
        columns = judged.tocsc(copy=True)
        for start, end in itertools.pairwise(columns.indptr):
            columns.indices[start:end] = rng.choice(columns.shape[0], end - start, replace=False)
        columns.has_sorted_indices = False
        dealt = normalize(columns.tocsr())
        dealt = dealt[np.flatnonzero(np.diff(dealt.indptr))]
        found.append(_grouping(dealt, dealt, k, int(rng.integers(2**31)))[0])
    return float(np.mean(found) + BEYOND * np.std(found))


def _grouping(fitted: Any, judged: Any, k: int, seed: int) -> tuple[float, Any]:
    """The mean silhouette of `k` groups, and what predicts them."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import silhouette_score

    with warnings.catch_warnings():
        # Fewer different questions than groups: the silhouette says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        grouping = KMeans(n_clusters=k, n_init=4, random_state=seed).fit(fitted)
    labels = grouping.predict(judged)
    if not 1 < len(np.unique(labels)) < len(labels):
        return -1.0, grouping
    return float(silhouette_score(judged, labels, metric="cosine")), grouping


def _sample(rows: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _names(vectors: Any, labels: NDArray[np.int64], words: list[str]) -> dict[int, str]:
    """The name of each group that is large enough, by the words that set it apart most; no name twice."""
    overall = np.asarray(vectors.mean(axis=0)).ravel()
    names: dict[int, str] = {}
    for k in np.unique(labels[labels >= 0]).tolist():
        member = labels == k
        if member.sum() < FEWEST_TRACES:
            continue
        apart = np.asarray(vectors[member].mean(axis=0)).ravel() - overall
        order = [int(w) for w in np.argsort(-apart, kind="stable") if apart[w] > 0]
        length = NAMED_BY
        while (name := ", ".join(words[w] for w in order[:length])) in names.values() and length < len(order):
            length += 1
        if name and name not in names.values():
            names[k] = name
    return names
