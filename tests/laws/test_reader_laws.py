"""Whatever stands in a log, a reader ends with traces and problems: never with an exception of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.core.trace import Trace
from diagnose.traces.account import Account
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.lines import Problem
from diagnose.traces.read import read_log
from diagnose.traces.to_jsonl import write_jsonl
from tests.traces import sample_logs as samples

LOGS: dict[str, Callable[[], Any]] = {
    **{name: partial(samples.otlp, spans) for name, spans in samples.CONVENTIONS.items()},
    "snake": lambda: samples.otlp_snake(samples.openinference()),
    "phoenix": lambda: samples.phoenix(samples.openinference()),
    "phoenix rows": lambda: samples.phoenix_rows(samples.openinference()),
    "mlflow": samples.mlflow,
    "langfuse": samples.langfuse_ui,
    "langfuse rows": lambda: samples.langfuse_rows(snake=True),
    "langsmith": samples.langsmith,
    "ragas": lambda: samples.RAGAS,
    "ragchecker": lambda: samples.RAGCHECKER,
    "deepeval": lambda: samples.DEEPEVAL,
    "promptfoo": lambda: samples.PROMPTFOO,
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**25)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        [
            "",
            " ",
            "x",
            "{",
            '{"a": 1}',
            "[1]",
            '["x"]',
            "[[]]",
            "null",
            "user",
            "\ud83d",
            "2026-01-01",
            "1e999",
        ]
    )
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "text", "role", "content", "documents", "messages", "node", "data"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside another."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from places(item, (*path, i))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with the value at a place replaced."""
    if not path:
        return new
    head, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[head] = replaced(value[head], tuple(rest), new)
    return copy


@pytest.mark.parametrize("name", LOGS)
@given(data=st.data())
@settings(max_examples=25)
def test_no_value_anywhere_breaks_a_reader(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    log = LOGS[name]()
    for _ in range(data.draw(st.integers(1, 3))):
        log = replaced(log, data.draw(st.sampled_from(list(places(log)))), data.draw(ANYTHING))
    folder = tmp_path_factory.mktemp("log")
    path = folder / "log.json"
    path.write_text(json.dumps(log), encoding="utf-8")
    account = Account()
    found = list(read_log(path, account=account)) if log not in ([], "") else []
    assert all(isinstance(item, Trace | Problem) for item in found)
    account.summary()
    traces = [item for item in found if isinstance(item, Trace)]
    write_jsonl(folder / "traces.jsonl", traces)
    if traces:
        assert [type(item) for item in read_traces(folder / "traces.jsonl")] == [Trace] * len(traces)
