"""One failing trace as the page shows it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from diagnose.core.artifact import Answer, Context
from diagnose.core.blame import FINDINGS, Blame
from diagnose.core.game import Game
from diagnose.core.replay import Case
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Gold
from diagnose.report import numbers, phrases
from diagnose.report.evidence_marks import Piece
from diagnose.report.foreign import flat, listed
from diagnose.report.html.depth import Depth
from diagnose.report.html.evidence import IDS, Story, acquitted_of, gave, marked, story_of
from diagnose.report.html.lattice import Lattice, lattice_of
from diagnose.report.html.rows import Line
from diagnose.report.html.turned import Turned, turned_of
from diagnose.report.laid_open import Placed, StageView, laid_open, unchanged

TURNS = 6
COMMAND_CHARS = 160
"""A command that is longer, or that a line cannot hold, is of no use."""
WORTHS = 32
"""Combinations up to which the table of a game is written out."""


class PassageLine(NamedTuple):
    """A passage in a list; `text` has the evidence marked."""

    rank: int
    before: int | None
    name: str
    mark: str
    text: tuple[Piece, ...]


class StageBlock(NamedTuple):
    """What a stage took and gave; `state` says whether the evidence is in what it gave."""

    role: Role
    name: str
    took: str
    gave: str
    state: str
    convicted: bool
    context: tuple[Piece, ...]
    moved: bool
    passages: tuple[PassageLine, ...]
    more: int
    left_out: str
    logged: str
    error: str


class ShareLine(NamedTuple):
    """A stage's share, necessity and sufficiency, with the bar of its share."""

    role: Role
    share: str
    x: float
    width: float
    necessity: str
    alone: str


@dataclass(frozen=True)
class TraceView:
    """Everything the section of a trace shows; parts it has not are empty."""

    line: Line
    blame: Blame
    depth: Depth
    question: str
    history: tuple[tuple[str, str], ...]
    reference: str
    logged: str
    logged_score: str
    same_answer: bool
    why: tuple[tuple[str, str], ...]
    story: Story | None
    acquitted: str
    stages: tuple[StageBlock, ...]
    replayed: bool
    turned: Turned | None
    lattice: Lattice | None
    shares: tuple[ShareLine, ...]
    worths: tuple[tuple[str, str], ...]
    funnel: tuple[tuple[Role, bool | None], ...]
    command: str
    before: str


class Around(NamedTuple):
    """What the sections of a page share: where the report is, its pass mark, and the baseline's verdicts
    (None where there is no baseline)."""

    folder: str
    pass_mark: float
    before: dict[str, str] | None = None


def trace_view(
    line: Line, game: Game | None, case: Case | None, depth: Depth, around: Around, texts: Sequence[str] = ()
) -> TraceView:
    """The view of a trace at a depth; `texts` are what its mode means and what mends it."""
    blame = line.blame
    views = laid_open(case) if case and depth.stages else ()
    gold = case.gold if case else None
    logged, turned = _logged(case, depth.text), turned_of(case, depth)
    return TraceView(
        line=line,
        blame=blame,
        depth=depth,
        question=flat(case.query.text, depth.text) if case else "",
        history=_history(case, depth),
        reference=_reference(gold, depth.text) if case else "",
        logged=logged,
        logged_score="" if case is None or case.logged_score is None else numbers.score(case.logged_score),
        # Said once where space is short.
        same_answer=turned is not None and turned.before == logged and depth.stages and not depth.passages,
        why=tuple(_why(blame, depth, texts)),
        story=story_of(views, gold, depth.around) if views else None,
        acquitted=acquitted_of(views, blame) if depth.passages else "",
        stages=tuple(_block(v, gold, depth, blame) for v in views if depth.passages or v.role != "model"),
        replayed=case is not None and unchanged(case) is not None,
        turned=turned,
        lattice=lattice_of(game, blame, around.pass_mark) if depth.picture else None,
        shares=_shares(blame) if depth.passages else (),
        worths=_worths(game) if depth.passages else (),
        funnel=tuple((step.role, step.evidence) for step in blame.funnel if step.role != "model"),
        command=_command(blame.trace_id, around, depth),
        before=_before(blame, around),
    )


def _history(case: Case | None, depth: Depth) -> tuple[tuple[str, str], ...]:
    if case is None or not depth.stages:
        return ()
    turns = case.query.history[-TURNS if depth.passages else -2 :]
    return tuple((flat(turn.role, 20), flat(turn.content, depth.text)) for turn in turns)


def _reference(gold: Gold | None, limit: int) -> str:
    if gold is None:
        return "no label"
    answers = flat(" / ".join(flat(answer, limit) for answer in gold.answers[:5]), limit)
    if not gold.answerable:
        answers = answers or "to abstain: the corpus does not answer this"
    ids = [p.id or (p.text or "")[:40] for p in gold.passages]
    needed = "any one of " if gold.match == "any" and len(ids) > 1 else ""
    where = f", in {needed}{listed(ids, 4, IDS)}" if ids and limit > IDS else ""
    return (answers or numbers.NOTHING) + where


