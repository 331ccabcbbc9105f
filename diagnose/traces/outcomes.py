"""Outcomes and baselines, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from diagnose.core.baseline import BASELINE_SCHEMA, Baseline
from diagnose.core.outcome import OUTCOME_SCHEMA, TraceOutcome
from diagnose.errors import BadInput, quoted, visible
from diagnose.traces.decode import LineDecoder
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import Finding, Problem, read_lines, source_name


def read_outcomes(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[TraceOutcome | Problem]:
    """The outcomes of a file (`diagnose.outcome/1`), in order.

    A line with any fault (a score that is no number from 0 to 1, a repeated trace) comes out as a Problem.
    Raises BadInput, on the first `next`, for a file that cannot be read as lines at all.
    """
    decoder = LineDecoder(TraceOutcome, OUTCOME_SCHEMA)
    line_of: dict[str, int] = {}
    for line in read_lines(path, limits):
        if isinstance(line, Problem):
            yield line
            continue
        decoded = decoder.decode(line)
        if isinstance(decoded, list):
            yield from map(line.problem, decoded)
            continue
        first = line_of.setdefault(decoded.trace_id, line.number)
        if first != line.number:
            expected = f"an id of its own (line {first} has it already)"
            yield line.problem(Finding("trace_id", expected, quoted(decoded.trace_id)))
        elif (wrong := _wrong_score(decoded)) is not None:
            yield line.problem(wrong)
        else:
            yield decoded


def _wrong_score(outcome: TraceOutcome) -> Finding | None:
    for field, value in (("score", outcome.score), ("again", outcome.again)):
        if value is not None and not 0.0 <= value <= 1.0:
            return Finding(field, "a number from 0 to 1", f"{value:g}")
    return None


def baseline_json(baseline: Baseline) -> bytes:
    """The baseline as UTF-8 JSON: one line a trace, so that a change shows as a change in git.

    The same baseline gives the same bytes. Numbers keep six decimals.
    """
    head = {k: v for k, v in msgspec.to_builtins(baseline).items() if k != "rows"}
    lines = [f"  {_json(k)}: {_json(_rounded(v))}," for k, v in head.items()]
    rows = ",\n".join(f"    {_json(_rounded(msgspec.to_builtins(row)))}" for row in baseline.rows)
    return ("{\n" + "\n".join(lines) + '\n  "rows": [\n' + rows + "\n  ]\n}\n").encode()


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_sound(value)).decode()


def _sound(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_sound(name): _sound(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(item) for item in value]
    return value


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6) + 0.0
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


class _Head(msgspec.Struct):
    schema: object = None


def schema_of(data: bytes, name: str) -> str | None:
    """What a JSON document says that it is; BadInput where it is no JSON object."""
    try:
        schema = msgspec.json.decode(data, type=_Head).schema
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{name}: expected a JSON object, found none ({visible(str(error))})") from error
    return schema if isinstance(schema, str) else None


def read_baseline(path: Path | str, data: bytes | None = None) -> Baseline:
    """The baseline in a file; BadInput where it is missing, of another schema, or broken."""
    name = source_name(path)
    try:
        body = Path(path).read_bytes() if data is None else data
    except OSError as error:
        raise BadInput(f"{name}: cannot be read: {visible(error.strerror or str(error))}") from error
    schema = schema_of(body, name)
    if schema != BASELINE_SCHEMA:
        found = "nothing" if schema is None else quoted(schema)
        raise BadInput(
            f'{name} schema: expected "{BASELINE_SCHEMA}", found {found}; write it with '
            "diagnose gate REPORT --baseline FILE --update-baseline"
        )
    try:
        baseline = msgspec.json.decode(body, type=Baseline)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{name}: {visible(str(error))}; write it again with --update-baseline") from error
    _check_rows(name, baseline)
    return baseline


def _check_rows(name: str, baseline: Baseline) -> None:
    seen: set[str] = set()
    for i, row in enumerate(baseline.rows):
        if row.trace_id in seen:
            raise BadInput(
                f"{name} rows[{i}].trace_id: expected each once, found {quoted(row.trace_id)} again"
            )
        seen.add(row.trace_id)
        for field, value in (("score", row.score), ("held", row.held)):
            if value is not None and not 0.0 <= value <= 1.0:
                raise BadInput(f"{name} rows[{i}].{field}: expected a number from 0 to 1, found {value:g}")
