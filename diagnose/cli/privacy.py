"""`--redact`: what a run found out, without personal data in it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diagnose.cli.session import say
from diagnose.errors import BadInput, UsageError, quoted, visible

if TYPE_CHECKING:
    from diagnose.core.report import Report
    from diagnose.flow import Found
    from diagnose.report.redact import Redactor

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


def redactor_of(redact: bool, also: Path | None) -> Redactor | None:
    """What `--redact` and `--redact-also` ask for; None for neither."""
    from diagnose.report.redact import Redactor

    if not redact and also is None:
        return None
    return Redactor(_own(also) if also is not None else {})


def _own(path: Path) -> dict[str, re.Pattern[str]]:
    """The user's own patterns: a TOML file of names, and for each a Python pattern or a list of words."""
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--redact-also {path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: expected TOML of names and patterns: {visible(str(error))}") from error
    return {name: _pattern(name, pattern, path) for name, pattern in table.items()}


def _pattern(name: str, pattern: object, path: Path) -> re.Pattern[str]:
    if not NAME.fullmatch(name):
        raise UsageError(f"{path} {quoted(name)}: expected a name of small letters, digits and hyphens")
    if isinstance(pattern, list) and pattern and all(isinstance(w, str) and w.strip() for w in pattern):
        return _any_of(pattern)
    if not isinstance(pattern, str):
        raise UsageError(
            f"{path} {name}: expected a pattern in quotes or a list of words, found {quoted(pattern)}"
        )
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"{path} {name}: expected a pattern, found {quoted(pattern)}: {visible(str(error))}"
        ) from error
    if compiled.fullmatch(""):
        raise UsageError(f"{path} {name}: the pattern {quoted(pattern)} matches nothing at all, everywhere")
    return compiled


def _any_of(words: list[str]) -> re.Pattern[str]:
    """A pattern of words taken as they are, in any case and with any blanks between their parts; longer ones first."""
    told = sorted({" ".join(word.split()) for word in words}, key=lambda word: (-len(word), word))
    listed = "|".join(r"\s+".join(map(re.escape, word.split())) for word in told)
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)


def write_redacted(
    folder: Path, report: Report, found: Found, redactor: Redactor | None, quiet: bool
) -> Report:
    """Write a report folder, where there is a redactor without personal data, and give the report as it was written.

    Questions stand in the outcomes by their digests, which stay those of the questions as they were asked.
    """
    from diagnose.cli.outputs import write_folder
    from diagnose.flow.outcomes import outcomes_of

    if redactor is None:
        write_folder(folder, report, found)
        return report
    told = redactor.value(report)
    cleared = replace(
        found,
        games=redactor.all(found.games),
        blames=redactor.all(found.blames),
        cases=redactor.all(found.cases),
    )
    write_folder(folder, told, cleared, redactor.all(outcomes_of(found, report.provenance.pass_mark)))
    counts = ", ".join(f"{kind} {n}" for kind, n in redactor.counts().items()) or "nothing"
    say(f"redacted: {counts} (forms and what --redact-also lists: other names and addresses stay)", quiet)
    return told
