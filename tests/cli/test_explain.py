from __future__ import annotations

import copy
import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from diagnose import errors
from diagnose.cli.catalogue import KINDS, entries
from diagnose.cli.explain import explain, kind_named, matching, opening
from diagnose.cli.schemas import FORMATS, format_named, schema_of
from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Query, Route, Text
from diagnose.core.blame import Blame, FunnelStep, Undecided
from diagnose.core.entry import Entry
from diagnose.core.game import Game, Runs
from diagnose.core.replay import Case, Ran, Replay
from diagnose.core.report import (
    Cohort,
    Cost,
    Fidelity,
    Findings,
    FixStep,
    Gain,
    PassingCheck,
    Ranked,
    Report,
    RunProvenance,
    StageCost,
    StageIdentity,
    Triage,
    UndecidedCount,
)
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Gold, GoldPassage, Outcome, Provenance, Step, Trace, Usage
from diagnose.score.table import METRICS
from diagnose.stages.build import OFFERED
from diagnose.stages.table import BUILT_INS
from diagnose.traces.to_jsonl import encode_line
from tests.cli.json_schema import problems
from tests.conftest import ROOT

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(explain)
EVERYTHING = entries()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def words(text: str) -> list[str]:
    return text.split()


def test_all_names_are_listed() -> None:
    done = run()
    assert done.exit_code == 0
    listed = set(words(done.stdout))
    assert {entry.name for entry in EVERYTHING} <= listed
    assert set(ROLES) | set(METRICS) | set(FORMATS) | {f"{kind}s" for kind in KINDS} <= listed
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


def test_all_names_are_listed_as_json() -> None:
    listed = json.loads(run("--json").stdout)
    assert list(listed) == [*(f"{kind}s" for kind in KINDS), "formats"]
    assert all(listed.values())
    assert sorted(name for kind in KINDS for name in listed[f"{kind}s"]) == sorted(
        e.address for e in EVERYTHING
    )


def test_no_two_entries_are_the_same_thing() -> None:
    seen = [(entry.kind, entry.address) for entry in EVERYTHING]
    assert len(set(seen)) == len(seen) > 150


def test_every_name_leads_to_its_entry() -> None:
    for entry in EVERYTHING:
        for name in (entry.name, entry.address, entry.address.upper(), f"{entry.kind}.{entry.name}"):
            assert entry in matching(EVERYTHING, name), name


def test_every_reference_leads_somewhere() -> None:
    for entry in EVERYTHING:
        for name in entry.see:
            known = matching(EVERYTHING, name) or kind_named(name) or format_named(name)
            assert known, f"{entry.address} refers to {name}"


def test_every_part_of_an_entry_is_printed() -> None:
    done = run("packer.truncated")
    (entry,) = matching(EVERYTHING, "packer.truncated")
    flat = " ".join(words(done.stdout))
    assert done.exit_code == 0
    for text in (entry.address, entry.definition, entry.formula, entry.evidence, entry.remedy, entry.source):
        assert text
        assert text in flat


