"""What every number and field of a game and of a blame means."""

from __future__ import annotations

from diagnose.core.entry import Entry

SHAPLEY = (
    'L. S. Shapley, "A value for n-person games", Contributions to the Theory of Games II (1953), 307-317; '
    "exact over all 2ⁿ coalitions"
)
INTERACTION = (
    'M. Grabisch and M. Roubens, "An axiomatic approach to the concept of interaction among players in '
    'cooperative games", International Journal of Game Theory 28 (1999), 547-565'
)
PAGE = "docs/how-blame-is-computed.md"
WORTH = "mean score of the final answer"
MODEL_CALLS = "model calls"


def number(
    definition: str,
    range: str | None = None,
    unit: str | None = None,
    formula: str | None = None,
    source: str = PAGE,
    see: tuple[str, ...] = (),
) -> Entry:
    """An entry that gets its name from its place in a table of `number_texts`."""
    return Entry("", "number", definition, formula, range, unit, source, see=see)


def field(definition: str, range: str | None = None, see: tuple[str, ...] = ()) -> Entry:
    """The same for what is no number: a name, a list, a sentence."""
    return Entry("", "field", definition, range=range, source=PAGE, see=see)


BLAME_NUMBERS: dict[str, Entry] = {
    "game.trace_id": field("The trace that was replayed."),
    "game.roles": field("The stages that were played, in pipeline order.", "1 to 8 different roles"),
    "game.worth": number(
        "v(C): the expected score of the final answer when the stages of coalition C are repaired, for "
        "every C.",
        "0 to 1",
        WORTH,
        "v(C ∪ model) = max(v(C), min(o(C), v(C) + 1 − v(N ∖ model))), o(C) the worth with the reference "
        "answer wherever the context holds the evidence",
        see=("loss", "share"),
    ),
    "game.bounds": number(
        "The least and the most that a coalition can be worth whose prompt was not run (`run --verdict-only`); "
        "`worth` then holds the mean over what the game may be. Not there where every prompt was run.",
        "0 to 1",
        WORTH,
        see=("worth",),
    ),
    "game.runs": field("What the replays of this trace took.", see=("runs.model", "runs.stage")),
    "runs.model": number(
        "Different prompts the model was asked; the same prompt under several coalitions is one call.",
        "0 or more",
        MODEL_CALLS,
    ),
    "runs.stage": number(
        "Different inputs that stages other than the model ran on.", "0 or more", "stage calls"
    ),
    "runs.memo_hits": number(
        "Times a coalition needed a run that another coalition of the same trace had made.",
        "0 or more",
        "calls",
    ),
    "blame.trace_id": field("The failing trace."),
    "blame.level": field("What the verdict rests on.", "replayed, observed or unlabelled", ("levels",)),
    "blame.verdict": field(
        "The stage convicted: the one with the largest share. On a tie the model yields to every other "
        "stage; among the rest it is the stage at which the evidence went in and did not come out, else "
        "the earliest. Or a finding that comes before any blame, or undecided.",
        "a role, scorer, corpus, label or undecided",
        ("roles", "findings", "reasons"),
    ),
    "blame.mode": field("How the convicted stage failed; null where no detector applies.", see=("modes",)),
    "blame.shares": number(
        "Each stage's part of the loss: its Shapley value in the game. Shares add up to the loss; below "
        "zero the stage masks another stage's fault.",
        "-1 to 1",
        WORTH,
        "φ_s = Σ over A ⊆ N∖s of |A|! (n−|A|−1)! / n! · (v(A∪s) − v(A))",
        SHAPLEY,
        ("loss", "necessity", "sufficiency"),
    ),
    "blame.loss": number(
        "What repairing every stage wins back. A stage is blamed only where it is above zero.",
        "-1 to 1",
        WORTH,
        "v(N) − v(∅), N all stages",
        see=("residual", "shares"),
    ),
    "blame.residual": number(
        "What no repair wins back: the evidence is not in the corpus, the reference is wrong, or the "
        "scorer is too strict. Null where nothing was replayed.",
        "0 to 1",
        WORTH,
        "1 − v(N)",
        see=("loss", "findings"),
    ),
    "blame.minimal_repairs": field(
        "All sets of repairs that reach the pass mark while no proper subset does, smallest first. Two of "
        "one stage each are substitutes, one of two stages means that both are needed.",
        "lists of roles; empty where no repair helps",
        ("interactions", "provenance.pass_mark"),
    ),
    "blame.necessity": number(
        "What is lost again if this stage alone stays unrepaired.",
        "-1 to 1",
        WORTH,
        "v(N) − v(N∖s)",
        see=("sufficiency",),
    ),
    "blame.sufficiency": number(
        "What repairing this stage alone wins back.",
        "-1 to 1",
        WORTH,
        "v({s}) − v(∅)",
        see=("fix_alone", "necessity"),
    ),
    "blame.interactions": number(
        "Whether two repairs need each other: above zero they work only together (complements), below zero "
        "either will do (substitutes), at zero they add up.",
        "-2 to 2",
        WORTH,
        "I_st = Σ over A ⊆ N∖{s,t} of |A|! (n−|A|−2)! / (n−1)! · (v(A∪st) − v(A∪s) − v(A∪t) + v(A))",
        INTERACTION,
        ("minimal_repairs",),
    ),
    "blame.workarounds": number(
        "What the repair of a stage that is to blame for nothing would have won by itself: it makes up for another "
        "stage's fault. Played with `run --workarounds` only, and no part of the shares.",
        "0 to 1",
        WORTH,
        "worth with that stage's repair alone, sound or not − v(∅)",
        see=("sufficiency", "minimal_repairs"),
    ),
    "blame.bounds": number(
        "The least and the most that each share can be. Only there where prompts that cannot change the verdict were "
        "not run (`run --verdict-only`); `shares` then holds the mean over what the game may be.",
        "-1 to 1",
        WORTH,
        "least and most φ_s over every outcome of the prompts that were not run",
        see=("shares",),
    ),
    "blame.undecided": field("Why there is no verdict; null where there is one.", see=("reasons",)),
    "blame.undecided.reason": field("Why there is no verdict, in a word.", see=("reasons",)),
    "blame.undecided.detail": field("The reason in a sentence, with what it would take to decide."),
    "blame.undecided.power": number(
        "How likely the runs that were made were to settle the leading verdict, if it is the right one. "
        "Null where more calls would not help.",
        "0 to 1",
        "probability",
        "simulated repetitions of these runs in which it would have been settled / all",
        see=("calls_needed", "confidence"),
    ),
    "blame.undecided.calls_needed": number(
        "Further model calls that should settle the verdict: a forecast, no guarantee. Null where calls "
        "would not help.",
        "1 or more",
        MODEL_CALLS,
        "the fewest, by doubling, with which most simulated futures settle the leading verdict",
        see=("power",),
    ),
    "blame.funnel": field(
        "The evidence funnel: for each stage that ran, whether the evidence was in what it gave. Where it "
        "went in and did not come out, it was lost; that alone convicts nobody."
    ),
    "blame.funnel.role": field("The stage.", see=("roles",)),
    "blame.funnel.evidence": field(
        "Whether the evidence was in the stage's output: in the text of passages and contexts; for an "
        "answer, whether it was right.",
        "true, false, or null where it cannot be told",
    ),
    "blame.runs": field("What the replays of this trace took.", see=("runs.model", "runs.stage")),
    "blame.confidence": number(
        "The posterior probability of the verdict, or of the leading one where it is undecided; 1 where "
        "every stage is deterministic. Null where nothing was replayed, or no repair could be told from "
        "another.",
        "0 to 1",
        "probability",
        "draws of the game that come to this verdict / all draws",
        see=("power",),
    ),
    "blame.evidence": field("What was seen, in a sentence."),
    "blame.tags": field("The tags of the trace, by which cohorts are formed.", see=("cohorts",)),
}
