from __future__ import annotations

import csv
import io

import msgspec
import pytest

from diagnose.core.artifact import Query
from diagnose.core.blame import Blame, Undecided
from diagnose.report.to_csv import csv_failures
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_trace import CUT, CUT_BLAME

SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff20")


def rows(*blames: Blame, cases: tuple[object, ...] = (CUT,)) -> list[dict[str, str]]:
    text = "".join(csv_failures(blames, cases))  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text), strict=True))


def test_a_line_for_each_failure_in_their_order() -> None:
    other = Blame("q2", "replayed", "undecided", undecided=Undecided("no-label"))
    second, first = rows(other, CUT_BLAME)
    assert (first["trace_id"], first["verdict"], first["mode"]) == (CUT_BLAME.trace_id, "ranker", "cut")
    assert float(first["share_ranker"]) == CUT_BLAME.shares["ranker"]
    assert first["question"] == CUT.query.text
    assert (second["trace_id"], second["undecided"], second["loss"]) == ("q2", "no-label", "0.0")
    assert (second["share_ranker"], second["question"], second["confidence"]) == ("", "", "")
    assert [*first][:3] == ["trace_id", "verdict", "mode"]


def test_no_failures_leave_the_header() -> None:
    assert "".join(csv_failures((), ())).startswith("trace_id,verdict,")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_stays_text(text: str) -> None:
    blame = msgspec.structs.replace(hostile(CUT_BLAME, text or "?"), trace_id="q1", tags={text: text})
    case = msgspec.structs.replace(hostile(CUT, text), trace_id="q1")
    written = "".join(csv_failures((blame,), (case,)))
    assert list(commands(written)) == []
    assert written.count("\n") == 2
    assert len(rows(blame, cases=(case,))) == 1
    written.encode()


@pytest.mark.parametrize("sign", [*SIGNS, "\t=", "\r+", "  @"])
def test_nothing_is_a_formula(sign: str) -> None:
    attack = sign + "HYPERLINK(0)"
    case = msgspec.structs.replace(CUT, query=Query(attack))
    row = rows(msgspec.structs.replace(CUT_BLAME, tags={attack: attack}, mode=attack), cases=(case,))[0]
    for name in ("question", "tags", "mode"):
        assert not row[name].lstrip().startswith(SIGNS), name
        assert "HYPERLINK(0)" in row[name]
