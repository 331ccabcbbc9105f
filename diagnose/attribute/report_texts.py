"""What every number and field of a report means."""

from __future__ import annotations

from diagnose.attribute.blame_texts import MODEL_CALLS, PAGE, field, number
from diagnose.attribute.trust_texts import TRUST_NUMBERS
from diagnose.core.entry import Entry

TRACES = "traces"
FAILURES = "failures"
SCORE = "mean score over all traces of the log"
BOOTSTRAP = (
    "cluster bootstrap over all traces (those with the same tag `cluster` together), 1,000 resamples, "
    "percentile interval widened to Student's: Davison and Hinkley (1997), section 3.8; Hesterberg (2015), "
    "The American Statistician 69(4)"
)
PERMUTATION = (
    "permutation test, (r + 1) / (m + 1): Phipson and Smyth (2010), doi:10.2202/1544-6115.1585; Holm (1979), "
    "Scandinavian Journal of Statistics 6(2)"
)
GREEDY = "docs/how-blame-is-computed.md; diagnose/attribute/remedy.py"

_COUNTS: dict[str, Entry] = {
    "report.n_traces": number("Traces that were read and could be used.", "0 or more", TRACES),
    "report.n_failures": number("Traces whose score is below the pass mark.", "0 to n_traces", FAILURES),
    "report.score": number(
        "Mean score of the logged answers: the log's own where it has one, else the metric's. Null where "
        "none is scored.",
        "0 to 1",
        SCORE,
        see=("metrics", "metric"),
    ),
    "report.levels": number("How many failures have each level.", "0 or more", FAILURES, see=("level",)),
    "report.residual": number(
        "What no repair wins back, added up over the failures that were replayed; null where none was.",
        "0 to n_failures",
        FAILURES,
        "Σ (1 − v(N))",
        see=("blame.residual", "findings"),
    ),
    "report.funnel": number(
        "In how many failures the evidence went into each stage and did not come out.",
        "0 to n_failures",
        FAILURES,
    ),
    "report.undecided": field("How many failures have no verdict, and why.", see=("reasons",)),
    "report.undecided.n": number("Failures without a verdict.", "0 to n_failures", FAILURES),
    "report.undecided.reasons": number(
        "How many are undecided for each reason, commonest first.", "1 or more", FAILURES, see=("reasons",)
    ),
    "report.undecided.calls_needed": number(
        "Further model calls that should settle those that calls can settle; null where none can be.",
        "1 or more",
        MODEL_CALLS,
        "Σ blame.undecided.calls_needed",
    ),
    "report.findings": field(
        "The failures that are no stage's fault, by what is.", see=("scorer", "corpus", "label")
    ),
    "report.findings.scorer": field(
        "Ids of failures whose logged answer a lenient scorer passes.", see=("scorer",)
    ),
    "report.findings.corpus": field(
        "Ids of failures whose evidence the corpus does not hold.", see=("corpus",)
    ),
    "report.findings.label": field("Ids of failures whose label contradicts itself.", see=("label",)),
    "report.runs": field("What all replays of the log took, summed.", see=("runs.model", "runs.stage")),
    "report.roles": field("The stages that were looked at, in pipeline order.", see=("roles",)),
    "report.headline": field("What was found, in a sentence or three."),
    "report.fragile": field(
        "Ids of right answers whose evidence never reached the model: lucky, and likely to fail next time."
    ),
    "report.skipped": field(
        "Lines of the log that were left out: the place in the file and what is wrong there."
    ),
    "report.notes": field("What a reader should know besides, in sentences."),
    "report.fidelity": field(
        "How far a replay with nothing changed reproduces the log, by stage; only traces in which the "
        "stage got what it got in the log.",
        see=("same", "drifted", "unstable"),
    ),
    "report.fidelity.n": number("Traces that were compared at this stage.", "1 or more", TRACES),
    "report.fidelity.same": number(
        "The fraction with the same output as in the log.", "0 to 1", "fraction of n"
    ),
    "report.fidelity.drifted": number(
        "The fraction whose output differs from the log though two replays agree: the stage has changed "
        "since.",
        "0 to 1",
        "fraction of n",
    ),
    "report.fidelity.unstable": number(
        "The fraction in which two replays on the same input disagree: the stage is not deterministic.",
        "0 to 1",
        "fraction of n",
    ),
    "report.passing": field(
        "The sample of right answers that was replayed under each repair; null where none was."
    ),
    "report.passing.n": number("Right answers replayed.", "1 or more", TRACES),
    "report.passing.broken": number(
        "How many of them each stage's repair turns wrong; gains are net of these.", "0 to n", TRACES
    ),
    "report.agreement": field(
        "How far the metric agrees with people, where logged answers have their feedback; null where none has.",
        see=("metric", "metrics"),
    ),
    "report.agreement.metric": field("The metric that was held against people's marks.", see=("metrics",)),
    "report.agreement.n": number(
        "Logged answers with feedback above or below 0 and a label that the metric can score by; the first 200.",
        "1 to 200",
        TRACES,
    ),
    "report.agreement.agrees": number(
        "The part of them on which the metric and people say the same: pass and feedback above 0, or fail and below.",
        "0 to 1",
        "fraction of n",
    ),
    "report.agreement.low": number(
        "Lower end of its 95 % interval: Wilson's, by cluster bootstrap where traces have the tag `cluster`.",
        "0 to 1",
        "fraction of n",
        see=("report.agreement.agrees",),
    ),
    "report.agreement.high": number(
        "Upper end of its 95 % interval.", "0 to 1", "fraction of n", see=("report.agreement.low",)
    ),
    "report.agreement.kappa": number(
        "Agreement beyond chance (Cohen 1960, Educational and Psychological Measurement 20(1)); null where one side "
        "never differs.",
        "-1 to 1",
        "none",
        "(agrees − chance) / (1 − chance)",
    ),
    "report.agreement.too_lenient": number(
        "Answers that the metric passes and people rejected.", "0 to n", TRACES
    ),
    "report.agreement.too_strict": number(
        "Answers that the metric fails and people accepted.", "0 to n", TRACES
    ),
    "report.agreement.best_pass": number(
        "The pass mark that agrees most with these marks, chosen on them; null where none agrees more than the one in "
        "use, or there are fewer than 20.",
        "above 0 to 1",
        "score",
    ),
    "report.agreement.best_agrees": number(
        "On what part of them that pass mark agrees; null without one.", "0 to 1", "fraction of n"
    ),
}

