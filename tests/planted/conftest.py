"""The desk's pipelines, loaded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from diagnose.core.pipeline import Pipeline
from tests.planted.desk import FOUR, SEVEN, desk

Desks = Callable[[str], Pipeline]


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Retriever, ranker, packer, model."""
    return desk(tmp_path_factory.mktemp("four"), FOUR)


@pytest.fixture(scope="session")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The same with a rewriter, a compressor and a verifier."""
    return desk(tmp_path_factory.mktemp("seven"), SEVEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a desk of a test's own."""
    return tmp_path / "desk"
