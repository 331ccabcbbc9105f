"""Writing gate verdicts, comparisons and swaps: to files by their suffix, to the terminal, to GitHub Actions."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from diagnose.cli.session import paper, say
from diagnose.errors import UsageError, quoted

if TYPE_CHECKING:
    from diagnose.core.budget import Budget, Sweep
    from diagnose.core.stage import Role
    from diagnose.core.swap import Swaps
    from diagnose.core.verdict import Comparison, GateVerdict
    from diagnose.report.sections import Section
    from diagnose.report.to_github import Place

Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--output", "-o", help="Also write it here, in the form of the suffix; - for stdout (repeatable)."
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="Compare all the same: scorer, questions, labels, missing (repeatable)."),
]
GATE_SUFFIXES = (".json", ".md", ".html", ".xml", ".sarif")
SUFFIXES = (".json", ".md", ".html")


def check_suffixes(outputs: Sequence[Path], known: Sequence[str]) -> None:
    """UsageError, before any work is done, for a suffix that stands for no form."""
    for path in outputs:
        if str(path) != "-" and path.suffix not in known:
            raise UsageError(f"-o {quoted(path)}: expected a name that ends in {', '.join(known)}")


def write_all(
    outputs: Sequence[Path],
    value: GateVerdict | Comparison | Swaps,
    sections: Sequence[Section],
    more: Mapping[str, Callable[[], bytes]],
    title: str,
) -> None:
    """Write the value to each file; `more` holds forms that not every value has, by suffix."""
    for path in outputs:
        write_body(path, _body(path.suffix, value, sections, more, title))


def write_body(path: Path, *parts: bytes) -> None:
    """Write a document whole or not at all; `-` is stdout. UsageError where it cannot be written."""
    from diagnose.cli.outputs import write_bytes

    if str(path) == "-":
        sys.stdout.buffer.writelines(parts)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, *parts)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error


def _body(
    suffix: str,
    value: GateVerdict | Comparison | Swaps,
    sections: Sequence[Section],
    more: Mapping[str, Callable[[], bytes]],
    title: str,
) -> bytes:
    from diagnose.report.sections_html import html_page
    from diagnose.report.sections_markdown import markdown_sections

    if suffix in more:
        return more[suffix]()
    if suffix == ".json":
        return document(value)
    if suffix == ".html":
        return html_page(sections, title).encode()
    return markdown_sections(sections).encode()


def document(value: GateVerdict | Comparison | Swaps | Budget | Sweep) -> bytes:
    """The value as one JSON document."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def show_all(
    value: GateVerdict | Comparison | Swaps, sections: Sequence[Section], json: bool, quiet: bool
) -> None:
    """The value on stdout, as text or as one JSON document."""
    from diagnose.report.sections_text import text_sections

    if json:
        sys.stdout.buffer.write(document(value))
        sys.stdout.buffer.flush()
    elif not quiet:
        text_sections(sections, paper())


def places_of(pipeline: Path | None) -> dict[Role, Place]:
    """Where each stage is set up, by paths from here (those of a repository's workflow run at its top)."""
    from diagnose.gate.places import stage_spots
    from diagnose.report.to_github import Place

    if pipeline is None:
        return {}
    here = Path.cwd().resolve()
    found = {}
    for role, spot in stage_spots(pipeline).items():
        file = spot.file.resolve()
        path = file.relative_to(here).as_posix() if file.is_relative_to(here) else file.name
        found[role] = Place(path, spot.line)
    return found


def tell_github(verdict: GateVerdict, places: Mapping[Role, Place], json: bool) -> None:
    """Annotations, step summary and outputs for GitHub Actions, where they can be written."""
    from diagnose.report.to_github import outputs, summary, workflow_commands

    # GitHub reads commands on both streams; a JSON document on stdout stays one.
    stream = sys.stderr if json else sys.stdout
    for command in workflow_commands(verdict, places):
        print(command, file=stream)  # not through rich, which would break the line
    for variable, text in (("GITHUB_STEP_SUMMARY", summary(verdict)), ("GITHUB_OUTPUT", outputs(verdict))):
        if name := os.environ.get(variable):
            try:
                with open(name, "a", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                say(f"{variable} could not be written ({error.strerror})")
