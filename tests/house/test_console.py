"""The runner of documents sees a document that lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.house.console import Block, Command, blocks, matches, run

DOCUMENT = """# Title

<!-- run contains exit=1 -->
```console
$ diagnose gate new.json \\
    --baseline old.json
failed: ranker

$ diagnose --version
```

```console
$ diagnose demo
```
"""


def test_reads_marks_commands_and_lines() -> None:
    assert blocks(DOCUMENT) == [
        Block(
            (
                Command("diagnose gate new.json --baseline old.json", 5, ("failed: ranker", "")),
                Command("diagnose --version", 9, ()),
            ),
            marked=True,
            contains=True,
            exit_code=1,
        ),
        Block((Command("diagnose demo", 13, ()),), marked=False),
    ]


def test_refuses_an_unknown_mark() -> None:
    with pytest.raises(ValueError, match="found 'exactly'"):
        blocks("<!-- run exactly -->\n```console\n$ diagnose demo\n```\n")


@pytest.mark.parametrize(
    "output, expected, contains, same",
    [
        ("one\ntwo\n", ("one", "two"), False, True),
        ("one \ntwo\n\n", ("one", "two"), False, True),
        ("one\ntwo\n", ("one",), False, False),
        ("one\ntwo\n", ("one", "three"), False, False),
        ("one\ntwo\nthree\n", ("one", "…"), False, True),
        ("one\ntwo\nthree\n", ("…", "two"), False, False),
        ("on.\n", ("o.n",), False, False),
        ("", (), False, True),
        ("noise\n", (), False, False),
        ("a one b\nc\nd two e\n", ("one", "two"), True, True),
        ("a one b\nc\nd two e\n", ("two", "one"), True, False),
        ("a one b\n", ("one", "one"), True, False),
    ],
)
def test_compares(output: str, expected: tuple[str, ...], contains: bool, same: bool) -> None:
    assert matches(output, expected, contains) is same


def test_runs_nothing_but_this_program(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`diagnose` only"):
        run("touch made", tmp_path, os.environ)
    assert not (tmp_path / "made").exists()
