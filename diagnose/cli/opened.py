"""Opening what commands are given: logs, pipelines, and the runner between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TypeVar

import msgspec

from diagnose.cli.session import SHOWN, memo_path, say
from diagnose.core.pipeline import ABSTENTION, Pipeline, ScoreSettings
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, visible
from diagnose.replay.memo import opened
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.traces.lines import Problem

T = TypeVar("T")


def kept(
    found: Iterable[T | Problem], strict: bool, quiet: bool, what: str
) -> tuple[list[T], tuple[str, ...]]:
    """The usable values and the problems as text; the first problem is fatal when `strict`."""
    values: list[T] = []
    problems: list[str] = []
    for item in found:
        if not isinstance(item, Problem):
            values.append(item)
            continue
        if strict:
            raise BadInput(str(item))
        problems.append(str(_without_folder(item)))
        if len(problems) <= SHOWN:
            say(f"left out: {item}", quiet)
    if len(problems) > SHOWN:
        say(f"… and {len(problems) - SHOWN} more problems; `diagnose check` lists all", quiet)
    if not values:
        raise BadInput(f"no usable {what}: {problems[0] if problems else 'the file holds none'}")
    return values, tuple(problems)


def _without_folder(problem: Problem) -> Problem:
    """The problem as a report keeps it: reports name no folders of the machine that made them."""
    return msgspec.structs.replace(problem, source=PurePath(problem.source).name)


def traces_of(
    path: Path, strict: bool, quiet: bool, gold: Path | None = None
) -> tuple[list[Trace], tuple[str, ...]]:
    """The traces of a log, whichever tool wrote it, with the labels of `gold` joined to them."""
    from diagnose.traces.account import Account
    from diagnose.traces.labels import read_labels
    from diagnose.traces.read import read_log

    account = Account()
    labels = read_labels(gold) if gold else None
    found = kept(read_log(path, gold=labels, account=account), strict, quiet, "trace")
    summary = account.summary()
    if set(summary.formats) - {"diagnose"}:
        formats = ", ".join(f"{name} {n}" for name, n in summary.formats.items())
        stages = ", ".join(f"{role} {n}" for role, n in summary.stages.items()) or "none"
        say(
            f"{visible(path.name)}: read {formats}; stages {stages}; `diagnose convert` lists the rest", quiet
        )
    return found


def pipeline_of(path: Path, traces: Sequence[Trace] | None = None) -> Pipeline:
    """The pipeline of a file; its recorded stages answer from `traces`."""
    from diagnose.stages.load import load_pipeline

    return load_pipeline(path, traces=traces)


@contextmanager
def runner_of(
    pipeline: Pipeline, seed: int, no_memo: bool, quiet: bool = False, space: str = ""
) -> Iterator[Runner]:
    """A runner over the memo on disk; in another `space` it sees other runs than everybody else."""
    with opened(memo_path(no_memo), space) as memo:
        yield Runner(pipeline, memo, seed)
        if memo.note:
            say(memo.note, quiet)


def scorer_of(pipeline: Pipeline | None, metric: str | None = None, pass_mark: float | None = None) -> Scorer:
    """The pipeline's scorer, or the one asked for on the command line."""
    settings = pipeline.score if pipeline else ScoreSettings()
    if metric is not None or pass_mark is not None:
        mark = settings.pass_mark if pass_mark is None else pass_mark
        same = metric in (None, settings.metric)
        options = settings.options if same else {}
        settings = replace(settings, metric=metric or settings.metric, pass_mark=mark, options=options)
    return Scorer.from_settings(settings, pipeline.abstention if pipeline else ABSTENTION)
