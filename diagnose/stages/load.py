"""Reads a pipeline file (`pipeline.toml`) into a runnable pipeline."""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from diagnose.core.pipeline import ABSTENTION, Corpus, Pipeline, ScoreSettings
from diagnose.core.stage import ROLES, Role, Stage
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, UsageError
from diagnose.stages.asking import asked
from diagnose.stages.build import Site, Table, build_stage, reserved
from diagnose.stages.corpus import read_corpus
from diagnose.stages.failure import one_line
from diagnose.stages.overrides import Overrides, overridden
from diagnose.stages.passage import shown
from diagnose.stages.settings import unknown

TABLES = ("pipeline", "stages", "score", "routes")
PIPELINE_KEYS = ("name", "corpus", "abstention")


def load_corpus(path: Path | str) -> Corpus | None:
    """The corpus that a pipeline file names, read; None where it names none. Raises as `load_pipeline` does."""
    path = Path(path)
    return _corpus(path, _table(_document(path), "pipeline", path.name))


def load_pipeline(
    path: Path | str,
    environ: Mapping[str, str] | None = None,
    traces: Sequence[Trace] | None = None,
    corpus: Corpus | None = None,
) -> Pipeline:
    """The pipeline in a file, with its corpus read and its stages built (models load at their first call).

    Routes come out in the order of their `cost`, cheapest first, or as declared where none has one.
    `environ` is where keys are looked up (the process's environment unless given); `traces` the log that is
    replayed, which recorded stages answer from; `corpus` what `load_corpus` gave, else it is read here.
    Raises UsageError with the key's path for whatever is wrong in the
    file, BadInput where it is no TOML or the corpus is bad, StageFailed where the user's own factory raises,
    MissingExtra where an optional package is needed.
    """
    path = Path(path)
    document = _document(path)
    environ = os.environ if environ is None else environ
    return _built(document, path, _site(path, document, environ, traces, corpus))


def load_variants(
    path: Path | str,
    variants: Sequence[Overrides],
    environ: Mapping[str, str] | None = None,
    traces: Sequence[Trace] | None = None,
) -> list[Pipeline]:
    """The pipeline in a file once for each set of overrides, in order.

    An override is a dotted key of the file (`stages.ranker.top_n`) and its value, None to take the key out.
    The corpus is read once, and stages that an override leaves alone are built once and shared. Raises what
    `load_pipeline` does, and UsageError for a key that leads through what is no table.
    """
    path = Path(path)
    document = _document(path)
    first = _site(path, document, os.environ if environ is None else environ, traces)
    found = []
    for overrides in variants:
        changed = overridden(document, overrides, path.name)
        site = replace(first, routes=_route_names(changed, path.name))
        found.append(_built(changed, path, site))
    return found


def _built(document: Table, path: Path, site: Site) -> Pipeline:
    head = _table(document, "pipeline", path.name)
    _only(head, PIPELINE_KEYS, f"{path.name} [pipeline]")
    tables = _stage_tables(document, path.name)
    abstention = reserved(head, "abstention", str, f"{path.name} [pipeline]") or ABSTENTION
    site = replace(site, tables=tables, abstention=abstention)
    stages = _stages(tables, site, "stages")
    site = replace(_counting_as(site, stages["model"]), model_stage=stages["model"])
    return Pipeline(
        name=reserved(head, "name", str, f"{path.name} [pipeline]") or path.stem,
        stages=tuple(stages[role] for role in ROLES if role in stages),
        corpus=site.corpus,
        score=_score(_table(document, "score", path.name), f"{path.name} [score]", site),
        abstention=site.abstention,
        routes={name: _route(name, tables, document, site) for name in site.routes},
        route_costs=_route_costs(document, path.name),
    )


def _document(path: Path) -> Table:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text)
    except OSError as exc:
        raise UsageError(
            f"{path.name}: expected a pipeline file, found none to read: {one_line(exc)}"
        ) from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise BadInput(f"{path.name}: expected TOML: {one_line(exc)}") from exc
    _only(document, TABLES, path.name)
    return document


def _stage_tables(document: Table, file: str) -> dict[Role, Table]:
    """The stages' tables by role, in pipeline order."""
    tables = _table(document, "stages", file)
    _only(tables, ROLES, f"{file} [stages]")
    if "model" not in tables:
        found = ", ".join(tables) or "none"
        raise UsageError(
            f"{file} [stages.model]: missing; a pipeline ends in an answer, found the stages {found}"
        )
    if "router" in tables and not document.get("routes"):
        raise UsageError(f"{file} [routes]: missing; a router chooses among [routes.NAME] tables")
    return {role: _table(tables, role, file, "stages.") for role in ROLES if role in tables}


def _site(
    path: Path,
    document: Table,
    environ: Mapping[str, str],
    traces: Sequence[Trace] | None = None,
    corpus: Corpus | None = None,
) -> Site:
    head = _table(document, "pipeline", path.name)
    return Site(
        file=path.name,
        folder=path.resolve().parent,
        environ=environ,
        abstention=ABSTENTION,
        corpus=_corpus(path, head) if corpus is None else corpus,
        corpus_file=reserved(head, "corpus", str, f"{path.name} [pipeline]") or "",
        routes=_route_names(document, path.name),
        traces=traces,
    )


