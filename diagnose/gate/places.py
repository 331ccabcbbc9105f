"""Where in a pipeline file each stage is set up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from diagnose.core.stage import ROLES, Role
from diagnose.errors import BadInput, UsageError, visible

_STAGE = re.compile(r"^\s*\[\s*stages\s*\.\s*\"?(?P<role>\w+)\"?\s*\]")


class Spot(NamedTuple):
    """A file and a line in it, from 1."""

    file: Path
    line: int


def stage_spots(pipeline: Path) -> dict[Role, Spot]:
    """Where each stage of a pipeline file is set up: the file that its table names (a prompt template), if there is
    one, else the line of the table."""
    name = visible(str(pipeline))
    try:
        text = pipeline.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {visible(error.strerror or str(error))}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{name}: expected TOML: {visible(str(error))}") from error
    lines = dict(_headers(text))
    stages = document.get("stages")
    tables = stages if isinstance(stages, Mapping) else {}
    return {
        role: Spot(named, 1)
        if (named := _named_file(tables[role], pipeline.parent))
        else Spot(pipeline, lines.get(role, 1))
        for role in ROLES
        if role in tables
    }


def _headers(text: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := _STAGE.match(line):
            yield match["role"], number


def _named_file(table: object, folder: Path) -> Path | None:
    """The first file that a stage's settings name."""
    if not isinstance(table, Mapping):
        return None
    for key, value in table.items():
        if (
            key == "use"
            or not isinstance(value, str)
            or not 0 < len(value) < 300
            or "\n" in value
            or "\0" in value
        ):
            continue
        if Path(value).suffix in (".txt", ".md", ".j2", ".jinja", ".jinja2", ".prompt", ".tmpl"):
            file = folder / value
            if file.is_file():
                return file
    return None
