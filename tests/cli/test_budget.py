"""`diagnose budget` and `run --sweep` from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from diagnose.cli.sweeping import own_axes, settings_of
from diagnose.core.artifact import Query
from diagnose.core.budget import Budget
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.stages.complexity import ComplexityRouter
from diagnose.stages.load import load_pipeline
from diagnose.traces.to_jsonl import write_jsonl
from tests.cli.desks import command, files, refused

N_EASY, N_HARD = 60, 40
PIPELINE = """
[pipeline]
name = "needs"
corpus = "corpus.jsonl"
[stages.retriever]
use = "bm25s"
top_k = 8
[stages.ranker]
use = "tfidf"
top_n = 8
[stages.packer]
use = "rank-order"
budget_tokens = 400
[stages.model]
use = "own:reader"
deterministic = true
[score]
metric = "contains"
"""
READER = '''
def reader():
    """Easy questions take one passage; those that compare take four."""
    def read(query, context):
        need = 4 if "older" in query else 1
        return f"It is {query.split()[1]}." if len(context.passages) >= need else "It depends."
    return read
'''


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A pipeline whose questions are of two kinds, told apart by their words, and their labels."""
    folder = tmp_path / "desk"
    folder.mkdir()
    passages = [{"id": f"d{i}", "text": f"Town{i} has a market and a mill, number {i}."} for i in range(40)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(p) + "\n" for p in passages))
    (folder / "pipeline.toml").write_text(PIPELINE)
    (folder / "own.py").write_text(READER)
    asked = []
    for i in range(N_EASY + N_HARD):
        text = f"Is Town{i % 40} where the market is?"
        if i >= N_EASY:
            text = f"Is Town{i % 40} older than both Mill and Market, or the same age as Kiln?"
        gold = Gold((f"Town{i % 40}",), (GoldPassage(f"d{i % 40}"),))
        asked.append(Trace(f"q{i}", Query(text), gold=gold))
    write_jsonl(folder / "queries.jsonl", asked)
    return folder


