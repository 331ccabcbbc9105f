"""All metrics by name, and the scorer a pipeline's settings name."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Literal, NamedTuple

import msgspec

from diagnose.core.pipeline import ABSTENTION, PASS_MARK, ScoreSettings
from diagnose.core.score import Score
from diagnose.core.trace import Gold
from diagnose.errors import UsageError, quoted
from diagnose.score.abstention import abstains
from diagnose.score.answer import contains, exact_match, numeric, rouge_l, token_f1
from diagnose.score.judged import judge_prompt, judged, unasked, vote
from diagnose.score.lenient import lenient_pass
from diagnose.score.retrieval import is_measure, retrieval_score
from diagnose.score.tokens import normalised

SCORING_VERSION = 2
"""Goes up whenever a metric may give another score for the same texts, so that remembered ones go."""
NO_ANSWERS = "the label has no answers"


@dataclass(frozen=True)
class Metric:
    """A metric as `explain` shows it.

    `function` takes an answer and the accepted answers (kind `answer`), or ranked ids and gold ids (kind
    `retrieval`), then options by keyword, and returns a `Score`.
    """

    name: str
    title: str
    definition: str
    formula: str
    range: str
    unit: str
    source: str
    kind: Literal["answer", "retrieval"]
    function: Callable[..., Score]

    @property
    def options(self) -> dict[str, object]:
        """The metric's options and their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "measure"}


def _answer(
    name: str, title: str, definition: str, formula: str, source: str, function: Callable[..., Score]
) -> Metric:
    return Metric(name, title, definition, formula, "0 to 1", "none", source, "answer", function)


def _retrieval(name: str, title: str, definition: str, formula: str, source: str) -> Metric:
    function = partial(retrieval_score, measure=name)
    return Metric(name, title, definition, formula, "0 to 1", "none", source, "retrieval", function)


_SQUAD = "Rajpurkar et al. (2016), SQuAD; departures from its normalisation: diagnose/score/tokens.py"
_TREC = "trec_eval, through ir-measures (MacAvaney et al. 2022, Streamlining Evaluation with ir-measures)"

METRICS: dict[str, Metric] = {
    "exact": _answer(
        "exact",
        "Exact match",
        "Whether the answer is an accepted one, apart from case, punctuation, articles and white space.",
        "1 if tokens(answer) = tokens(reference) else 0; best over references",
        _SQUAD,
        exact_match,
    ),
    "contains": _answer(
        "contains",
        "Contains the answer",
        "Whether an accepted answer occurs in the answer as whole words in a row. A bare yes or no has to be "
        "stated: to open or end a sentence.",
        "1 if tokens(reference) is a run of tokens(answer) else 0; best over references",
        _SQUAD + " (normalisation)",
        contains,
    ),
    "f1": _answer(
        "f1",
        "Token F1",
        "How many words the answer and an accepted one have in common, relative to their lengths.",
        "2c / (|answer| + |reference|), c tokens in common; best over references",
        _SQUAD,
        token_f1,
    ),
    "numeric": _answer(
        "numeric",
        "Numeric match",
        "Whether the answer holds every number of an accepted answer within a tolerance. Options: relative, "
        "absolute, pick (any, first or last number of the answer). Undefined where no reference has one.",
        "1 if for each reference number y some answer number x has |x - y| <= max(absolute, relative * |y|)",
        "own definition",
        numeric,
    ),
    "rouge-l": _answer(
        "rouge-l",
        "ROUGE-L",
        "How long a sequence of words, gaps allowed, the answer and an accepted one share.",
        "2L / (|answer| + |reference|), L the longest common subsequence of tokens; best over references",
        "Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries, with beta = 1",
        rouge_l,
    ),
    "judge": _answer(
        "judge",
        "LLM judge",
        "Whether a model says that the answer says what an accepted one says. The model is that of [score.model], else "
        "the pipeline's own, which then judges itself. Option: repeats, votes each with a seed of its own. Undefined "
        "where it says neither yes nor no. What agreement it has with people is to be measured, not assumed.",
        "votes for yes / votes for yes or no; best over references",
        "own definition",
        unasked,
    ),
    "nDCG@10": _retrieval(
        "nDCG@10",
        "Normalised discounted cumulative gain",
        "How near the top the gold passages are, against having all of them first.",
        "DCG@k / ideal DCG@k, DCG@k = sum over gold at rank r <= k of 1 / log2(r + 1)",
        "Järvelin and Kekäläinen (2002); " + _TREC,
    ),
    "R@10": _retrieval(
        "R@10",
        "Recall",
        "The part of the gold passages among the first k.",
        "gold in the first k / gold",
        _TREC,
    ),
    "P@10": _retrieval(
        "P@10",
        "Precision",
        "The part of the first k places that hold gold passages; places left empty count.",
        "gold in the first k / k",
        _TREC,
    ),
    "Success@10": _retrieval(
        "Success@10",
        "Success",
        "Whether any gold passage is among the first k.",
        "1 if gold in the first k > 0 else 0",
        _TREC,
    ),
    "RR": _retrieval(
        "RR",
        "Reciprocal rank",
        "How near the top the first gold passage is; its mean over traces is MRR.",
        "1 / rank of the first gold passage, 0 if there is none",
        "Kantor and Voorhees (2000); " + _TREC,
    ),
    "AP": _retrieval(
        "AP",
        "Average precision",
        "Precision at each gold passage, averaged over all of them; its mean over traces is MAP.",
        "sum over gold at rank r of P@r / gold",
        "Harman (1992); " + _TREC,
    ),
}