def test_a_name_with_several_meanings_shows_all_of_them() -> None:
    found = msgspec.json.decode(run("duplicated", "--json").stdout, type=list[Entry])
    assert [entry.address for entry in found] == ["retriever.duplicated", "packer.duplicated"]
    assert [entry.kind for entry in matching(EVERYTHING, "budget")] == ["mode", "reason"]
    assert [entry.kind for entry in matching(EVERYTHING, "mode.budget")] == ["mode"]
    assert [entry.kind for entry in matching(EVERYTHING, "model")] == ["role", "repair", "number"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_lists_its_names(kind: str) -> None:
    done = run(f"{kind}s")
    assert done.exit_code == 0
    flat, listed = " ".join(words(done.stdout)), [entry for entry in EVERYTHING if entry.kind == kind]
    assert listed
    assert all(f"{entry.address} " in flat and entry.definition.split()[0] in flat for entry in listed)
    assert msgspec.json.decode(run(f"{kind}s", "--json").stdout, type=list[Entry]) == listed
    namesakes = [entry.address for entry in matching(EVERYTHING, f"{kind}s")]
    assert all(address in flat for address in namesakes)


def test_metrics_say_what_the_metric_table_says() -> None:
    for name, metric in METRICS.items():
        (entry,) = [e for e in matching(EVERYTHING, name) if e.kind == "metric"]
        assert metric.definition in entry.definition
        assert (entry.formula, entry.range, entry.unit) == (metric.formula, metric.range, metric.unit)


def test_built_in_stages_show_their_keys() -> None:
    found = {entry.address: entry for entry in EVERYTHING if entry.kind == "stage"}
    assert len(found) == sum(map(len, BUILT_INS.values()))
    for role, names in BUILT_INS.items():
        for name, factory in names.items():
            entry, keys = found[f"{role}.{name}"], set(inspect.signature(factory).parameters) - set(OFFERED)
            assert {key for key in keys if key not in (entry.formula or "")} == set()
            assert opening(entry.definition) in " ".join(words(inspect.getdoc(factory) or ""))


def test_a_measure_has_any_cutoff() -> None:
    done = run("nDCG@3")
    assert done.exit_code == 0
    assert done.stdout.startswith("nDCG@3  metric")


def test_errors_and_exit_codes() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(entry.name) for entry in EVERYTHING if entry.kind == "exit"} == codes | {130}
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert {entry.name for entry in EVERYTHING if entry.kind == "error"} == classes
    (entry,) = matching(EVERYTHING, "badinput")
    assert entry.range == "exit code 3"
    assert entry.see == ("exit.3",)


@pytest.mark.parametrize("name", ["trunkated", "packer.trunkated", "TRUNCATED_"])
def test_an_unknown_name_is_refused_with_near_ones(name: str) -> None:
    done = run(name)
    assert (done.exit_code, done.stdout) == (errors.EXIT_USAGE, "")
    assert "truncated" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hostile_name_is_harmless() -> None:
    done = run("\x1b[31m[bold]" + "x" * 100_000)
    assert done.exit_code == errors.EXIT_USAGE
    assert "\x1b" not in done.stderr
    assert "[bold]" in done.stderr
    assert len(done.stderr) < 500


PASSAGES = (Passage("d1", "Refunds take 14 days.", 1.5, "Refunds", {"lang": "en"}), Passage("d2"))
OUTPUTS: dict[Role, Output] = {
    "router": Route("small"),
    "rewriter": Text("How long do refunds take?"),
    "retriever": Passages(PASSAGES),
    "ranker": Passages(PASSAGES[:1]),
    "compressor": Passages(()),
    "packer": Context("Refunds take 14 days.", PASSAGES[:1]),
    "model": Answer("A month.", 20, 3, "stop"),
    "verifier": Decision(False, "I don't know."),
}
STEPS = (
    *(Step(r, OUTPUTS[r], "s", 0.5, Usage(1, 2, 0.1), "late") for r in ROLES),
    Step("model", Answer("Bare.")),
)
GOLD = Gold(("14 days",), (GoldPassage("d1", "…", ("Refunds take 14 days.",)),), "any", True, "how long?")
WHOLE = Trace("q1", Query("?"), STEPS, GOLD, Outcome(0.0, -1.0), {"a": "b"}, Provenance("phoenix", "1"))
BLAME = Blame(
    "q1",
    "replayed",
    "undecided",
    shares={"ranker": 0.5, "model": 0.5},
    loss=1.0,
    minimal_repairs=(("ranker", "model"),),
    interactions={"ranker+model": 1.0},
    undecided=Undecided("noise", "…", 0.4, 12),
    funnel=(FunnelStep("ranker", True), FunnelStep("model", None)),
)
CASE = Case(
    "q1",
    Query("?"),
    GOLD,
    {},
    STEPS,
    {"ranker": True, "model": None},
    0.0,
    (
        Replay("", tuple(Ran(r, OUTPUTS[r], r == "ranker", None) for r in ROLES), "A month.", 0.0),
        Replay("model", (), None, None, "raised"),
    ),
)
REPORT = Report(
    n_traces=10,
    n_failures=2,
    score=None,
    levels={"replayed": 2},
    fidelity={"ranker": Fidelity(2, 1.0, 0.0, 0.0)},
    ranking=(Ranked("ranker", 1.0, None, None, 1.0, 1.0, Gain(0.1, 0.0, 0.2), 1, {"demoted": 1}),),
    findings=Findings(scorer=("q2",)),
    undecided=UndecidedCount(1, {"noise": 1}, 12),
    triage=Triage({"model": 1}, {"ranker": 1}, 0, 1),
    fix_order=(FixStep("ranker", 0.1, 0.9),),
    cohorts=(Cohort("tenant", "acme", 5, 1, {"ranker": 1.0}, None, None),),
    cost=Cost({"model": StageCost(1.0, 2, None, None, 3)}, None, 0.5, None),
    runs=Runs(1, 2, 3),
    provenance=RunProvenance("0.1", "run", 0, "f1", 0.5, "p", (StageIdentity("ranker", "r", "f"),)),
    passing=PassingCheck(3, {"ranker": 0}),
)
ENCODED = {
    "trace": [encode_line(WHOLE), encode_line(Trace("q2", Query("?")))],
    "game": [encode_line(Game("q1", ("model",), {"": 0.0, "model": 1.0}))],
    "blame": [encode_line(BLAME), encode_line(Blame("q2", "observed", "scorer"))],
    "replay": [encode_line(CASE)],
    "report": [msgspec.json.encode(REPORT)],
}


