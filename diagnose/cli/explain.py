"""`diagnose explain`: what any metric, role, mode, number, error or file format means."""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.session import Debug, Json, guarded, paper
from diagnose.errors import UsageError, quoted, visible

if TYPE_CHECKING:
    from rich.console import Console

    from diagnose.core.entry import Entry

NEAR = 4
"""Names suggested where one is unknown."""
LONGEST = 80
"""Characters of an unknown name that are compared: a slip of the pen is no longer."""
OPENING = 40
"""Characters that what a list says of a name has at least: as many whole sentences as that takes."""

LABELS: dict[str, dict[str, str]] = {
    "": {
        "formula": "formula",
        "range": "range",
        "unit": "unit",
        "evidence": "shown",
        "remedy": "remedy",
        "source": "source",
    },
    "role": {"formula": "kept when", "range": "shape"},
    "repair": {"range": "otherwise"},
    "mode": {"formula": "detected"},
    "stage": {"formula": "keys"},
    "finding": {"formula": "found where"},
    "ablation": {"evidence": "tells"},
    "error": {"range": "ends with"},
    "exit": {"range": "meaning"},
}
"""What each part of an entry is called in print, and where a kind calls it otherwise."""


@guarded
def explain(
    name: Annotated[
        str | None,
        typer.Argument(help="A name, a kind (metrics, modes, …) or a file format; without it, all names."),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what a metric, role, mode, repair, number or error means; print the JSON Schema of a file format.

    Example: diagnose explain truncated · diagnose explain metrics · diagnose explain trace
    """
    from diagnose.cli.catalogue import entries
    from diagnose.cli.schemas import format_named, schema_of

    if name is None:
        _list_all(entries(), json)
        return
    if (file_format := format_named(name.strip())) is not None:
        _write_json(schema_of(file_format))
        return
    everything = entries()
    found, kind = matching(everything, name) or _any_cutoff(name), kind_named(name)
    if kind is not None and (not found or _normal(name).endswith("s")):
        listed = [entry for entry in everything if entry.kind == kind]
        _write_json(listed) if json else _print_kind(paper(), kind, listed, found)
    elif not found:
        raise UsageError(unknown(everything, name))
    elif json:
        _write_json(found)
    else:
        out = paper()
        for entry in found:
            _print_entry(out, entry)


def matching(everything: Iterable[Entry], name: str) -> tuple[Entry, ...]:
    """The entries of that name or address, which `_`, `-` and capitals do not tell apart.

    The end of an address will do (`ranking.share`), and so will a name after its kind (`mode.budget`).
    """
    key = _normal(name)
    return tuple(entry for entry in everything if any(known == key for known in _names(entry)))


def _any_cutoff(name: str) -> tuple[Entry, ...]:
    """A retrieval measure at a cutoff that is not listed, `nDCG@3`."""
    from diagnose.cli.catalogue import metric_entry
    from diagnose.score.retrieval import is_measure

    return (metric_entry(name.strip()),) if is_measure(name.strip()) else ()


def _names(entry: Entry) -> Iterator[str]:
    parts = _normal(entry.address).split(".")
    yield from (".".join(parts[start:]) for start in range(len(parts)))
    yield f"{entry.kind}.{_normal(entry.name)}"


def _normal(name: str) -> str:
    return name.strip().casefold().replace("_", "-").replace("/", ".")


def kind_named(name: str) -> str | None:
    """The kind of that name, singular or plural."""
    from diagnose.cli.catalogue import KINDS

    return next((kind for kind in KINDS if _normal(name) in (kind, kind + "s")), None)


def unknown(everything: Iterable[Entry], name: str) -> str:
    """What to say of a name that nobody knows."""
    from diagnose.cli.catalogue import KINDS
    from diagnose.cli.schemas import FORMATS

    known = {_normal(n): n for entry in everything for n in (entry.address, entry.name)}
    known.update({n: n for n in (*(kind + "s" for kind in KINDS), *FORMATS)})
    key = _normal(name)[:LONGEST]
    near = [
        n for part in (key.rpartition(".")[2], key) for n in difflib.get_close_matches(part, known, n=NEAR)
    ]
    near = [n for n in dict.fromkeys(near) if "." not in n or n.rpartition(".")[2] not in near][:NEAR]
    hint = f"did you mean {' or '.join(known[n] for n in near)}? " if near else ""
    return f"{quoted(name)} is no name that explain knows; {hint}`diagnose explain` lists them all"


def _write_json(value: object) -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def _list_all(everything: Sequence[Entry], json: bool) -> None:
    from diagnose.cli.catalogue import KINDS
    from diagnose.cli.schemas import FORMATS

    by_kind = {kind: [entry for entry in everything if entry.kind == kind] for kind in KINDS}
    if json:
        names: dict[str, list[str]] = {f"{k}s": [e.address for e in found] for k, found in by_kind.items()}
        _write_json({**names, "formats": list(FORMATS)})
        return
    out = paper()
    for kind, found in by_kind.items():
        groups: dict[str, list[str]] = {}
        for entry in found:
            groups.setdefault(entry.of or "", []).append(entry.name)
        _section(out, f"{kind}s", KINDS[kind], [(of, "  ".join(names)) for of, names in groups.items()])
    _section(out, "formats", "the JSON Schema of a file", [("", "  ".join(FORMATS))])


def _print_kind(out: Console, kind: str, listed: Iterable[Entry], namesakes: Iterable[Entry]) -> None:
    from diagnose.cli.catalogue import KINDS

    rows = [(entry.address, opening(entry.definition)) for entry in listed]
    also = ", ".join(entry.address for entry in namesakes)
    _section(out, f"{kind}s", KINDS[kind], [*rows, ("see also", also)] if also else rows)


def opening(text: str) -> str:
    """The first sentence, and the next where that is very short.

    >>> opening("Token F1. How many words both have in common, by length. Best over references.")
    'Token F1. How many words both have in common, by length.'
    """
    end = text.find(". ", OPENING if ". " in text[:OPENING] else 0)
    return text if end < 0 else text[: end + 1]


def _print_entry(out: Console, entry: Entry) -> None:
    labels = {**LABELS[""], **LABELS.get(entry.kind, {})}
    parts = {part: getattr(entry, part) for part in labels}
    rows = [("", entry.definition), *((labels[part], text) for part, text in parts.items() if text)]
    if entry.see:
        rows.append(("see also", ", ".join(entry.see)))
    _section(out, entry.address, _kind_of(entry), rows)


def _kind_of(entry: Entry) -> str:
    match entry.kind:
        case "mode":
            return f"mode of the {entry.of}"
        case "stage":
            return f"built-in {entry.of}"
    return entry.kind


def _section(out: Console, name: str, what: str, rows: Sequence[tuple[str, str]]) -> None:
    """A heading and, under it, labels with their texts in a column beside them."""
    from rich.text import Text

    out.print(Text.assemble((name, "bold"), (f"  {what}", "dim")), soft_wrap=True)
    column = max((len(label) for label, _ in rows), default=0)
    for label, text in rows:
        first, *rest = textwrap.wrap(
            visible(text), max(out.width - column - 4, 20), break_on_hyphens=False
        ) or [""]
        out.print(
            Text.assemble("  ", (label.ljust(column), "dim"), "  " if column else "", first), soft_wrap=True
        )
        for line in rest:
            out.print(Text(" " * (column + 4 if column else 2) + line), soft_wrap=True)
    out.print()
