"""What `diagnose trust` counts, explained."""

from __future__ import annotations

from diagnose.attribute.blame_texts import MODEL_CALLS, field, number
from diagnose.core.entry import Entry

_N = "0 or more"
FAILURES = "failures"
_WILSON = "Wilson (1927), Journal of the American Statistical Association 22(158)"
TRUST_NUMBERS: dict[str, Entry] = {
    "report.trust": field(
        "How often blame lands on faults planted in this very pipeline (`diagnose trust`)."
    ),
    "report.trust.n_queries": number("Labelled queries.", _N, "queries"),
    "report.trust.n_answered": number("Those that the pipeline answers without faults.", _N, "queries"),
    "report.trust.n_earned": number(
        "Those of them that it answers from evidence in every stage's output, and still with every stage before "
        "the model repaired. Faults are planted in these.",
        _N,
        "queries",
    ),
    "report.trust.trials": field("One entry for each fault or pair that was planted."),
    "report.trust.failed": number(
        "Failures that single faults caused by breaking the contract of their stage.", _N, FAILURES
    ),
    "report.trust.inert": number(
        "Failures that single faults caused without breaking a contract: no replay can convict the stage of them, "
        "and they are neither right nor wrong.",
        _N,
        FAILURES,
    ),
    "report.trust.right": number(
        "The part of them that is pinned on the planted stage.", "0 to 1", "part", "right / failed"
    ),
    "report.trust.right_low": number("Lower end of its 95 % interval.", "0 to 1", "part", source=_WILSON),
    "report.trust.right_high": number("Upper end of its 95 % interval.", "0 to 1", "part", source=_WILSON),
    "report.trust.wrong": number(
        "The part of them that is pinned on another stage.", "0 to 1", "part", "wrong / failed"
    ),
    "report.trust.model_runs_per_failure": number(
        "Model runs that the diagnosis of a failure took.", _N, MODEL_CALLS
    ),
    "report.trust.seed": number("The seed of faults and stages.", "any", "none"),
    "report.trust.noise": number(
        "Probability that the model is wrong whatever it reads, planted beside the faults.",
        "0 to 0.9",
        "part",
    ),
    "report.trust.partial": field(
        "Whether it was interrupted before all faults were planted (never in a report)."
    ),
    "report.trust.notes": field("What did not happen: faults that made no query fail."),
    "report.trust.trials.faults": field("What was planted; nothing in a no-fault control."),
    "report.trust.trials.roles": field("The stages it was planted in.", see=("roles",)),
    "report.trust.trials.tried": number("Queries the fault was tried on.", _N, "queries"),
    "report.trust.trials.failed": number("Those that then failed.", _N, FAILURES),
    "report.trust.trials.right": number(
        "Those pinned on the planted stage; for a pair, those with both in some minimal repair set.",
        _N,
        FAILURES,
    ),
    "report.trust.trials.wrong": number(
        "Those pinned on a stage without a fault; in a control, on any stage but the model.", _N, FAILURES
    ),
    "report.trust.trials.on_model": number("Those wrongly pinned on the model.", _N, FAILURES),
    "report.trust.trials.undecided": number("Those without a verdict.", _N, FAILURES),
    "report.trust.trials.verdicts": number("How many have each verdict.", _N, FAILURES),
    "report.trust.trials.modes": number("The modes of the right ones.", _N, FAILURES, see=("modes",)),
    "report.trust.trials.inert": number(
        "Those in which the fault broke no contract of its stage; they are neither right nor wrong.",
        _N,
        FAILURES,
    ),
    "report.trust.trials.read_through": number(
        "Those of a pair in which the evidence reached the model with the other fault, whose repair is then enough; "
        "they are neither right nor wrong.",
        _N,
        FAILURES,
    ),
    "report.trust.trials.model_runs": number("Model runs they took in all.", _N, MODEL_CALLS),
}
