"""Verdicts written back to where the traces came from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from diagnose.core.blame import Blame
from diagnose.traces.from_server import address_of, tool_of
from diagnose.traces.to_mlflow import annotate_mlflow
from diagnose.traces.to_openinference import annotate_file
from diagnose.traces.to_phoenix import annotate_phoenix
from diagnose.traces.verdicts import Written, verdicts_of

Tool = Literal["auto", "phoenix", "mlflow"]
_URL = re.compile(r"^https?://")


def annotate(target: str, blames: Iterable[Blame], tool: Tool = "auto") -> Written:
    """Writes the verdicts of failing traces to a Phoenix or MLflow server (`target` is its URL), or to a file.

    `auto` asks the server which it is. A second run replaces what the first one wrote. Raises StageFailed where no such
    server answers, UsageError where the file cannot be written.
    """
    verdicts = list(verdicts_of(blames))
    if not _URL.match(target):
        return annotate_file(target, verdicts)
    server = address_of(target).base
    found = tool_of(server) if tool == "auto" else tool
    return annotate_phoenix(server, verdicts) if found == "phoenix" else annotate_mlflow(server, verdicts)