_RANKING: dict[str, Entry] = {
    "report.ranking": field(
        "The stages, most to blame first; empty where none is convicted.", see=("share", "p_first")
    ),
    "report.ranking.role": field("The stage.", see=("roles",)),
    "report.ranking.share": number(
        "The stage's part of the loss of all convictions. The shares of all stages add up to 1; below zero "
        "it masks the faults of others.",
        "0 to 1 as a rule; below 0 for a stage that masks others",
        "fraction of the total loss",
        "Σ φ_s / Σ loss, over failures of which a stage is convicted",
        see=("blame.shares", "low", "p_first"),
    ),
    "report.ranking.low": number(
        "The lower end of the share's 95 % interval; null where fewer than two clusters failed or nothing "
        "varies.",
        "at most share",
        "fraction of the total loss",
        source=BOOTSTRAP,
    ),
    "report.ranking.high": number(
        "The upper end of the share's 95 % interval; null where the lower one is.",
        "at least share",
        "fraction of the total loss",
        source=BOOTSTRAP,
    ),
    "report.ranking.p_first": number(
        "The probability that the stage ranks first: the part of the resamples in which its share is the "
        "largest, ties divided evenly.",
        "0 to 1, adding up to 1",
        "probability",
        source=BOOTSTRAP,
        see=("share",),
    ),
    "report.ranking.loss": number(
        "The stage's blame added up.", "any", FAILURES, "Σ φ_s", see=("blame.shares",)
    ),
    "report.ranking.sampled": field(
        "Where only a sample of the failures was replayed: the share in the sample alone. `share`, `loss` and "
        "`fix_alone` are then of all failures, by prediction-powered inference from where the log loses the evidence.",
        see=("share",),
    ),
    "report.ranking.sampled.value": number(
        "The stage's part of the loss of the failures that were replayed.", "below 0 to 1", "part of the loss"
    ),
    "report.ranking.sampled.low": number(
        "Lower end of the 95 % interval of the sample's own share.", "below 0 to 1", "part of the loss"
    ),
    "report.ranking.sampled.high": number(
        "Upper end of the 95 % interval of the sample's own share.", "below 0 to above 1", "part of the loss"
    ),
    "report.ranking.fix_alone": field(
        "What the mean score would gain if only this stage were repaired, net of the right answers it breaks."
    ),
    "report.ranking.fix_alone.gain": number(
        "Mean score won over all traces by repairing this stage alone. All replayed failures without a "
        "finding count, undecided ones too.",
        "-1 to 1",
        SCORE,
        "(Σ (v({s}) − v(∅)) over failures − right answers broken) / n_traces",
        see=("sufficiency", "passing"),
    ),
    "report.ranking.fix_alone.low": number(
        "The lower end of the gain's 95 % interval; null where there is no spread to see.",
        "at most gain",
        SCORE,
        source=BOOTSTRAP,
    ),
    "report.ranking.fix_alone.high": number(
        "The upper end of the gain's 95 % interval; null where the lower one is.",
        "at least gain",
        SCORE,
        source=BOOTSTRAP,
    ),
    "report.ranking.verdicts": number("Failures the stage is convicted of.", "0 to n_failures", FAILURES),
    "report.ranking.modes": number(
        "How it failed, and in how many of its convictions, commonest first.",
        "1 or more",
        FAILURES,
        see=("modes",),
    ),
    "report.triage": field(
        "What usual triage would have blamed (evidence retrieved: the model; else the retriever) beside the "
        "verdicts, over the failures whose funnel can tell."
    ),
    "report.triage.blames": number("Failures that usual triage pins on each stage.", "1 or more", FAILURES),
    "report.triage.replay": number("The verdicts on the same failures.", "1 or more", FAILURES),
    "report.triage.agrees": number(
        "Failures for which both name the same stage.", "0 to n_failures", FAILURES
    ),
    "report.triage.model_acquitted": number(
        "Failures that triage pins on the model and of which a replay convicts another stage.",
        "0 to n_failures",
        FAILURES,
    ),
    "report.fix_order": field(
        "Which stage to repair first, second and so on: each step adds most given the steps before it, and "
        "the order ends where nothing more is gained.",
        see=("fix_alone", "notes"),
    ),
    "report.best_pair": field(
        "The two stages that gain most repaired together; null where no pair gains. The greedy order cannot see "
        "repairs that work only together.",
        see=("fix_order", "minimal_repairs"),
    ),
    "report.best_pair.roles": field("The two stages, in pipeline order.", see=("roles",)),
    "report.best_pair.gain": number("Mean score that both repairs add.", "0 to 1", SCORE),
    "report.best_pair.score": number(
        "Mean score with both repaired.", "0 to 1", SCORE, "score + gain, at most 1"
    ),
    "report.fix_order.role": field("The stage repaired in this step.", see=("roles",)),
    "report.fix_order.gain": number("Mean score this step adds.", "0 to 1", SCORE, source=GREEDY),
    "report.fix_order.score": number(
        "Mean score once this and the earlier steps are in.",
        "0 to 1",
        SCORE,
        "score + Σ gain, at most 1",
        GREEDY,
    ),
}

