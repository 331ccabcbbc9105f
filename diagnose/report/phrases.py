"""What reports say in words: the same sentences in the terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import UnsetType

from diagnose.core.blame import FINDINGS
from diagnose.core.report import Cost, Fidelity, Findings, Report, Triage
from diagnose.core.stage import ROLES, Role
from diagnose.report import numbers

T = TypeVar("T")


class Phrase(NamedTuple):
    """What something means, and what to do about it."""

    means: str
    remedy: str


REASONS: dict[str, Phrase] = {
    "not-reproduced": Phrase(
        "the replay with nothing changed gives a right answer",
        "find what changed since the log was written, or record it again",
    ),
    "no-label": Phrase("neither gold passages nor gold answers", "label these queries"),
    "not-replayable": Phrase(
        "a stage could not be run again", "make the stage runnable in the pipeline file"
    ),
    "noise": Phrase("the loss cannot be told from chance", "more model calls"),
    "no-loss": Phrase(
        "no repair of any stage wins the answer back",
        "check the reference and the scorer on these, then whether the gold passages are enough to answer",
    ),
    "observed-only": Phrase(
        "a log alone shows where the evidence was lost, not what a repair would change",
        "replay it: give --pipeline",
    ),
    "budget": Phrase("the calls allowed ran out first", "allow more model calls"),
    "interrupted": Phrase("the run was interrupted first", "finish it with  diagnose run … --resume"),
}
"""Why a failure stays undecided, and what would settle it."""

FINDING_PHRASES: dict[str, Phrase] = {
    "scorer": Phrase(
        "a lenient scorer passes the logged answer", "loosen the metric, or add this wording to the label"
    ),
    "corpus": Phrase("the corpus does not hold the evidence", "add it to the corpus: no stage can find it"),
    "label": Phrase("the gold passages do not state the gold answer", "correct the label"),
}
"""What a failure that is no stage's comes from, and what to do."""

LEVELS: dict[str, str] = {
    "replayed": "a verdict rests on a replay",
    "observed": "where the evidence was lost, never a conviction",
    "unlabelled": "no label: nothing is claimed",
}
"""What each kind of log can truthfully claim."""

RANKING_LEGEND = (
    "share: part of the total loss; bar: █ at least, ▓ estimate, ░ at most (95 % interval) · first: "
    "probability of ranking first · fix alone: mean score won over all traces if only this stage were "
    "repaired, with its interval · guilty: failures it is convicted of · blame: its share in failures; below "
    "zero it masks the fault of others"
)
"""What the columns of the ranking mean."""


def counts_line(report: Report) -> str:
    """How much was looked at, and how the answers did."""
    traces = numbers.counted(report.n_traces, "trace")
    scored = "not scored" if report.score is None else f"mean score {numbers.score(report.score)}"
    return f"{traces} · {numbers.counted(report.n_failures, 'failure')} · {scored}"


def levels_line(levels: Mapping[str, int]) -> str:
    """What can be claimed of the failures, by the level of their log."""
    known = [(level, claim, levels.get(level, 0)) for level, claim in LEVELS.items()]
    return " · ".join(f"{numbers.count(n)} {level}: {claim}" for level, claim, n in known if n)


def drift_lines(report: Report) -> Iterator[str]:
    """A warning for each stage whose replay does not reproduce the log."""
    for role, seen in _in_order(report.fidelity):
        drifted, unstable = of_those(seen.drifted, seen.n), of_those(seen.unstable, seen.n)
        if drifted:
            yield (
                f"{role} drifted: {numbers.of(drifted, seen.n)} replays agree with one another and not "
                "with the log (its code, settings or data changed since)"
            )
        if unstable:
            yield (
                f"{role} unstable: in {numbers.of(unstable, seen.n)} two replays of the same input disagree "
                "(unseeded, or not deterministic)"
            )


def of_those(part: float, n: int) -> int:
    """A part of `n` as a number of them; never 0 for a part above 0."""
    return max(1, round(part * n)) if part > 0 else 0


