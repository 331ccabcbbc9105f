"""What the tests of the readers share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diagnose.core.artifact import Answer, Context, Passages
from diagnose.core.trace import Trace
from diagnose.traces.account import Account
from diagnose.traces.lines import Problem
from diagnose.traces.read import read_log


def written(folder: Path, content: Any, name: str = "log.json") -> Path:
    """A file of these bytes, this text, these lines (a list of objects) or this object."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, list) and name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(item) + "\n" for item in content), encoding="utf-8")
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return path


def read(path: Path | list[Path], **options: Any) -> tuple[list[Trace], list[str], Account]:
    """The traces of a log, its problems as text, and the account."""
    account = Account()
    found = list(read_log(path, account=account, **options))
    problems = [str(item) for item in found if isinstance(item, Problem)]
    return [item for item in found if isinstance(item, Trace)], problems, account


def one(path: Path, **options: Any) -> Trace:
    """The one trace of a log without problems."""
    traces, problems, _ = read(path, **options)
    assert problems == []
    (trace,) = traces
    return trace


def roles(trace: Trace) -> list[str]:
    """The roles that were recovered."""
    return [step.role for step in trace.steps]


def ids(trace: Trace, role: Any) -> list[str]:
    """The ids of the passages that a stage gave."""
    output = trace.output(role)
    assert isinstance(output, Passages | Context)
    return [passage.id for passage in output.passages]


def texts(trace: Trace, role: Any) -> list[str]:
    """The texts of the passages that a stage gave."""
    output = trace.output(role)
    assert isinstance(output, Passages | Context)
    return [passage.text for passage in output.passages]


def answer(trace: Trace) -> str:
    """What the model said."""
    output = trace.output("model")
    assert isinstance(output, Answer)
    return output.text


def notes(account: Account) -> str:
    """Everything an account noted."""
    return "\n".join(account.noted)
