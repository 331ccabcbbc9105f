"""The stages of one trace in the terminal: what each took, gave, moved and lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from diagnose.core.artifact import Answer, Context, Decision, Output, Passages, Route
from diagnose.core.artifact import Text as QueryText
from diagnose.core.blame import Blame
from diagnose.core.replay import Case
from diagnose.core.trace import Gold
from diagnose.report import numbers
from diagnose.report.drawn import GAP, Cell, Column, Prose, heading, table
from diagnose.report.evidence_marks import evidence_spans, excerpt
from diagnose.report.foreign import flat, listed
from diagnose.report.laid_open import Placed, StageView, laid_open, unchanged

TEXT_LIMIT = 600
"""Characters shown of a question, an answer or a reference."""
FIRST = 5
"""Passages of a list that are shown; gold ones are shown wherever they stand."""
LABEL_CELLS = 5
"""Cells of the labels on the left at least, so that those of one stage line up."""
INDENT = LABEL_CELLS + 4
"""Cells before the passages of a stage."""
SHOWN_AT_MOST = 15
"""Rows of passages of one stage."""


def labelled(rows: Sequence[tuple[str, Cell]], indent: int = 0) -> RenderableType:
    """Short labels with what they stand for beside them."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=LABEL_CELLS, style="dim")
    grid.add_column(overflow="fold")
    for label, cell in rows:
        grid.add_row(Text(label), Prose(cell if isinstance(cell, Text) else Text(cell)))
    return Padding(grid, (0, 0, 0, indent))


def stage_parts(case: Case, blame: Blame, width: int) -> Iterator[RenderableType]:
    """Every stage, of the replay with nothing changed or else of the log; `width` is in columns."""
    views = laid_open(case, in_corpus=blame.verdict != "corpus")
    if not views:
        return
    replayed = unchanged(case) is not None
    yield from heading(
        "Stage by stage, replayed with nothing changed" if replayed else "Stage by stage, as logged"
    )
    for view in views:
        yield from _stage(view, case.gold, width, convicted=view.role == blame.verdict)


def _stage(view: StageView, gold: Gold | None, width: int, convicted: bool) -> Iterator[RenderableType]:
    name = f" {flat(view.name, 40)}" if view.name else ""
    state = {True: "evidence in what it gave", False: "evidence not in what it gave", None: ""}[view.evidence]
    line = Text.assemble((view.role, "bold"), (name, "dim"))
    if convicted:
        line.append("  CONVICTED", "bold")
    if view.lost:
        line.append("  LOST HERE: the evidence is not in what it gave", "bold red")
    elif state:
        line.append(f"  {state}", "dim")
    yield line
    output = as_text(gave(view.output, gold))
    if view.given and in_order(view):
        output.append(", in the order taken")
    yield labelled([("took", view.took), ("gave", output)], 2)
    if rows := shown_passages(view):
        yield Padding(_passages(view, rows, width), (0, 0, 0, INDENT))
    if view.left_out:
        yield labelled([("cut", _left_out(view.left_out))], 2)
    if view.logged is not None:
        yield labelled([("log", Text("has ").append_text(as_text(gave(view.logged, gold, brief=True))))], 2)
    if view.error:
        yield labelled([("error", flat(view.error))], 2)


def gave(output: Output, gold: Gold | None, brief: bool = False) -> Cell:
    """An output in words; passages are counted, and named where it is to be brief."""
    match output:
        case Passages():
            n = numbers.counted(len(output.passages), "passage")
            return f"{n}: {listed([p.id for p in output.passages], most=10, limit=20)}" if brief else n
        case Context():
            return marked_context(output, gold)
        case Answer():
            cut = "  (cut off at its token limit)" if output.finish_reason == "length" else ""
            return (flat(output.text, TEXT_LIMIT) or "an empty answer") + cut
        case Decision():
            said = f", and says: {flat(output.text, TEXT_LIMIT)}" if output.text is not None else ""
            return f"{'lets the draft through' if output.accept else 'blocks the draft'}{said}"
        case QueryText():
            return flat(output.text, TEXT_LIMIT)
        case Route():
            return f"route {flat(output.route, 60)}"


def marked_context(context: Context, gold: Gold | None) -> Text:
    """The context clipped, the evidence in it between brackets."""
    made = Text()
    for piece in excerpt(context.text, evidence_spans(context.text, gold)):
        made.append(f"⟦{piece.text}⟧" if piece.marked else piece.text, "bold reverse" if piece.marked else "")
    made.append(f"  ({len(context.text):,} characters)", "dim")
    return made


def as_text(cell: Cell) -> Text:
    """The cell as a text that can be added to."""
    return cell if isinstance(cell, Text) else Text(cell)


def in_order(view: StageView) -> bool:
    """Whether what a stage gave is the head of what it took, in the same order."""
    return all(placed.before == placed.rank for placed in view.given)


def shown_passages(view: StageView) -> list[Placed]:
    """The first passages, unless they came in this order already, and the gold ones wherever they are."""
    first = 0 if in_order(view) else FIRST
    return [placed for placed in view.given if placed.rank <= first or placed.mark][:SHOWN_AT_MOST]


def _passages(view: StageView, shown: Sequence[Placed], width: int) -> Table:
    """Passages with the rank they have and the one they had in what the stage took."""
    moved = any(placed.before is not None for placed in view.given)
    heads = [Column("rank", "right"), Column("was", "right"), Column("passage"), Column(""), Column("")]
    rows: list[list[Cell]] = []
    for placed in shown:
        was = numbers.NOTHING if placed.before is None else str(placed.before)
        mark = Text(placed.mark, style="bold" if placed.mark else "")
        rows.append([str(placed.rank), was, flat(placed.passage.id, 24), mark])
    if rest := len(view.given) - len(shown):
        rows.append(["", "", f"… {rest:,} more", Text()])
    room = (
        width - INDENT - sum(_widest(head.head, [row[i] for row in rows]) for i, head in enumerate(heads[:4]))
    )
    for row, placed in zip(rows, shown, strict=False):
        text = flat(placed.passage.title or placed.passage.text, max(room, 20))
        row.append(Text(text, style="dim", no_wrap=True, overflow="ellipsis"))
    kept = [i for i in range(len(heads)) if moved or i != 1]
    return table([heads[i] for i in kept], [[row[i] for i in kept if i < len(row)] for row in rows])


def _widest(head: str, cells: Sequence[Cell]) -> int:
    return max(Text(head).cell_len, *(as_text(cell).cell_len for cell in cells)) + GAP


def _left_out(left_out: Sequence[Placed]) -> str:
    gold = [p for p in left_out if p.mark]
    named = [f"{flat(p.passage.id, 40)} ({p.mark}, was {p.before})" for p in gold[:FIRST]]
    if others := len(left_out) - len(named):
        named.append(f"{others:,} other" + ("s" if others > 1 else "") if named else _no_gold(others))
    return ", ".join(named)


def _no_gold(n: int) -> str:
    return f"{numbers.counted(n, 'passage')}, none of them gold" if n > 1 else "1 passage, not gold"