def fidelity_line(report: Report) -> str | None:
    """How far replays with nothing changed gave what the log says, or None where nothing was replayed."""
    judged = _in_order(report.fidelity)
    if judged and all(f.same == 1.0 for _, f in judged):
        return f"Replayed with nothing changed, every stage gives what the log says ({_counts(judged)})."
    seen = [f"{role} {numbers.of(round(f.same * f.n), f.n)}" for role, f in judged]
    return f"Replays with nothing changed that gave what the log says: {', '.join(seen)}." if seen else None


def _counts(judged: Sequence[tuple[Role, Fidelity]]) -> str:
    """Over how many replays, once where it is as many for each stage."""
    if len({f.n for _, f in judged}) == 1:
        return numbers.counted(judged[0][1].n, "replay")
    return ", ".join(f"{role} {numbers.count(f.n)}" for role, f in judged)


def sampled_line(report: Report) -> str | None:
    """What the sample alone says of the shares, where only a sample of the failures was replayed."""
    own = [(r.role, r.sampled) for r in report.ranking if not isinstance(r.sampled, UnsetType)]
    if not own:
        return None
    told = ", ".join(
        f"{role} {numbers.percent(share.value)} ({numbers.percent_range(share.low, share.high)})"
        for role, share in own
    )
    return (
        "A sample of the failures was replayed: shares, failures and gains are of all of them, corrected by where the "
        f"log loses the evidence. The sample's own shares: {told}."
    )


def nobody_line(report: Report) -> str | None:
    """Says that nobody is convicted, and why, where nobody is."""
    if report.ranking or not report.n_failures:
        return None
    if set(report.levels) <= {"observed", "unlabelled"}:
        return (
            "Nobody is convicted: nothing was replayed. A log alone shows where the evidence was lost, not "
            "what repairing that stage would change. Give --pipeline to replay it."
        )
    return "Nobody is convicted: no replay tells a stage whose repair changes the outcome."


def funnel_label(role: str) -> str:
    """What it means that a failure is counted at this stage of the funnel."""
    return (
        "the evidence reached it, the answer is still wrong"
        if role == "model"
        else "the evidence was lost here"
    )


def triage_line(triage: Triage) -> str:
    """Usual triage against the replay, the model first."""
    n = sum(triage.blames.values())
    blamed, convicted = triage.blames.get("model", 0), triage.replay.get("model", 0)
    text = f"Usual triage blames the model for {numbers.of(blamed, n)}; replay convicts it of {convicted}."
    if triage.model_acquitted:
        text += f" A replay convicts another stage of {triage.model_acquitted} of those {blamed}."
    return f"{text} Both name the same stage for {triage.agrees}."


def triage_rows(triage: Triage) -> list[tuple[str, int, int]]:
    """Verdict, how often usual triage gives it, how often the replay does; stages in pipeline order first."""
    known = [*ROLES, *FINDINGS, "undecided"]
    names = [name for name in known if name in triage.blames or name in triage.replay]
    names += [name for name in triage.replay if name not in known]
    blames = dict[str, int](triage.blames.items())
    return [(name, blames.get(name, 0), triage.replay.get(name, 0)) for name in names]


def found(findings: Findings) -> list[tuple[str, tuple[str, ...]]]:
    """The findings that there are, each with its trace ids."""
    every = {"scorer": findings.scorer, "corpus": findings.corpus, "label": findings.label}
    return [(name, ids) for name, ids in every.items() if ids]


def settles(reason: str, calls_needed: int | None) -> str:
    """What would settle failures that are undecided for this reason."""
    if reason in ("noise", "budget") and calls_needed is not None:
        return f"about {numbers.count(calls_needed)} more model calls"
    return REASONS[reason].remedy if reason in REASONS else numbers.NOTHING


def residual_line(report: Report) -> str | None:
    """What no repair of a stage wins back, where there is such a loss."""
    if not report.residual or report.residual < 0.05:
        return None
    lost = numbers.amount(report.residual)
    return f"What no repair of any stage wins back adds up to {lost} failure{'' if lost == '1' else 's'}."


