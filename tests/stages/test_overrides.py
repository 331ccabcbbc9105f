from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from diagnose.errors import UsageError
from diagnose.stages.load import load_pipeline, load_variants
from diagnose.stages.overrides import axis_of, grid_of, grid_size, overridden
from tests.conftest import ROOT

DESK = ROOT / "fixtures" / "contract-desk" / "pipeline-extract.toml"


@pytest.mark.parametrize(
    "listed, values",
    [
        ("1,3", (1, 3)),
        ("0.5, 1", (0.5, 1)),
        ("true,false", (True, False)),
        ("tfidf,rerank", ("tfidf", "rerank")),
        ('"a,b",c', ('"a', 'b"', "c")),
        ('"a,b","c"', ("a,b", "c")),
        ("[1,2],[3]", ([1, 2], [3])),
    ],
)
def test_values_are_toml_or_text(listed: str, values: tuple[object, ...]) -> None:
    assert axis_of(f"stages.ranker.x={listed}").values == values


@pytest.mark.parametrize(
    "text, says",
    [
        ("top_n", "KEY=VALUE"),
        ("stages.ranker.top_n=", "KEY=VALUE"),
        ("=1", "KEY=VALUE"),
        ("stages..top_n=1", "KEY=VALUE"),
        ("score.metric=f1", "under stages, routes"),
        ("stages.ranker.top_n=1,1", "twice"),
    ],
)
def test_what_is_no_axis(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        axis_of(text)


def test_a_grid_is_every_combination() -> None:
    axes = [axis_of("stages.a.x=1,2"), axis_of("stages.b.y=3,4,5")]
    cells = grid_of(axes)
    assert grid_size(axes) == len(cells) == 6
    assert cells[1] == {"stages.a.x": 1, "stages.b.y": 4}
    with pytest.raises(UsageError, match="once"):
        grid_of([axes[0], axes[0]])


def test_overriding_leaves_the_document_alone() -> None:
    document = tomllib.loads('[stages.ranker]\nuse = "tfidf"\ntop_n = 5\n[stages.router]\nuse = "rules"\n')
    before = repr(document)
    changed = overridden(document, {"stages.ranker.top_n": 1, "stages.router": None}, "p.toml")
    assert changed == {"stages": {"ranker": {"use": "tfidf", "top_n": 1}}}
    assert repr(document) == before


def test_a_stage_that_is_not_there_cannot_be_set() -> None:
    with pytest.raises(UsageError, match="no compressor"):
        load_variants(DESK, [{"stages.compressor.sentences": 2}])
    with pytest.raises(UsageError, match="expected a table at top_n"):
        load_variants(DESK, [{"stages.ranker.top_n.more": 2}])
    with pytest.raises(UsageError, match="no such key"):
        load_variants(DESK, [{"stages.ranker.top_m": 2}])


def test_variants_share_what_an_override_leaves_alone() -> None:
    plain, narrow = load_variants(DESK, [{}, {"stages.ranker.top_n": 1}])
    assert plain.corpus is narrow.corpus
    for a, b in zip(plain.stages, narrow.stages, strict=True):
        assert (a is b) == (a.role != "ranker")
    assert narrow.stage("ranker").settings["top_n"] == 1  # type: ignore[union-attr]
    alone = load_pipeline(DESK)
    assert [s.fingerprint for s in plain.stages] == [s.fingerprint for s in alone.stages]


def test_a_variant_is_what_its_file_would_be(tmp_path: Path) -> None:
    text = DESK.read_text(encoding="utf-8").replace("top_n = 5", "top_n = 2")
    text = text.replace('"corpus.jsonl"', f'"{DESK.parent / "corpus.jsonl"}"')
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    [variant] = load_variants(DESK, [{"stages.ranker.top_n": 2}])
    written = load_pipeline(tmp_path / "p.toml")
    assert [s.fingerprint for s in variant.stages] == [s.fingerprint for s in written.stages]
