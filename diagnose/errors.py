"""Every error the program raises on purpose, on one page.

    DiagnoseError                    exit code
    ├── UsageError                   2   the command line or a setting is wrong
    ├── BadInput                     3   a file holds something else than it should
    ├── MissingExtra                 2   an optional dependency is not installed
    ├── Unfaithful                   4   a replay with nothing changed differs from the log
    ├── StageFailed                  5   a stage or an endpoint raised, hung or gave nonsense
    ├── Inconclusive                 6   not enough data or calls to decide
    ├── NoSpace                      74  the disk is full; what was done is kept
    └── Interrupted                  130 somebody stopped it; what was done is kept

Foreign exceptions are translated into one of these once, where the foreign code is called.
A message says where, what was found, what was expected and what to do.
"""

from __future__ import annotations

import errno
import unicodedata

EXIT_PASS = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_BAD_INPUT = 3
EXIT_UNFAITHFUL = 4
EXIT_STAGE_FAILED = 5
EXIT_INCONCLUSIVE = 6
EXIT_BUG = 70
EXIT_NO_SPACE = 74
EXIT_INTERRUPTED = 130

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk, a quota or a file that is full."""

MESSAGE_LIMIT = 500
"""Characters of foreign text an error message quotes at most."""


class DiagnoseError(Exception):
    """Base of every error that is ours; `exit_code` is what the command ends with."""

    exit_code = EXIT_BUG


class UsageError(DiagnoseError):
    """The command line or a setting is wrong."""

    exit_code = EXIT_USAGE


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message names the install command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed: run  pip install 'diagnose-blame[{extra}]'")


class BadInput(DiagnoseError):
    """A file holds something else than it should."""

    exit_code = EXIT_BAD_INPUT


class Unfaithful(DiagnoseError):
    """A replay with nothing changed does not reproduce the log."""

    exit_code = EXIT_UNFAITHFUL


class StageFailed(DiagnoseError):
    """A stage or an endpoint raised, hung, or returned something that is no such output."""

    exit_code = EXIT_STAGE_FAILED


class Inconclusive(DiagnoseError):
    """Not enough data or calls to decide."""

    exit_code = EXIT_INCONCLUSIVE


class NoSpace(DiagnoseError):
    """The disk is full. What was done before is kept."""

    exit_code = EXIT_NO_SPACE


class Interrupted(DiagnoseError):
    """Somebody stopped the command. What was done before is kept."""

    exit_code = EXIT_INTERRUPTED


def quoted(text: object, limit: int = 80) -> str:
    """Foreign text for an error message: one line, no control characters, clipped."""
    flat = visible(str(text)[: limit * 4]).replace("\n", " ")
    return f'"{flat[:limit]}…"' if len(flat) > limit else f'"{flat}"'


def visible(text: str) -> str:
    """The text without control, format and surrogate characters (tabs and newlines stay).

    Terminal escapes, bidirectional overrides and NULs come out as U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNSAFE else "\ufffd" for c in text)


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
