from __future__ import annotations

import msgspec
import pytest

from diagnose.core.report import Gain, PairGain, Ranked, Report
from diagnose.report.buys import buys_line, pair_line
from diagnose.report.to_html import html_report
from diagnose.report.to_markdown import markdown_report
from tests.report.made_report import PERFECT, REPLAYED
from tests.report.test_contract import text_of


def with_ranking(*ranking: Ranked, score: float | None = 0.5) -> Report:
    return msgspec.structs.replace(REPLAYED, ranking=ranking, score=score)


def ranked(role: str, gain: float, low: float | None = None, high: float | None = None) -> Ranked:
    first = REPLAYED.ranking[0]
    return msgspec.structs.replace(first, role=role, fix_alone=Gain(gain, low, high))


def test_the_first_repair_beside_a_perfect_model() -> None:
    report = with_ranking(ranked("ranker", 0.15, 0.05, 0.25), ranked("packer", 0.1), ranked("model", 0.02))
    assert buys_line(report) == (
        "Repairing the ranker alone would lift the mean score from 0.500 to 0.650 (95 % interval 0.550 to 0.750); "
        "a perfect model in the same pipeline, to 0.520."
    )


def test_where_the_model_is_first_nothing_stands_beside_it() -> None:
    report = with_ranking(ranked("model", 0.3), ranked("ranker", 0.1))
    assert buys_line(report) == "Repairing the model alone would lift the mean score from 0.500 to 0.800."


def test_no_score_is_promised_above_one() -> None:
    line = buys_line(with_ranking(ranked("ranker", 0.1, -0.02, 0.3), score=0.95))
    assert line is not None
    assert line.endswith("from 0.950 to 1.000 (95 % interval 0.930 to 1.000).")


def test_the_best_pair() -> None:
    pair = PairGain(("retriever", "ranker"), 0.25, 0.75)
    report = msgspec.structs.replace(REPLAYED, best_pair=pair)
    said = "Of all pairs the retriever and the ranker gain most repaired together: +0.250, to 0.750."
    assert pair_line(report) == said
    assert said in markdown_report(report)
    assert said in html_report(report)
    assert said in " ".join(text_of(report, 80).split())
    assert pair_line(REPLAYED) is None


@pytest.mark.parametrize(
    "report",
    [
        PERFECT,
        with_ranking(),
        with_ranking(ranked("ranker", 0.0)),
        with_ranking(ranked("ranker", -0.1)),
        with_ranking(ranked("ranker", 0.1), score=None),
    ],
)
def test_nothing_is_promised_where_nothing_is_won(report: Report) -> None:
    assert buys_line(report) is None
