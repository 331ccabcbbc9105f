"""What a query costs under a setting: seconds at the log's own pace, money by a price table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diagnose.core.pipeline import Pipeline
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, UsageError, quoted
from diagnose.stages.tokens import count_words_and_marks

Floats = NDArray[np.float64]

FEWEST_TIMED = 10
"""Logged model calls with a time below which there is no pace to tell."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """Money for a million tokens read and written."""

    prompt: float
    completion: float


Prices = Mapping[str, Price]
"""By a model's name, as its table's `model` (else its `use`) has it; `default` for any other."""


@dataclass(frozen=True)
class Pace:
    """Seconds of a model call: `per_call_s` and `per_token_s` for each token; `rest_s` is what all other stages
    take."""

    per_call_s: float
    per_token_s: float
    rest_s: float


def read_prices(path: Path) -> Prices:
    """The price table of a TOML file: `[NAME]` tables with `prompt` and `completion`, money for a million tokens."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path.name}: expected a price table, found none to read") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path.name}: expected TOML: {error}") from error
    return {name: _price(table, f"{path.name} [{name}]") for name, table in document.items()}


def _price(table: object, where: str) -> Price:
    if not isinstance(table, Mapping):
        raise BadInput(f"{where}: expected a table with prompt and completion, found {quoted(str(table))}")
    if extra := set(table) - {"prompt", "completion"}:
        raise BadInput(f"{where} {min(extra)}: no such key; expected prompt, completion")
    found = []
    for key in ("prompt", "completion"):
        value = table.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise BadInput(f"{where} {key}: expected a number of 0 or more, found {quoted(str(value))}")
        found.append(float(value))
    return Price(*found)


def money_of(
    pipelines: Sequence[Pipeline], prices: Prices | None, prompt: Floats, completion: Floats
) -> Floats | None:
    """Money for each query in each cell (n, k), None without prices. UsageError for a model without a price.

    Where routes have models of their own, all are charged as the pipeline's.
    """
    if not prices:
        return None
    columns = []
    for i, pipeline in enumerate(pipelines):
        model = pipeline.stage("model")
        assert model is not None
        name = str(model.settings.get("model", model.name))
        price = prices.get(name) or prices.get("default")
        if price is None:
            raise UsageError(f"--prices: no price for the model {quoted(name)}, and no [default]")
        columns.append((prompt[:, i] * price.prompt + completion[:, i] * price.completion) / MILLION)
    return np.stack(columns, axis=1)


def pace_of(traces: Iterable[Trace]) -> Pace | None:
    """The pace of a log's model calls by least squares, never below 0; None where too few have a time."""
    timed, tokens, rest = [], [], []
    for trace in traces:
        step = next((s for s in trace.steps if s.role == "model"), None)
        if step is None or step.elapsed_s is None:
            continue
        timed.append(step.elapsed_s)
        tokens.append(_tokens(trace))
        rest.append(sum(s.elapsed_s or 0.0 for s in trace.steps if s.role != "model"))
    if len(timed) < FEWEST_TIMED:
        return None
    spread = float(np.var(tokens))
    slope = float(np.cov(tokens, timed, bias=True)[0, 1]) / spread if spread > 0 else 0.0
    slope = max(slope, 0.0)
    return Pace(max(float(np.mean(timed)) - slope * float(np.mean(tokens)), 0.0), slope, float(np.mean(rest)))


def _tokens(trace: Trace) -> float:
    """Tokens of the logged model call: those the log tells of, else words and marks of what it read and wrote."""
    step = next(s for s in trace.steps if s.role == "model")
    if step.usage is not None and step.usage.prompt_tokens is not None:
        return float(step.usage.prompt_tokens + (step.usage.completion_tokens or 0))
    context, answer = trace.output("packer"), step.output
    texts = (trace.query.text, getattr(context, "text", ""), getattr(answer, "text", ""))
    return float(sum(count_words_and_marks(text) for text in texts))
