"""The JSON Schema of every file format, generated from the types that read and write it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from diagnose.core.artifact import Frozen
from diagnose.core.pipeline import ABSTENTION, PASS_MARK
from diagnose.core.stage import ROLES

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class StageTable(Frozen, frozen=True):
    """A stage: `use` is a built-in's name or `module:factory`; further keys go to the factory."""

    use: str
    deterministic: bool | UnsetType = UNSET
    fingerprint: str | UnsetType = UNSET
    timeout_s: Annotated[float, Meta(gt=0)] | UnsetType = UNSET


class PipelineTable(Frozen, frozen=True, forbid_unknown_fields=True):
    """The pipeline: its name, its corpus file (from the folder of this file), what is said where a verifier
    blocks a draft."""

    name: str | UnsetType = UNSET
    corpus: str | UnsetType = UNSET
    abstention: str = ABSTENTION


class ScoreTable(Frozen, frozen=True, rename={"pass_mark": "pass"}):
    """How answers are judged, and the score from which on one is right; further keys go to the metric."""

    metric: str = "contains"
    pass_mark: Annotated[float, Meta(ge=0, le=1)] = PASS_MARK


def pipeline_file() -> Any:
    """The type of `pipeline.toml`: a table per stage, in role order; routes change keys of theirs."""
    stages: list[Any] = [(role, StageTable | UnsetType, UNSET) for role in ROLES if role != "model"]
    route: list[Any] = [(role, dict[str, Any] | UnsetType, UNSET) for role in ROLES if role != "router"]
    cost = ("cost", Annotated[float, Meta(ge=0)] | UnsetType, UNSET)
    table: Any = _closed("RouteTable", [cost, *route])
    fields: list[Any] = [
        ("stages", _closed("StagesTable", [*stages, ("model", StageTable)])),
        ("pipeline", PipelineTable, PipelineTable()),
        ("score", ScoreTable, ScoreTable()),
        ("routes", dict[str, table], {}),
    ]
    return _closed("PipelineFile", fields)


def _closed(name: str, fields: list[Any]) -> Any:
    """A table with these keys and no others."""
    return msgspec.defstruct(
        name, fields, bases=(Frozen,), frozen=True, kw_only=True, forbid_unknown_fields=True
    )


@dataclass(frozen=True)
class Format:
    """A file format: its schema id (None where its files carry none), the file it is met in, what one
    document of it is, and its type."""

    schema: str | None
    file: str
    one: Literal["line", "file"]
    holds: str
    kind: Callable[[], Any]


def _trace() -> Any:
    from diagnose.traces.by_role import AnyStepLine, line_type
    from diagnose.traces.from_jsonl import TraceLine

    return line_type(TraceLine, steps=tuple[AnyStepLine, ...])


def _replay() -> Any:
    from diagnose.traces.by_role import AnyRanLine, AnyStepLine, line_type
    from diagnose.traces.saved import CaseLine, ReplayLine

    replay: Any = line_type(ReplayLine, ran=tuple[AnyRanLine, ...])
    return line_type(CaseLine, logged=tuple[AnyStepLine, ...], replays=tuple[replay, ...])


def _game() -> Any:
    from diagnose.traces.saved import GameLine

    return GameLine


def _blame() -> Any:
    from diagnose.core.blame import Blame

    return Blame


def _report() -> Any:
    from diagnose.core.report import Report

    return Report


FORMATS: dict[str, Format] = {
    "trace": Format(
        "diagnose.trace/1", "traces.jsonl", "line", "a logged query with what each stage gave", _trace
    ),
    "game": Format(
        "diagnose.game/1", "games.jsonl", "line", "a failure's worth under every set of repairs", _game
    ),
    "blame": Format("diagnose.blame/1", "blame.jsonl", "line", "a failure's shares and verdict", _blame),
    "replay": Format(
        "diagnose.replay/1", "replays.jsonl", "line", "a failure's log beside its replays", _replay
    ),
    "report": Format("diagnose.report/1", "report.json", "file", "the ranking over all traces", _report),
    "pipeline": Format(
        None, "pipeline.toml", "file", "the stages, how to call them, how to score", pipeline_file
    ),
}


def format_named(name: str) -> str | None:
    """The format of that name, schema id (`diagnose.trace/1`) or file name (`traces.jsonl`)."""
    for key, known in FORMATS.items():
        if name in (key, known.schema, known.file):
            return key
    return None


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of one document of a format: a line of a `.jsonl` file, else the whole file."""
    known = FORMATS[name]
    made = msgspec.json.schema(known.kind())
    definitions: dict[str, Any] = made["$defs"]
    for title, definition in definitions.items():
        _describe(title, definition)
    root = definitions[made["$ref"].rpartition("/")[2]]
    if known.schema is not None and "schema" not in root["properties"]:
        root["properties"] = {"schema": {"const": known.schema}, **root["properties"]}
    return {
        "$schema": DIALECT,
        "title": known.schema or known.file,
        "description": f"One {known.one} of {known.file}: {known.holds}.",
        **made,
    }


def _describe(title: str, definition: dict[str, Any]) -> None:
    """Puts a type's docstring on one line, and what `explain` says of its fields beside them."""
    from diagnose.attribute.number_texts import NUMBERS, PLACES

    if "description" in definition:
        definition["description"] = " ".join(inspect.cleandoc(definition["description"]).split())
    place = PLACES.get(title, PLACES.get(title.removesuffix("Line")))
    fields: Mapping[str, dict[str, Any]] = definition.get("properties", {})
    for field, value in fields.items():
        if (entry := NUMBERS.get(f"{place}.{field}")) is not None:
            value["description"] = entry.definition
