from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.errors import BadInput, UsageError
from diagnose.gate.places import Spot, stage_spots

PIPELINE = """[pipeline]
name = "x"

[stages.retriever]
use = "rank-bm25"
[ stages . "ranker" ]  # a table, written otherwise
use = "tfidf"
[stages.model]
use = "llama-cpp"
prompt = "prompts/answer.txt"
note = "no such file.txt"
"""


def test_stages_are_found_by_their_line_or_by_the_file_they_name(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text(PIPELINE)
    assert stage_spots(file) == {"retriever": Spot(file, 4), "ranker": Spot(file, 6), "model": Spot(file, 8)}
    prompt = tmp_path / "prompts" / "answer.txt"
    prompt.parent.mkdir()
    prompt.write_text("Answer.")
    assert stage_spots(file)["model"] == Spot(prompt, 1)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        stage_spots(tmp_path / "none.toml")
    file = tmp_path / "broken.toml"
    file.write_text("[stages")
    with pytest.raises(BadInput, match="expected TOML"):
        stage_spots(file)