def budget(desk: Path, *options: object) -> tuple[dict[str, Any], Path]:
    out = desk / "out"
    sweep = ("--sweep", "stages.ranker.top_n=1,2,4")
    done = command(
        "budget", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", out, *sweep, "--json", *options
    )
    assert done.exit_code == 0, (done.stderr, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found, out


def test_tiers_get_what_they_need(desk: Path) -> None:
    found, out = budget(desk, "--tiers", 2)
    assert json.loads((out / "budget.json").read_text()) == found
    assert found["schema"] == "diagnose.budget/1"
    assert found["refused"] is None
    cells = [cell["settings"].get("stages.ranker.top_n", 8) for cell in found["cells"]]
    assert cells == [8, 1, 2, 4]
    assert [cells[tier["cell"]] for tier in found["tiers"]] == [1, 4]
    policies = {p["name"]: p for p in found["policies"]}
    assert policies["route"]["score"] == policies["uniform"]["score"] == 1.0
    assert policies["best uniform"]["saved"] < policies["route"]["saved"] <= policies["oracle"]["saved"]
    assert len(found["waste"]) == N_EASY + N_HARD
    assert found["starvation"] == []
    assert found["complexity"]["brier"] < 0.05 < 0.2 < found["complexity"]["brier_base"]


def test_the_route_table_is_ready(desk: Path) -> None:
    found, out = budget(desk, "--tiers", 2)
    routed = desk / "routed.toml"
    routed.write_text(PIPELINE + "\n" + (out / "routes.toml").read_text())
    pipeline = load_pipeline(routed)
    assert list(pipeline.routes) == ["small", "large"]
    small = pipeline.stage("ranker", "small")
    assert small is not None
    assert small.settings["top_n"] == 1
    done = command("record", desk / "queries.jsonl", "-p", routed, "-o", desk / "t.jsonl", "--no-timing")
    assert done.exit_code == 0, done.stderr
    log = [json.loads(line) for line in (desk / "t.jsonl").read_text().splitlines()]
    assert all(trace["outcome"]["score"] == 1.0 for trace in log)
    routes = [trace["steps"][0]["output"]["route"] for trace in log]
    assert routes == ["small"] * N_EASY + ["large"] * N_HARD
    weights = ComplexityRouter(found["complexity"]["weights"], found["complexity"]["bias"], (), ())
    assert all(0 <= weights.complexity(Query(trace["query"]["text"])) <= 1 for trace in log)


def test_a_starved_pipeline_is_told_which_questions_a_larger_budget_wins(desk: Path) -> None:
    starved = desk / "pipeline.toml"
    starved.write_text(PIPELINE.replace("top_n = 8", "top_n = 2"))
    found, _ = budget(desk, "--tiers", 2)
    assert len(found["starvation"]) == N_HARD
    assert {m["tier"] for m in found["starvation"]} == {"complex"}
    assert {m["cell"] for m in found["starvation"]} == {2}
    assert found["cells"][2]["settings"] == {"stages.ranker.top_n": 4}
    assert [tier["larger"] for tier in found["tiers"]] == [None, 2]


def test_the_same_log_gives_the_same_bytes(desk: Path) -> None:
    _, out = budget(desk)
    first = files(out)
    assert set(first) == {"budget.html", "budget.json", "budget.md", "routes.toml"}
    _, out = budget(desk, "--no-memo")
    assert files(out) == first
    assert str(desk) not in (out / "budget.json").read_text()


def test_the_page_asks_for_nothing_and_shows_every_policy(desk: Path) -> None:
    _, out = budget(desk)
    page = (out / "budget.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"?http", page)
    assert " style=" not in page
    for name in ("uniform", "route", "oracle", "Waste", "Starvation"):
        assert name in page


def test_money_by_a_price_table(desk: Path) -> None:
    table = desk / "prices.toml"
    table.write_text("[default]\nprompt = 2.0\ncompletion = 8.0\n")
    found, _ = budget(desk, "--prices", table)
    cell = found["cells"][0]
    assert 2.0 * cell["tokens"] / 1e6 < cell["money"] < 8.0 * cell["tokens"] / 1e6
    assert found["policies"][2]["money"] < found["policies"][0]["money"]


@pytest.mark.parametrize(
    "text, code, says",
    [
        ("[other]\nprompt = 1", 2, "no price for the model"),
        ("[default]\nprompt = -1", 3, "0 or more"),
        ("[default]\nprompts = 1", 3, "no such key"),
        ("default = 1", 3, "expected a table"),
        ("[", 3, "expected TOML"),
    ],
)
def test_bad_prices(desk: Path, text: str, code: int, says: str) -> None:
    (desk / "prices.toml").write_text(text)
    done = command(
        *("budget", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", desk / "out"),
        *("--sweep", "stages.ranker.top_n=1,2", "--prices", desk / "prices.toml"),
    )
    refused(done, code, says)


def test_too_little_data_has_no_tiers(desk: Path) -> None:
    lines = (desk / "queries.jsonl").read_text().splitlines()
    (desk / "queries.jsonl").write_text("\n".join(lines[50:70]))
    found, _ = budget(desk)
    assert found["complexity"] is None
    assert "too little data" in found["refused"]
    assert [tier["name"] for tier in found["tiers"]] == ["all"]
    (desk / "queries.jsonl").write_text("\n".join(lines[:3]))
    done = command("budget", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", desk / "out")
    refused(done, 3, "at least 10")


def test_a_sweep_beside_the_report(desk: Path) -> None:
    (desk / "pipeline.toml").write_text(PIPELINE.replace("top_n = 8", "top_n = 2"))
    pipeline, log, out = desk / "pipeline.toml", desk / "t.jsonl", desk / "out"
    assert command("record", desk / "queries.jsonl", "-p", pipeline, "-o", log, "--no-timing").exit_code == 0
    done = command("run", log, "-p", pipeline, "-o", out, "--sweep", "stages.ranker.top_n=1,2,4,8")
    assert done.exit_code == 0, done.stderr
    assert "ranker.top_n = 4 does best" in " ".join(done.stdout.split())
    found = json.loads((out / "sweep.json").read_text())
    scores = [(c["settings"].get("stages.ranker.top_n"), c["score"]) for c in found["cells"]]
    assert scores == [(None, 0.6), (1, 0.6), (4, 1.0), (8, 1.0)]
    better = found["cells"][2]
    assert better["change"]["value"] == pytest.approx(0.4)
    assert 0.25 < better["change"]["low"] < 0.4 < better["change"]["high"] < 0.55
    assert (better["won"], better["lost"]) == (N_HARD, 0)
    assert found["model_runs"] == 4 * (N_EASY + N_HARD)
    assert (
        "--sweep stages.ranker.top_n=1,2,4,8"
        in json.loads((out / "report.json").read_text())["provenance"]["command"]
    )


def test_a_million_cells_are_refused_with_an_estimate(desk: Path) -> None:
    thousand = ",".join(map(str, range(1, 1001)))
    sweeps = ("--sweep", f"stages.ranker.top_n={thousand}", "--sweep", f"stages.retriever.top_k={thousand}")
    for name in ("run", "budget"):
        log = desk / "t.jsonl"
        command("record", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", log, "--no-timing")
        done = command(name, log, "-p", desk / "pipeline.toml", "-o", desk / "out", *sweeps)
        refused(done, 2, "1,000,001 cells of 100 traces", "100,000,100 replays", "--yes", "--max-calls")
        done = command(
            name, log, "-p", desk / "pipeline.toml", "-o", desk / "out", *sweeps, "--max-calls", 100
        )
        refused(done, 2, "one trace takes 1,000,001 replays")


def test_max_calls_takes_a_sample(desk: Path) -> None:
    found, _ = budget(desk, "--max-calls", 100)
    assert found["n"] == 25
    again, _ = budget(desk, "--max-calls", 100, "--seed", 1)
    assert {m["trace_id"] for m in again["waste"]} != {m["trace_id"] for m in found["waste"]}


@pytest.mark.parametrize(
    "sweep, says",
    [
        ("stages.ranker.top_n=0", "top_n"),
        ("stages.ranker.top_m=1", "no such key"),
        ("stages.compressor.sentences=1", "no compressor"),
        ("score.metric=f1", "under stages, routes"),
        ("top_n", "KEY=VALUE"),
    ],
)
def test_what_cannot_be_swept(desk: Path, sweep: str, says: str) -> None:
    done = command(
        "budget", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", desk / "out", "--sweep", sweep
    )
    refused(done, 2, says)


def test_a_sweep_needs_a_pipeline(desk: Path) -> None:
    command("record", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", desk / "t.jsonl")
    done = command("run", desk / "t.jsonl", "-o", desk / "out", "--sweep", "stages.ranker.top_n=1")
    refused(done, 2, "give --pipeline")


def test_budgets_decode(desk: Path) -> None:
    import msgspec

    _, out = budget(desk)
    found = msgspec.json.decode((out / "budget.json").read_bytes(), type=Budget)
    assert found.n == N_EASY + N_HARD


COMPRESSED = PIPELINE.replace(
    "[stages.packer]", '[stages.compressor]\nuse = "extractive"\nsentences = 1\n[stages.packer]'
)
"""The same with a compressor that keeps a sentence of each passage, which is the whole of it."""


def own_cells(desk: Path, text: str) -> list[Any]:
    """The settings that a budget tries of its own accord."""
    (desk / "pipeline.toml").write_text(text)
    pipeline = load_pipeline(desk / "pipeline.toml")
    return list(settings_of(own_axes(pipeline), pipeline))


def test_the_compressor_is_tried_on_and_off(desk: Path) -> None:
    cells = own_cells(desk, COMPRESSED)
    alone = [cell for cell in cells if all(key.startswith("stages.compressor") for key in cell)]
    # Its sentences mean nothing without it: one cell and no more.
    assert alone == [{}, {"stages.compressor.use": "whole"}, {"stages.compressor.sentences": 2}]
    assert len({repr(cell) for cell in cells}) == len(cells)


def test_a_route_without_compression_is_ready_to_paste(desk: Path) -> None:
    pipeline = desk / "pipeline.toml"
    pipeline.write_text(COMPRESSED.replace("sentences = 1", "sentences = 3"))
    (desk / "own.py").write_text(READER.replace("len(context.passages) >= need", '"number" in context.text'))
    sweep = ("--sweep", "stages.compressor.use=whole,extractive", "--sweep", "stages.ranker.top_n=1,2")
    out = desk / "out"
    queries = desk / "queries.jsonl"
    done = command("budget", queries, "-p", pipeline, "-o", out, *sweep, "--tiers", 1, "--max-calls", 100)
    assert done.exit_code == 0, done.stderr
    cells = json.loads((out / "budget.json").read_text())["cells"]
    assert {"stages.compressor.use": "whole", "stages.ranker.top_n": 2} in [c["settings"] for c in cells]
    rules = "\n[stages.router]\nuse = 'rules'\ndefault = 'small'\nrules = []\n"
    pipeline.write_text(f"{COMPRESSED}{rules}[routes.small]\ncompressor.use = 'whole'\n")
    small = load_pipeline(pipeline).stage("compressor", "small")
    assert small is not None
    assert (small.name, dict(small.settings)) == ("whole", {})


def test_declared_alternatives_are_tried(desk: Path) -> None:
    """Other readers by their factory, and another setting of a stage."""
    more = 'alternatives = { use = ["own:hasty"], size = [2, 3] }'
    cells = own_cells(desk, PIPELINE.replace('use = "own:reader"', f'use = "extract"\n{more}'))
    alone = [cell for cell in cells if all(key.startswith("stages.model") for key in cell)]
    sizes: list[dict[str, Any]] = [{}, {"stages.model.size": 2}, {"stages.model.size": 3}]
    assert alone == [*sizes, *({"stages.model.use": "own:hasty"} | size for size in sizes)]


def test_models_that_routes_name_are_tried(desk: Path) -> None:
    (desk / "own.py").write_text("def reader(size=1):\n    return lambda query, context: 'No.'\n")
    rules = "[stages.router]\nuse = 'rules'\ndefault = 'plain'\nrules = []\n"
    rules += "[routes.plain]\ncost = 1\n[routes.odd]\ncost = 2\nmodel.size = 4\n"
    cells = own_cells(desk, PIPELINE + rules)
    assert {cell.get("stages.model.size") for cell in cells} == {None, 4}


@pytest.mark.parametrize(
    "line, says",
    [
        ("alternatives = 3", "alternatives: expected a table of lists by key"),
        ("alternatives = { use = 'own:hasty' }", "alternatives.use: expected a list of other values"),
        ("alternatives = { use = [] }", "alternatives.use: expected a list of other values"),
        ("alternatives = { deterministic = [true] }", "alternatives deterministic: no such key"),
    ],
)
def test_bad_alternatives(desk: Path, line: str, says: str) -> None:
    text = PIPELINE.replace('use = "own:reader"', f'use = "own:reader"\n{line}')
    (desk / "pipeline.toml").write_text(text)
    done = command("budget", desk / "queries.jsonl", "-p", desk / "pipeline.toml", "-o", desk / "out")
    refused(done, 2, says)


def test_a_report_in_the_same_folder_shows_the_budget(desk: Path) -> None:
    """The frontier, waste and starvation are on the report's page, which asks for nothing; a report of another
    pipeline stays as it is."""
    starved = desk / "pipeline.toml"
    starved.write_text(PIPELINE.replace("top_n = 8", "top_n = 2"))
    log, out = desk / "t.jsonl", desk / "out"
    assert command("record", desk / "queries.jsonl", "-p", starved, "-o", log, "--no-timing").exit_code == 0
    assert command("run", log, "-p", starved, "-o", out).exit_code == 0
    before = (out / "report.html").read_text(encoding="utf-8")
    assert 'id="budget"' not in before
    budget(desk, "--tiers", 2)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count('<section id="budget"') == page.count('href="#budget"') == 1
    assert page.count("<h1") == before.count("<h1")
    for part in ("Accuracy and cost", "Waste", "Starvation", "tokens a query"):
        assert part in page
    assert " style=" not in page
    assert re.findall(r"sha256-[\w+/=]+", page) == re.findall(r"sha256-[\w+/=]+", before)
    assert (
        page.replace(
            page[page.index('<section id="budget"') : page.index('<section id="provenance"')], ""
        ).replace('<a href="#budget">Budget</a>', "")
        == before
    )
    done = command("run", log, "-p", starved, "-o", out)
    assert done.exit_code == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page
    (out / "budget.json").write_text((out / "budget.json").read_text().replace('"needs"', '"others"'))
    assert command("show", out, "-o", desk / "again.html").exit_code == 0
    assert 'id="budget"' not in (desk / "again.html").read_text(encoding="utf-8")
