"""What no file of the product holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MOST_LINES = 400
MOST_FUNCTION_LINES = 60
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}
CODE_RUNNING_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "yaml", "diskcache"}
CODE_RUNNING_CALLS = {"eval", "exec", "os.system", "os.popen", "pd.read_pickle", "pandas.read_pickle"}
FILES = sorted(ROOT.glob("diagnose/**/*.py"))

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work)/\w")

source_files = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def offences(source: str) -> Iterator[str]:
    """Every construct in a source text that runs code from data, starts a shell, or is not written yet."""
    for node in ast.walk(ast.parse(source)):
        where = f"line {getattr(node, 'lineno', 0)}"
        match node:
            case ast.Import(names=names):
                modules = {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                modules = {module.partition(".")[0]}
            case _:
                modules = set()
        yield from (f"{where}: import {name}" for name in sorted(modules & CODE_RUNNING_MODULES))
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in CODE_RUNNING_CALLS:
                yield f"{where}: {ast.unparse(node.func)}()"
            if any(k.arg == "shell" and ast.unparse(k.value) != "False" for k in node.keywords):
                yield f"{where}: shell=True"
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield f"{where}: NotImplementedError"


def long_functions(source: str) -> Iterator[str]:
    """Every function of a source text that is longer than one reads at a sitting."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (
                (node.end_lineno or node.lineno) - node.body[0].lineno + 1
            )  # a command's options are no code
            if lines > MOST_FUNCTION_LINES:
                yield f"line {node.lineno}: {node.name} has {lines} lines"


def test_there_is_a_product() -> None:
    assert {ROOT / "diagnose" / name for name in ("__main__.py", "errors.py")} <= set(FILES)


@source_files
def test_a_file_is_read_at_a_sitting(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    assert list(long_functions(source)) == []


@source_files
def test_a_name_says_what_is_inside(path: Path) -> None:
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}
    assert words & EMPTY_NAMES == set()


@source_files
def test_nothing_runs_what_it_reads(path: Path) -> None:
    assert list(offences(path.read_text(encoding="utf-8"))) == []


@source_files
def test_nothing_is_left_for_later(path: Path) -> None:
    assert re.findall(r"\b(?:TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source, offence",
    [
        ("import pickle", "import pickle"),
        ("from yaml import load", "import yaml"),
        ("import dill.settings", "import dill"),
        ("eval('1')", "eval()"),
        ("import os\nos.system('true')", "os.system()"),
        ("import subprocess\nsubprocess.run('true', shell=True)", "shell=True"),
        ("def f():\n    raise NotImplementedError", "NotImplementedError"),
        ("def f():\n    raise NotImplementedError('later')", "NotImplementedError"),
    ],
)
def test_an_offence_is_seen(source: str, offence: str) -> None:
    assert [found.partition(": ")[2] for found in offences(source)] == [offence]


@pytest.mark.parametrize("folder", ["diagnose", "docs", "fixtures", "reports"])
def test_no_path_of_a_machine(folder: str) -> None:
    texts = {".py", ".md", ".toml", ".json", ".jsonl", ".html", ".txt", ".xml"}
    for path in ROOT.glob(f"{folder}/**/*"):
        if path.suffix in texts:
            assert MACHINE_PATH.findall(path.read_text(encoding="utf-8")) == [], path


def test_a_path_of_a_machine_is_seen() -> None:
    assert MACHINE_PATH.search('"source": "/home/jo/traces.jsonl"')
    assert not MACHINE_PATH.search("https://example.org/home/page")
