"""Two processes with an embedded model each, and two nodes of a Ray cluster, against one process: one thread each.

The processes are up and have loaded the model before the clock starts. The bars hold where two cores are free: see the
load beside the row.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bench_embedded import PIPELINE, QUESTION
from figures import Figure, tell

from diagnose.core.artifact import Context, Output, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given
from diagnose.replay.ahead import Call, Engine
from diagnose.replay.memo import Memo
from diagnose.replay.processes import Processes
from diagnose.replay.run import Meter, Runner
from diagnose.stages.load import load_pipeline

PROMPTS = 8


def calls(pipeline: Pipeline, name: str, n: int) -> list[Call]:
    """Model calls whose contexts have nothing in common."""
    stage = pipeline.stage("model")
    assert stage is not None
    texts = [" ".join(f"{name}{k} clause {i} is in force." for i in range(12)) for k in range(n)]
    return [
        Call(stage, Given(QUESTION, Query(QUESTION), (), Context(f"{t} The fee is 9 euros."))) for t in texts
    ]


def ran(pipeline: Pipeline, engine: Engine | None) -> tuple[float, list[Output]]:
    """Seconds of the calls, and their outputs."""
    engines = (engine,) if engine is not None else ()
    Runner(pipeline, Memo(), engines=engines).ahead(calls(pipeline, "warm", 4))
    runner, asked = Runner(pipeline, Memo(), engines=engines), calls(pipeline, "", PROMPTS)
    started = time.perf_counter()
    runner.ahead(asked)
    taken = time.perf_counter() - started
    return taken, [runner.run(call.stage, call.given, Meter()) for call in asked]


def on_ray(pipeline: Pipeline, alone: float, expected: list[Output]) -> None:
    """Two nodes of one CPU each, on this machine."""
    what = "Ray, two nodes of one CPU"
    if importlib.util.find_spec("ray") is None:
        tell(
            Figure(
                what,
                "one process",
                None,
                1.6,
                ">=",
                "ray is not installed: pip install 'diagnose-blame[ray]'",
            )
        )
        return
    import ray
    from ray.cluster_utils import Cluster

    from diagnose.replay.on_ray import OnRay

    store = 80 * 2**20
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": store}
    try:
        cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=store)
    except Exception as exc:  # noqa: BLE001  ray has no class of its own for it
        why = f"the cluster did not start (half a minute is given to a node): {str(exc)[:60]}"
        tell(Figure(what, "one process", None, 1.6, ">=", why))
        return
    try:
        with closing(OnRay(cluster.address)) as engine:
            taken, said = ran(pipeline, engine)
    finally:
        ray.shutdown()
        cluster.shutdown()
    tell(Figure(what, "one process", alone / taken, 1.6, ">=", told(said, expected)))


def told(said: list[Output], expected: list[Output]) -> str:
    """How many outputs are those of one process."""
    return f"{sum(a == b for a, b in zip(said, expected, strict=True))} of {len(said)} answers alike in every byte"


def main() -> None:
    """Measure and tell."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pipeline.toml").write_text(PIPELINE)
        pipeline = load_pipeline(Path(folder) / "pipeline.toml")
        alone, expected = ran(pipeline, None)
        with closing(Processes(2)) as engine:
            taken, said = ran(pipeline, engine)
        what, note = "two processes of one thread, embedded model", told(said, expected)
        note += f"; {PROMPTS / taken:.2f} model runs a second, {PROMPTS / alone:.2f} in one process"
        tell(Figure(what, "one process of one thread", alone / taken, 1.6, ">=", note))
        on_ray(pipeline, alone, expected)


if __name__ == "__main__":
    main()
