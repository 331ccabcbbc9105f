"""Pipelines whose stages are objects of the user's own module, as a pipeline file names them."""

from __future__ import annotations

from pathlib import Path

from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Role, Stage
from diagnose.stages.load import load_pipeline


def pipeline_of(folder: Path, code: str, **tables: str) -> Pipeline:
    """The pipeline of these `[stages]`, each a name in a module with this code, or a whole table."""
    (folder / "rag.py").write_text(code)
    lines = ["[stages]\n"]
    for role, table in {"model": '{ use = "extract" }', **tables}.items():
        whole = table if table.startswith("{") else f'{{ use = "rag:{table}" }}'
        lines.append(f"{role} = {whole}\n")
    (folder / "p.toml").write_text("".join(lines))
    return load_pipeline(folder / "p.toml", {})


def stage_of(folder: Path, code: str, role: Role, table: str) -> Stage:
    """One stage of such a pipeline."""
    found = pipeline_of(folder, code, **{role: table}).stage(role)
    assert found is not None
    return found
