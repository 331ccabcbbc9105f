"""Two sides paired by trace, or why they cannot be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnose.core.baseline import Baseline, BaselineRow
from diagnose.core.report import StageIdentity
from diagnose.core.stage import ROLES
from diagnose.core.verdict import Changed
from diagnose.errors import BadInput, UsageError, quoted
from diagnose.gate.side import held

Floats = NDArray[np.float64]
Pair = tuple[BaselineRow, BaselineRow]

ALLOWED = ("scorer", "questions", "labels", "missing")
"""What can be compared against the rules, when asked for by name: another scorer, other questions under
the same ids, changed labels, traces that are scored on one side only."""
MOST_OTHER = 0.1
"""Part of the paired ids that may hold another question (they are left out); of more, the logs are
different ones."""
CLUSTER_TAG = "cluster"
NAMED = 5


@dataclass(frozen=True)
class Pairs:
    """The traces that both sides have a score for, in the order of their ids."""

    before: Baseline
    after: Baseline
    rows: tuple[Pair, ...]
    changed: tuple[Changed, ...]
    notes: tuple[str, ...]

    @property
    def clusters(self) -> NDArray[np.str_] | None:
        """The cluster of each pair, or None where the log names none."""
        named = [pair[1].tags.get(CLUSTER_TAG) for pair in self.rows]
        if not any(named):
            return None
        # A trace without one is its own; the blank keeps its name apart from any cluster's.
        return np.array([n or f" {pair[1].trace_id}" for n, pair in zip(named, self.rows, strict=True)])

    def scores(self) -> tuple[Floats, Floats]:
        """The scores before and after, (n,) each."""
        return _column([a.score for a, _ in self.rows]), _column([b.score for _, b in self.rows])

    def held(self) -> tuple[Floats, Floats] | None:
        """The scores as far as they held when failures were replayed, or None where one side's were not."""
        rows = [(held(a), held(b)) for a, b in self.rows]
        missing = [sum(pair[side] is None for pair in rows) for side in (0, 1)]
        if not (self.before.replayed and self.after.replayed) or max(missing) > MOST_OTHER * len(rows):
            return None
        # A failure that was not replayed stays as it was logged.
        return (
            _column(
                [row.score if h is None else h for (row, _), (h, _) in zip(self.rows, rows, strict=True)]
            ),
            _column(
                [row.score if h is None else h for (_, row), (_, h) in zip(self.rows, rows, strict=True)]
            ),
        )

    @property
    def replayed(self) -> bool:
        """Whether both sides know their blame."""
        return self.before.replayed and self.after.replayed

    @property
    def steady(self) -> bool:
        """Whether nothing is left to chance on either side: every failure came out again as it was logged."""
        sides = (self.before, self.after)
        known = [side for side in sides if side.n_failures]
        return bool(known) and all(side.steady for side in known)

    def failed(self, side: int) -> NDArray[np.bool_]:
        """Which traces fail on a side (0 before, 1 after)."""
        mark = (self.before, self.after)[side].pass_mark
        return np.array([(pair[side].score or 0.0) < mark for pair in self.rows], dtype=np.bool_)


def _column(values: Sequence[float | None]) -> Floats:
    return np.array([0.0 if value is None else value for value in values], dtype=np.float64)


def paired(before: Baseline, after: Baseline, allow: Collection[str] = ()) -> Pairs:
    """Pair two sides by trace id, or by question where the ids are all different.

    BadInput, with what to do, where they are not comparable: another scorer, no common traces, other
    questions, traces without a score on one side. `allow` names what is to be let through (`ALLOWED`).
    """
    for name in allow:
        if name not in ALLOWED:
            raise UsageError(f"allow: expected one of {', '.join(ALLOWED)}, found {quoted(name)}")
    _check_scorer(before, after, allow)
    _check_some(before, after)
    notes: list[str] = []
    found = _matched(before, after, notes)
    if extra := len(after.rows) - len(found):
        notes.append(f"{_traces(extra)} of the report not in the baseline: left out")
    found = _same_questions(found, allow, notes)
    found, relabelled = _same_labels(found, allow, notes)
    found = _scored(before, after, found, allow, notes)
    changed = [*_changes(before, after)]
    if relabelled:
        changed.append(Changed("labels", None, f"of {_traces(relabelled)}"))
    return Pairs(
        before, after, tuple(sorted(found, key=lambda p: p[1].trace_id)), tuple(changed), tuple(notes)
    )


def _check_scorer(before: Baseline, after: Baseline, allow: Collection[str]) -> None:
    if "scorer" in allow or scorer(before) == scorer(after):
        return
    raise BadInput(
        f"the two sides are scored differently ({scorer(before)} before, {scorer(after)} now): a change of "
        "score would say nothing; score both alike, or compare all the same with --allow scorer"
    )


def scorer(side: Baseline) -> str:
    """What judged a side's answers."""
    return f"{side.metric} with pass mark {side.pass_mark:g}"


def _check_some(before: Baseline, after: Baseline) -> None:
    for what, side in (("baseline", before), ("report", after)):
        if not side.rows:
            raise BadInput(f"the {what} holds no traces: there is nothing to compare")
        if all(row.score is None for row in side.rows):
            raise BadInput(f"no trace of the {what} has a score: label its queries, or log outcome.score")


