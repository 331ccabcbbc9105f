"""The ablation `raw`: a replay with the compressor left out, for what compression saves and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from diagnose.core.artifact import Output, Passage, Passages, Query
from diagnose.core.stage import Given, Stage
from diagnose.replay.run import Mend, Meter, Runner, State, advance
from diagnose.score.evidence import words_of


@dataclass(frozen=True)
class Compressed:
    """One query with and without its compressor: tokens of the passages before and after it, and the worth (0
    to 1) of what is said in the end with it and without."""

    tokens_before: int
    tokens_after: int
    worth: float
    worth_raw: float


@dataclass(frozen=True)
class Saving:
    """Compression over `n` queries: the part of the tokens it saves, and how many answers it loses and wins
    (right without it and wrong with it, and the other way round)."""

    n: int
    tokens_before: int
    tokens_after: int
    lost: int
    won: int

    @property
    def saved(self) -> float:
        """The part of the tokens that is saved, below 0 where compression adds some."""
        return 1.0 - self.tokens_after / self.tokens_before if self.tokens_before else 0.0


def compressed(
    runner: Runner, query: Query, score_of: Callable[[str], float], meter: Meter, repeat: int = 0
) -> Compressed | None:
    """A query replayed as it is and with raw passages; None in a pipeline without a compressor. Raises `Broken`
    where a stage fails."""
    if runner.pipeline.stage("compressor") is None:
        return None
    seen: list[tuple[Sequence[Passage], Sequence[Passage]]] = []

    def watched(stage: Stage, given: Given, own: Output) -> Output:
        if stage.role == "compressor" and isinstance(own, Passages):
            seen.append((given.passages, own.passages))
        return own

    def raw(stage: Stage, given: Given, own: Output) -> Output:
        return Passages(given.passages) if stage.role == "compressor" else own

    said, said_raw = (_said(runner, query, meter, repeat, mend) for mend in (watched, raw))
    before, after = seen[0]
    return Compressed(
        _tokens(runner, before), _tokens(runner, after), score_of(said or ""), score_of(said_raw or "")
    )


def saving(found: Iterable[Compressed], pass_mark: float) -> Saving:
    """What compression saves and costs over many queries."""
    each = list(found)
    return Saving(
        n=len(each),
        tokens_before=sum(one.tokens_before for one in each),
        tokens_after=sum(one.tokens_after for one in each),
        lost=sum(one.worth < pass_mark <= one.worth_raw for one in each),
        won=sum(one.worth_raw < pass_mark <= one.worth for one in each),
    )


def _said(runner: Runner, query: Query, meter: Meter, repeat: int, mend: Mend) -> str | None:
    """What is said at the end of a replay in which `mend` has its way with every stage's output."""
    state = State.start(query)
    for role in runner.pipeline.roles:
        stage = runner.pipeline.stage(role, state.route)
        assert stage is not None
        state = advance(runner, state, stage, meter, repeat, mend)
    return state.said


def _tokens(runner: Runner, passages: Sequence[Passage]) -> int:
    """Tokens of the passages by the counter of the packer or model, else words."""
    stages = (runner.pipeline.stage(role) for role in ("packer", "model"))
    count = next((s.count_tokens for s in stages if s is not None and s.count_tokens is not None), None)
    return sum(count(p.text) if count else len(words_of(p.text)) for p in passages)