_COHORTS: dict[str, Entry] = {
    "report.cohorts": field(
        "Groups of traces that share a tag, and where a stage's share departs from the rest."
    ),
    "report.cohorts.tag": field("The tag that the traces share."),
    "report.cohorts.value": field("The value of the tag."),
    "report.cohorts.n_traces": number("Traces with this value.", "1 or more", TRACES),
    "report.cohorts.n_failures": number("Failures among them.", "0 to n_traces", FAILURES),
    "report.cohorts.shares": number(
        "Each stage's part of the cohort's loss.",
        "0 to 1 as a rule",
        "fraction of the cohort's loss",
        see=("share",),
    ),
    "report.cohorts.departs": field(
        "The stage whose part of the loss differs most surely from the rest of the log; null where none "
        "does at an error rate of 5 % over all cohorts.",
        see=("p_value",),
    ),
    "report.cohorts.p_value": number(
        "How surely that stage departs, corrected for all cohorts and stages tested; null for a cohort "
        "with fewer than 5 convictions.",
        "above 0, to 1",
        "probability",
        "permutations of which failures belong to the cohort; statistic: mean of share − S · loss, S the "
        "stage's part of the whole log's loss",
        PERMUTATION,
    ),
}


def _cost(definition: str, unit: str, formula: str | None = None) -> Entry:
    return number(definition, "0 or more", unit, formula)


