"""The embedded model: time around it, and what its key-value cache saves where prompts share their beginning.

One thread. Answers are compared letter by letter: the same prompt has to give the same answer whatever was asked
before.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))
from figures import ROOT, Figure, tell

import diagnose.stages.llama as llama
from diagnose.core.artifact import Context, Output, Query
from diagnose.core.stage import Given
from diagnose.core.trace import Trace
from diagnose.flow import Settings, replayed
from diagnose.replay.ahead import Call
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.score.table import Scorer
from diagnose.stages import llama_blocks
from diagnose.stages.load import load_pipeline, load_variants
from diagnose.traces.read import read_log

FAILURES = 2
QUESTION = "What is the fee?"
PIPELINE = """[stages.model]
use = "llama-cpp"
model = "smollm2-135m-instruct"
max_tokens = 16
n_threads = 1
"""


def overhead() -> None:
    """The seconds of a replay against those inside the model's calls, one after another in one thread."""
    folder = ROOT / "fixtures" / "contract-desk"
    log = [item for item in read_log(folder / "traces.jsonl") if isinstance(item, Trace)]
    failing = [t for t in log if t.outcome and t.outcome.score is not None and t.outcome.score < 0.5][
        :FAILURES
    ]
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
        # One thread: two of them wait for each other where other work wants the CPUs.
        [pipeline] = load_variants(folder / "pipeline.toml", [{"stages.model.n_threads": 1}])
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
    """Contexts of one beginning and different ends, under two beginnings, in turn; a model run each.

    CPU seconds: one thread does all, and other load does not count."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pipeline.toml").write_text(PIPELINE)
        pipeline = load_pipeline(Path(folder) / "pipeline.toml")
    stage = pipeline.stage("model")
    assert stage is not None
    starts = [" ".join(f"Clause {i} of volume {v} is in force." for i in range(30)) for v in range(2)]
    texts = [f"{start} The fee is {fee} euros." for fee in (10, 20, 30) for start in starts]
    calls = [Call(stage, Given(QUESTION, Query(QUESTION), (), Context(text))) for text in texts]
    stage.run(Given("warm", Query("warm")), None)

    def asked(kept: bool, ordered: bool) -> tuple[float, list[Output]]:
        runner = Runner(pipeline, Memo())
        started = time.process_time()
        with patch.object(llama_blocks, "kept_tokens", llama_blocks.kept_tokens if kept else lambda *_: 0):
            if ordered:
                runner.ahead(calls)
            said = [runner.run(call.stage, call.given, Meter()) for call in calls]
        return time.process_time() - started, said

    nothing, cold = asked(kept=False, ordered=False)
    arbitrary, warm = asked(kept=True, ordered=False)
    ordered, said = asked(kept=True, ordered=True)
    alike = sum(a == b == c for a, b, c in zip(cold, warm, said, strict=True))
    note = f"{alike} of {len(said)} answers alike in every byte; CPU seconds of one thread"
    tell(Figure("prefix order", "arbitrary order, same prompts", ordered / arbitrary, 0.75, "<=", note))
    note = f"the same, against forgetting everything between prompts: {nothing / len(said):.2f} s a run"
    tell(Figure("prefix order", "arbitrary order, no cache kept", ordered / nothing, 0.75, "<=", note))


if __name__ == "__main__":
    prefixes()
    overhead()
