"""What a run in progress leaves beside its results, so that `--resume` goes on with the same run and no other."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from diagnose.cli.outputs import write_bytes
from diagnose.cli.session import memo_path, say
from diagnose.core.artifact import Frozen
from diagnose.core.pipeline import Pipeline
from diagnose.errors import NO_SPACE, Interrupted, UsageError, visible

FILE = "unfinished.json"
UNFINISHED_SCHEMA = "diagnose.unfinished/1"


class Unfinished(Frozen, frozen=True, tag_field="schema", tag=UNFINISHED_SCHEMA):
    """What a run was begun with, by name: digests of its inputs, and its settings as text. `run_id` tells runs with
    the same inputs apart."""

    inputs: dict[str, str]
    run_id: str = ""


def inputs_of(log: str, pipeline: Pipeline | None, **settings: object) -> dict[str, str]:
    """What a result depends on: the digest `log`, the stages (by digest), the corpus, and settings."""
    from diagnose import __version__

    found = {"version": __version__, "log": log}
    if pipeline is not None:
        routed = {
            name: {r: s.fingerprint for r, s in stages.items()} for name, stages in pipeline.routes.items()
        }
        for stage in pipeline.stages:
            found[f"the {stage.role}"] = _digest(stage.fingerprint)
        found["the routes"] = _digest(repr(sorted((n, sorted(s.items())) for n, s in routed.items())))
        found["the corpus"] = pipeline.corpus.digest if pipeline.corpus is not None else ""
        found["the scorer"] = _digest(repr((pipeline.score, pipeline.abstention)))
    return found | {name: str(value) for name, value in settings.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def begin(folder: Path, inputs: Mapping[str, str], resume: bool, quiet: bool) -> str:
    """Note in a report folder that a run has begun, and give its id. With `resume` it has to be the one that was
    begun there; UsageError says what differs."""
    return _begun(folder / FILE, str(folder), inputs, resume, quiet)


@contextmanager
def noted(
    command: str, given: Sequence[Path], inputs: Mapping[str, str], resume: bool, no_memo: bool, quiet: bool
) -> Iterator[None]:
    """Notes beside the memo that a command without a folder of its own has begun, on the files `given`; the note goes
    when it is done. With `resume` it has to be the one that was begun on them."""
    check_resume(resume, no_memo)
    memo = memo_path(no_memo)
    if memo is None:
        yield
        return
    path = memo.parent / f"{command}-{_digest(repr([str(file.resolve()) for file in given]))}.{FILE}"
    where = f"{command} of {', '.join(file.name for file in given)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _begun(path, visible(where), inputs, resume, quiet)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        # Where nothing can be kept there is nothing to go on with, either; the memo says so itself.
        yield
        return
    yield
    path.unlink(missing_ok=True)


def interrupted(what: str) -> Interrupted:
    """That somebody stopped a command, what it leaves, and what to do."""
    return Interrupted(f"interrupted: {what}; the same command with --resume finishes it")


def check_resume(resume: bool, no_memo: bool) -> None:
    """UsageError where a run is to go on from a memo that it is not to use."""
    if resume and no_memo:
        raise UsageError("--resume goes on from the memo: leave --no-memo out")


def _begun(path: Path, where: str, inputs: Mapping[str, str], resume: bool, quiet: bool) -> str:
    before = read(path)
    if resume and before is None:
        say(
            f"{where} holds no unfinished run: everything is run (what the memo holds is not run again)",
            quiet,
        )
    elif resume and before is not None:
        check_same(before.inputs, inputs, where)
    run_id = before.run_id if resume and before is not None else secrets.token_hex(8)
    write_bytes(path, encoded(inputs, run_id))
    return run_id


def check_same(before: Mapping[str, str], now: Mapping[str, str], where: str) -> None:
    """UsageError where a run would go on with other inputs than it was begun with."""
    names = dict.fromkeys((*before, *now))
    differing = [name.replace("_", "-") for name in names if before.get(name) != now.get(name)]
    if differing:
        raise UsageError(
            f"{where}: the unfinished run there was begun with another {visible(', another '.join(differing))}; give "
            "the same command as then, or leave --resume out to begin anew"
        )


def read(path: Path) -> Unfinished | None:
    """The note in a file; None where there is none or it is broken off."""
    try:
        return decoded(path.read_bytes())
    except OSError:
        return None


def encoded(inputs: Mapping[str, str], run_id: str = "") -> bytes:
    """The note as one line of JSON."""
    return msgspec.json.encode(Unfinished(dict(inputs), run_id)) + b"\n"


def decoded(line: bytes) -> Unfinished | None:
    """The note in a line, or None where it is none."""
    try:
        return msgspec.json.decode(line, type=Unfinished)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def finish(folder: Path) -> None:
    """The run is done: nothing is left to go on with."""
    (folder / FILE).unlink(missing_ok=True)
