"""The embedded model: time around it, and what its key-value cache would save where prompts share their beginning.

One thread. The order by shared prefix is measured with the cache kept, the arbitrary one as the tool runs it; answers
are compared letter by letter, because the same prompt has to give the same answer whatever was asked before.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))
from figures import ROOT, Figure, tell

import diagnose.stages.llama as llama
from diagnose.core.artifact import Context
from diagnose.core.trace import Trace
from diagnose.flow import Settings, replayed
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.stages.load import load_pipeline
from diagnose.traces.read import read_log

FAILURES = 2


def overhead() -> None:
    """The process's CPU seconds of a replay against those inside the model's calls: one thread does all."""
    folder = ROOT / "fixtures" / "contract-desk"
    log = [item for item in read_log(folder / "traces.jsonl") if isinstance(item, Trace)]
    failing = [t for t in log if t.outcome and t.outcome.score is not None and t.outcome.score < 0.5][
        :FAILURES
    ]
    pipeline = load_pipeline(folder / "pipeline.toml")
    inside, calls = 0.0, 0
    real = llama.LlamaModel.__call__

    def timed(self: llama.LlamaModel, *given: object, **named: object) -> object:
        nonlocal inside, calls
        started = time.perf_counter()
        try:
            return real(self, *given, **named)  # type: ignore[arg-type]
        finally:
            inside, calls = inside + time.perf_counter() - started, calls + 1

    with patch.object(llama.LlamaModel, "__call__", timed):
        pipeline = load_pipeline(folder / "pipeline.toml")
        started = time.perf_counter()
        scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
        replayed(failing, Runner(pipeline, Memo()), scorer, Settings(fidelity_floor=0.0, probe=False))
        total = time.perf_counter() - started
    note = f"{len(failing)} failures, {calls} calls, {inside:.1f} s inside"
    tell(
        Figure(
            "wall time of a replayed run, embedded model",
            "time inside the model",
            total / inside,
            1.05,
            "<=",
            note,
        )
    )


def prefixes() -> None:
    """Four contexts of one beginning and different ends, under two beginnings."""
    model = llama.llama_cpp(ROOT, "smollm2-135m-instruct", max_tokens=16, n_threads=1)
    starts = [" ".join(f"Clause {i} of volume {v} is in force." for i in range(30)) for v in range(2)]
    prompts = [Context(f"{start} The fee is {fee} euros.") for fee in (10, 20, 30) for start in starts]
    model("warm", prompts[0])

    def asked(contexts: list[Context]) -> tuple[float, dict[str, str]]:
        started = time.perf_counter()
        said = {c.text: model("What is the fee?", c).text for c in contexts}
        return time.perf_counter() - started, said

    arbitrary, plain = asked(prompts)
    with patch.object(llama, "_forget", lambda _: None):
        ordered, kept = asked(sorted(prompts, key=lambda c: c.text))
    alike = sum(plain[text] == kept[text] for text in plain)
    note = f"{alike} of {len(plain)} answers alike; the tool forgets the cache, as answers may differ with it"
    tell(
        Figure(
            "prefix order with the cache kept",
            "arbitrary order, as the tool runs",
            ordered / arbitrary,
            0.75,
            "<=",
            note,
        )
    )


if __name__ == "__main__":
    prefixes()
    overhead()
