"""One failing trace laid open: what each stage took, gave, moved and lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnose.core.artifact import Answer, Context, Output, Passage, Passages, Text
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.replay import Case, Replay
from diagnose.core.stage import Role
from diagnose.core.trace import Gold, Step
from diagnose.replay.fidelity import same
from diagnose.report.evidence_marks import Mark, gold_marks
from diagnose.report.numbers import counted


@dataclass(frozen=True)
class OneTrace:
    """What a report folder holds of one trace, and what explains its mode and makes it again.

    `game` is None where nothing was replayed, `case` where no replay was kept.
    """

    blame: Blame
    game: Game | None = None
    case: Case | None = None
    mode_means: str | None = None
    mode_remedy: str | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """A passage in a list: its rank from 1, its rank in what the stage took (None where it was not in it)."""

    passage: Passage
    rank: int
    before: int | None
    mark: Mark


@dataclass(frozen=True)
class StageView:
    """One stage of a replay with nothing changed, or of the log where nothing was replayed.

    `given` is what it gave in passages (those packed, for a packer); `left_out` what it took and did not
    pass on, with the rank it had. `lost` says that the evidence went in here and did not come out. `logged`
    is what the log has instead, None where that is the same or not known.
    """

    role: Role
    name: str | None
    took: str
    output: Output
    given: tuple[Placed, ...]
    left_out: tuple[Placed, ...]
    evidence: bool | None
    lost: bool
    logged: Output | None = None
    error: str | None = None


def unchanged(case: Case) -> Replay | None:
    """The replay with nothing repaired."""
    return next((replay for replay in case.replays if not replay.coalition), None)


def repaired(case: Case) -> tuple[Replay, ...]:
    """The replays of minimal repairs, the one to explain first."""
    return tuple(replay for replay in case.replays if replay.coalition)


def laid_open(case: Case, in_corpus: bool = True) -> tuple[StageView, ...]:
    """The stages in order: of the replay with nothing changed, else of the log.

    `in_corpus` is False where the corpus lacks the evidence: then no stage can have lost it.
    """
    logged = {step.role: step for step in case.logged}
    replay = unchanged(case)
    ran: Sequence[tuple[Role, Output, bool | None]] = (
        [(r.role, r.output, r.evidence) for r in replay.ran]
        if replay is not None and replay.ran
        else [(step.role, step.output, case.logged_evidence.get(step.role)) for step in case.logged]
    )
    views: list[StageView] = []
    taken = _Taken(case)
    gone = not in_corpus
    for role, output, evidence in ran:
        lost = evidence is False and not gone
        gone = gone or lost
        views.append(_view(role, output, evidence, lost, taken, logged.get(role)))
        taken = taken.after(output)
    return tuple(views)


@dataclass(frozen=True)
class _Taken:
    """What the next stage takes."""

    case: Case
    query: str | None = None
    passages: tuple[Passage, ...] | None = None
    context: Context | None = None
    answer: Answer | None = None

    def after(self, output: Output) -> _Taken:
        """What there is to take once a stage has given this."""
        text = output.text if isinstance(output, Text) else self.query
        passages = output.passages if isinstance(output, Passages) else self.passages
        context = output if isinstance(output, Context) else self.context
        answer = output if isinstance(output, Answer) else self.answer
        return _Taken(self.case, text, passages, context, answer)

    def told(self, role: Role) -> str:
        """What the stage of this role takes, in words."""
        passages = counted(len(self.passages or ()), "passage")
        if role == "rewriter" and self.case.query.history:
            return f"the question and {counted(len(self.case.query.history), 'earlier turn')}"
        if role in ("router", "rewriter", "retriever"):
            return "the question" if self.query is None else "the rewritten query"
        if role in ("ranker", "compressor", "packer") or (role == "model" and self.context is None):
            return passages
        return f"a context of {counted(len(self.context.text) if self.context else 0, 'character')}" + (
            ", and the draft answer" if role == "verifier" else ""
        )


def _view(
    role: Role, output: Output, evidence: bool | None, lost: bool, taken: _Taken, step: Step | None
) -> StageView:
    given, left_out = _placed(output, taken.passages, taken.case.gold)
    differs = step is not None and step.output is not output and not same(step.output, output)
    return StageView(
        role=role,
        name=step.name if step else None,
        took=taken.told(role),
        output=output,
        given=given,
        left_out=left_out,
        evidence=evidence,
        lost=lost,
        logged=step.output if step and differs else None,
        error=step.error if step else None,
    )


def _placed(
    output: Output, before: tuple[Passage, ...] | None, gold: Gold | None
) -> tuple[tuple[Placed, ...], tuple[Placed, ...]]:
    if not isinstance(output, Passages | Context):
        return (), ()
    ranks: dict[str, int] = {}
    for rank, passage in enumerate(before or (), 1):
        ranks.setdefault(passage.id, rank)
    texts = {p.id: p for p in before or ()}
    # A packer's passages may come as bare ids or cut short: what it took says what they are.
    packed = isinstance(output, Context)
    known = [texts.get(p.id, p) if packed or not p.text else p for p in output.passages]
    marks = gold_marks(known, gold, output.text if isinstance(output, Context) else None)
    given = tuple(
        Placed(p, i, ranks.get(p.id), mark) for i, (p, mark) in enumerate(zip(known, marks, strict=True), 1)
    )
    kept = {p.id for p in output.passages}
    marks_before = gold_marks(before or (), gold)
    left_out = tuple(
        Placed(p, i, i, mark)
        for i, (p, mark) in enumerate(zip(before or (), marks_before, strict=True), 1)
        if p.id not in kept
    )
    return given, left_out


def gold_ranks(output: Output, gold: Gold | None) -> dict[str, int]:
    """The rank of each passage that carries evidence in a list, by its id."""
    given, _ = _placed(output, None, gold)
    return {placed.passage.id: placed.rank for placed in reversed(given) if placed.mark == "gold"}
