"""Opening what commands are given: logs, pipelines, and the runner between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import msgspec

from diagnose.cli.interrupt import stoppable
from diagnose.cli.session import SHOWN, memo_path, say
from diagnose.cli.sources import Wanted
from diagnose.core.pipeline import ABSTENTION, Corpus, Pipeline, ScoreSettings
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, UsageError, visible
from diagnose.replay.memo import opened
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.traces.lines import Problem

if TYPE_CHECKING:
    from diagnose.replay.ahead import Engine
    from diagnose.traces.account import AccountSummary

T = TypeVar("T")

NOTED = 12
"""Things that a reader inferred or could not read which a report lists; the rest are counted."""


def kept(
    found: Iterable[T | Problem], strict: bool, quiet: bool, what: str
) -> tuple[list[T], tuple[str, ...]]:
    """The usable values and the problems as text; the first problem is fatal when `strict`."""
    problems: list[str] = []
    values = list(usable(found, problems, strict, quiet, what))
    return values, tuple(problems)


def usable(
    found: Iterable[T | Problem], problems: list[str], strict: bool, quiet: bool, what: str
) -> Iterator[T]:
    """The usable values one by one; what is wrong with others goes to `problems`, as text. BadInput where there is
    none, and with `strict` at the first problem."""
    n = 0
    for item in found:
        if not isinstance(item, Problem):
            n += 1
            yield item
            continue
        if strict:
            raise BadInput(str(item))
        problems.append(str(_without_folder(item)))
        if len(problems) <= SHOWN:
            say(f"left out: {item}", quiet)
    if len(problems) > SHOWN:
        say(f"… and {len(problems) - SHOWN} more problems; `diagnose check` lists all", quiet)
    if not n:
        raise BadInput(f"no usable {what}: {problems[0] if problems else 'the file holds none'}")


def _without_folder(problem: Problem) -> Problem:
    """The problem as a report keeps it: reports name no folders of the machine that made them."""
    return msgspec.structs.replace(problem, source=PurePath(problem.source).name)


class Log(NamedTuple):
    """What was read: the traces, what was wrong with others, and what the log did not say by itself."""

    traces: list[Trace]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def log_of(wanted: Wanted, strict: bool, quiet: bool, corpus: Corpus | None = None) -> Log:
    """The traces of logs, whichever tool wrote them; texts that they left out come from `corpus`."""
    from diagnose.traces.account import Account

    account = Account()
    traces, problems = kept(wanted.read(account, corpus), strict, quiet, "trace")
    return Log(traces, problems, said_of_log(wanted, account.summary(), quiet))


def said_of_log(wanted: Wanted, summary: AccountSummary, quiet: bool) -> tuple[str, ...]:
    """What a report has to say of how its log was read; where another tool wrote that, it is said now, too."""
    if not set(summary.formats) - {"diagnose"}:
        return _noted(summary)
    say(f"{visible(wanted.name)}: {_came(summary)}; `diagnose convert` lists the rest", quiet)
    return _inferred(summary)


def _came(summary: AccountSummary) -> str:
    formats = ", ".join(f"{name} {n}" for name, n in summary.formats.items())
    stages = ", ".join(f"{role} {n}" for role, n in summary.stages.items()) or "none"
    return f"read {formats}; stages {stages}"


def _inferred(summary: AccountSummary) -> tuple[str, ...]:
    """What a report has to say of a log that another tool wrote."""
    notes = [f"log: {_came(summary)}"]
    for what, counts in (("ids of passages come from", summary.ids), ("labels", summary.labels)):
        if counts:
            notes.append(f"log: {what} " + ", ".join(f"{name} {n}" for name, n in counts.items()))
    return (*notes, *_noted(summary))


def _noted(summary: AccountSummary) -> tuple[str, ...]:
    notes = [f"log: {noted.what} ({noted.n})" for noted in summary.notes[:NOTED]]
    if len(summary.notes) > NOTED:
        notes.append(f"log: {len(summary.notes) - NOTED} more notes; `diagnose convert` lists them")
    return tuple(notes)


def traces_of(
    path: Path, strict: bool, quiet: bool, limit: list[str] | None = None
) -> tuple[list[Trace], tuple[str, ...]]:
    """The traces of one log, whichever tool wrote it, and what was wrong with others."""
    found = log_of(Wanted([str(path)], limit=limit), strict, quiet)
    return found.traces, found.problems


def pipeline_of(path: Path, traces: Sequence[Trace] | None = None, corpus: Corpus | None = None) -> Pipeline:
    """The pipeline of a file; its recorded stages answer from `traces`, its corpus is `corpus` if that was read
    before."""
    from diagnose.stages.load import load_pipeline

    return load_pipeline(path, traces=traces, corpus=corpus)


def corpus_of(path: Path | None) -> Corpus | None:
    """The corpus that a pipeline file names."""
    from diagnose.stages.load import load_corpus

    return load_corpus(path) if path else None


@dataclass(frozen=True)
class Engines:
    """Where stage calls are made: `jobs` processes or actors (None: as many as the machines bear), on this machine or
    on the Ray cluster at `address`."""

    kind: Literal["local", "ray"] = "local"
    address: str | None = None
    jobs: int | None = 1


@contextmanager
def runner_of(
    pipeline: Pipeline,
    seed: int,
    no_memo: bool,
    quiet: bool = False,
    space: str = "",
    run_id: str = "",
    engines: Engines = Engines(),
) -> Iterator[Runner]:
    """A runner over the memo on disk; in another `space` it sees other runs than everybody else. Ctrl-C or
    SIGTERM stops it before its next stage call, a second one at once."""
    with (
        opened(memo_path(no_memo), space) as memo,
        stoppable(quiet) as stop,
        closing(_engine(pipeline, engines)) as engine,
    ):
        yield Runner(pipeline, memo, seed, stop, run_id, (engine,))
        if memo.note:
            say(memo.note, quiet)


def _engine(pipeline: Pipeline, engines: Engines) -> Engine:
    if engines.kind == "ray":
        from diagnose.replay.on_ray import OnRay

        return OnRay(engines.address, engines.jobs)
    if engines.address is not None:
        raise UsageError("--address names a Ray cluster: say --engine ray as well")
    from diagnose.replay.processes import Processes, free_memory, jobs_for, usable_cpus

    jobs, model = engines.jobs, pipeline.stage("model")
    if jobs is None:
        recipe = model.recipe if model is not None and model.prompt_of is not None else None
        jobs = jobs_for(recipe, usable_cpus(), free_memory())
    return Processes(jobs)


def scorer_of(pipeline: Pipeline | None, metric: str | None = None, pass_mark: float | None = None) -> Scorer:
    """The pipeline's scorer, or the one asked for on the command line."""
    settings = pipeline.score if pipeline else ScoreSettings()
    if metric is not None or pass_mark is not None:
        mark = settings.pass_mark if pass_mark is None else pass_mark
        same = metric in (None, settings.metric)
        options = settings.options if same else {}
        settings = replace(settings, metric=metric or settings.metric, pass_mark=mark, options=options)
    return Scorer.from_settings(settings, pipeline.abstention if pipeline else ABSTENTION)
