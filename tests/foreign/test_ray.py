"""A real Ray cluster of two nodes on this machine: the results are those of one process, also where a node dies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from diagnose.errors import UsageError
from diagnose.replay.memo import Memo
from diagnose.replay.on_ray import OnRay
from diagnose.replay.run import Runner
from tests.conftest import ROOT
from tests.replay.local_model import calls, made, made_calls
from tests.replay.test_ahead import outcome

pytestmark = [pytest.mark.foreign, pytest.mark.filterwarnings("ignore::ResourceWarning")]
STORE = 80 * 2**20
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def started() -> Cluster:
    """A head. Ray gives one half a minute to start, which a busy machine may not do in."""
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    for _ in range(2):
        with contextlib.suppress(Exception):
            return Cluster(initialize_head=True, head_node_args=head)
        ray.shutdown()
    return Cluster(initialize_head=True, head_node_args=head)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two nodes of one CPU each; the head has none."""
    cluster = started()
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=STORE)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def engine(cluster: Cluster) -> Iterator[OnRay]:
    found = OnRay(cluster.address)
    yield found
    found.close()


def plain(folder: Path, queries: list[str]) -> list[Any]:
    """What one process, one call after another, makes of the queries."""
    pipeline = made(folder)
    return [outcome(Runner(pipeline, Memo()), call) for call in calls(pipeline, queries)]


def test_both_nodes_work_and_the_results_are_those_of_one_process(tmp_path: Path, engine: OnRay) -> None:
    queries = [f"{word} {n}" for n in range(20) for word in ("slow", "refuse")]
    expected = plain(tmp_path, queries)
    (tmp_path / "calls").unlink()
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo(), engines=(engine,))
    runner.ahead(calls(pipeline, queries))
    assert [outcome(runner, call) for call in calls(pipeline, queries)] == expected
    ran = made_calls(tmp_path)
    assert len(ran) == len(queries) and {elsewhere for _, elsewhere, _ in ran} == {"True"}
    assert len({pid for pid, _, _ in ran}) == 2


def test_a_node_that_dies_half_way_costs_nothing(tmp_path: Path, cluster: Cluster, engine: OnRay) -> None:
    queries = [f"slow {n}" for n in range(120)]
    expected = plain(tmp_path, queries)
    (tmp_path / "calls").unlink()
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo(), engines=(engine,))

    def kill() -> None:
        while not (tmp_path / "calls").exists() or len(made_calls(tmp_path)) < 40:
            time.sleep(0.02)
        cluster.remove_node(next(node for node in cluster.worker_nodes), allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    runner.ahead(calls(pipeline, queries))
    killer.join()
    assert [outcome(runner, call) for call in calls(pipeline, queries)] == expected
    ran = [query for _, _, query in made_calls(tmp_path)]
    assert set(ran) == set(queries)
    # What was under way on the node is made again, and nothing else is.
    assert len(ran) <= len(queries) + 1


def test_a_call_that_kills_its_actor_fails_alone(tmp_path: Path, engine: OnRay) -> None:
    pipeline = made(tmp_path)
    asked = calls(pipeline, ["a 1", "stumble 2", "die 3", "b 4"])
    runner = Runner(pipeline, Memo(), engines=(engine,))
    runner.ahead(asked)
    found = [outcome(runner, call) for call in asked]
    assert [getattr(one, "text", None) for one in found] == ["a 1: 3", "stumble 2: 9", None, "b 4: 3"]
    assert "its Ray actor ended 2 times in this call" in str(found[2])


def reported(folder: Path, *options: str) -> dict[str, bytes]:
    """The files that the command writes on the shipped fixture."""
    desk = ROOT / "fixtures" / "contract-desk"
    line = [
        "run",
        str(desk / "traces.jsonl"),
        "-p",
        str(desk / "pipeline-extract.toml"),
        "--no-memo",
        "-o",
        "r",
    ]
    folder.mkdir()
    command = [sys.executable, "-m", "diagnose", *line, "--fidelity-floor", "0", *options]
    found = subprocess.run(command, cwd=folder, capture_output=True, timeout=300, text=True)
    assert found.returncode == 0, found.stderr
    return {path.name: path.read_bytes() for path in (folder / "r").iterdir()}


def test_a_report_from_a_cluster_is_the_same_to_the_byte(tmp_path: Path, cluster: Cluster) -> None:
    plain_report = reported(tmp_path / "plain", "--jobs", "1")
    assert reported(tmp_path / "ray", "--engine", "ray", "--address", cluster.address) == plain_report


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"--address 127\.0\.0\.1:1: expected a Ray cluster there"):
        OnRay("127.0.0.1:1")
