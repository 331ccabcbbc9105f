"""What is read and how: the options that every command shares which takes logs of other tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from diagnose.core.pipeline import Corpus
    from diagnose.core.trace import Trace
    from diagnose.traces.account import Account
    from diagnose.traces.limits import Limits
    from diagnose.traces.lines import Problem

Logs = Annotated[
    list[str],
    typer.Argument(
        help="Logs of any tool: files, folders, globs, - for stdin, or a Phoenix or MLflow server's URL.",
        metavar="TRACES...",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        help="auto, diagnose, otlp, phoenix, mlflow, langfuse, langsmith, ragas, ragchecker, deepeval, promptfoo "
        "or records (any table)."
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        help="Which column holds what, TARGET=COLUMN: query=question, answer=said, gold.answers=ref."
    ),
]
Gold = Annotated[
    Path | None,
    typer.Option(help="Labels to join by id or by question: JSON lines, CSV, Parquet, data set."),
]
CorpusFile = Annotated[
    Path | None, typer.Option(help="Passages (id, text) to fill in texts that the log left out.")
]
Project = Annotated[
    str | None, typer.Option(help="The project (Phoenix) or experiment (MLflow) to read from a server.")
]

Limit = Annotated[
    list[str] | None,
    typer.Option(
        help="Read no more than: size=2GB, entry=16MB, ratio=300, depth=64, traces=100000, seconds=60, answer=256MB, "
        "trace=128MB, spans=20000, text=4000000 (repeatable)."
    ),
]

_KEY = re.compile(r"//[^/@]*@")
"""A user's name and password in a URL."""


@dataclass(frozen=True)
class Wanted:
    """Sources, and how they are to be read."""

    sources: list[str]
    format: str = "auto"
    map: list[str] | None = None
    gold: Path | None = None
    corpus: Path | None = None
    project: str | None = None
    limit: list[str] | None = None

    @property
    def limits(self) -> Limits:
        """How much is read; the time for it counts from now."""
        from diagnose.traces.limits import limits_of

        return limits_of(self.limit or ())

    @property
    def names(self) -> list[str]:
        """The sources without folders, for a command that can be given again."""
        return [_KEY.sub("//", source) if "://" in source else Path(source).name for source in self.sources]

    @property
    def name(self) -> str:
        """The sources in one line."""
        return " ".join(self.names)

    @property
    def plain(self) -> bool:
        """Whether this is one source with nothing said about it."""
        said = (self.map, self.gold, self.corpus, self.project)
        return len(self.sources) == 1 and self.format == "auto" and not any(said)

    def read(self, account: Account, corpus: Corpus | None = None) -> Iterator[Trace | Problem]:
        """The traces. `corpus` is one to fill in texts from where no file of passages is named."""
        from diagnose.stages.corpus import read_corpus
        from diagnose.traces.columns import parse_mapping
        from diagnose.traces.labels import read_labels
        from diagnose.traces.read import read_log

        mapping = parse_mapping(self.map) if self.map else None
        return read_log(
            self.sources,
            format=self.format,
            mapping=mapping,
            gold=read_labels(self.gold) if self.gold else None,
            corpus=read_corpus(self.corpus) if self.corpus else corpus,
            project=self.project,
            limits=self.limits,
            account=account,
        )
