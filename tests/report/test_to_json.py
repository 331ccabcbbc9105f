from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from diagnose.core.report import Report
from diagnose.errors import BadInput
from diagnose.report.to_json import json_report, read_report
from tests.report.hostile import TEXTS, hostile
from tests.report.made_report import DRIFTED, OBSERVED, PERFECT, REPLAYED

REPORTS = {"replayed": REPLAYED, "drifted": DRIFTED, "observed": OBSERVED, "perfect": PERFECT}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_comes_back(report: Report, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(json_report(report))
    assert read_report(tmp_path) == report
    assert read_report(str(tmp_path / "report.json")) == report
    assert json_report(read_report(tmp_path)) == json_report(report)


def test_bytes_are_canonical() -> None:
    text = json_report(REPLAYED).decode()
    assert text.startswith('{\n  "schema": "diagnose.report/1",\n  "n_traces": 200,\n')
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["schema", *Report.__struct_fields__]
    assert '"skipped": []' in text  # what is empty is written too


def test_floats_keep_every_digit() -> None:
    third = msgspec.structs.replace(REPLAYED.ranking[0], share=1 / 3, loss=0.1 + 0.2)
    text = json_report(msgspec.structs.replace(REPLAYED, ranking=(third,))).decode()
    assert '"share": 0.3333333333333333,' in text
    assert '"loss": 0.30000000000000004,' in text


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_comes_back(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(json_report(hostile(REPLAYED, text)))
    half = text.replace("\ud83d", "\ufffd")
    assert read_report(tmp_path) == hostile(REPLAYED, half)


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as error:
        read_report(path)
    return str(error.value).replace(str(path.parent), "")


def test_a_report_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone").startswith(
        "/gone: no such file; expected a folder or a report.json: what"
    )
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").startswith("/empty/report.json: no such file; ")


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected a JSON object, found broken JSON (Input data was truncated)"),
        ('{"schema": "diagnose.report/1", ', "found broken JSON"),
        ("\xff", "found broken JSON"),
        ('{"a":' * 100_000, "found broken JSON"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", 'schema: expected "diagnose.report/1", found nothing'),
        ('{"schema": "diagnose.trace/1"}', 'schema: expected "diagnose.report/1", found "diagnose.trace/1"'),
        ('{"schema": ["\\u001b"]}', 'schema: expected "diagnose.report/1", found "[\'\\x1b\']"'),
        ('{"schema": "diagnose.report/1"}', "Object missing required field `n_traces`"),
    ],
)
def test_a_file_that_is_no_report(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("latin-1"))
    assert message in refused(path)
    assert refused(path).startswith("/report.json")


def test_a_faulty_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    broken = json.loads(json_report(REPLAYED))
    broken["ranking"][1]["share"] = "high"
    path.write_text(json.dumps(broken))
    assert "/report.json: ranking[1].share: Expected `float`, got `str`; make it again:" in refused(path)
