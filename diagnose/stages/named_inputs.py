"""Which of a stage's arguments an input of a framework's object stands for, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from diagnose.core.stage import Role
from diagnose.errors import UsageError, quoted

Wanted = Literal["query", "history", "passages", "context", "answer"]
WANTED: tuple[Wanted, ...] = get_args(Wanted)

NAMES: dict[Wanted, tuple[str, ...]] = {
    "query": (
        "query",
        "question",
        "input",
        "query_str",
        "user_input",
        "user_query",
        "standalone_question",
        "text",
    ),
    "history": ("chat_history", "history", "conversation", "messages"),
    "passages": ("documents", "docs", "nodes", "passages", "source_documents", "input_documents", "chunks"),
    "context": ("context", "context_str", "contexts", "summaries", "prompt"),
    "answer": ("answer", "response", "reply", "replies", "draft", "output"),
}
"""Names in common use. `inputs` in a stage's table names others."""

ROLE_WANTS: dict[Role, tuple[Wanted, ...]] = {
    "router": ("query",),
    "rewriter": ("query", "history"),
    "retriever": ("query",),
    "ranker": ("query", "passages"),
    "compressor": ("query", "passages"),
    "packer": ("query", "passages"),
    "model": ("query", "context", "passages"),
    "verifier": ("query", "context", "passages", "answer"),
}
"""What a stage of each role has to give. A model's passages are those that its context was packed of."""


@dataclass(frozen=True)
class Fitting:
    """How a framework's object is attached, from the stage's table.

    `inputs` says what inputs of unusual names are (`{topic = "query"}`), `component` which part of a Haystack
    pipeline the stage is, `system` and `prompt` what a bare chat model is told (None: the usual words). `before` has
    the earlier stages that are parts of the same object, with their `component` where they say it, `elsewhere` the
    earlier ones that are something else.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    component: str | None = None
    system: str | None = None
    prompt: str | None = None
    before: Mapping[Role, str | None] = field(default_factory=dict)
    elsewhere: tuple[Role, ...] = ()

    def __post_init__(self) -> None:
        for name, wanted in self.inputs.items():
            if wanted not in WANTED:
                raise UsageError(
                    f"inputs.{name}: expected one of {', '.join(WANTED)}, found {quoted(wanted)}"
                )


KEYS = ("inputs", "component", "system", "prompt")
"""The keys of a stage's table that fit a framework's object, where its factory has no parameter of that name."""


def wanted_of(name: str, role: Role, fitting: Fitting) -> Wanted | None:
    """What the input of this name stands for in a stage of this role; None where that cannot be told.

    `context` is the passages where no context has been packed yet (a prompt template as the packer).
    """
    stated = fitting.inputs.get(name)
    if stated is not None:
        return next(wanted for wanted in WANTED if wanted == stated)
    usual = next((wanted for wanted, names in NAMES.items() if name.lower() in names), None)
    if usual == "context" and "context" not in ROLE_WANTS[role] and "passages" in ROLE_WANTS[role]:
        return "context" if name != "prompt" else None
    return usual if usual in ROLE_WANTS[role] else None


def unnamed(names: Iterable[str], role: Role, what: str) -> UsageError:
    """The error for inputs that nothing is known to be for."""
    listed = ", ".join(sorted(names))
    may = ", ".join(ROLE_WANTS[role])
    first = next(iter(sorted(names)))
    return UsageError(
        f"{what} takes {listed}, which a {role} is not known to be given: say what each is, as in "
        f'inputs = {{ {first} = "query" }} (one of {may})'
    )
