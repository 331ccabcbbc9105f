from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from diagnose.core.artifact import Passage
from diagnose.errors import BadInput
from diagnose.stages.corpus import MemoryCorpus, read_corpus

ROWS = [
    {"id": "d1", "text": "One.", "title": "First", "tags": {"lang": "en"}},
    {"doc_id": 2, "contents": "Two."},
    {"_id": "d3", "page_content": "Three."},
]


def written(folder: Path, text: str, name: str = "corpus.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_jsonl_under_every_accepted_field_name(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeff" + "\n\n".join(json.dumps(row) for row in ROWS))
    corpus = read_corpus(path)
    assert list(corpus) == [
        Passage("d1", "One.", title="First", tags={"lang": "en"}),
        Passage("2", "Two."),
        Passage("d3", "Three."),
    ]
    assert len(corpus) == 3
    assert corpus.get("2") == Passage("2", "Two.")
    assert corpus.get("d9") is None


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"id": "a", "text": 7}', "corpus.jsonl:1 text: expected a string, found 7"),
        ('{"text": "x"}', "corpus.jsonl:1 id: missing"),
        ('{"id": "a"}', "corpus.jsonl:1 text: missing"),
        ('{"id": "", "text": "x"}', "corpus.jsonl:1 id: expected an id, found an empty string"),
        ('{"id": "a", "text": "x", "tags": ["b"]}', "corpus.jsonl:1 tags: expected a table"),
        ('{"id": "a", "text": "x"}\n{"id": ', "corpus.jsonl:2: expected one JSON object a line"),
        ('["a"]', "corpus.jsonl:1: expected a JSON object"),
        ("\n", "corpus.jsonl: expected passages, found none"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_corpus(written(tmp_path, text))
    assert str(caught.value).startswith(message)


def test_not_only_the_first_wrong_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_corpus(written(tmp_path, "\n".join('{"id": "a", "text": 7}' for _ in range(8))))
    message = str(caught.value)
    assert "corpus.jsonl:5 text" in message
    assert message.endswith("and 3 more")


def test_bytes_that_are_no_utf8_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b'{"id": "a", "text": "\xff"}\n')
    with pytest.raises(BadInput, match=r"corpus\.jsonl:1: expected one JSON object a line"):
        read_corpus(path)


def test_doubled_ids_are_listed() -> None:
    with pytest.raises(BadInput, match=r'expected every id once, found "a" \(2 times\), "b" \(3 times\)'):
        MemoryCorpus(Passage(i, i) for i in "aabbbc")


def test_the_digest_changes_with_every_field_and_with_nothing_else() -> None:
    def digest(*passages: Passage) -> str:
        return MemoryCorpus(passages).digest

    base = digest(Passage("a", "x"), Passage("b", "y"))
    assert base == digest(Passage("a", "x"), Passage("b", "y"))
    others = {
        digest(Passage("a", "xb"), Passage("b", "y")),
        digest(Passage("b", "x"), Passage("a", "y")),
        digest(Passage("a", "x", title="t"), Passage("b", "y")),
        digest(Passage("b", "y"), Passage("a", "x")),
        digest(Passage("a", "x")),
    }
    assert len(others) == 5
    assert base not in others


def test_parquet_and_saved_datasets_hold_the_same_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import datasets

    home = tmp_path / "home"
    rows = [{"doc_id": f"d{i}", "text": f"Text {i}.", "title": "T", "vector": [0.5]} for i in range(3)]
    datasets.disable_progress_bars()
    made = datasets.Dataset.from_list(rows)
    made.to_parquet(str(tmp_path / "corpus.parquet"))
    made.save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"train": made, "test": made}).save_to_disk(str(tmp_path / "splits"))
    datasets.enable_progress_bars()
    capfd.readouterr()
    monkeypatch.setenv("HF_HOME", str(home))

    expected = [Passage(f"d{i}", f"Text {i}.", title="T") for i in range(3)]
    for name in ("corpus.parquet", "saved", "splits/test"):
        assert list(read_corpus(tmp_path / name)) == expected
    with pytest.raises(BadInput, match="splits: expected one dataset, found the splits train, test"):
        read_corpus(tmp_path / "splits")
    written(tmp_path, "no parquet at all", "bad.parquet")
    with pytest.raises(BadInput, match=r"bad\.parquet: expected Parquet or a saved dataset"):
        read_corpus(tmp_path / "bad.parquet")
    assert capfd.readouterr() == ("", "")
    assert not home.exists()
    assert not datasets.are_progress_bars_disabled()
    # A stage of the user's may still download its model: the process was not taken offline.
    assert os.environ.get("HF_HUB_DISABLE_TELEMETRY") == "1"


def test_a_parquet_row_is_named_by_its_number(tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    datasets.Dataset.from_list([{"id": "a", "text": "x"}, {"id": "b", "text": None}]).to_parquet(
        str(tmp_path / "c.parquet")
    )
    datasets.enable_progress_bars()
    with pytest.raises(BadInput, match=r"^c\.parquet row 2 text: missing"):
        read_corpus(tmp_path / "c.parquet")


@pytest.mark.parametrize("name", ["nowhere.jsonl", "corpus.csv", "empty"])
def test_what_is_no_corpus(tmp_path: Path, name: str) -> None:
    written(tmp_path, "id,text", "corpus.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=f"^{name}: expected"):
        read_corpus(tmp_path / name)


@pytest.mark.parametrize("half", ["\\ud83d", "\\uDE00", "\\uD83d\\ud83d"])
def test_half_a_surrogate_pair_costs_a_character_as_in_a_log(half: str, tmp_path: Path) -> None:
    """Clipped JavaScript strings end in one; a whole pair beside it stays what it is."""
    line = f'{{"id": "d1{half}", "text": "Smile \\ud83d\\ude00 and go{half}", "tags": {{"k{half}": "v"}}}}\n'
    [passage] = read_corpus(written(tmp_path, line))
    lost = "\ufffd" * half.count("\\")
    assert passage == Passage(f"d1{lost}", f"Smile \U0001f600 and go{lost}", tags={f"k{lost}": "v"})
    with pytest.raises(BadInput, match=r"corpus\.jsonl:2: expected one JSON object a line"):
        read_corpus(written(tmp_path, line + '{"id": "d2", "text": "\\ud83d'))
    assert len(read_corpus(written(tmp_path, line)).digest) == 64


def test_a_row_that_is_nested_too_deep_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"corpus\.jsonl:1: expected one JSON object a line"):
        read_corpus(written(tmp_path, '{"id": ' + "[" * 100_000))
