"""`diagnose run`: the whole line, from a log to a report."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.again import again, options_of
from diagnose.cli.annotate import tell
from diagnose.cli.beside import Against
from diagnose.cli.compared import Allow
from diagnose.cli.replaying import (
    Address,
    Alpha,
    CounterCheck,
    Engine,
    FidelityFloor,
    Jobs,
    MaxCalls,
    MaxCallsPerTrace,
    MaxCost,
    Metric,
    Passing,
    PassMark,
    Probe,
    Sample,
    VerdictOnly,
    Workarounds,
)
from diagnose.cli.session import (
    Debug,
    Json,
    NoMemo,
    OutFolder,
    PipelineFile,
    Quiet,
    Resume,
    Seed,
    Strict,
    guarded,
    progress,
    say,
)
from diagnose.cli.sources import CorpusFile, Format, Gold, Limit, Logs, Map, Project, Wanted
from diagnose.cli.sweeping import Silver, Sweeps, Yes
from diagnose.errors import Inconclusive, StageFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnose.core.pipeline import Pipeline
    from diagnose.core.report import Report
    from diagnose.core.trace import Trace
    from diagnose.flow import Found, Settings
    from diagnose.replay.run import Runner
    from diagnose.score.table import Scorer


TELLING = (
    *("pipeline", "gold", "corpus", "format", "map", "project", "metric", "pass_mark", "alpha", "max_calls"),
    *(
        "max_calls_per_trace",
        "fidelity_floor",
        "passing",
        "probe",
        "workarounds",
        "verdict_only",
        "counter_check",
    ),
    *("sample", "max_cost", "silver", "sweep", "seed", "strict", "redact", "redact_also"),
)
"""Options on which a report depends: it names them where they were changed."""
SHOWN = 10
"""Different reasons printed why failures were not replayed."""


@guarded
def run(
    traces: Logs,
    pipeline: PipelineFile = None,
    output: OutFolder = Path("reports/latest"),
    gold: Gold = None,
    corpus: CorpusFile = None,
    format: Format = "auto",
    map: Map = None,
    project: Project = None,
    limit: Limit = None,
    metric: Metric = None,
    pass_mark: PassMark = None,
    alpha: Alpha = 0.01,
    max_calls: MaxCalls = None,
    max_calls_per_trace: MaxCallsPerTrace = 24,
    fidelity_floor: FidelityFloor = 0.8,
    passing: Passing = 0,
    probe: Probe = True,
    workarounds: Workarounds = False,
    verdict_only: VerdictOnly = False,
    counter_check: CounterCheck = True,
    sample: Sample = None,
    max_cost: MaxCost = None,
    silver: Silver = None,
    sweep: Sweeps = None,
    yes: Yes = False,
    baseline: Against = None,
    allow: Allow = None,
    annotate: Annotated[
        str | None,
        typer.Option(help="Write the verdicts back, too: the URL of a Phoenix or MLflow server, or a file."),
    ] = None,
    seed: Seed = 0,
    strict: Strict = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="At the end make the stage calls that failed once more.")
    ] = False,
    redact: Annotated[
        bool,
        typer.Option("--redact", help="Replace e-mail, phone, IBAN, card and IP in the report by numbers."),
    ] = False,
    redact_also: Annotated[
        Path | None,
        typer.Option(help="Replace what these patterns find, too: a TOML file, NAME = 'pattern'."),
    ] = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    address: Address = None,
    resume: Resume = False,
    no_memo: NoMemo = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Replay the failures of a log, attribute them to stages, and write the blame report.

    Without --pipeline nothing is replayed: the report then shows where evidence was lost and convicts nobody.

    Texts of passages that the log left out come from --corpus, else from the pipeline's corpus.

    Example: diagnose run traces.jsonl --pipeline pipeline.toml -o reports/handbook

    Example: diagnose run spans.otlp.json --gold labels.jsonl -p pipeline.toml
    """
    from diagnose import flow
    from diagnose.ablate.spread import Effort
    from diagnose.cli.opened import Engines, corpus_of, log_of, pipeline_of, runner_of, scorer_of
    from diagnose.cli.outputs import print_report, ready_folder
    from diagnose.cli.privacy import redactor_of, write_redacted
    from diagnose.cli.sweeping import planned_sweep, run_sweep, spend_of, with_silver
    from diagnose.flow.chosen import affordable, price_of
    from diagnose.flow.gated import check_baseline
    from diagnose.flow.silver import marked

    given = {name: value for name, value in locals().items() if name in TELLING}
    wanted = Wanted(traces, format, map, gold, corpus, project, limit)
    command = again("run", *wanted.names, *options_of(run, given), output=output)
    redactor = redactor_of(redact, redact_also)
    if pipeline is None and not (silver or sweep or redactor or annotate or resume or max_cost is not None):
        _run_streamed(wanted, metric, pass_mark, output, command, baseline, allow, seed, strict, json, quiet)
        return
    searched = corpus_of(pipeline)
    log, problems, notes = log_of(wanted, strict, quiet, searched)
    log, stand_ins = with_silver(silver, log, seed, no_memo, quiet)
    loaded = pipeline_of(pipeline, log, searched) if pipeline else None
    scorer = scorer_of(loaded, metric, pass_mark)
    _refuse_queries(log, wanted)
    planned = planned_sweep(sweep or [], log, loaded, max_calls, yes, seed)
    ready_folder(output)
    check_baseline(baseline)
    effort = Effort(alpha, max_calls_per_trace, affordable(max_calls, max_cost, price_of(log)))
    settings = flow.Settings(
        effort, fidelity_floor, passing, probe, seed, workarounds, verdict_only, sample, counter_check
    )
    run_id = _begin(output, log, loaded, scorer, settings, resume, no_memo, quiet)
    at = Engines(engine, address, jobs)
    made = runner_of(loaded, seed, no_memo, quiet, run_id=run_id, engines=at) if loaded else nullcontext()
    found = _replayed(log, made, scorer, settings, retry_errors, quiet, None if redactor else output)
    found = replace(found, notes=(*notes, *found.notes))
    report = marked(flow.reported(found, loaded, scorer, seed, command, problems=problems), stand_ins)
    report = write_redacted(output, report, found, redactor, quiet)
    _finish(output, found)
    print_report(report, output, json, quiet)
    if baseline is not None:
        _hold_against(output, baseline, allow or [], seed, json, quiet)
    spend = spend_of(max_calls, seed, counter_check)
    run_sweep(found.partial, pipeline, planned, scorer, output, spend, no_memo, json, quiet)
    _say_work(found, report, quiet)
    _refuse_partial(output, found)
    _write_back(annotate, found, quiet)
    _refuse(found, report if loaded else None, strict, quiet)