RIGHT_OR_WRONG = frozenset({"exact", "contains", "numeric"})
"""The metrics that give 0 or 1 and nothing between."""


def metric(name: str) -> Metric:
    """The metric of this name, or a UsageError; retrieval measures may have any cutoff (`nDCG@3`)."""
    if name in METRICS:
        return METRICS[name]
    family = name.partition("@")[0]
    if is_measure(name):
        known = next(m for key, m in METRICS.items() if key.partition("@")[0] == family)
        return replace(known, name=name, function=partial(retrieval_score, measure=name))
    raise UsageError(f"unknown metric {quoted(name)}: expected one of {', '.join(METRICS)}")


class Judged(NamedTuple):
    """An answer that a model judged, and the references it was held against."""

    answer: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Scorer:
    """Judges answers by one metric. Built from a pipeline's `[score]` table; a wrong one is a UsageError.

    `abstention_worth` (a, 0 to 1) and `wrong_cost` (k, 0 or more) say what abstaining is worth beside a right
    answer (1) and a wrong one (−k). On the scale of 0 to 1 on which scores are, a wrong answer stays 0, a
    right one 1, and an abstention is worth `declined` = (a + k) / (1 + k).
    """

    metric: str = "contains"
    pass_mark: float = PASS_MARK
    options: Mapping[str, object] = field(default_factory=dict)
    abstention: str = ABSTENTION
    abstention_worth: float = 0.0
    wrong_cost: float = 0.0
    ask: Callable[[str, int], str] | None = field(default=None, compare=False, repr=False)
    judge: str = field(default="", compare=False)
    _replies: dict[tuple[str, int], str] = field(default_factory=dict, compare=False, repr=False)
    _heard: dict[Judged, bool] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_metric(self.metric)
        _check_pass_mark(self.pass_mark)
        _check_worths(self.abstention_worth, self.wrong_cost)
        _check_options(METRICS[self.metric], self.options)

    @classmethod
    def from_settings(cls, settings: ScoreSettings, abstention: str = ABSTENTION) -> Scorer:
        """The scorer of a pipeline."""
        return cls(
            settings.metric,
            settings.pass_mark,
            settings.options,
            abstention,
            settings.abstention_worth,
            settings.wrong_cost,
            settings.ask,
            settings.judge,
        )

    @property
    def declined(self) -> float:
        """What an abstention scores where an answer was to be had, 0 to 1.

        >>> Scorer().declined, Scorer(abstention_worth=0.25).declined, Scorer(wrong_cost=1.0).declined
        (0.0, 0.25, 0.5)
        """
        return (self.abstention_worth + self.wrong_cost) / (1.0 + self.wrong_cost)

    def score(self, answer: str, gold: Gold) -> Score:
        """How right the answer is.

        Of a question labelled unanswerable: 1 where the answer abstains or is one of the label's answers,
        else 0. Of any other: the metric's score, for an abstention `declined` where that is more; undefined
        where the label has no answers.
        """
        if not gold.answerable:
            said = normalised(answer)
            listed = bool(said) and said in map(normalised, gold.answers)
            return Score(float(listed or abstains(answer, self.abstention)))
        if not gold.answers:
            return Score(None, NO_ANSWERS)
        found = self._found(answer, gold.answers)
        worth = self.declined
        if found.value is None or found.value >= worth or not abstains(answer, self.abstention):
            return found
        return Score(worth)

    def _found(self, answer: str, references: Sequence[str]) -> Score:
        if self.metric == "judge" and self.ask is not None:
            found = judged(answer, references, self._asked, self.votes)
            if found.value is not None and answer.strip():
                self._heard[Judged(answer, tuple(references))] = self.passes(found.value)
            return found
        return METRICS[self.metric].function(answer, references, **self.options)

    @property
    def votes(self) -> int:
        """How often the metric's model is asked about an answer and a reference, 1 or more."""
        repeats = self.options.get("repeats", METRICS["judge"].options["repeats"])
        assert isinstance(repeats, int)
        return repeats

    def _asked(self, question: str, seed: int) -> str:
        """The judge's reply; a question is put to it once, and every cell hears the same."""
        if (question, seed) not in self._replies:
            assert self.ask is not None
            self._replies[question, seed] = self.ask(question, seed)
        return self._replies[question, seed]

    def heard(self) -> dict[Judged, bool]:
        """What the metric's model has judged so far, and whether it let it pass."""
        return dict(self._heard)

    def says(self, answer: str, reference: str) -> bool | None:
        """Whether the metric's model finds that an answer says what a reference says; None where it says neither yes
        nor no."""
        return vote(self._asked(judge_prompt(answer, reference), 0))

    def passes(self, score: float) -> bool:
        """Whether a score (0 to 1) reaches the pass mark."""
        return score >= self.pass_mark

    def lenient(self, answer: str, gold: Gold) -> str | None:
        """Why a lenient scorer would accept the answer, or None where it would not.

        Never for an unanswerable question: whether an answer abstains is no matter of wording.
        """
        return lenient_pass(answer, gold.answers) if gold.answerable else None

    @property
    def fingerprint(self) -> str:
        """Changes whenever a score might: the version of the metrics, the settings, the abstention text."""
        options = METRICS[self.metric].options | dict(self.options)
        worths = (float(self.abstention_worth), float(self.wrong_cost))
        if self.metric == "judge":
            options |= {"judge": self.judge}
        identity = (SCORING_VERSION, self.metric, float(self.pass_mark), options, self.abstention, worths)
        return hashlib.sha256(msgspec.json.encode(identity, order="deterministic")).hexdigest()[:16]


