"""Budgets and sweeps as sections of plain text, the same for the terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagnose.core.budget import Budget, Cell, Moved, Setting, Sweep
from diagnose.report import numbers
from diagnose.report.sections import SHOWN, Section, points, points_range

AS_IS = "as it is"


def sweep_sections(sweep: Sweep) -> Iterator[Section]:
    """A sweep: what every cell gave."""
    yield Section("", (sweep.headline,))
    if sweep.notes:
        yield Section("Mind", sweep.notes)
    told = (
        f"{numbers.count(sweep.n)} traces in {numbers.count(len(sweep.cells))} cells; the model ran "
        f"{numbers.count(sweep.model_runs)} times for all of them. Changes are paired by trace, against the pipeline "
        "as it is.",
    )
    yield _cells("Cells", told, sweep.cells, range(len(sweep.cells)))


def _cells(title: str, lines: tuple[str, ...], cells: Sequence[Cell], shown: Sequence[int]) -> Section:
    timed = any(cell.seconds is not None for cell in cells)
    priced = any(cell.money is not None for cell in cells)
    head = ("setting", "score", "points", "95 %", "won", "lost", "tokens")
    head += (*(("seconds",) if timed else ()), *(("money",) if priced else ()))
    rows = []
    for i in shown:
        cell = cells[i]
        row = [
            cell_name(cell),
            numbers.score(cell.score),
            points(cell.change.value),
            points_range(cell.change.low, cell.change.high),
            numbers.count(cell.won),
            numbers.count(cell.lost),
            numbers.count(round(cell.tokens)),
        ]
        row += [_optional(cell.seconds, numbers.seconds)] if timed else []
        row += [_optional(cell.money, numbers.money)] if priced else []
        rows.append(tuple(row))
    most = rows[: 3 * SHOWN]
    return Section(title, lines, head, "l" + "r" * (len(head) - 1), tuple(most), len(rows) - len(most))


def _optional(value: float | None, written: object) -> str:
    assert callable(written)
    return numbers.NOTHING if value is None else str(written(value))


def cell_name(cell: Cell) -> str:
    """The settings of a cell in a line; stages' keys without their `stages.`."""
    told = [f"{key.removeprefix('stages.')} = {_shown(value)}" for key, value in cell.settings.items()]
    return ", ".join(told) or AS_IS


def _shown(value: Setting) -> str:
    return "left out" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def budget_sections(budget: Budget) -> Iterator[Section]:
    """A budget: frontier, complexity, tiers, policies, waste and starvation, the route table."""
    yield Section("", (budget.headline,))
    if budget.notes:
        yield Section("Mind", budget.notes)
    yield _policies(budget)
    on = [i for i, cell in enumerate(budget.cells) if cell.frontier or not cell.settings]
    on.sort(key=lambda i: budget.cells[i].tokens)
    told = (
        f"Of {numbers.count(len(budget.cells))} settings over {numbers.count(budget.n)} queries, those that no other "
        "beats in score for as few tokens, and the pipeline as it is.",
    )
    yield _cells("Accuracy and cost", told, budget.cells, on)
    yield _complexity(budget)
    yield _tiers(budget)
    yield from _moved(budget, "Waste", budget.waste, "Right answers that a smaller budget gives too.")
    yield from _moved(budget, "Starvation", budget.starvation, "Wrong answers that a larger budget wins.")


def _policies(budget: Budget) -> Section:
    told = (
        f"`route` is the proposed table, learnt on all but one of {budget.folds} folds and tried on that; so is "
        "`best uniform`, the smallest single budget. `oracle` knows what each query needs: no router can beat it.",
    )
    rows = tuple(
        (
            p.name,
            numbers.score(p.score),
            points(p.change.value),
            points_range(p.change.low, p.change.high),
            numbers.count(round(p.tokens)),
            numbers.percent(p.saved),
            _optional(p.seconds, numbers.seconds),
            _optional(p.money, numbers.money),
        )
        for p in budget.policies
    )
    head = ("policy", "score", "points", "95 %", "tokens", "saved", "seconds", "money")
    return Section("What routing would give", told, head, "lrrrrrrr", rows)


def _complexity(budget: Budget) -> Section:
    model = budget.complexity
    if model is None:
        return Section("Complexity", (f"No model of complexity: {budget.refused}.",))
    beside = (
        ""
        if model.brier_with_scores is None
        else f"; with the retriever's scores, which a router cannot know, {model.brier_with_scores:.3f}"
    )
    told = (
        f"The probability that a query needs more than a budget of {numbers.count(round(model.above_tokens))} tokens, "
        f"learnt from {numbers.count(model.n)} queries and told here of queries left out of the learning. Brier score "
        f"{model.brier:.3f} (the base rate alone: {model.brier_base:.3f}{beside}); calibration error "
        f"{model.calibration_error:.3f}.",
    )
    rows = tuple(
        (
            f"{numbers.score(b.low)}–{numbers.score(b.high)}",
            numbers.count(b.n),
            numbers.score(b.predicted),
            numbers.score(b.observed),
        )
        for b in model.bins
    )
    return Section("Complexity", told, ("predicted", "queries", "mean predicted", "observed"), "lrrr", rows)


def _tiers(budget: Budget) -> Section:
    rows = tuple(
        (
            tier.name,
            numbers.count(tier.n),
            cell_name(budget.cells[tier.cell]),
            numbers.score(tier.before),
            numbers.score(tier.score),
            numbers.count(round(tier.tokens_before)),
            numbers.count(round(tier.tokens)),
            numbers.NOTHING if tier.larger is None else cell_name(budget.cells[tier.larger]),
        )
        for tier in budget.tiers
    )
    told = (
        "For each tier the smallest budget that keeps its answers, and the smallest larger one that wins more beyond "
        "doubt.",
    )
    head = (
        "tier",
        "queries",
        "smallest budget",
        "score now",
        "then",
        "tokens now",
        "tokens then",
        "larger wins",
    )
    return Section("Tiers", told, head, "lrlrrrrl", rows)


def _moved(budget: Budget, title: str, moved: Sequence[Moved], what: str) -> Iterator[Section]:
    if not moved:
        yield Section(title, ("None.",))
        return
    rows = tuple(
        (
            one.trace_id,
            one.tier,
            numbers.count(round(one.tokens_before)),
            numbers.count(round(one.tokens)),
            cell_name(budget.cells[one.cell]),
        )
        for one in moved[:SHOWN]
    )
    head = ("trace", "tier", "tokens now", "tokens then", "budget")
    told = (f"{what} {numbers.of(len(moved), budget.n)}.",)
    yield Section(title, told, head, "llrrl", rows, len(moved) - len(rows))
