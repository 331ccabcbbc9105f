"""Every number and field of a game, a blame and a report, and the words that a verdict can be.

Keys are places in a file: `blame.loss`, `report.ranking.share`.
"""

from __future__ import annotations

from msgspec.structs import replace

from diagnose.attribute.blame_texts import BLAME_NUMBERS, PAGE
from diagnose.attribute.report_texts import REPORT_NUMBERS
from diagnose.core.blame import Finding, Level, Reason
from diagnose.core.entry import Entry


def _placed(texts: dict[str, Entry]) -> dict[str, Entry]:
    """The entries with their name and what they belong to, both read off their key."""
    parts = {key: key.rpartition(".") for key in texts}
    return {key: replace(entry, name=parts[key][2], of=parts[key][0]) for key, entry in texts.items()}


NUMBERS: dict[str, Entry] = _placed({**BLAME_NUMBERS, **REPORT_NUMBERS})

PLACES: dict[str, str] = {
    "Game": "game",
    "Runs": "runs",
    "Blame": "blame",
    "Undecided": "blame.undecided",
    "FunnelStep": "blame.funnel",
    "Report": "report",
    "Fidelity": "report.fidelity",
    "Ranked": "report.ranking",
    "Interval": "report.ranking.sampled",
    "Gain": "report.ranking.fix_alone",
    "Findings": "report.findings",
    "UndecidedCount": "report.undecided",
    "Triage": "report.triage",
    "FixStep": "report.fix_order",
    "PairGain": "report.best_pair",
    "Cohort": "report.cohorts",
    "Cost": "report.cost",
    "StageCost": "report.cost.stages",
    "PassingCheck": "report.passing",
    "Agreement": "report.agreement",
    "ToLabel": "report.label_first",
    "RunProvenance": "report.provenance",
    "StageIdentity": "report.provenance.stages",
    "Trust": "report.trust",
    "Trial": "report.trust.trials",
}
"""By the name of a type, what the keys of its fields in `NUMBERS` begin with."""


def _level(name: str, definition: str, remedy: str | None = None) -> Entry:
    return Entry(name, "level", definition, source=PAGE, remedy=remedy, see=("blame.level",))


LEVELS: dict[Level, Entry] = {
    "replayed": _level(
        "replayed",
        "Stages were run again under every set of repairs: verdicts, shares and fix-first gains are "
        "interventional.",
    ),
    "observed": _level(
        "observed",
        "Labels, but nothing to run: the funnel says where the evidence was lost. No stage is convicted, "
        "least of all the model.",
        "Give the pipeline with --pipeline, so that its stages can be replayed.",
    ),
    "unlabelled": _level(
        "unlabelled",
        "Neither gold passages nor gold answers: fidelity, drift and detectors (duplicates, truncation, a "
        "no-op ranker, empty retrieval) only.",
        "Label a few dozen failures, first those that the report names: gold answers will do.",
    ),
}


def _finding(name: str, definition: str, rule: str, evidence: str, remedy: str) -> Entry:
    return Entry(
        name,
        "finding",
        definition,
        rule,
        source=PAGE,
        remedy=remedy,
        see=("blame.verdict",),
        evidence=evidence,
    )


FINDING_TEXTS: dict[Finding, Entry] = {
    "scorer": _finding(
        "scorer",
        "The logged answer is right and the scorer fails it: no stage is at fault.",
        "a lenient scorer passes the logged answer",
        "the logged answer beside the gold answers, and which lenient rule passes it",
        "Choose a metric that fits such answers (`diagnose explain metrics`), or add the wording to the gold "
        "answers.",
    ),
    "corpus": _finding(
        "corpus",
        "The corpus does not hold the evidence: no retriever could have found it.",
        "the gold passages that the label asks for are found in the corpus neither by id nor by text",
        "the gold passages that are missing",
        "Add the missing document, or mark the question as unanswerable.",
    ),
    "label": _finding(
        "label",
        "The label contradicts itself: its gold passages do not support its gold answer.",
        "at most half of the words of every gold answer occur in the gold passages, and the model fails with "
        "every other stage repaired too",
        "the gold passages beside the gold answer, and the model's answer on them",
        "Correct the label. Until then the failure says nothing about the pipeline.",
    ),
}
"""What comes before any blame, in the order in which it is looked for."""


def _reason(name: str, definition: str, remedy: str) -> Entry:
    return Entry(name, "reason", definition, source=PAGE, remedy=remedy, see=("blame.undecided",))


REASONS: dict[Reason, Entry] = {
    "not-reproduced": _reason(
        "not-reproduced",
        "The replay with nothing changed gives a right answer: the failure is not there to be explained.",
        "Look at the report's fidelity for the stage that has changed since; compare the log's version of "
        "it.",
    ),
    "no-label": _reason(
        "no-label",
        "There is no gold answer, no gold passage and no word that the question has no answer.",
        "Label this query: a gold answer will do.",
    ),
    "not-replayable": _reason(
        "not-replayable",
        "A stage raised, timed out or gave something that is no output of its role; `detail` says which.",
        "Mend that stage and run the command again: what was finished is kept.",
    ),
    "noise": _reason(
        "noise",
        "No verdict is sure enough at the chosen error rate after all the calls that one failure may take.",
        "Allow more calls a failure (`calls_needed` says how many), or make the model deterministic "
        "(temperature 0).",
    ),
    "no-loss": _reason(
        "no-loss",
        "Repairing every stage does not win the answer back, so that there is nothing to share out.",
        "Read the residual: the evidence may not be what answers the question, or the scorer may be too "
        "strict.",
    ),
    "observed-only": _reason(
        "observed-only",
        "The log alone shows where the evidence was lost, not what repairing that stage would change.",
        "Give the pipeline with --pipeline, so that its stages can be replayed.",
    ),
    "budget": _reason(
        "budget",
        "The calls allowed for the run were used up before this failure was decided.",
        "Raise --max-calls and run again: the calls made so far are kept.",
    ),
    "interrupted": _reason(
        "interrupted",
        "The run was interrupted before this failure was decided.",
        "Give the same command with --resume: what was finished is kept, and no call is made twice.",
    ),
}