def _corpus(path: Path, head: Table) -> Corpus | None:
    named = reserved(head, "corpus", str, f"{path.name} [pipeline]")
    return read_corpus(path.resolve().parent / named, named) if named else None


def _stages(tables: Mapping[Role, Table], site: Site, key: str) -> dict[Role, Stage]:
    """The stages by role. The model comes first: the others count tokens as it does."""
    stages: dict[Role, Stage] = {}
    for role in sorted(tables, key=lambda role: role != "model"):
        stages[role] = _stage(role, tables[role], site, f"{key}.{role}")
        if role == "model":
            site = replace(_counting_as(site, stages[role]), model_stage=stages[role])
    return stages


def _stage(role: Role, table: Table, site: Site, key: str) -> Stage:
    """The stage of a table; the one built before where everything that it is made of is the same."""
    model = getattr(site.model_stage, "fingerprint", None)
    others = [(r, t.get("use"), t.get("component")) for r, t in site.tables.items()]
    whole = json.dumps(
        [role, table, site.abstention, site.routes, site.tokenizer, model, others], default=str
    )
    if whole not in site.built:
        site.built[whole] = build_stage(role, table, site, key)
    return site.built[whole]


def _counting_as(site: Site, model: Stage) -> Site:
    """The site with the model's tokenizer, where the model has one."""
    if model.count_tokens is None:
        return site
    owner = getattr(model.count_tokens, "__self__", None)
    tokenizer = str(getattr(owner, "identity", model.fingerprint))
    return replace(site, count_tokens=model.count_tokens, tokenizer=tokenizer)


def _route_names(document: Table, file: str) -> tuple[str, ...]:
    """The declared routes, cheapest first; as declared where no cost is."""
    costs = _route_costs(document, file)
    return tuple(sorted(_table(document, "routes", file), key=lambda name: costs.get(name, 0.0)))


def _route_costs(document: Table, file: str) -> dict[str, float]:
    """The cost of each declared route; {} where none has one."""
    routes = _table(document, "routes", file)
    costs = {name: _cost(_table(routes, name, file, "routes."), f"{file} [routes.{name}]") for name in routes}
    without = [name for name, cost in costs.items() if cost is None]
    if without and len(without) < len(costs):
        raise UsageError(f"{file} [routes.{without[0]}] cost: missing; every route has one, or none has")
    return {name: cost for name, cost in costs.items() if cost is not None}


def _cost(route: Table, where: str) -> float | None:
    cost = reserved(route, "cost", float, where)
    if cost is not None and not 0 <= cost < math.inf:
        raise UsageError(f"{where} cost: expected a number of 0 or more, found {cost}")
    return cost


def _route(name: str, tables: Mapping[Role, Table], document: Table, site: Site) -> dict[Role, Stage]:
    """The stages that a route overrides, built with the pipeline's settings and its own over them."""
    key = f"routes.{name}"
    route = _table(_table(document, "routes", site.file), name, site.file, "routes.")
    may_override: list[Role] = [role for role in tables if role != "router"]
    _only(route, ("cost", *may_override), f"{site.file} [{key}]")
    merged: dict[Role, Table] = {
        role: _overridden(tables[role], _table(route, role, site.file, f"{key}."))
        for role in may_override
        if role in route
    }
    return _stages(merged, site, key)


def _overridden(table: Table, override: Table) -> Table:
    """A stage's table under a route. Another `use` starts afresh: settings of one factory mean nothing to
    another."""
    if "use" in override and override["use"] != table.get("use"):
        return override
    # A fingerprint vouches for the settings it was written beside.
    return {key: value for key, value in table.items() if key != "fingerprint"} | dict(override)


def _score(table: Table, where: str, site: Site) -> ScoreSettings:
    metric = reserved(table, "metric", str, where)
    pass_mark = reserved(table, "pass", float, where)
    if pass_mark is not None and not 0 <= pass_mark <= 1:
        raise UsageError(f"{where} pass: expected a number from 0 to 1, found {pass_mark:g}")
    given = {
        "metric": metric,
        "pass_mark": pass_mark,
        "abstention_worth": reserved(table, "abstention_worth", float, where),
        "wrong_cost": reserved(table, "wrong_cost", float, where),
    }
    options = {key: value for key, value in table.items() if key not in ("pass", "model", *given)}
    judge = site.model_stage
    if "model" in table:
        judge = _stage("model", _table(table, "model", where), site, "score.model")
    assert judge is not None
    settings = {k: v for k, v in given.items() if v is not None}
    ask = partial(_reply, judge)
    return ScoreSettings(**settings, options=options, ask=ask, judge=judge.fingerprint)  # type: ignore[arg-type]


def _reply(judge: Stage, question: str, seed: int) -> str:
    return asked(judge, question, "", seed)


def _table(document: Table, key: str, file: str, prefix: str = "") -> Table:
    """The sub-table under a key; an empty one where there is none."""
    found = document.get(key, {})
    if not isinstance(found, Mapping):
        raise UsageError(f"{file} {prefix}{key}: expected a table, found {shown(found)}")
    return found


def _only(table: Table, allowed: Sequence[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise UsageError(unknown(where, key, allowed, "key"))
