"""What `reports/` shows is what the program makes of the fixtures today, byte for byte."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.specimens.make import FOLDERS, REPORTS, make_model_free, make_with_model

PINNED = ("numpy", "scikit-learn", "rank-bm25", "msgspec", "Jinja2", "rich")
"""Packages of which another release may write a number or a page otherwise."""


def differing() -> list[str]:
    """Pinned packages of which another release is installed."""
    pins = dict(
        re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    )
    found = []
    for name in PINNED:
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "none"
        if installed != pins[name]:
            found.append(f"{name} {installed}")
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """The text files below a folder by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".png")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def check(make: Callable[[Path, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if other := differing():
        pytest.skip(f"specimens are made with the releases of constraints.txt, here are {', '.join(other)}")
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))
    make(tmp_path / "made", tmp_path / "work")
    made = contents(tmp_path / "made")
    names = {name.split("/")[0] for name in made}
    kept = {n: body for n, body in contents(REPORTS).items() if n.split("/")[0] in names}
    assert sorted(made) == sorted(kept)
    changed = [name for name, body in made.items() if body != kept[name]]
    assert changed == [], "look at what changed; if it is meant:  make specimens"


def test_what_needs_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(make_model_free, tmp_path, monkeypatch)


@pytest.mark.model
def test_the_contract_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(make_with_model, tmp_path, monkeypatch)


def test_nothing_of_the_machine_is_in_them() -> None:
    files = {f"{f}/{name}": body for f in FOLDERS for name, body in contents(REPORTS / f).items()}
    assert len(files) > 10
    for name, body in files.items():
        text = body.decode()
        for trace in (str(ROOT), "/tmp/", "/home/", "/root/", "file://", "site-packages"):
            assert trace not in text, name
        assert not re.search(r"20[23]\d-\d\d-\d\dT", text), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_screenshots_are_what_the_readme_shows(scheme: str) -> None:
    file = REPORTS / "contract-desk" / f"report-{scheme}.png"
    body = file.read_bytes()
    assert body.startswith(b"\x89PNG")
    assert struct.unpack(">II", body[16:24]) == (1280, 800)
    assert file.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text(encoding="utf-8")
