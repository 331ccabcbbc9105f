"""What a report leaves behind to compare another with: outcomes, blame and fingerprints, no texts
(`diagnose.baseline/1`)."""

from __future__ import annotations

from diagnose.core.artifact import Frozen, Whole
from diagnose.core.report import Fidelity, StageIdentity
from diagnose.core.stage import Role

BASELINE_SCHEMA = "diagnose.baseline/1"


class BaselineRow(Frozen, frozen=True):
    """One trace of a baseline, over `runs` runs of the same system.

    `score` is the mean over the runs (0 to 1, None where none was scored). `held`, of a trace that failed, is the same
    with every failure counted half by its log and half by its replay with nothing changed; None where one
    was not replayed. `blame` is what each stage lost of the score (its share of a conviction), `alone` what its
    repair alone would win, both means over the runs. `verdict` and `mode` are those of the last failing run,
    None where none failed.
    """

    trace_id: str
    query: str
    label: str | None = None
    score: float | None = None
    runs: int = 1
    held: float | None = None
    verdict: str | None = None
    mode: str | None = None
    blame: dict[Role, float] = {}
    alone: dict[Role, float] = {}
    tags: dict[str, str] = {}
    elapsed_s: float | None = None
    tokens: float | None = None
    cost: float | None = None


class Baseline(Whole, frozen=True, tag_field="schema", tag=BASELINE_SCHEMA):
    """One system's outcomes over a log. `rows` are sorted by trace id.

    `replayed` says whether every failure with a usable label was replayed, so that blame is known, and
    `steady` whether each of them came out again exactly as it was logged. `undecided` counts failures
    without a verdict.
    """

    version: str
    metric: str
    pass_mark: float
    pipeline: str | None
    corpus: str | None
    stages: tuple[StageIdentity, ...]
    roles: tuple[Role, ...]
    replayed: bool
    steady: bool
    n_failures: int
    undecided: int
    fidelity: dict[Role, Fidelity]
    rows: tuple[BaselineRow, ...]
