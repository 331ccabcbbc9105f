"""The eight roles a stage can have, in pipeline order, and what each gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from diagnose.core.artifact import (
    Answer,
    Context,
    Decision,
    Frozen,
    Output,
    Passage,
    Passages,
    Query,
    Route,
    Text,
)

Role = Literal["router", "rewriter", "retriever", "ranker", "compressor", "packer", "model", "verifier"]
ROLES: tuple[Role, ...] = get_args(Role)

OUTPUT_TYPES: dict[Role, type] = {
    "router": Route,
    "rewriter": Text,
    "retriever": Passages,
    "ranker": Passages,
    "compressor": Passages,
    "packer": Context,
    "model": Answer,
    "verifier": Decision,
}


def in_order(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """The roles sorted into pipeline order."""
    return tuple(sorted(roles, key=ROLES.index))


class Failure(Frozen, frozen=True):
    """A stage that gave no output, as a value: it has a reason and never a score.

    `kind` is `raised`, `timeout`, `nonsense`, `unseen` (a recorded stage was asked for an input
    that is not in the log), `missing` (there is no such stage to run) or `unpaid` (the calls are spent).
    """

    role: Role
    kind: Literal["raised", "timeout", "nonsense", "unseen", "missing", "unpaid"]
    reason: str


class Recipe(Frozen, frozen=True):
    """All it takes to build a stage elsewhere: its table in the pipeline file, and what that is read with.

    `folder` is where paths start from and modules are looked for, `corpus` a path in it ("" for none). `many` holds
    settings for where several processes share the machine, `needed_bytes` the memory that one takes (0: unknown).
    """

    role: Role
    table: dict[str, object]
    file: str
    folder: str
    corpus: str = ""
    abstention: str = ""
    routes: tuple[str, ...] = ()
    many: dict[str, object] = {}
    needed_bytes: int = 0


class Given(Frozen, frozen=True):
    """What a stage is called with; which fields count is fixed by its role (DESIGN.md section 7).

    `query` is text: after a rewriter the rewritten one. `conversation` is the user's own query.
    """

    query: str
    conversation: Query
    passages: tuple[Passage, ...] = ()
    context: Context | None = None
    answer: Answer | None = None


TAKES: dict[Role, tuple[str, ...]] = {
    "router": ("query",),
    "rewriter": ("conversation",),
    "retriever": ("query",),
    "ranker": ("query", "passages"),
    "compressor": ("query", "passages"),
    "packer": ("query", "passages"),
    "model": ("query", "context"),
    "verifier": ("query", "context", "answer"),
}
"""The arguments a stage of each role is called with, in order."""


Ended = Callable[[int, Output | Exception], None]
"""Takes the place of a call among those made together, and its output or what it raised."""


@dataclass(frozen=True)
class Stage:
    """A runnable stage.

    `run(given, seed)` returns the output type of `role` or raises `StageFailed`. `fingerprint` changes
    whenever its outputs might. `seeded` says whether the callable takes a seed. `settings` are
    the keys of its table in the pipeline file (plus defaults the built-in fills in). `count_tokens` is the
    tokenizer it measures text with and `window_tokens` the longest context it takes, where it has them.
    `takes` names the arguments it asks for, where these are not just its role's. `alternatives` are other values of
    its settings that a budget may try. `run_each` runs several inputs
    at once, each of which may fail alone: it calls its second argument with the place of each and what came of it
    (an output, or the StageFailed it raised), in any order, and begins no more once its third says so. `prompt_of`
    gives the text that a local model reads: calls that share its beginning are best made one after another. `recipe`
    is there where another process can build the same stage.
    """

    role: Role
    name: str
    run: Callable[[Given, int | None], Output]
    fingerprint: str
    deterministic: bool = False
    seeded: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    count_tokens: Callable[[str], int] | None = None
    window_tokens: int | None = None
    run_batch: Callable[[Sequence[Given]], list[Output]] | None = None
    takes: tuple[str, ...] | None = None
    alternatives: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    run_each: Callable[[Sequence[tuple[Given, int | None]], Ended, Callable[[], bool]], None] | None = None
    prompt_of: Callable[[Given], str] | None = None
    recipe: Recipe | None = None

    @property
    def taken(self) -> tuple[str, ...]:
        """The fields of `Given` that its output may depend on: those of its role, and those it asks for by name."""
        asked = self.takes or ()
        return (*TAKES[self.role], *(name for name in asked if name not in TAKES[self.role]))