def _logged(case: Case | None, limit: int) -> str:
    if case is None:
        return ""
    answer = next((s.output for s in reversed(case.logged) if isinstance(s.output, Answer)), None)
    return "" if answer is None else flat(answer.text, limit) or "an empty answer"


def _why(blame: Blame, depth: Depth, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What the verdict rests on, or why there is none; each with what it is."""
    if blame.evidence:
        yield "Seen", flat(blame.evidence, depth.text)
    if depth.passages:
        labelled = zip(("It means", "What mends it"), texts, strict=False)
        yield from ((label, text) for label, text in labelled if text)
    if blame.workarounds and depth.passages:
        helped = ", ".join(
            f"repairing the {role} {numbers.gain(won)}" for role, won in blame.workarounds.items()
        )
        yield "No fault, yet", f"{helped} would have helped, though the stage does what it owes"
    if blame.verdict in FINDINGS:
        means, remedy = phrases.FINDING_PHRASES[blame.verdict]
        yield "No stage’s fault", f"{means}; {remedy}" if depth.passages else means
    if (why := blame.undecided) is not None:
        detail = flat(why.detail, depth.text) or phrases.REASONS[why.reason].means
        yield "Undecided", f"{why.reason}: {detail}"
        power = "" if why.power is None else f"; power reached so far {numbers.percent(why.power)}"
        yield "Would settle it", f"{phrases.settles(why.reason, why.calls_needed)}{power}"


def _block(view: StageView, gold: Gold | None, depth: Depth, blame: Blame) -> StageBlock:
    state = {True: "evidence in", False: "evidence gone", None: ""}[view.evidence]
    if view.lost and view.role != "model":
        state = "lost here"
    ordered = all(p.before == p.rank for p in view.given)
    first = 0 if ordered and view.role not in ("retriever", "ranker") else depth.passages
    shown = [p for p in view.given if p.rank <= first or p.mark][: 3 * depth.passages]
    context = view.output.text if isinstance(view.output, Context) and depth.passages else ""
    return StageBlock(
        role=view.role,
        name=flat(view.name or "", IDS),
        took=view.took,
        gave=gave(view.output, view.given, depth.text),
        state="" if view.role in ("model", "verifier") else state,
        convicted=view.role == blame.verdict,
        context=marked(context, gold, depth.around) if context else (),
        moved=any(p.before is not None for p in view.given),
        passages=tuple(_line(p, gold, depth) for p in shown),
        more=len(view.given) - len(shown) if shown else 0,
        left_out=_left_out(view.left_out) if depth.passages else "",
        logged=gave(view.logged, (), depth.text) if view.logged is not None and depth.passages else "",
        error=flat(view.error or "", depth.text),
    )


def _line(placed: Placed, gold: Gold | None, depth: Depth) -> PassageLine:
    text = (
        marked(placed.passage.text, gold, depth.around // 2)
        if placed.mark
        else (Piece(flat(placed.passage.text, depth.around), False),)
    )
    return PassageLine(placed.rank, placed.before, flat(placed.passage.id, IDS), placed.mark, text)


def _left_out(left_out: Sequence[Placed]) -> str:
    gold = [p for p in left_out if p.mark]
    named = [f"{flat(p.passage.id, IDS)} ({p.mark}, was rank {p.before})" for p in gold[:5]]
    if others := len(left_out) - len(named):
        named.append(f"{others:,} {'others' if named else 'passages, none of them gold'}")
    return ", ".join(named)


def _shares(blame: Blame) -> tuple[ShareLine, ...]:
    low, high = min(0.0, *blame.shares.values(), 0.0), max(1.0, *blame.shares.values(), 0.0)
    width = high - low
    return tuple(
        ShareLine(
            role=role,
            share=numbers.score(share),
            x=round(100 * (min(share, 0.0) - low) / width, 2),
            width=round(100 * abs(share) / width, 2),
            necessity=numbers.gain(blame.necessity[role]) if role in blame.necessity else numbers.NOTHING,
            alone=numbers.gain(blame.sufficiency[role]) if role in blame.sufficiency else numbers.NOTHING,
        )
        for role in ROLES
        if (share := blame.shares.get(role)) is not None
    )


def _worths(game: Game | None) -> tuple[tuple[str, str], ...]:
    if game is None or len(game.worth) > WORTHS:
        return ()
    return tuple(
        (name.replace("+", " + ") or "nothing", numbers.score(worth))
        for name, worth in sorted(game.worth.items(), key=lambda item: item[0].count("+") + bool(item[0]))
    )


def _command(trace_id: str, around: Around, depth: Depth) -> str:
    if len(trace_id) > depth.text + IDS:
        return ""
    command = f"diagnose show {shlex.quote(around.folder)} {shlex.quote(trace_id)}"
    return command if flat(command, COMMAND_CHARS) == command else ""


def _before(blame: Blame, around: Around) -> str:
    if around.before is None:
        return ""
    return around.before.get(blame.trace_id, "not in it")
