"""A command as it can be given again: without the machine's folders, with every option that was changed."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

FLAGS = {"pass_mark": "--pass"}
"""Options that are not called like their parameter."""


def options_of(command: Callable[..., None], given: Mapping[str, object]) -> list[str]:
    """The options of a command that are not what they are by default, in the order of its parameters.

    `given` holds values by parameter; files are named without their folders.
    """
    parts: list[str] = []
    for name, parameter in inspect.signature(command).parameters.items():
        value = given.get(name, parameter.default)
        if name not in given or value == parameter.default:
            continue
        flag = FLAGS.get(name, f"--{name.replace('_', '-')}")
        if isinstance(value, bool):
            parts.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, list):
            parts += [part for one in value for part in (flag, str(one))]
        else:
            for one in value if isinstance(value, list) else [value]:
                parts += [flag, one.name if isinstance(one, Path) else str(one)]
    return parts


def again(*parts: str, output: Path) -> str:
    """The command in one line, to be pasted into a shell."""
    return shlex.join(["diagnose", *parts, "-o", f"reports/{output.resolve().name}"])