def documents(name: str) -> Iterator[Any]:
    """Real documents of a format: what our writers write, and the examples of the documentation."""
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    if name == "pipeline":
        yield from (tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL))
        yield from (
            tomllib.loads(path.read_text(encoding="utf-8"))
            for path in ROOT.glob("fixtures/**/pipeline*.toml")
        )
        yield {
            "stages": {"model": {"use": "m", "timeout_s": 3}},
            "routes": {"a": {"cost": 1.5, "model": {"k": 5}}},
        }
        return
    yield from map(json.loads, ENCODED[name])
    examples = re.findall(rf"^<!-- example: {name} -->\n```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    yield from map(json.loads, examples)


@pytest.mark.parametrize("name", FORMATS)
def test_a_schema_fits_real_documents(name: str) -> None:
    done = run(name)
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    assert schema == json.loads(msgspec.json.encode(schema_of(name)))
    found = list(documents(name))
    assert found
    for document in found:
        assert problems(schema, document) == []


def test_every_place_a_schema_is_asked_for() -> None:
    schema = run("trace").stdout
    assert (
        schema
        == run("diagnose.trace/1").stdout
        == run("traces.jsonl").stdout
        == run("trace", "--json").stdout
    )


REFUSED = re.compile(
    r"Expected `|Object missing required field|Object contains unknown field|Invalid (?:enum )?value"
)


@pytest.mark.parametrize("name", FORMATS)
def test_a_schema_refuses_what_the_reader_refuses(name: str) -> None:
    schema, kind = schema_of(name), FORMATS[name].kind()
    seen = {True: 0, False: 0}
    for document in documents(name):
        for place, mutant in mutants(document):
            why = refusal(mutant, kind)
            # What one field says of another, and which keys a table has, no schema of types tells.
            if why is None or (REFUSED.match(why) and "key" not in why):
                assert bool(problems(schema, mutant)) == (why is not None), f"{place}: {why}"
                seen[why is None] += 1
    assert min(seen.values()) > 3


def refusal(value: Any, kind: Any) -> str | None:
    """Why our reader's type refuses a value, or None where it takes it."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def mutants(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with one value replaced by one of another type, or left out; all but its `schema`."""
    paths = [path for path in _paths(document) if path != ("schema",)]
    # Of a large document every k-th value: lists of steps and of stages repeat themselves.
    for path in paths[:: 1 + len(paths) // 80]:
        wrongs: tuple[Any, ...] = ({"other": []}, ["other"], "other", 17, None, True)
        for wrong in wrongs:
            mutant = copy.deepcopy(document)
            _parent(mutant, path)[path[-1]] = wrong
            yield f"{path} = {wrong!r}", mutant
        mutant = copy.deepcopy(document)
        del _parent(mutant, path)[path[-1]]
        yield f"{path} left out", mutant


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def _parent(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def test_a_wrong_schema_id_is_refused() -> None:
    for name, known in FORMATS.items():
        for document in documents(name) if known.schema else ():
            assert problems(schema_of(name), {**document, "schema": "diagnose.other/1"})


def test_fields_carry_their_explanation() -> None:
    report = schema_of("report")["$defs"]["Ranked"]["properties"]
    assert all("description" in field for field in report.values())
