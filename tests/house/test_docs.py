"""Documents tell the truth: commands run, every command and field is there, links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from diagnose.core.baseline import BASELINE_SCHEMA, Baseline
from diagnose.core.blame import BLAME_SCHEMA, Blame
from diagnose.core.budget import BUDGET_SCHEMA, SWEEP_SCHEMA, Budget, Sweep
from diagnose.core.game import GAME_SCHEMA, Game
from diagnose.core.outcome import OUTCOME_SCHEMA, TraceOutcome
from diagnose.core.replay import REPLAY_SCHEMA, Case
from diagnose.core.report import REPORT_SCHEMA, Report
from diagnose.core.swap import SWAP_SCHEMA, Swaps
from diagnose.core.trace import TRACE_SCHEMA, Trace
from diagnose.core.verdict import COMPARISON_SCHEMA, GATE_SCHEMA, Comparison, GateVerdict
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.saved import read_blames, read_games
from tests.conftest import ROOT, has_embedded_model
from tests.house.console import Block, blocks, matches, run

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PROMISED = {
    *("demo", "check", "convert", "record", "run", "attribute"),
    *("show", "compare", "gate", "budget", "trust", "explain"),
}
FORMATS: dict[str, type] = {
    TRACE_SCHEMA: Trace,
    GAME_SCHEMA: Game,
    BLAME_SCHEMA: Blame,
    REPLAY_SCHEMA: Case,
    OUTCOME_SCHEMA: TraceOutcome,
    REPORT_SCHEMA: Report,
    BASELINE_SCHEMA: Baseline,
    COMPARISON_SCHEMA: Comparison,
    SWAP_SCHEMA: Swaps,
    SWEEP_SCHEMA: Sweep,
    BUDGET_SCHEMA: Budget,
    GATE_SCHEMA: GateVerdict,
}
SHARED_SECTIONS = (TRACE_SCHEMA, GAME_SCHEMA, REPORT_SCHEMA, COMPARISON_SCHEMA, SWEEP_SCHEMA)
"""Sections whose values (steps, passages, runs, fidelity, changes) other formats hold too."""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _marked(path: Path) -> list[Block]:
    return [block for block in blocks(_text(path)) if block.marked]


def _sections(document: str) -> dict[str, str]:
    """The text under each heading of the second level, by heading in small letters."""
    parts = re.split(r"^## +(.+)$", document, flags=re.MULTILINE)
    return {heading.strip().lower(): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Every command of the program by name, as typer built it (`Any`: typer brings its own click)."""
    import typer.main

    from diagnose.cli import app

    group: Any = typer.main.get_command(app)
    context = group.make_context("diagnose", [], resilient_parsing=True)
    return {name: group.get_command(context, name) for name in group.list_commands(context)}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with copies of what documents name; all blocks of one document run in it, in order."""
    for folder in ("fixtures", "reports"):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if _marked(path)], ids=_name)
def test_console_blocks_print_what_they_say(path: Path, scratch: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(scratch / ".cache")}
    for block in _marked(path):
        if block.model and not has_embedded_model():
            pytest.skip("the embedded model is not installed: run  make test")
        for command in block.commands:
            code, output, talk = run(command.text, scratch, environment)
            where = f"{_name(path)}:{command.line}: $ {command.text}\n{output}{talk}"
            assert code == (block.exit_code if command is block.commands[-1] else 0), where
            assert matches(output, command.expected, block.contains), where


def test_the_readme_shows_runs() -> None:
    assert _marked(ROOT / "README.md")


def test_every_promised_command_exists(commands: dict[str, Any]) -> None:
    """Those of DESIGN section 8; none may go missing."""
    assert set(commands) >= PROMISED


def test_every_command_shown_exists(commands: dict[str, Any]) -> None:
    for path in DOCUMENTS:
        for shown in re.findall(r"^\$ diagnose (\S+)", _text(path), flags=re.MULTILINE):
            assert shown in commands or shown.startswith("-"), f"{_name(path)}: diagnose {shown}"


def test_every_command_and_option_has_docs(commands: dict[str, Any]) -> None:
    sections = _sections(_text(ROOT / "docs" / "commands.md"))
    documented = {match[1] for heading in sections if (match := re.fullmatch("`diagnose (.+)`", heading))}
    assert documented == set(commands)
    for name, command in commands.items():
        section = sections[f"`diagnose {name}`"]
        options = {option for p in command.params for option in p.opts if option.startswith("--")}
        missing = {option for option in options - {"--help"} if not re.search(rf"`[^`]*{option}\b", section)}
        assert missing == set(), f"docs/commands.md: {name}"


def test_one_file_per_command(commands: dict[str, Any]) -> None:
    files = {path.stem for path in ROOT.glob("diagnose/cli/*.py")}
    assert {name.replace("-", "_") for name in commands} <= files


def test_every_format_has_docs() -> None:
    named = re.compile(r'^[A-Z_]+_SCHEMA = "(.+)"$', re.MULTILINE)
    schemas = {name for path in ROOT.glob("diagnose/core/*.py") for name in named.findall(_text(path))}
    assert schemas == set(FORMATS)


@pytest.mark.parametrize("schema, root_type", FORMATS.items())
def test_every_field_has_docs(schema: str, root_type: type) -> None:
    sections = _sections(_text(ROOT / "docs" / "formats.md"))
    names = {schema, *SHARED_SECTIONS}
    bodies = {
        match[1]: sections[title] for title in sections if (match := re.search("`(diagnose.+)`", title))
    }
    text = "".join(bodies[name] for name in names)
    fields = {field for struct in _structs(root_type, set()) for field in struct.__struct_fields__}
    assert len(fields) > 3
    assert {field for field in fields if f"`{field}`" not in text} == set()


def _structs(kind: Any, found: set[Any]) -> set[Any]:
    """The struct types that a value of this type can hold, itself included."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in found:
            found.add(kind)
            for inner in get_type_hints(kind).values():
                _structs(inner, found)
    else:
        for inner in get_args(kind):
            _structs(inner, found)
    return found


@pytest.mark.parametrize("kind, read", [("trace", read_traces), ("game", read_games), ("blame", read_blames)])
def test_examples_can_be_read(kind: str, read: Any, tmp_path: Path) -> None:
    document = _text(ROOT / "docs" / "formats.md")
    marked = re.compile(rf"^<!-- example: {kind} -->\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    examples = marked.findall(document)
    assert examples
    file = tmp_path / "example.jsonl"
    file.write_text("".join(example.replace("\n", " ") + "\n" for example in examples), encoding="utf-8")
    values = list(read(file))
    assert [type(value).__name__.lower() for value in values] == [kind] * len(examples), values


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(path: Path) -> None:
    outside_code = re.sub(r"^```.*?^```$", "", _text(path), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_code):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        document = (path.parent / file).resolve() if file else path
        assert document.exists(), f"{_name(path)}: {target}"
        if anchor:
            assert anchor in _anchors(_text(document)), f"{_name(path)}: {target}"


@pytest.mark.parametrize("folder", ["docs", "docs/decisions"])
def test_every_page_is_in_its_index(folder: str) -> None:
    index = _text(ROOT / folder / "README.md")
    pages = {path.name for path in (ROOT / folder).glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


def _anchors(document: str) -> set[str]:
    """The anchors that a Markdown viewer gives to the headings."""
    headings = re.findall(r"^#+ +(.+)$", document, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
