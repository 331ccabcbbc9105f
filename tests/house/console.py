"""Reads the console blocks of a document and runs the commands in those that are marked.

A marked block is a fenced ```console block right after a comment that starts with `run`:

    <!-- run -->              the output is exactly this; a line `…` stands for any lines
    <!-- run contains -->     each of these lines occurs in a line of the output, in this order
    <!-- run exit=3 -->       the last command ends with this code (0 unless said)
    <!-- run model -->        needs the embedded model

A line that starts with `$ ` is a command, `\\` at its end continues it; the lines up to the next command are
what it prints to stdout. Commands are `diagnose …`, joined by `|`, perhaps with `> file` at the end. No shell
runs them.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROMPT = "$ "
ANY_LINES = "…"
TIMEOUT_S = 900

_BLOCK = re.compile(
    r"(?:^<!--[ ]run(?P<words>(?:[ ][a-z0-9=]+)*)[ ]-->\n+)?^```console\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_WORD = re.compile(r"contains|model|exit=\d+")


@dataclass(frozen=True)
class Command:
    """One command of a block, the line of the document it is on, and the lines it should print."""

    text: str
    line: int
    expected: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """One console block; `marked` says whether it is to be run."""

    commands: tuple[Command, ...]
    marked: bool
    contains: bool = False
    model: bool = False
    exit_code: int = 0


def blocks(document: str) -> list[Block]:
    """All console blocks of a Markdown text. Raises ValueError on a mark it does not know."""
    found = []
    for match in _BLOCK.finditer(document):
        words = (match["words"] or "").split()
        if unknown := [word for word in words if not _WORD.fullmatch(word)]:
            raise ValueError(f"<!-- run … -->: expected contains, model or exit=N, found {unknown[0]!r}")
        first_line = document.count("\n", 0, match.start("text")) + 1
        code = next((int(word.partition("=")[2]) for word in words if word.startswith("exit=")), 0)
        commands = tuple(_commands(match["text"].splitlines(), first_line))
        found.append(Block(commands, match["words"] is not None, "contains" in words, "model" in words, code))
    return found


def _commands(lines: list[str], first_line: int) -> list[Command]:
    found: list[Command] = []
    position = 0
    while position < len(lines):
        line, start = lines[position], position
        position += 1
        if not line.startswith(PROMPT):
            continue  # talk before the first command
        while line.endswith("\\") and position < len(lines):
            line, position = line[:-1] + lines[position].strip(), position + 1
        end = next((i for i in range(position, len(lines)) if lines[i].startswith(PROMPT)), len(lines))
        found.append(Command(line[len(PROMPT) :], first_line + start, tuple(lines[position:end])))
        position = end
    return found


def run(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Exit code (the last one that is not 0), stdout and stderr of a command, run without a shell."""
    words = shlex.split(command)
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], words[words.index(">") + 1]
    code, output, talk = 0, "", ""
    for program in _split(words):
        if program[:1] != ["diagnose"]:
            raise ValueError(f"documents run `diagnose` only, found {command!r}")
        done = subprocess.run(
            [sys.executable, "-m", *program],
            input=output,
            capture_output=True,
            cwd=folder,
            env=environment,
            encoding="utf-8",
            timeout=TIMEOUT_S,
        )
        code, output, talk = done.returncode or code, done.stdout, talk + done.stderr
    if target is not None:
        (folder / target).write_text(output, encoding="utf-8")
        output = ""
    return code, output, talk


def _split(words: list[str]) -> list[list[str]]:
    programs: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            programs.append([])
        else:
            programs[-1].append(word)
    return programs


def matches(output: str, expected: tuple[str, ...], contains: bool) -> bool:
    """Whether a command printed what the document says (blanks at line ends do not count)."""
    printed = [line.rstrip() for line in output.rstrip().splitlines()]
    wanted = [line.rstrip() for line in expected]
    if contains:
        left = iter(printed)
        return all(any(want.strip() in line for line in left) for want in wanted if want.strip())
    pattern = "".join(r"(?:.*\n)*?" if line == ANY_LINES else re.escape(line) + "\n" for line in wanted)
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed)) is not None
