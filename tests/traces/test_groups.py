"""Spans come back by trace, in memory or through a file, and nothing stays behind."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from diagnose.traces.account import Account
from diagnose.traces.groups import SpanGroups
from diagnose.traces.limits import Limits
from diagnose.traces.span import Span


def span(trace: int, n: int, text: str = "") -> Span:
    return Span(f"t{trace}", f"s{n}", "chain", "CHAIN", text=text)


@given(st.lists(st.integers(0, 5), max_size=40), st.sampled_from([0, 100, 10**6]))
def test_log_order_within_a_trace_and_first_come_between_them(order: list[int], memory_bytes: int) -> None:
    spans = [span(trace, n) for n, trace in enumerate(order)]
    with SpanGroups(memory_bytes) as grouped:
        for item in spans:
            grouped.add(item)
        found = list(grouped.traces(Account()))
    first = {trace: order.index(trace) for trace in order}
    expected = sorted(spans, key=lambda s: (first[int(s.trace_id[1:])], int(s.span_id[1:])))
    assert [list(items) for _, items in groupby(expected, key=lambda s: s.trace_id)] == [
        list(f) for f in found
    ]


def test_half_a_surrogate_pair_is_kept_as_a_replacement() -> None:
    with SpanGroups() as grouped:
        grouped.add(span(1, 1, "cut \ud83d"))
        ((found,),) = grouped.traces(Account())
    assert found.text == "cut \ufffd"


def test_a_trace_too_large_to_hold_keeps_what_fits() -> None:
    account = Account(limits=Limits(spans=3))
    with SpanGroups() as grouped:
        for n in range(5):
            grouped.add(span(1, n))
        ((*held,),) = grouped.traces(account)
    assert len(held) == 3
    [noted] = account.noted.values()
    assert noted.n == 2
    assert "3 spans (--limit spans=N) or 128 MB (--limit trace=SIZE)" in noted.what
    account = Account(limits=Limits(trace_bytes=100))
    with SpanGroups() as grouped:
        for n in range(5):
            grouped.add(span(1, n))
        ((*held,),) = grouped.traces(account)
    assert 0 < len(held) < 5, "the first, however large"
