"""What stages hand to one another."""

from __future__ import annotations

import msgspec


class Frozen(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of the product's values: immutable; defaults are left out of JSON. Values that cannot change cannot hold
    themselves, so that the garbage collector need not look at them."""


class Whole(Frozen, frozen=True, omit_defaults=False):
    """Base of report values: every field is written, absent ones as null."""


class Turn(Frozen, frozen=True):
    """One turn of a conversation; `role` is `user`, `assistant` or `system`."""

    role: str
    content: str


class Query(Frozen, frozen=True):
    """What the user asked, in the user's own words, after the turns of `history`."""

    text: str
    history: tuple[Turn, ...] = ()


class Passage(Frozen, frozen=True):
    """A retrievable unit of text. `score` is the stage's own and comparable within one list only."""

    id: str
    text: str = ""
    score: float | None = None
    title: str | None = None
    tags: dict[str, str] | None = None


class Passages(Frozen, frozen=True):
    """A list of passages, best first: the output of a retriever, ranker or compressor."""

    passages: tuple[Passage, ...]


class Text(Frozen, frozen=True):
    """The output of a rewriter: a query."""

    text: str


class Route(Frozen, frozen=True):
    """The output of a router: the name of a declared route."""

    route: str


class Context(Frozen, frozen=True):
    """The output of a packer: the text the model reads, and the passages it was made of."""

    text: str
    passages: tuple[Passage, ...] = ()


class Answer(Frozen, frozen=True):
    """The output of a model. Token counts are None where the model does not tell."""

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str | None = None


class Decision(Frozen, frozen=True):
    """The output of a verifier: whether the draft passes, and what to say instead if not."""

    accept: bool
    text: str | None = None


Output = Route | Text | Passages | Context | Answer | Decision
"""What a stage gives; which of them is fixed by its role (`core.stage.OUTPUT_TYPES`)."""
