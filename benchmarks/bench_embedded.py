"""The embedded model: time around it, and what its key-value cache saves where prompts share their beginning.

One thread. Answers are compared letter by letter: the same prompt has to give the same answer whatever was asked
before.
"""

from __future__ import annotations

import compileall
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))
from figures import ROOT, Figure, alone, tell

from diagnose.core.artifact import Context, Output, Query
from diagnose.core.stage import Given
from diagnose.replay.ahead import Call
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.stages import llama_blocks
from diagnose.stages.load import load_pipeline

QUESTION = "What is the fee?"
PIPELINE = """[stages.model]
use = "llama-cpp"
model = "smollm2-135m-instruct"
max_tokens = 16
n_threads = 1
"""


def overhead() -> None:
    """A whole run of the command line in a process of its own, from its start to its end, against the seconds inside
    the model's calls: reading, retrieving, scoring, dividing the blame and writing the pages come on top of those."""
    # As pip does in installing; an editable checkout need not have it done.
    compileall.compile_dir(ROOT / "diagnose", quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        desk, told = Path(folder) / "desk", Path(folder) / "told.json"
        shutil.copytree(ROOT / "fixtures" / "contract-desk", desk)
        # One thread: two of them wait for each other where other work wants the CPUs, and no answer depends on it.
        pipeline = desk / "pipeline.toml"
        pipeline.write_text(pipeline.read_text().replace("[stages.model]", "[stages.model]\nn_threads = 1"))
        inputs = [str(desk / "traces.jsonl"), "-p", str(pipeline), "--jobs", "1"]
        program = [sys.executable, str(Path(__file__).with_name("timed_run.py")), str(told)]
        started = time.perf_counter()
        ran = alone([*program, "run", *inputs, "-o", f"{folder}/report"], DIAGNOSE_CACHE_DIR=f"{folder}/memo")
        failures = len((Path(folder) / "report" / "blame.jsonl").read_bytes().splitlines())
        found = json.loads(told.read_bytes())
    inside, before = found["inside"], found["first"] - started
    note = (
        f"`diagnose run` on fixtures/contract-desk in a process of its own, nothing in the memo: {failures} failures, "
        f"{found['calls']} calls, {inside:.1f} s inside; one thread, --jobs 1, bytecode compiled as by pip"
    )
    what, model = "wall time of a replayed run, embedded model", "time inside the model"
    tell(Figure(what, model, ran.wall_s / inside, 1.05, "<=", note))
    around, part = ran.cpu_s - found["cpu"], ran.cpu_s / found["cpu"]
    note = (
        f"seconds; {before:.1f} of them before the first call: imports, reading, index. Of the CPU {around:.1f}: by "
        f"that, in which other load does not count, the ratio is {part:.3f}"
    )
    tell(Figure("the same run, outside the model", "–", ran.wall_s - inside, note=note))


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
