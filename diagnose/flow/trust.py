"""Planting known faults in a pipeline to see how often blame lands on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from diagnose.ablate.plan import planned
from diagnose.ablate.routing import cheapest_first
from diagnose.ablate.scene import scene_of
from diagnose.ablate.spread import Effort
from diagnose.attribute.ranking import tally
from diagnose.core.artifact import Context, Output, Passage, Passages
from diagnose.core.blame import Blame
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage, in_order
from diagnose.core.trace import Trace
from diagnose.core.trust import Trial, Trust
from diagnose.flow.apart import inert, reads_through, unsound
from diagnose.flow.counterchecked import UNTESTED, Bounds, put_to_test
from diagnose.flow.failing import failing_of
from diagnose.flow.found import Found, Progress, Scored, silent
from diagnose.flow.replayed import Settings, replayed
from diagnose.flow.stopped import cut_short, each_until_stopped
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Meter, Runner, advance
from diagnose.score.evidence import Evidence
from diagnose.score.label import Library, label_of
from diagnose.score.table import Scorer
from diagnose.stages.faults import FAULTS, Around, Fault, asked, faulty
from diagnose.stats.permutation import wilson_interval
from diagnose.traces.record import recorded

Watch = Callable[[tuple[Fault, ...], Sequence[Trace], Found], None]
"""Called after each trial with its faults, the log that they led to, and what was found."""
FOREIGN = 40
"""Passages of the corpus that faults may draw from, at least (all, where there are fewer)."""
LOG_REPEAT = 1_000_003
"""Added to the seed when a faulty pipeline is logged: what was logged once is not what a replay draws."""


@dataclass(frozen=True)
class Bench:
    """A healthy pipeline, its labelled queries and what plants faults in it.

    `steady` marks a pipeline whose every stage is deterministic; `noise` is the probability that the model
    is wrong whatever it reads, planted on top of every fault.
    """

    pipeline: Pipeline
    runner: Runner
    scorer: Scorer
    evidence: dict[str, Evidence]
    seed: int
    noise: float = 0.0
    effort: Effort = Effort()

    def planted(self, faults: Sequence[Fault]) -> Pipeline:
        """The pipeline with the faults (and the noise) in it, whatever its route."""
        spoiled = {fault.role: fault for fault in faults}
        around = Around(self._gold, routes=cheapest_first(self.pipeline), others=self.others)

        def planted(stage: Stage) -> Stage:
            made = remembered(stage, self.runner)
            if (fault := spoiled.get(stage.role)) is not None:
                made = faulty(made, fault, around, self.seed)
            if stage.role == "model" and self.noise > 0:
                made = faulty(made, FAULTS["flaky"], replace(around, rate=self.noise), self.seed)
            return made

        routes = {
            name: {role: planted(stage) for role, stage in routed.items()}
            for name, routed in self.pipeline.routes.items()
        }
        return replace(self.pipeline, stages=tuple(map(planted, self.pipeline.stages)), routes=routes)

    @property
    def others(self) -> tuple[Passage, ...]:
        """Passages of the corpus, from all over it, for faults that bring in something foreign."""
        passages = tuple(self.pipeline.corpus or ())
        return passages[:: max(1, len(passages) // FOREIGN)]

    def _gold(self, question: str, passages: Sequence[Passage]) -> tuple[bool, ...]:
        evidence = self.evidence.get(question)
        if evidence is None:
            return tuple(False for _ in passages)
        # Every copy of the evidence counts, not only the first: a fault that leaves one behind has lost
        # nothing.
        return tuple(bool(evidence.held([p])) for p in passages)


def remembered(stage: Stage, runner: Runner) -> Stage:
    """The stage answering through a runner's memo: a fault changes what it gives, not what it costs."""

    def run(given: Given, seed: int | None) -> Output:
        return runner.run(stage, given, Meter(), 0 if seed is None else seed)

    return replace(stage, run=run, run_batch=None)


