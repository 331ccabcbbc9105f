"""A bounded part of the fuzzing, what it has found before, and a proof that it would find something."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.safety import fuzz

TORTURE = bool(os.environ.get("DIAGNOSE_TORTURE"))
INPUTS = int(os.environ.get("DIAGNOSE_INPUTS") or (1_000_000 if TORTURE else 4_000))
FOUND = sorted(fuzz.CORPUS.glob("*.bin")) if fuzz.CORPUS.is_dir() else []


@pytest.mark.parametrize("name", fuzz.READERS)
def test_sound_inputs_are_read(name: str, tmp_path: Path) -> None:
    """Damage to inputs that are refused at the door would test the door only."""
    suffix, read = fuzz.READERS[name]
    for i, data in enumerate(fuzz.seeds_of(name)):
        path = tmp_path / f"{i}.{suffix}"
        path.write_bytes(data)
        read(path)


@pytest.mark.slow
def test_no_damage_breaks_a_reader() -> None:
    tried, found = fuzz.fuzzed(INPUTS, seed=7)
    assert tried.total() == INPUTS
    if found:
        fuzz.kept(found, "7")  # an input that took hours to find is not to be looked for again
    assert [(name, broken) for name, _, broken in found] == []


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_once_stays_mended(path: Path, tmp_path: Path) -> None:
    assert fuzz.broken_by(path.name.split("-")[0], path.read_bytes(), tmp_path) is None


def test_a_reader_that_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(path: Path) -> None:
        path.read_bytes().decode()

    monkeypatch.setitem(fuzz.READERS, "traces", ("jsonl", strict))
    _, found = fuzz.fuzzed(2_000, seed=3, names=("traces",))
    assert found and found[0][2].startswith("UnicodeDecodeError")
