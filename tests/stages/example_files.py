"""The files that docs/pipelines.md shows, as files."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT

_FILE = re.compile(r"^<!-- file: (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def example_files(folder: Path) -> list[str]:
    """Writes every file of the page under `folder`, and gives their names."""
    page = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
    names = []
    for found in _FILE.finditer(page):
        path = folder / found["path"]
        path.parent.mkdir(exist_ok=True)
        path.write_text(found["text"], encoding="utf-8")
        names.append(found["path"])
    return names