def trusted(
    traces: Iterable[Trace],
    runner: Runner,
    scorer: Scorer,
    faults: Sequence[Sequence[Fault]],
    noise: float = 0.0,
    effort: Effort = Effort(),
    progress: Progress = silent,
    watch: Watch | None = None,
    counter_check: bool = True,
) -> Trust:
    """Plant each fault or combination in the pipeline, fail, diagnose, and compare the verdicts with the
    truth.

    Only queries that the healthy pipeline answers are used: where it fails by itself, there is no truth to know.
    `counter_check` puts what the pipeline's own judges said to the test. Where the runner is stopped, what is given is
    of the faults until then, and `partial`; Stopped where there are none.
    """
    pipeline, seed = runner.pipeline, runner.seed
    labelled, evidence = _labelled(traces, pipeline, scorer)
    bench = Bench(pipeline, runner, scorer, evidence, seed, noise, effort)
    healthy = replace(bench, noise=0.0)
    right = _right_answers(healthy, (), labelled)
    answered = [t for t in labelled if t.trace_id in right]
    # A right answer whose evidence never reached the model is luck: which stage lost it there is a fault of
    # its own.
    earned = [
        t for t in answered if _earned(right[t.trace_id], evidence[asked(t.query)]) and _robust(healthy, t)
    ]
    failing: dict[tuple[str, ...], set[str]] = {}

    def tried(combination: Sequence[Fault]) -> Trial:
        return _trial(bench, tuple(combination), earned, failing, watch)

    trials = each_until_stopped(faults, tried, lambda: runner.stopped, progress)
    cut = cut_short(len(trials), len(faults), bool(trials), "faults")
    found = _summed(trials, len(labelled), len(answered), len(earned), bench)
    if counter_check and not cut:
        said = put_to_test(runner, scorer, labelled, Bounds(seed))
        cut = UNTESTED if said is None else ""
        found = msgspec.structs.replace(found, notes=(*found.notes, *(said or ())))
    return msgspec.structs.replace(found, notes=(cut.strip(), *found.notes), partial=True) if cut else found


def _labelled(
    traces: Iterable[Trace], pipeline: Pipeline, scorer: Scorer
) -> tuple[list[Trace], dict[str, Evidence]]:
    library = Library(pipeline.corpus)
    kept: list[Trace] = []
    evidence: dict[str, Evidence] = {}
    for trace in traces:
        label = label_of(trace.gold, trace.query, library, scorer.abstention)
        if (
            label is not None
            and (label.evidence or not label.gold.answerable)
            and label.reference is not None
            and label.in_corpus is not False
        ):
            kept.append(trace)
            evidence[asked(trace.query)] = label.evidence
    return kept, evidence


def _logged(bench: Bench, faults: Sequence[Fault], traces: Sequence[Trace]) -> list[Trace]:
    """The log that the pipeline with these faults writes."""
    pipeline = bench.planted(faults)
    runner = Runner(pipeline, Memo(), bench.seed + LOG_REPEAT)
    return [recorded(t, pipeline, runner, _score_of(bench.scorer, t), None).trace for t in traces]


def _score_of(scorer: Scorer, trace: Trace) -> Callable[[str], float | None]:
    def score(answer: str) -> float | None:
        return scorer.score(answer, trace.gold).value if trace.gold else None

    return score


def _right_answers(bench: Bench, faults: Sequence[Fault], traces: Sequence[Trace]) -> dict[str, Trace]:
    """The logged traces that the pipeline with these faults answers rightly, by id."""
    mark = bench.scorer.pass_mark
    log = _logged(bench, faults, traces)
    return {
        t.trace_id: t for t in log if t.outcome and t.outcome.score is not None and t.outcome.score >= mark
    }


def _earned(logged: Trace, evidence: Evidence) -> bool:
    """Whether the evidence was in everything that passages went through before the model; a question that
    nothing answers needs none."""
    if not evidence:
        return True
    for step in logged.steps:
        match step.output:
            case Passages():
                held = evidence.held(step.output.passages)
            case Context():
                held = evidence.held_in_text(step.output.text, step.output.passages)
            case _:
                continue
        if not evidence.enough(held):
            return False
    return True


def _robust(bench: Bench, trace: Trace) -> bool:
    """Whether the pipeline also answers with every stage before the model repaired: if it does not, its
    right answer hangs on a layout that no contract asks for. A verifier may see to it: where it blocks what the
    model invents, the pipeline answers."""
    one = failing_of(Scored(trace, None, None), Library(bench.pipeline.corpus), bench.scorer)
    if one.label is None:
        return False
    meter = Meter()
    scene = scene_of(bench.runner, trace.query, one.label, one.right, meter, worth=one.worth)
    plan = planned(bench.runner, trace.query, scene, meter)
    fair = plan.variants[plan.unsound]
    state = fair.state
    for role in bench.pipeline.roles[bench.pipeline.roles.index("model") :]:
        stage = bench.pipeline.stage(role, state.route)
        assert stage is not None
        state = advance(bench.runner, state, stage, meter)
    return one.right(state.said or "")


def _trial(
    bench: Bench,
    faults: tuple[Fault, ...],
    answered: Sequence[Trace],
    failing: dict[tuple[str, ...], set[str]],
    watch: Watch | None,
) -> Trial:
    tried = list(answered)
    if len(faults) > 1:
        # Both faults must matter: each alone fails these queries, so that neither repair alone can help.
        steady = replace(bench, noise=0.0)
        for fault in faults:
            if (fault.name,) not in failing:
                passes = _right_answers(steady, (fault,), answered)
                failing[(fault.name,)] = {t.trace_id for t in answered if t.trace_id not in passes}
            tried = [t for t in tried if t.trace_id in failing[(fault.name,)]]
    elif faults and bench.noise > 0:
        steady = replace(bench, noise=0.0)
        passes = _right_answers(steady, faults, answered)
        tried = [t for t in answered if t.trace_id not in passes]
    log = _logged(bench, faults, tried)
    pipeline = bench.planted(faults)
    # The judges of a pipeline with faults in it are the healthy one's, and tested there.
    settings = Settings(effort=bench.effort, probe=False, seed=bench.seed, counter_check=False)
    found = replayed(log, Runner(pipeline, Memo(), bench.seed), bench.scorer, settings)
    if watch is not None:
        watch(faults, log, found)
    return _counted(_Planted(bench, faults, pipeline), len(tried), log, found.blames)


