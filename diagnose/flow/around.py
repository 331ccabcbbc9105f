"""What else would have helped, beside the blame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from diagnose.ablate.trial import tried
from diagnose.ablate.workarounds import workarounds
from diagnose.core.blame import Blame
from diagnose.flow.failing import Failing
from diagnose.flow.found import Found
from diagnose.flow.together import made_together, window_of, windows
from diagnose.replay.run import Broken, Meter, Runner


def with_workarounds(found: Found, failures: Sequence[Failing], runner: Runner) -> Found:
    """The same blames, each with what the repairs of its sound stages would have won; shares stay as they are.

    Every stage runs once, noise or not: a hint, not a verdict.
    """
    by_id = {one.item.trace.trace_id: one for one in failures}

    def told(blame: Blame) -> Blame:
        return _told(blame, by_id.get(blame.trace_id), runner)

    each = windows(found.blames, window_of(runner))
    return replace(found, blames=tuple(one for some in each for one in made_together(runner, some, told)))


def _told(blame: Blame, one: Failing | None, runner: Runner) -> Blame:
    if one is None or one.label is None or not blame.shares:
        return blame
    trial = tried(runner, one.item.trace, one.label, one.worth, one.scorer.pass_mark)
    if trial.plan is None or trial.table is None:
        return blame
    try:
        won = workarounds(runner, one.item.trace.query, trial.plan, trial.table, one.worth, Meter())
    except Broken:
        return blame
    return msgspec.structs.replace(blame, workarounds=won)
