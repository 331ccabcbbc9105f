"""How a convicted model fails, by ablations."""

from __future__ import annotations

import msgspec

from diagnose.ablate.plan import Plan
from diagnose.ablate.probe import PROBED, probed
from diagnose.core.blame import Blame
from diagnose.core.game import Runs
from diagnose.replay.run import Broken, Meter, Runner


def probed_blame(blame: Blame, runner: Runner, plan: Plan, seed: int) -> Blame:
    """The blame of a convicted model with its mode refined by ablations; their runs are counted with its
    own. Any other blame comes back as it is."""
    if blame.verdict != "model" or blame.mode not in PROBED:
        return blame
    meter = Meter()
    try:
        mode, evidence = probed(runner, plan, meter, seed)
    except Broken:
        return blame
    more = meter.runs
    runs = Runs(
        blame.runs.model + more.model, blame.runs.stage + more.stage, blame.runs.memo_hits + more.memo_hits
    )
    return msgspec.structs.replace(blame, mode=mode, evidence=evidence, runs=runs)
