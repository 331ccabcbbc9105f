"""What is packaged, and from what."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

TOOL_TABLES_WITH_REASONS = ("ignore = [", '"tests/**" = [')


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def _pins(file: Path) -> dict[str, Version]:
    lines = file.read_text(encoding="utf-8").splitlines()
    parts = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in parts}


def test_only_the_distribution_has_another_name(project: dict[str, Any]) -> None:
    assert project["name"] == "diagnose-blame"
    assert project["scripts"] == {"diagnose": "diagnose.__main__:main"}


def test_the_licence_is_there(project: dict[str, Any], root: Path) -> None:
    text = (root / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_types_are_shipped(root: Path) -> None:
    assert (root / "diagnose" / "py.typed").exists()


def test_lower_bounds_are_the_tested_ones(project: dict[str, Any], root: Path) -> None:
    bounds = {
        canonicalize_name(requirement.name): Version(specifier.version)
        for requirement in map(Requirement, project["dependencies"])
        for specifier in requirement.specifier
        if specifier.operator == ">="
    }
    assert bounds == _pins(root / "constraints-oldest.txt")


def test_pins_are_within_bounds(project: dict[str, Any], root: Path) -> None:
    pins = _pins(root / "constraints.txt")
    extras = project["optional-dependencies"]
    for requirement in map(Requirement, [*project["dependencies"], *extras["dev"], *extras["llama"]]):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_dependency_has_an_upper_bound(project: dict[str, Any]) -> None:
    for requirement in map(Requirement, project["dependencies"]):
        assert any(specifier.operator == "<" for specifier in requirement.specifier), requirement


def test_every_ignored_rule_has_its_reason(root: Path) -> None:
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    starts = [i for i, line in enumerate(lines) if line in TOOL_TABLES_WITH_REASONS]
    assert len(starts) == len(TOOL_TABLES_WITH_REASONS)
    for start in starts:
        for line in lines[start + 1 : lines.index("]", start)]:
            assert "#" in line, line


def test_makefile_commands_are_explained(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(makefile.partition(".PHONY:")[2].partition("\n")[0].split()) - {"help"}
    of_its_own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "help"], cwd=root, env=of_its_own, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in done.stdout.splitlines()} == targets
