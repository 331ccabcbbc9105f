"""Our own formats as Parquet: what is written comes back, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from diagnose.core.artifact import Answer, Context, Decision, Passage, Passages, Query, Route, Text, Turn
from diagnose.core.blame import Blame, FunnelStep, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game, Runs
from diagnose.core.stage import Role
from diagnose.core.trace import Gold, GoldPassage, Outcome, Provenance, Step, Trace, Usage
from diagnose.errors import BadInput, UsageError
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.read import read_log
from diagnose.traces.saved import read_blames, read_games
from diagnose.traces.to_parquet import schema_in, write_parquet
from tests.cli.desks import command
from tests.conftest import ROOT

LOG = ROOT / "fixtures" / "contract-desk" / "traces.jsonl"
ROLES: tuple[Role, ...] = ("retriever", "model")
FULL = Trace(
    "t1",
    Query("What?", (Turn("user", "before"),)),
    (
        Step("router", Route("long")),
        Step("rewriter", Text("what is it")),
        Step("retriever", Passages((Passage("p", "text", 0.5, "title", {"lang": "de"}), Passage("q")))),
        Step("ranker", Passages(())),
        Step("packer", Context("text", (Passage("p"),)), name="own", elapsed_s=0.25),
        Step("model", Answer("yes", 3, 4, "stop"), usage=Usage(3, 4, 0.001)),
        Step("verifier", Decision(False, None), error="late"),
    ),
    Gold(("yes", "ja"), (GoldPassage("p", "text", ("text",)),), "any", True, "rewritten"),
    Outcome(0.5, -1.0),
    {"tenant": "a", "ünï": "\U0001f600"},
    Provenance("phoenix", "x"),
)
BARE = Trace("t2", Query(""))
BLAMES = (
    Blame(
        "t1",
        "replayed",
        "model",
        mode="ignored",
        shares={"retriever": 0.25, "model": 0.75},
        loss=1.0,
        residual=0.0,
        minimal_repairs=(("model",), ("retriever", "model")),
        necessity={"model": 1.0},
        interactions={"retriever+model": -0.5},
        funnel=(FunnelStep("retriever", True), FunnelStep("model", None)),
        runs=Runs(1, 2, 3),
        confidence=1.0,
        evidence="seen",
        tags={"k": "v"},
        bounds={"model": (0.5, 1.0)},
    ),
    Blame("t2", "observed", "undecided", undecided=Undecided("noise", "why", 0.5, 12)),
)


def test_traces_come_back(tmp_path: Path) -> None:
    path = tmp_path / "traces.parquet"
    shipped = list(read_traces(LOG))
    log = [FULL, BARE, *(t for t in shipped if isinstance(t, Trace))]
    assert write_parquet(path, log, Trace) == len(log) > 10
    assert schema_in(path) == "diagnose.trace/1"
    assert list(read_traces(path)) == log
    assert list(read_log(path)) == log


def test_games_and_blames_come_back(tmp_path: Path) -> None:
    games = [
        Game(f"g{i}", ROLES, dict(zip(keys(ROLES), (0.0, i / 3, 0.5, 1.0), strict=True))) for i in range(5)
    ]
    write_parquet(tmp_path / "games.parquet", games, Game)
    write_parquet(tmp_path / "blame.parquet", BLAMES, Blame)
    assert list(read_games(tmp_path / "games.parquet")) == games
    assert tuple(read_blames(tmp_path / "blame.parquet")) == BLAMES


def test_same_values_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_parquet(tmp_path / f"{name}.parquet", BLAMES, Blame)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"a.parquet", "b.parquet"}


def test_what_is_wrong_in_a_row_is_told_with_its_number(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"trace_id": "a", "roles": ["model"], "worth": [("", 0.0), ("model", 1.0)]}, {"trace_id": "b"}]
    kind = pa.schema(
        [
            ("trace_id", pa.string()),
            ("roles", pa.list_(pa.string())),
            ("worth", pa.map_(pa.string(), pa.float64())),
        ]
    )
    path = tmp_path / "made-elsewhere.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=kind), path)
    game, *problems = read_games(path)
    assert isinstance(game, Game)
    assert game.worth == {"": 0.0, "model": 1.0}
    assert {str(p).partition(": ")[0].rpartition(":")[2].split()[0] for p in problems} == {"2"}
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(BadInput, match="expected parquet"):
        list(read_games(path))


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_parquet(tmp_path / "none" / "x.parquet", BLAMES, Blame)


def test_commands_read_and_write_it(tmp_path: Path) -> None:
    traces = tmp_path / "traces.parquet"
    assert command("convert", LOG, "-o", traces).exit_code == 0
    reports, out = [], tmp_path
    for source in (LOG, traces):
        out = tmp_path / source.suffix[1:] / "out"
        done = command("run", source, "-o", out)
        assert done.exit_code == 0, done.stderr
        report = json.loads((out / "report.json").read_bytes())
        reports.append({k: v for k, v in report.items() if k != "provenance"})
    assert reports[0] == reports[1]
    blames = tmp_path / "blame.parquet"
    assert command("show", out, "-o", blames).exit_code == 0
    lines = (out / "blame.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=Blame) for line in lines] == list(read_blames(blames))
