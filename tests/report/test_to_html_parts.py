"""What stands where on the page: scales, stacked bars, the funnel, the lattice, and how much of each failure."""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.report import Cohort, Findings
from diagnose.core.stage import ROLES, Role
from diagnose.report.html import depth
from diagnose.report.html.drawing import coded
from diagnose.report.html.evidence import acquitted_of
from diagnose.report.html.funnel import HEIGHT, WIDTH, flow_of
from diagnose.report.html.lattice import MOST_STAGES, grid_of, lattice_of
from diagnose.report.html.rows import NAME_BYTES, choices_of, fitted, lines_of
from diagnose.report.html.scale import bar_of, scale_of, stacked
from diagnose.report.html.why import why_of
from diagnose.report.laid_open import laid_open
from tests.report import made_report
from tests.report.made_trace import CUT, CUT_BLAME, CUT_GAME

numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))


@given(st.lists(st.one_of(st.none(), numbers)), st.integers(3, 6))
def test_a_scale_holds_every_number_and_zero(values: list[float | None], most: int) -> None:
    scale = scale_of(values, most)
    known = [0.0, *(v for v in values if v is not None)]
    slack = 1e-6 * (scale.high - scale.low)
    assert scale.low - slack <= min(known) and max(known) <= scale.high + slack
    assert scale.low < scale.high
    ticks = scale.ticks
    assert 2 <= len(ticks) <= most + 2
    assert (ticks[0].x, ticks[-1].x) == (0.0, 100.0)
    assert any(abs(tick.value) < scale.step / 1e6 for tick in ticks)
    places = [scale.at(v) for v in sorted(known)]
    assert places == sorted(places)


@given(numbers, numbers, numbers)
def test_a_bar_ends_where_its_number_is(value: float, low: float, high: float) -> None:
    scale = scale_of((value, low, high))
    bar = bar_of(scale, value, min(low, high), max(low, high))
    zero = scale.at(0.0)
    assert bar.x == pytest.approx(min(zero, bar.end), abs=0.01)
    assert bar.x + bar.width == pytest.approx(max(zero, bar.end), abs=0.02)
    assert bar.low is not None and bar.high is not None and bar.low <= bar.high


def test_a_bar_without_an_interval_has_none() -> None:
    assert bar_of(scale_of([0.4]), 0.4, None, None)[3:] == (None, None)


@given(st.lists(st.tuples(st.sampled_from(ROLES), st.integers(0, 5000)), max_size=12))
def test_parts_of_a_stacked_bar_lie_side_by_side_and_fill_it(parts: list[tuple[str, int]]) -> None:
    segments = stacked(parts, sum(n for _, n in parts))
    assert [(s.name, s.n) for s in segments] == [(name, n) for name, n in parts if n]
    edge = 0.0
    for segment in segments:
        assert segment.x == pytest.approx(edge, abs=0.1)
        edge = segment.x + segment.width
        assert segment.label in ("", f"{segment.n:,}", f"{segment.name} {segment.n:,}")
    assert edge == pytest.approx(100.0 if segments else 0.0, abs=0.1)


def test_a_label_is_shown_only_where_it_fits() -> None:
    wide, narrow, none = stacked([("model", 800), ("ranker", 100), ("packer", 4)], 904)
    assert (wide.label, wide.fits) == ("model 800", "always")
    assert narrow.label == "100"
    assert none.label == ""


def test_the_funnel_loses_what_the_report_says() -> None:
    flow = flow_of(made_report.REPLAYED)
    assert flow is not None and flow.known == 31
    # One of the two that the retriever did not find is not in the corpus.
    assert [(s.name, s.lost, s.left) for s in flow.steps] == [
        ("corpus", 1, 30),
        ("retriever", 1, 29),
        ("ranker", 14, 15),
        ("packer", 6, 9),
        ("model", 9, 0),
    ]


