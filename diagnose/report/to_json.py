"""A report as JSON, and back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from diagnose.core.report import REPORT_SCHEMA, Report
from diagnose.errors import BadInput, quoted, visible

REPORT_FILE = "report.json"
_WROTE = "what `diagnose run` or `diagnose attribute` wrote with -o"


class _Head(msgspec.Struct):
    schema: object = None


def json_report(report: Report) -> bytes:
    """The report as UTF-8 JSON: `schema` first, keys in the order of the types, two blanks of indent, a
    newline at the end. The same report gives the same bytes; floats keep every digit.

    Lone surrogates, which JSON in UTF-8 cannot hold, are written as U+FFFD.
    """
    try:
        body = msgspec.json.encode(report)
    except UnicodeEncodeError:
        body = msgspec.json.encode(_sound(msgspec.to_builtins(report)))
    return msgspec.json.format(body, indent=2) + b"\n"


def _sound(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_sound(name): _sound(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(item) for item in value]
    return value


def read_report(path: Path | str) -> Report:
    """The report in a folder, or in the `report.json` named itself.

    BadInput where there is none, where it is of another schema, or broken; the message names the field.
    """
    file = report_file(path)
    name = visible(str(file))
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{name}: no such file; expected a folder or a {REPORT_FILE}: {_WROTE}") from None
    except OSError as error:
        raise BadInput(f"{name}: cannot be read: {visible(error.strerror or str(error))}") from error
    try:
        _check_schema(name, data)
        return msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        raise BadInput(f"{name}: {_worded(str(error))}; make it again: it is {_WROTE}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(
            f"{name}: expected a JSON object, found broken JSON ({visible(str(error))})"
        ) from error


def report_file(path: Path | str) -> Path:
    """The `report.json` of a folder, or the file itself."""
    given = Path(path)
    return given / REPORT_FILE if given.is_dir() else given


def _check_schema(name: str, data: bytes) -> None:
    schema = msgspec.json.decode(data, type=_Head).schema
    if schema != REPORT_SCHEMA:
        found = "nothing" if schema is None else quoted(schema)
        raise BadInput(f'{name} schema: expected "{REPORT_SCHEMA}", found {found}; it is to be {_WROTE}')


def _worded(error: str) -> str:
    """msgspec's message with the field first, as in all our messages."""
    what, _, where = visible(error).partition(" - at `$")
    field = where.rstrip("`").removeprefix(".")
    return f"{field}: {what}" if field else what
