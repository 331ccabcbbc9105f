"""Plants faults in one pipeline and notes, for every failure, what each method says of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from benchmarks.planted.baselines import WHYDUNIT, Said, asked_whydunit, from_log
from diagnose.attribute.funnel import funnel_of, lost_at
from diagnose.core.artifact import Context
from diagnose.core.blame import Blame
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Role, in_order
from diagnose.core.trace import Trace
from diagnose.core.trust import Trust
from diagnose.flow.apart import inert, reads_through, unsound
from diagnose.flow.found import Found
from diagnose.flow.trust import Bench, combinations_of, trusted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer
from diagnose.stages.faults import Fault
from diagnose.stages.load import load_pipeline
from diagnose.traces.from_jsonl import read_traces

Kind = Literal["single", "pairs", "control"]
LEAVES_EVIDENCE = (
    "inverted",
    "shuffled",
    "length-biased",
    "distractor-first",
    "no-op",
    "reordered",
    "garbled",
)
"""Faults that may leave every gold passage among those packed: order, distractors, garbling."""


@dataclass(frozen=True)
class Case:
    """One failure that a planted fault (or noise alone) led to.

    `right` is what the bars ask for: the verdict is the planted stage; for a pair, both stages are in one
    minimal repair set. `in_prompt` says that the fault left all gold passages among the packed ones. `said`
    is what the baselines say. `read_through` marks a pair in which the evidence reached the model with the other
    fault: its repair is the answer there, whatever else is broken. `why` is told of wrong and missing verdicts
    alone: `inert` where the fault (of a pair: one of them, with every stage before it repaired) broke no contract on
    this trace, `unsound before` where the stage convicted
    (of a pair: one whose repair alone is enough) broke its contract without the fault, too, `alone` where the repair
    of one stage of a planted pair is enough, else None. `reason` is that of an undecided verdict.
    """

    setup: str
    noise: float
    faults: tuple[str, ...]
    roles: tuple[Role, ...]
    trace_id: str
    verdict: str
    mode: str | None
    right: bool
    in_prompt: bool
    model_runs: int
    said: dict[str, Said] = field(default_factory=dict)
    read_through: bool = False
    why: str | None = None
    reason: str | None = None

    @property
    def kind(self) -> Kind:
        """What was planted."""
        return "control" if not self.faults else "single" if len(self.faults) == 1 else "pairs"

    @property
    def convicted(self) -> bool:
        """Whether a stage was convicted."""
        return self.verdict in ("retriever", "ranker", "packer", "model")

    @property
    def wrong(self) -> bool:
        """Whether a stage was convicted in which no fault was planted (noise is the model's)."""
        return self.convicted and self.verdict not in (self.roles or ("model",))


@dataclass(frozen=True)
class Setup:
    """A pipeline file with its questions; `questions` is their set's name, `most` how many of them are used."""

    name: str
    questions: str
    most: int


@dataclass(frozen=True)
class Measured:
    """The failures of one setup at one noise, and how many queries they come from."""

    cases: tuple[Case, ...]
    trust: Trust


class Planter:
    """A loaded setup. Stages keep what they gave (a fault changes what a stage gives, not what it costs)."""

    def __init__(self, folder: Path, setup: Setup, seed: int, others: bool) -> None:
        self.setup, self.seed, self.others = setup, seed, others
        self.pipeline = load_pipeline(folder / f"{setup.name}.toml")
        self.scorer = Scorer.from_settings(self.pipeline.score, self.pipeline.abstention)
        path = folder / "data" / f"{setup.questions}.queries.jsonl"
        found = [trace for trace in read_traces(str(path)) if isinstance(trace, Trace)]
        self.traces = found[: setup.most]
        self.library = Library(self.pipeline.corpus)
        self.runner = Runner(self.pipeline, Memo(), seed)
        self.labels = {t.trace_id: label for t in self.traces if (label := self._label(t)) is not None}

    def _label(self, trace: Trace) -> Label | None:
        return label_of(trace.gold, trace.query, self.library, self.scorer.abstention)

    def combinations(self, kind: Kind, faults: Sequence[str]) -> list[tuple[Fault, ...]]:
        """The combinations of a kind, without the fault that is noise itself; `faults` limits them (() does not)."""
        if kind == "control":
            return [()]
        found = combinations_of(self.pipeline, kind == "pairs", faults)
        wanted = 1 if kind == "single" else 2
        return [c for c in found if len(c) == wanted and not any(fault.noisy for fault in c)]

    def measured(self, combinations: Sequence[tuple[Fault, ...]], noise: float) -> Measured:
        """Plant each combination, and note every failure."""
        cases: list[Case] = []

        def watch(faults: tuple[Fault, ...], log: Sequence[Trace], found: Found) -> None:
            cases.extend(self._cases(faults, noise, log, found))

        trust = trusted(self.traces, self.runner, self.scorer, combinations, noise, watch=watch)
        return Measured(tuple(cases), trust)

    def _cases(
        self, faults: tuple[Fault, ...], noise: float, log: Sequence[Trace], found: Found
    ) -> Iterable[Case]:
        logged = {trace.trace_id: trace for trace in log}
        evidence = {
            t.query.text: self.labels[t.trace_id].evidence for t in self.traces if t.trace_id in self.labels
        }
        bench = Bench(self.pipeline, self.runner, self.scorer, evidence, self.seed, noise)
        planted = bench.planted(faults)
        for blame in found.blames:
            yield self._case(faults, noise, logged[blame.trace_id], blame, planted)

    def _case(
        self, faults: tuple[Fault, ...], noise: float, trace: Trace, blame: Blame, planted: Pipeline
    ) -> Case:
        roles = in_order(tuple({fault.role for fault in faults}))
        case = Case(
            setup=self.setup.name,
            noise=noise,
            faults=tuple(fault.name for fault in faults),
            roles=roles,
            trace_id=trace.trace_id,
            verdict=blame.verdict,
            mode=blame.mode,
            right=_right(blame, roles),
            in_prompt=any(f.name in LEAVES_EVIDENCE for f in faults) and self._all_packed(trace),
            read_through=reads_through(roles, trace, self.labels[trace.trace_id]),
            model_runs=blame.runs.model,
            said=self._said(trace, planted, noise) if faults else {},
            reason=blame.undecided.reason if blame.undecided else None,
        )
        if case.right or not faults:
            return case
        if len(roles) == 2:
            return replace(case, why=self._why_of_pair(case, blame, trace, planted))
        return replace(case, why=self._why(case, trace, planted))

    def _all_packed(self, trace: Trace) -> bool:
        context = trace.output("packer")
        packed = {p.id for p in context.passages} if isinstance(context, Context) else set()
        return {p.id for p in self.labels[trace.trace_id].gold.passages} <= packed

    def _said(self, trace: Trace, planted: Pipeline, noise: float) -> dict[str, Said]:
        label, model = self.labels[trace.trace_id], planted.stage("model")
        said = from_log(trace, label)
        if self.others and model is not None:
            outputs = [(step.role, step.output) for step in trace.steps]
            lost = lost_at(funnel_of(outputs, label, passed=False)) or "model"
            said[WHYDUNIT] = asked_whydunit(trace, label, model, self.scorer, self.seed, lost, noise > 0)
        return said

    def _why(self, case: Case, trace: Trace, planted: Pipeline) -> str | None:
        spoiled = self._unsound(Runner(planted, Memo(), self.seed), trace)
        if "model" not in case.roles and not set(case.roles) & spoiled:
            return "inert"
        if case.wrong and case.verdict in self._unsound(self.runner, trace):
            return "unsound before"
        return None

    def _why_of_pair(self, case: Case, blame: Blame, trace: Trace, planted: Pipeline) -> str | None:
        before = planted.roles[: planted.roles.index("model")]
        if inert(case.roles, self._unsound(Runner(planted, Memo(), self.seed), trace), before):
            return "inert"
        alone = {repair[0] for repair in blame.minimal_repairs if len(repair) == 1}
        if not alone:
            return None
        return "unsound before" if alone & self._unsound(self.runner, trace) else "alone"

    def _unsound(self, runner: Runner, trace: Trace) -> frozenset[Role]:
        return unsound(runner, trace, self.library, self.scorer)


def _right(blame: Blame, roles: tuple[Role, ...]) -> bool:
    if len(roles) < 2:
        return blame.verdict in (roles or ("model",))
    return any(set(roles) <= set(repair) for repair in blame.minimal_repairs)
