"""A pipeline whose model counts as a local one: it is run in processes of its own, and may die there."""

from __future__ import annotations

from pathlib import Path

from diagnose.core.artifact import Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.replay.ahead import Call
from diagnose.stages.load import load_pipeline

MODEL = """
import os, pathlib, resource, sys, time


class Model:
    deterministic = True

    def __init__(self, folder):
        self.folder = folder

    def prompt_of(self, given):
        return given.query

    def __call__(self, query, context):
        # Only where a test cannot be hurt by it: in a worker, an actor of Ray.
        elsewhere = pathlib.Path(sys.argv[0]).name in ("worker.py", "default_worker.py")
        word, _, rest = query.partition(" ")
        with open(self.folder / "calls", "a") as calls:
            calls.write(f"{os.getpid()} {elsewhere} {query}\\n")
        marker = self.folder / f"died-{rest}"
        if elsewhere and (word == "die" or (word == "stumble" and not marker.exists())):
            marker.touch()
            os.kill(os.getpid(), 9)
        if elsewhere and word == "hungry":
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, hard))
            try:
                bytearray(5 << 30)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        if word == "refuse":
            raise ValueError("no such question")
        if word == "slow":
            time.sleep(0.05)
        print("what stages print is no answer")
        return f"{query}: {len(query)}"


def model(folder):
    return Model(folder)
"""


def made(folder: Path) -> Pipeline:
    """The pipeline, in a folder."""
    (folder / "rag.py").write_text(MODEL)
    (folder / "pipeline.toml").write_text('[stages]\nmodel = { use = "rag:model" }\n')
    return load_pipeline(folder / "pipeline.toml")


def model_of(pipeline: Pipeline) -> Stage:
    """Its model."""
    stage = pipeline.stage("model")
    assert stage is not None
    return stage


def calls(pipeline: Pipeline, queries: list[str]) -> list[Call]:
    """The model's calls on queries."""
    return [Call(model_of(pipeline), Given(query, Query(query))) for query in queries]


def made_calls(folder: Path) -> list[list[str]]:
    """What the model was asked: process, whether it was another than this one, query."""
    return [line.split(" ", 2) for line in (folder / "calls").read_text().splitlines()]
