"""Sound inputs of every reader, small ones: damage is to hit what matters."""

from __future__ import annotations

import json
from collections.abc import Callable

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query, Turn
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.outcome import TraceOutcome
from diagnose.core.replay import Case
from diagnose.core.trace import Gold, GoldPassage, Outcome, Step, Trace
from diagnose.report.to_json import json_report
from diagnose.traces.to_jsonl import encode_line
from tests.laws.test_reader_laws import LOGS
from tests.report import made_report

PASSAGES = (
    Passage("d1", "The Po flows through Turin.", 1.5, tags={"lang": "en"}),
    Passage("d2", "The Arno."),
)
TRACE = Trace(
    trace_id="q1",
    query=Query("Which river?", (Turn("user", "Turin?"), Turn("assistant", "Yes."))),
    steps=(
        Step("retriever", Passages(PASSAGES), name="bm25", elapsed_s=0.01),
        Step("packer", Context("The Po flows through Turin.", PASSAGES[:1])),
        Step("model", Answer("The Po")),
    ),
    gold=Gold(answers=("The Po",), passages=(GoldPassage("d1", "The Po flows through Turin."),)),
    outcome=Outcome(0.5),
    tags={"tenant": "acme"},
)
GAME = Game("q1", ("retriever", "model"), {"": 0.0, "retriever": 1.0, "model": 0.0, "retriever+model": 1.0})
BLAME = Blame("q1", "replayed", "retriever", shares={"retriever": 1.0, "model": 0.0}, loss=1.0)
CASE = Case("q1", TRACE.query, TRACE.gold, {}, TRACE.steps, {"retriever": True}, 0.0, ())
OUTCOME = TraceOutcome("q1", "0123456789abcdef", "fedcba9876543210", 0.0, False)
BASELINE = {
    "schema": "diagnose.baseline/1", "version": "0", "metric": "contains", "pass_mark": 0.5, "pipeline": "p",
    "corpus": None, "stages": [], "roles": ["model"], "fidelity": {}, "replayed": True, "steady": True,
    "n_failures": 0, "undecided": 0, "rows": [{"trace_id": "q1", "query": "0", "label": "1", "score": 1.0}],
}  # fmt: skip
PIPELINE = b"""[pipeline]
name = "desk"
abstention = "I do not know."
[stages.retriever]
use = "http"
url = "http://127.0.0.1:9/search"
retries = 1
[stages.ranker]
use = "tfidf"
top_n = 2
[stages.packer]
use = "rank-order"
budget_tokens = 64
[stages.model]
use = "extract"
deterministic = true
timeout_s = 2.5
[stages.verifier]
use = "regex"
must_match = "[a-z]+"
[routes.cheap]
cost = 1
ranker.top_n = 1
[score]
metric = "contains"
pass = 0.5
"""
CSV = b'question,answer,contexts,reference\n"Which river?","The Po","[""The Po flows""]",The Po\nWho?,"a\nb",x,\n'


def _logs() -> list[bytes]:
    made = [json.dumps(log()).encode() for log in LOGS.values()]
    rows = [log for log in map(json.loads, made) if isinstance(log, list)]
    lines = [b"\n".join(json.dumps(row).encode() for row in log) for log in rows]
    return [*made, *lines, encode_line(TRACE)]


OF: dict[str, Callable[[], list[bytes]]] = {
    "log": _logs,
    "rows": lambda: [CSV, CSV.replace(b",", b"\t"), CSV.replace(b",", b";")],
    "traces": lambda: [encode_line(TRACE), encode_line(TRACE) * 2],
    "check": lambda: [encode_line(TRACE), encode_line(TRACE) * 2],
    "labels": lambda: [
        b'{"trace_id":"q1","answers":["The Po"],"passages":[{"id":"d1"}]}\n',
        encode_line(TRACE),
    ],
    "games": lambda: [encode_line(GAME), encode_line(GAME) * 2],
    "blames": lambda: [encode_line(BLAME), encode_line(BLAME) * 2],
    "cases": lambda: [encode_line(CASE)],
    "outcomes": lambda: [encode_line(OUTCOME)],
    "baseline": lambda: [json.dumps(BASELINE).encode()],
    "report": lambda: [json_report(made_report.REPLAYED), json_report(made_report.OBSERVED)],
    "pipeline": lambda: [PIPELINE],
}
"""Makers of sound inputs by reader."""