def passing_lines(report: Report) -> Iterator[str]:
    """Which repairs break right answers."""
    if report.passing is None or not report.passing.n:
        return
    broken = [(role, n) for role, n in _in_order(report.passing.broken) if n]
    sample = f"Of {numbers.count(report.passing.n)} right answers replayed under each repair, "
    if not broken:
        yield sample + "none is broken."
    for role, n in broken:
        yield f"{sample}repairing the {role} breaks {numbers.count(n)}; its gain is net of that."


FRAGILE = "right answers whose evidence never reached the model: they may fail on the next change"


def cost_lines(cost: Cost) -> list[str]:
    """What a right answer costs, as far as the log tells."""
    tokens, time, money = (
        cost.tokens_per_right_answer,
        cost.seconds_per_right_answer,
        cost.money_per_right_answer,
    )
    parts = [] if tokens is None else [f"{numbers.count(round(tokens))} tokens"]
    parts += [] if time is None else [numbers.seconds(time)]
    parts += [] if money is None else [f"{numbers.money(money)} in money"]
    return [f"A right answer costs {', '.join(parts)}."] if parts else []


def runs_line(report: Report) -> str:
    """What the replays took."""
    runs = report.runs
    if not runs.model and not runs.stage:
        return (
            "The games say nothing of their runs."
            if report.levels.get("replayed")
            else "No failure was replayed."
            if report.fidelity
            else "Nothing was replayed."
        )
    each = ""
    if replayed := report.levels.get("replayed"):
        each = f" ({runs.model / replayed:.1f} model runs a failure)"
    return (
        f"{numbers.counted(runs.model, 'model run')} and {numbers.counted(runs.stage, 'run')} of other "
        f"stages{each}; {numbers.count(runs.memo_hits)} more were answered by the memo."
    )


def departing(report: Report) -> list[tuple[str, str, str]]:
    """Cohorts in which a stage's share departs from the rest: what is common, how many fail, what departs."""
    rows = []
    for cohort in report.cohorts:
        if cohort.departs is None:
            continue
        share = numbers.percent(cohort.shares.get(cohort.departs, 0.0))
        sure = "" if cohort.p_value is None else f" (p {cohort.p_value:.2g})"
        name = f"{cohort.tag} = {cohort.value}"
        counts = f"{numbers.of(cohort.n_failures, cohort.n_traces)} fail"
        rows.append((name, counts, f"{cohort.departs} {share} of the loss{sure}"))
    return rows


def modes_text(modes: Mapping[str, int]) -> str:
    """`missed 20, empty 2`, commonest first as given."""
    return ", ".join(f"{mode} {numbers.count(n)}" for mode, n in modes.items())


def _in_order(by_role: Mapping[Role, T]) -> Sequence[tuple[Role, T]]:
    """The entries in pipeline order."""
    return [(role, by_role[role]) for role in ROLES if role in by_role]


def trust_line(report: Report) -> str | None:
    """How far to trust the report: what planting faults in this very pipeline found."""
    trust = report.trust
    if trust is None or trust.right is None or trust.right_low is None or trust.right_high is None:
        return None
    wrong = numbers.percent(trust.wrong or 0.0)
    return (
        f"How far to trust this: of {numbers.count(trust.failed)} failures from faults planted in this very "
        f"pipeline, {numbers.percent(trust.right)} were pinned on the planted stage (95 % interval "
        f"{numbers.percent(trust.right_low)} to {numbers.percent(trust.right_high)}), {wrong} on another."
    )


def label_lines(report: Report) -> list[str]:
    """The traces to label first, a line each."""
    return [f"{one.trace_id}: {', '.join(one.why)}" for one in report.label_first]


def detected_line(report: Report) -> str | None:
    """What cheap detectors saw in the log, commonest first."""
    seen = [f"{name.replace('.', ' ')} {numbers.count(n)}" for name, n in list(report.detected.items())[:8]]
    return f"In the log by itself (suspect, not guilty): {', '.join(seen)} traces." if seen else None


def retrieval_lines(report: Report) -> Iterator[str]:
    """The logged lists' retrieval measures, a line a stage."""
    for role in ROLES:
        if measures := report.retrieval.get(role):
            yield f"{role}: " + ", ".join(f"{name} {value:.3f}" for name, value in measures.items())
