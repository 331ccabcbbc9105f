"""What a run has come to so far: a line for each failure that is done, beside the report that is still to come."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from diagnose.core.blame import Blame
    from diagnose.core.game import Game
    from diagnose.flow.found import Keep

SUFFIX = ".part"
NAMES = ("blame.jsonl", "games.jsonl")


@contextmanager
def parts(folder: Path | None) -> Iterator[Keep]:
    """Keeps blames and games in `blame.jsonl.part` and `games.jsonl.part`, in the order in which they come; without a
    folder nowhere. The files stay until the report is written: a run that is killed leaves them."""
    from diagnose.flow.found import unkept
    from diagnose.traces.to_jsonl import encode_line

    if folder is None:
        yield unkept
        return
    with ExitStack() as stack:
        blames, games = (stack.enter_context(_begun(folder / f"{name}{SUFFIX}")) for name in NAMES)

        def keep(blame: Blame, game: Game | None) -> None:
            blames.write(encode_line(blame))
            blames.flush()
            if game is not None:
                games.write(encode_line(game))
                games.flush()

        yield keep


def drop_parts(folder: Path) -> None:
    """The report is written: what there was of it goes."""
    for name in NAMES:
        (folder / f"{name}{SUFFIX}").unlink(missing_ok=True)


def _begun(path: Path) -> BinaryIO:
    # Not through a link, and nobody else's to read.
    path.unlink(missing_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