@given(st.dictionaries(st.sampled_from(ROLES), st.integers(1, 50), min_size=1), st.integers(0, 60))
def test_a_funnel_only_narrows_and_stays_on_its_picture(lost: dict[Role, int], absent: int) -> None:
    report = msgspec.structs.replace(
        made_report.REPLAYED,
        funnel=lost,
        roles=tuple(role for role in ROLES if role in lost),
        findings=Findings(corpus=tuple(f"q{i}" for i in range(absent))),
    )
    flow = flow_of(report)
    assert flow is not None
    left = flow.known
    for step in flow.steps:
        left -= step.lost
        assert step.left == left >= 0
        assert bool(step.drop) == bool(step.lost)
        places = [float(x) for x in re.findall(r"-?[\d.]+", step.band)]
        assert min(places) >= 0 and max(places) <= max(WIDTH, HEIGHT)
    assert left == 0


def test_nothing_known_of_the_evidence_is_no_funnel() -> None:
    assert flow_of(made_report.PERFECT) is None


@pytest.mark.parametrize("n", range(1, MOST_STAGES + 1))
def test_a_lattice_has_every_combination_once_and_joins_those_one_stage_apart(n: int) -> None:
    grid = grid_of(ROLES[:n])
    assert len({(node.x, node.y) for node in grid.nodes}) == 2**n
    assert grid.lines.count("L") == n * 2 ** (n - 1)
    assert all(0 < node.x < grid.width and 0 < node.y < grid.height for node in grid.nodes)
    assert grid.nodes[0].y < grid.nodes[-1].y


def test_a_lattice_marks_what_is_right_and_the_smallest_repair() -> None:
    lattice = lattice_of(CUT_GAME, CUT_BLAME, 0.5)
    assert lattice is not None
    ranker = next(node for node in lattice.grid.nodes if node.label == "ranker")
    assert lattice.smallest == f"M{ranker.x} {ranker.y}h0"
    assert lattice.right.count("h0") == 8
    assert lattice.partly == ""
    assert lattice.said == "8 of 16 combinations of repairs give a right answer. Smallest: ranker."


def test_a_game_of_many_stages_has_no_picture() -> None:
    roles = ROLES[: MOST_STAGES + 1]
    names = ["+".join(r for i, r in enumerate(roles) if m >> i & 1) for m in range(2 ** len(roles))]
    assert lattice_of(Game("q", roles, dict.fromkeys(names, 0.0)), CUT_BLAME, 0.5) is None
    assert lattice_of(None, CUT_BLAME, 0.5) is None


@pytest.mark.parametrize("n", [1, 60, 92, 100, 499, 500, 501, 2000, 5000])
def test_depths_fill_their_page_and_no_more(n: int) -> None:
    blames = [Blame(f"q{i}", "unlabelled", "scorer") for i in range(n)]
    depths = depth.depths_of(blames)
    taken = sum(d.bytes for d in depths.values())
    assert taken <= depth.page_bytes(n) + depth.FEWEST_WHOLE * depth.WHOLE.bytes
    assert sum(d is depth.WHOLE for d in depths.values()) >= min(n, depth.FEWEST_WHOLE)


def test_the_first_of_every_kind_are_whole() -> None:
    blames = [Blame(f"q{i}", "unlabelled", "scorer") for i in range(400)]
    blames += [Blame("rare", "unlabelled", "corpus"), Blame("rarer", "unlabelled", "label")]
    depths = depth.depths_of(blames)
    assert depths["q0"] is depths["rare"] is depths["rarer"] is depth.WHOLE
    assert depths["q399"] is depth.SHORT


def test_each_depth_is_smaller_than_the_one_before() -> None:
    chain = [depth.WHOLE]
    while (smaller := depth.shorter(chain[-1])) is not None:
        chain.append(smaller)
    assert [d.name for d in chain] == ["whole", "short", "brief", "bare"]
    assert all(a.text > b.text and a.around >= b.around for a, b in pairwise(chain))