_MONEY = "the log's currency"
_COST: dict[str, Entry] = {
    "report.cost": field("What the log says that answering cost."),
    "report.cost.stages": field("Cost by stage, summed over the traces that have it."),
    "report.cost.stages.elapsed_s": _cost("Wall time of the stage; null where the log has none.", "seconds"),
    "report.cost.stages.prompt_tokens": _cost(
        "Tokens the stage read; null where the log has none.", "tokens"
    ),
    "report.cost.stages.completion_tokens": _cost("Tokens it wrote; null where the log has none.", "tokens"),
    "report.cost.stages.money": _cost("What it cost; null where the log has no prices.", _MONEY),
    "report.cost.stages.n_traces": number(
        "Traces whose log has such figures of the stage.", "0 or more", TRACES
    ),
    "report.cost.tokens_per_right_answer": _cost(
        "Tokens read and written by all stages, per right answer.", "tokens", "Σ tokens / right answers"
    ),
    "report.cost.seconds_per_right_answer": _cost(
        "Wall time of all stages, per right answer.", "seconds", "Σ elapsed_s / right answers"
    ),
    "report.cost.money_per_right_answer": _cost("Money per right answer.", _MONEY, "Σ money / right answers"),
}

_PROVENANCE: dict[str, Entry] = {
    "report.provenance": field("What it takes to make the report again; no clock, no path of the machine."),
    "report.provenance.version": field("The version of diagnose."),
    "report.provenance.command": field("The command that made the report."),
    "report.provenance.seed": number("The seed of resampling and of stages that take one.", "any", "none"),
    "report.provenance.metric": field("The metric that judged answers.", see=("metrics",)),
    "report.provenance.pass_mark": number(
        "The score from which on an answer is right; below it a trace is a failure.",
        "0 to 1",
        "score",
        source=PAGE,
    ),
    "report.provenance.pipeline": field("The name of the pipeline; null where none was replayed."),
    "report.provenance.stages": field("What each stage was when it was replayed."),
    "report.provenance.stages.role": field("The stage's role.", see=("roles",)),
    "report.provenance.stages.name": field("What the pipeline file calls it."),
    "report.provenance.stages.fingerprint": field(
        "A digest that changes whenever the stage's outputs might: its factory, settings and source file."
    ),
    "report.provenance.corpus": field("A digest of the corpus; null where there is none."),
    "report.provenance.traces": field("A digest of the log."),
}

_N = "0 or more"
_LOG: dict[str, Entry] = {
    "report.partial": field("Whether the run was interrupted: what was not played has no verdict."),
    "report.same_outcome": number(
        "The part of the replayed failures that fail again with nothing changed; null where none was replayed.",
        "0 to 1",
        "part",
        see=("fidelity",),
    ),
    "report.detected": number(
        "In how many traces a cheap detector saw something in the log by itself, keyed `role.mode`: suspect, "
        "not guilty.",
        _N,
        TRACES,
        see=("modes",),
    ),
    "report.n_unlabelled": number(
        "Traces with neither a score nor a label that gives one.", _N, TRACES, see=("label_first",)
    ),
    "report.label_first": field(
        "Traces that cannot be judged or replayed for want of a label, in the order in which labels would tell most: "
        "known failures, then what users disliked, then what detectors find suspect, the rarer the sooner.",
        see=("detected", "no-label"),
    ),
    "report.label_first.trace_id": field("The trace."),
    "report.label_first.why": field("What makes its label worth having."),
    "report.retrieval": number(
        "Mean retrieval measures of the logged lists, over traces whose gold passages are labelled; relevance "
        "by the evidence rule.",
        "0 to 1",
        "mean",
        see=("metrics",),
    ),
}
REPORT_NUMBERS: dict[str, Entry] = {
    **_LOG,
    **TRUST_NUMBERS,
    **_COUNTS,
    **_RANKING,
    **_COHORTS,
    **_COST,
    **_PROVENANCE,
}
