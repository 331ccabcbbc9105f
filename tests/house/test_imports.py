"""Importing the program loads no heavy library, prints nothing and warns of nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
heavy = set(json.loads(sys.argv[1]))
import diagnose
modules = [module.name for module in pkgutil.walk_packages(diagnose.__path__, "diagnose.")]
seen = {}
for module in modules:
    importlib.import_module(module)
    for name in heavy & sys.modules.keys():
        seen.setdefault(name, module)
print(json.dumps({"modules": modules, "seen": seen}))
"""


@pytest.fixture(scope="module")
def heavy(root: Path) -> list[str]:
    """The libraries that ruff forbids at module level: one list for both checks."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    names: list[str] = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
    assert {"pandas", "sklearn", "datasets", "llama_cpp", "bm25s", "ir_measures", "ray"} <= set(names)
    return names


def _python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True)


def test_no_module_imports_a_heavy_library(root: Path, heavy: list[str]) -> None:
    done = _python(root, "-W", "error", "-c", IMPORT_EVERYTHING, json.dumps(heavy))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert {"diagnose.cli", "diagnose.flow", "diagnose.core.game"} <= set(found["modules"])
    assert found["seen"] == {}, "heavy library: the first module after whose import it was there"


def test_the_check_sees_a_heavy_library(root: Path) -> None:
    done = _python(root, "-c", IMPORT_EVERYTHING, '["msgspec"]')
    assert "msgspec" in json.loads(done.stdout)["seen"]


def test_help_is_instant(root: Path, heavy: list[str]) -> None:
    done = _python(root, "-X", "importtime", "-m", "diagnose", "--help")
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded & set(heavy) == set()