@given(st.text(max_size=300))
def test_a_name_fits_in_a_link_and_in_a_page(text: str) -> None:
    from html import escape
    from urllib.parse import quote

    name = fitted(text, 60, NAME_BYTES)
    assert max(len(quote(name)), len(escape(name).encode())) <= NAME_BYTES
    assert len(name) <= 60


def test_lines_come_in_the_order_of_the_ranking() -> None:
    blames = [
        Blame("u", "unlabelled", "scorer"),
        msgspec.structs.replace(CUT_BLAME, trace_id="m", verdict="model", mode="ignored"),
        msgspec.structs.replace(CUT_BLAME, trace_id="d", mode="demoted"),
        msgspec.structs.replace(CUT_BLAME, trace_id="c1"),
        msgspec.structs.replace(CUT_BLAME, trace_id="c2"),
    ]
    lines = lines_of(made_report.REPLAYED, blames)
    assert [line.name for line in lines] == ["c1", "c2", "d", "m", "u"]
    assert [line.firsts for line in lines] == [
        ("verdict=ranker", "mode=cut"),
        (),
        ("mode=demoted",),
        ("verdict=model", "mode=ignored"),
        ("verdict=scorer",),
    ]
    assert lines[0].cohorts == "0"
    assert [c.label for c in choices_of(made_report.REPLAYED, blames).cohorts] == [
        "tenant = acme",
        "tenant = globex",
    ]


def test_pairs_of_repairs_are_counted() -> None:
    blames = [
        msgspec.structs.replace(CUT_BLAME, minimal_repairs=repairs)
        for repairs in (
            (("ranker",), ("packer",)),
            (("ranker",), ("packer",)),
            (("retriever", "model"),),
            (("model",),),
        )
    ]
    why = why_of(made_report.REPLAYED, blames, {})
    assert why.substitutes == ((("ranker", "packer"), 2),)
    assert why.complements == ((("retriever", "model"), 1),)


def test_a_stage_that_lost_the_evidence_and_is_acquitted() -> None:
    views = laid_open(CUT)
    assert [view.role for view in views if view.lost] == ["ranker"]
    assert acquitted_of(views, CUT_BLAME) == ""
    other = msgspec.structs.replace(CUT_BLAME, verdict="retriever", minimal_repairs=(("retriever",),))
    assert acquitted_of(views, other).startswith(
        "Lost there, and yet the ranker is acquitted: with the retriever"
    )
    both = msgspec.structs.replace(other, minimal_repairs=(("retriever", "ranker"),))
    assert "acquitted" not in acquitted_of(views, both)
    assert acquitted_of(views, Blame("q017", "replayed", "scorer")) == ""


def test_cohorts_of_a_log_alone_have_no_stages() -> None:
    cohorts = (Cohort("tenant", "acme", 9, 3, {}, None, None),)
    observed = msgspec.structs.replace(made_report.OBSERVED, cohorts=cohorts)
    assert why_of(observed, (), {}).roles == ()
    assert len(why_of(observed, (), {}).cohorts) == 1


def test_a_heat_map_keeps_cohorts_that_depart_however_small() -> None:
    cohorts = tuple(
        Cohort("tenant", f"t{i}", 100, 90 - i, {"ranker": 1.0}, "ranker" if i == 80 else None, 0.01)
        for i in range(81)
    )
    why = why_of(msgspec.structs.replace(made_report.REPLAYED, cohorts=cohorts), [], {})
    assert why.cohorts_left_out == 21
    assert why.cohorts[-1].cohort.value == "t80"
    assert [row.first for row in why.cohorts] == [60] + [0] * 59
    shades = {cell.role: cell.shade for cell in why.cohorts[0].cells}
    assert shades == {"retriever": 0, "ranker": 9, "packer": 0, "model": 0}


def test_backticks_are_code() -> None:
    assert coded("run `make` or `x") == [("run ", False), ("make", True), (" or ", False), ("x", True)]
    assert coded("") == []