@dataclass(frozen=True)
class _Planted:
    """Faults in their pipeline."""

    bench: Bench
    faults: tuple[Fault, ...]
    pipeline: Pipeline

    @property
    def roles(self) -> tuple[Role, ...]:
        """The stages that they are in."""
        return in_order(tuple({fault.role for fault in self.faults}))

    def apart(self, missed: Sequence[Blame], log: Sequence[Trace]) -> tuple[set[str], set[str]]:
        """The ids of failures that no verdict could be right about: inert ones, and those read through."""
        traces = {t.trace_id: t for t in log}
        library, runner = Library(self.pipeline.corpus), Runner(self.pipeline, Memo(), self.bench.seed)
        before = self.pipeline.roles[: self.pipeline.roles.index("model")]
        idle: set[str] = set()
        through: set[str] = set()
        for blame in missed:
            trace = traces[blame.trace_id]
            label = label_of(trace.gold, trace.query, library, self.bench.scorer.abstention)
            if label is not None and reads_through(self.roles, trace, label):
                through.add(blame.trace_id)
            elif set(self.roles) & set(before):
                try:
                    spoiled = unsound(runner, trace, library, self.bench.scorer)
                except Broken:
                    continue
                if inert(self.roles, spoiled, before):
                    idle.add(blame.trace_id)
        return idle, through


def _counted(planted: _Planted, tried: int, log: Sequence[Trace], blames: Sequence[Blame]) -> Trial:
    roles, faults = planted.roles, planted.faults
    idle, through = planted.apart([b for b in blames if not _right(b, roles)], log)
    judged = [b for b in blames if b.trace_id not in idle | through]
    convicted = [b for b in judged if b.verdict in planted.pipeline.roles]
    wrong = [b for b in convicted if b.verdict not in roles]
    right = [b for b in judged if _right(b, roles)]
    return Trial(
        faults=tuple(fault.name for fault in faults),
        roles=roles,
        tried=tried,
        failed=len(blames),
        right=len(right),
        wrong=len(wrong) if roles else sum(b.verdict != "model" for b in convicted),
        on_model=sum(b.verdict == "model" for b in wrong),
        undecided=sum(b.verdict == "undecided" for b in judged),
        verdicts=tally(b.verdict for b in blames),
        modes=tally(b.mode for b in right),
        model_runs=sum(b.runs.model for b in blames),
        inert=len(idle),
        read_through=len(through),
    )


def _right(blame: Blame, roles: tuple[Role, ...]) -> bool:
    if len(roles) < 2:
        return blame.verdict in roles
    return any(set(roles) <= set(repair) for repair in blame.minimal_repairs)


def _summed(trials: Sequence[Trial], n_queries: int, n_answered: int, n_earned: int, bench: Bench) -> Trust:
    single = [t for t in trials if len(t.faults) == 1]
    failed = sum(t.failed - t.inert for t in single)
    right = sum(t.right for t in single)
    low, high = wilson_interval(right, failed) if failed else (None, None)
    runs = Counter[str]()
    runs["model"] = sum(t.model_runs for t in trials)
    everything = sum(t.failed for t in trials)
    notes = tuple(
        f"{' + '.join(t.faults)}: no query failed, so the fault was not seen"
        for t in trials
        if t.faults and not t.failed
    )
    return Trust(
        n_queries=n_queries,
        n_answered=n_answered,
        n_earned=n_earned,
        trials=tuple(trials),
        failed=failed,
        right=right / failed if failed else None,
        right_low=low,
        right_high=high,
        wrong=sum(t.wrong for t in single) / failed if failed else None,
        model_runs_per_failure=runs["model"] / everything if everything else None,
        seed=bench.seed,
        noise=bench.noise,
        inert=sum(t.inert for t in single),
        notes=notes,
    )


def combinations_of(pipeline: Pipeline, pairs: bool, names: Sequence[str] = ()) -> list[tuple[Fault, ...]]:
    """The faults that fit a pipeline's stages: singly, then (asked for) in pairs over two stages."""
    fitting = [f for f in FAULTS.values() if f.role in pipeline.roles and (not names or f.name in names)]
    single: list[tuple[Fault, ...]] = [(fault,) for fault in fitting]
    if not pairs:
        return single
    both = [(a, b) for i, a in enumerate(fitting) for b in fitting[i + 1 :] if a.role != b.role]
    return [*single, *both]