def _finish(output: Path, found: Found) -> None:
    """Nothing is left to go on with, but of a partial report."""
    from diagnose.cli.unfinished import finish

    if not found.partial:
        finish(output)


def _refuse_partial(output: Path, found: Found) -> None:
    from diagnose.cli.unfinished import interrupted

    if found.partial:
        raise interrupted(f"{output} holds a partial report")


def _refuse_queries(log: Sequence[Trace], wanted: Wanted) -> None:
    """Raise where nothing was logged but questions."""
    from diagnose.cli.streaming import NOTHING_LOGGED

    if not any(trace.steps for trace in log) and not any(trace.outcome for trace in log):
        raise UsageError(f"{wanted.name} {NOTHING_LOGGED}")


def _run_streamed(
    wanted: Wanted,
    metric: str | None,
    pass_mark: float | None,
    output: Path,
    command: str,
    baseline: Path | None,
    allow: list[str] | None,
    seed: int,
    strict: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Nothing is replayed, and nothing asked for that needs all traces at once."""
    from diagnose.cli.opened import scorer_of
    from diagnose.cli.outputs import print_report
    from diagnose.cli.streaming import run_streamed
    from diagnose.cli.unfinished import finish
    from diagnose.flow.gated import check_baseline

    check_baseline(baseline)
    scorer = scorer_of(None, metric, pass_mark)
    report = run_streamed(wanted, scorer, output, seed, command, strict, quiet)
    finish(output)
    print_report(report, output, json, quiet)
    if baseline is not None:
        _hold_against(output, baseline, allow or [], seed, json, quiet)


def _refuse(found: Found, report: Report | None, strict: bool, quiet: bool) -> None:
    """Raise where stages failed, or where the replays (`report` is None where there were none) decided nothing."""
    _refuse_failed_stages(found, strict, quiet)
    if report is not None and found.blames and not report.ranking:
        _refuse_silence(report)


def _replayed(
    log: Sequence[Trace],
    made: AbstractContextManager[Runner | None],
    scorer: Scorer,
    settings: Settings,
    again: bool,
    quiet: bool,
    folder: Path | None,
) -> Found:
    """The replays, or what the log says alone; with `again`, stage calls that failed are made once more. What is done
    is kept in the folder."""
    from diagnose import flow
    from diagnose.cli.parts import parts
    from diagnose.replay.replies import remembering

    with made as runner, progress("replaying", quiet) as tick, parts(folder) as keep:
        if runner is None:
            return flow.observed(log, scorer)
        told = remembering(scorer, runner.memo)
        found = flow.replayed(log, runner, told, settings, tick, lambda said: say(said, quiet), keep)
        if again and not runner.stopped and (n := runner.forget_failures()):
            say(f"making {n} stage calls that failed once more", quiet)
            found = flow.replayed(log, runner, told, settings, tick)
    return found


def _write_back(annotate: str | None, found: Found, quiet: bool) -> None:
    """The verdicts as annotations, where that was asked for."""
    if annotate is not None:
        from diagnose.traces.annotate import annotate as written

        tell(written(annotate, found.blames), quiet)


def _begin(
    output: Path,
    log: Sequence[Trace],
    loaded: Pipeline | None,
    scorer: Scorer,
    settings: Settings,
    resume: bool,
    no_memo: bool,
    quiet: bool,
) -> str:
    """Note what is run (and give the run its id), so that --resume can tell whether it goes on with the same."""
    from diagnose.cli.unfinished import begin, check_resume, inputs_of
    from diagnose.report.build import digest_of

    check_resume(resume, no_memo)
    chosen = {name: getattr(settings, name) for name in settings.__dataclass_fields__ if name != "effort"}
    inputs = inputs_of(
        digest_of(log),
        loaded,
        metric=scorer.metric,
        **{"pass": scorer.pass_mark},
        **chosen,
        alpha=settings.effort.alpha,
        max_calls=settings.effort.max_calls,
        max_calls_per_trace=settings.effort.max_calls_per_trace,
    )
    return begin(output, inputs, resume, quiet)


def _hold_against(output: Path, baseline: Path, allow: list[str], seed: int, json: bool, quiet: bool) -> None:
    """The comparison with a baseline, on the pages and on stdout; the report itself stands without it."""
    from diagnose.cli.beside import print_beside, sections_of
    from diagnose.cli.outputs import attach_baseline

    found = attach_baseline(output, baseline, allow, seed)
    if not json and not quiet:
        print_beside(sections_of(found))


def _refuse_failed_stages(found: Found, strict: bool, quiet: bool) -> None:
    """A failure whose stages could not be run costs no other one: exit 5 only where none could, or with
    --strict."""
    reasons = [
        b.undecided.detail for b in found.blames if b.undecided and b.undecided.reason == "not-replayable"
    ]
    if not reasons:
        return
    counted = Counter(reasons)
    told = f"{len(reasons)} of {len(found.blames)} failures could not be replayed"
    if strict or len(reasons) == len(found.blames):
        raise StageFailed(f"{told}: {counted.most_common(1)[0][0]}")
    for reason, n in counted.most_common(SHOWN):
        say(f"not replayed ({n}): {reason}", quiet)
    say(
        "the same command makes these calls again and no others; --retry-errors does so by itself, once",
        quiet,
    )


def _refuse_silence(report: Report) -> None:
    """A run whose every failure stays undecided for want of calls has decided nothing: that is its own exit
    code. What is the scorer's, the corpus's or the label's is told without a call."""
    wanting = sum(report.undecided.reasons.get(reason, 0) for reason in ("noise", "budget"))
    findings = report.findings
    others = len(findings.scorer) + len(findings.corpus) + len(findings.label)
    if wanting and wanting + others == report.n_failures:
        needed = report.undecided.calls_needed
        told = (
            f"some {needed} more model calls should settle it"
            if needed
            else "more calls will hardly settle it"
        )
        raise Inconclusive(
            f"every one of {wanting} failures that a stage may be to blame for stays undecided: {told} "
            "(--max-calls, --max-calls-per-trace)"
        )


def _say_work(found: Found, report: Report, quiet: bool) -> None:
    if found.executed:
        done = ", ".join(f"{role} {n}" for role, n in found.executed.items())
        say(f"stage calls made now (the memo answered the rest): {done}", quiet)
