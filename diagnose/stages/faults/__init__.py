"""Known faults to plant in a stage: how `trust` finds out how often blame lands on them.

A fault wraps a runnable stage and spoils what it gives (or takes), as a fault in the field would: the
result is a stage like any other, with a fingerprint of its own. Faults that need to know what matters (to
lose it) are told by `gold_of`; whatever looks random is drawn from a digest of the query, so that it is the
same in every replay. Each role's faults are in the file of its name.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

from diagnose.core.artifact import Output
from diagnose.core.stage import Given, Stage
from diagnose.stages.faults import (
    compressor,
    model,
    packer,
    ranker,
    retriever,
    rewriter,
    router,
    verifier,
)
from diagnose.stages.faults.fault import Around, Fault, GoldOf, Spoil, asked

__all__ = ["FAULTS", "Around", "Fault", "GoldOf", "Spoil", "asked", "faulty"]

_BY_ROLE = (router, rewriter, retriever, ranker, compressor, packer, model, verifier)
FAULTS: dict[str, Fault] = {fault.name: fault for of in _BY_ROLE for fault in of.FAULTS}
"""Every fault by name, roles in pipeline order."""


def faulty(stage: Stage, fault: Fault, around: Around, seed: int = 0) -> Stage:
    """The stage with the fault in it."""

    def run(given: Given, run_seed: int | None) -> Output:
        again = f"/{run_seed}" if fault.noisy else ""
        rng = random.Random(_digest(f"{seed}/{fault.name}/{asked(given.conversation)}{again}"))
        own = stage.run(fault.takes(given, rng) if fault.takes else given, run_seed)
        return fault.spoil(given, own, rng, around) if fault.spoil else own

    return replace(
        stage,
        name=f"{stage.name} with {fault.name}",
        run=run,
        run_batch=None,
        fingerprint=_digest(f"{stage.fingerprint}/{fault.name}/{around.rate}/{seed}"),
        deterministic=stage.deterministic and not fault.noisy,
        seeded=stage.seeded or fault.noisy,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
