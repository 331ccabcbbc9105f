"""What a span of any tracing tool says, in the words of this program."""

from __future__ import annotations

from typing import Literal

from diagnose.core.artifact import Frozen, Turn

Kind = Literal[
    "router",
    "rewriter",
    "retriever",
    "ranker",
    "compressor",
    "prompt",
    "model",
    "verifier",
    "embedding",
    "chain",
    "tool",
    "agent",
    "evaluator",
    "unknown",
    "trace",
]
"""What a tool calls a span. `trace` is no span: it carries what a tool says of the whole trace."""

IdFrom = Literal["id", "output", "metadata", "text"]
"""Where a passage's id was found: an attribute of its own, the span's JSON output, the passage's metadata, or
nowhere, so that it is the digest of the text."""


class Cited(Frozen, frozen=True, gc=False, array_like=True):
    """A passage as a span cites it; `id` is None and `text` empty where the span does not say."""

    id: str | None = None
    text: str = ""
    score: float | None = None
    title: str | None = None
    tags: dict[str, str] | None = None
    id_from: IdFrom = "text"


class Labelled(Frozen, frozen=True, array_like=True):
    """Labels and judgements that a log itself holds; `score` 0 to 1, `feedback` -1 to 1."""

    answers: tuple[str, ...] = ()
    passages: tuple[Cited, ...] = ()
    score: float | None = None
    feedback: float | None = None


class Span(Frozen, frozen=True, gc=False, array_like=True):
    """One span. Times are nanoseconds of wall time, 0 where the log has none.

    `query` is what the span was asked, `given` and `cited` the passages in its input and its output (None: it
    has no such list; (): an empty one), `prompt` what a model read, `text` its output as text, `variables`
    the named texts in its output or its prompt template. `label` is the tool's own word for its kind.
    `hidden` says that the tool was told not to log texts.
    """

    trace_id: str
    span_id: str
    kind: Kind
    label: str
    name: str = ""
    parent_id: str | None = None
    start_ns: int = 0
    end_ns: int = 0
    query: str | None = None
    history: tuple[Turn, ...] = ()
    given: tuple[Cited, ...] | None = None
    cited: tuple[Cited, ...] | None = None
    prompt: tuple[Turn, ...] = ()
    variables: dict[str, str] = {}
    text: str | None = None
    accept: bool | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    finish_reason: str | None = None
    error: str | None = None
    labelled: Labelled | None = None
    tags: dict[str, str] = {}
    source: str = ""
    tool: str = ""

    @property
    def elapsed_s(self) -> float | None:
        """Seconds from start to end, None where the log does not say or the end is before the start."""
        if not self.start_ns or self.end_ns < self.start_ns:
            return None
        return (self.end_ns - self.start_ns) / 1e9