def _matched(before: Baseline, after: Baseline, notes: list[str]) -> list[Pair]:
    ours = {row.trace_id: row for row in before.rows}
    by_id = [(ours[row.trace_id], row) for row in after.rows if row.trace_id in ours]
    agreeing = sum(_same_question(a, b) for a, b in by_id)
    by_query = _by_query(before, after)
    if len(by_query) > agreeing:
        # More questions are the same than ids stand for the same question: the ids were given anew.
        notes.append(
            f"trace ids have changed: {_traces(len(by_query))} matched by the text of the question instead "
            "(questions asked twice are left out)"
        )
        return by_query
    if not by_id:
        raise BadInput(
            f"no common traces: the baseline has {_ids(before.rows)}, the report {_ids(after.rows)}; give "
            "the report of a run over the same log"
        )
    return by_id


def _by_query(before: Baseline, after: Baseline) -> list[Pair]:
    """Pairs with the same question, where it is asked once on each side."""
    asked = [Counter(row.query for row in side.rows if row.query) for side in (before, after)]
    ours = {row.query: row for row in before.rows if asked[0][row.query] == 1}
    return [(ours[row.query], row) for row in after.rows if row.query in ours and asked[1][row.query] == 1]


def _same_question(a: BaselineRow, b: BaselineRow) -> bool:
    return a.query == b.query or not a.query or not b.query


def _same_questions(pairs: list[Pair], allow: Collection[str], notes: list[str]) -> list[Pair]:
    other = [pair for pair in pairs if not _same_question(*pair)]
    if not other:
        return pairs
    named = ", ".join(quoted(b.trace_id) for _, b in other[:NAMED])
    what = f"{_traces(len(other))} of {len(pairs)} with another question under the same id ({named})"
    if "questions" in allow:
        notes.append(f"{what}: compared all the same")
        return pairs
    if len(other) > MOST_OTHER * len(pairs):
        raise BadInput(
            f"{what}: these are different logs; give a report over the same one, or --allow questions"
        )
    notes.append(f"{what}: left out")
    return [pair for pair in pairs if _same_question(*pair)]


def _same_labels(pairs: list[Pair], allow: Collection[str], notes: list[str]) -> tuple[list[Pair], int]:
    other = [pair for pair in pairs if pair[0].label != pair[1].label]
    if not other:
        return pairs, 0
    if "labels" in allow:
        notes.append(f"the labels of {_traces(len(other))} have changed: compared all the same")
        return pairs, len(other)
    kept = [pair for pair in pairs if pair[0].label == pair[1].label]
    if len(kept) < len(other):
        raise BadInput(
            f"the labels of {_traces(len(other))} of {len(pairs)} have changed: the scores before and now "
            "answer to different references; update the baseline, or compare all the same with --allow labels"
        )
    notes.append(f"the labels of {_traces(len(other))} have changed: left out")
    return kept, len(other)


def _scored(
    before: Baseline, after: Baseline, pairs: list[Pair], allow: Collection[str], notes: list[str]
) -> list[Pair]:
    """The pairs with two scores. What had a score before and has none now must not vanish in silence."""
    seen = {a.trace_id for a, _ in pairs}
    gone = [row for row in before.rows if row.score is not None and row.trace_id not in seen]
    # Pairs that were left out with a reason are not gone.
    present = {row.trace_id for row in after.rows} | {row.query for row in after.rows if row.query}
    gone = [row for row in gone if row.trace_id not in present and row.query not in present]
    blank = [a for a, b in pairs if a.score is not None and b.score is None]
    new = sum(a.score is None and b.score is not None for a, b in pairs)
    for rows, what in ((gone, "missing from the report"), (blank, "without a score in the report")):
        if not rows:
            continue
        named = ", ".join(quoted(row.trace_id) for row in rows[:NAMED])
        said = f"{what}: {_traces(len(rows))} that the baseline has a score for ({named})"
        if "missing" not in allow:
            raise BadInput(
                f"{said}: a trace that is lost may be one that broke; run them again, or leave them out "
                "with --allow missing"
            )
        notes.append(f"{said}: left out")
    if new:
        notes.append(f"{_traces(new)} without a score in the baseline: left out")
    kept = [(a, b) for a, b in pairs if a.score is not None and b.score is not None]
    if not kept:
        raise BadInput("no trace has a score on both sides: there is nothing to compare")
    return kept


def _changes(before: Baseline, after: Baseline) -> Iterator[Changed]:
    if scorer(before) != scorer(after):
        yield Changed("scorer", scorer(before), scorer(after))
    if before.corpus != after.corpus and before.corpus and after.corpus:
        yield Changed("corpus", before.corpus, after.corpus)
    if not before.stages or not after.stages:
        return
    old, new = ({s.role: s for s in side.stages} for side in (before, after))
    for role in ROLES:
        a, b = old.get(role), new.get(role)
        if (a.fingerprint if a else None) != (b.fingerprint if b else None):
            yield Changed(role, _stage(a), _stage(b))


def _stage(stage: StageIdentity | None) -> str | None:
    if stage is None:
        return None
    return f"{stage.name} {stage.fingerprint[:12]}"


def _traces(n: int) -> str:
    return "1 trace" if n == 1 else f"{n:,} traces"


def _ids(rows: Sequence[BaselineRow]) -> str:
    named = ", ".join(quoted(row.trace_id) for row in rows[:2])
    return f"{named} …" if len(rows) > 2 else named