def _check_metric(name: str) -> None:
    answers = [known.name for known in METRICS.values() if known.kind == "answer"]
    if name not in answers:
        ranks = "it judges rankings, not answers" if is_measure(name) else "there is none of that name"
        raise UsageError(f"[score] metric {quoted(name)}: {ranks}; expected one of {', '.join(answers)}")


def _check_pass_mark(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value <= 1.0:
        raise UsageError(f"[score] pass: expected a number above 0 and up to 1, found {quoted(value)}")


def _check_worths(abstention_worth: object, wrong_cost: object) -> None:
    for name, value, most in (("abstention_worth", abstention_worth, 1.0), ("wrong_cost", wrong_cost, inf)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and 0.0 <= value <= most and value != inf):  # type: ignore[operator]
            limits = "from 0 to 1" if most == 1.0 else "of 0 or more"
            raise UsageError(f"[score] {name}: expected a number {limits}, found {quoted(value)}")


def _check_options(known: Metric, options: Mapping[str, object]) -> None:
    for name, value in options.items():
        if name not in known.options:
            allowed = ", ".join(known.options) or "none"
            raise UsageError(f"[score] {quoted(name)}: metric {known.name} takes these options: {allowed}")
        wanted = type(known.options[name])
        number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
        if not (number or isinstance(value, wanted)):
            kind = "a number" if wanted is float else "text"
            raise UsageError(f"[score] {name}: expected {kind}, found {quoted(value)}")
    known.function("1", ("1",), **options)  # the metric itself refuses values out of range
