"""`--sample`: intervals corrected by the free funnel verdict against the sample's own, by simulation."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
from figures import Figure, tell

from diagnose.flow.chosen import drawn
from diagnose.stats.prediction import corrected_mean

FAILURES, SAMPLED, REPEATS = 2_000, 100, 1_000
ROLES = ("retriever", "ranker", "packer", "model")
PARTS = (0.15, 0.45, 0.10, 0.30)


def simulated(agree: float, weight: float | None) -> tuple[float, float]:
    """How often the interval of a stage's part of the verdicts holds it, and its mean width, over stages and samples;
    samples are drawn as `run --sample` draws them."""
    rng, held, width = np.random.default_rng(0), 0, 0.0
    lost = rng.choice(len(ROLES), FAILURES, p=PARTS)
    verdict = np.where(rng.random(FAILURES) < agree, lost, rng.choice(len(ROLES), FAILURES, p=PARTS))
    strata = [(ROLES[i], "") for i in lost]
    for repeat in range(REPEATS):
        taken = drawn(strata, repeat)[:SAMPLED]
        for role in range(len(ROLES)):
            truth, guess = (verdict == role).astype(float), (lost == role).astype(float)
            found = corrected_mean(truth[taken], guess[taken], guess, weight)
            held += found.low <= truth.mean() <= found.high
            width += found.high - found.low
    return held / REPEATS / len(ROLES), width / REPEATS / len(ROLES)


def main() -> None:
    """With a funnel that is right in 85 % of failures (as on planted faults), and one that is worth little."""
    for agree in (0.85, 0.4):
        covered, narrow = simulated(agree, None)
        _, wide = simulated(agree, 0.0)
        right = agree + (1 - agree) * sum(p * p for p in PARTS)
        what = f"--sample {SAMPLED} of {FAILURES:,}, funnel right in {right:.0%}"
        tell(
            Figure(f"{what}: coverage of 95 % intervals", f"{REPEATS} simulated samples", covered, 0.95, ">=")
        )
        tell(Figure(f"{what}: width", "the sample's own interval", narrow / wide, 1.0, "<="))


if __name__ == "__main__":
    main()
