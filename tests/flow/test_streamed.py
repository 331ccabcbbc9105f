"""A log that streams by comes to the same report as one that is kept."""

from __future__ import annotations

import msgspec
import pytest

from diagnose.core.trace import Outcome, Trace
from diagnose.flow import Streamed, observed, reported
from diagnose.flow.outcomes import outcomes_of
from diagnose.score.table import Scorer
from diagnose.traces.from_jsonl import read_traces
from tests.conftest import ROOT
from tests.flow.test_logged import LOST, trace

SCORER = Scorer()


def logs() -> dict[str, list[Trace]]:
    """Logs of different kinds: labelled, partly labelled, scored only, tagged."""
    shipped = [
        t for t in read_traces(ROOT / "fixtures" / "contract-desk" / "traces.jsonl") if isinstance(t, Trace)
    ]
    mixed = []
    for i, one in enumerate(shipped * 3):
        tags = {"tenant": f"t{i % 3}", **({"cluster": f"c{i % 7}"} if i % 2 else {})}
        made = msgspec.structs.replace(one, trace_id=f"q{i}", tags=tags)
        if i % 5 == 1:
            made = msgspec.structs.replace(made, gold=None)
        if i % 7 == 2:
            made = msgspec.structs.replace(made, gold=None, outcome=Outcome(score=float(i % 2), feedback=-1))
        mixed.append(made)
    return {"shipped": shipped, "mixed": mixed, "one": [trace()], "lost": [trace("t", LOST)]}


@pytest.mark.parametrize("name", ["shipped", "mixed", "one", "lost"])
def test_the_report_is_the_same(name: str) -> None:
    log = logs()[name]
    way = Streamed(SCORER, shown=10_000)
    seen = list(way.see(log))
    kept, streamed = observed(log, SCORER), way.found()
    assert tuple(s.outcome for s in seen) == outcomes_of(kept, SCORER.pass_mark)
    assert [s.blame for s in seen if s.blame is not None] == list(kept.blames) == list(streamed.blames)
    assert [s.case for s in seen if s.case is not None] == list(kept.cases)
    whole = reported(kept, None, SCORER, 0, "run")
    assert msgspec.json.encode(
        reported(streamed, None, SCORER, 0, "run", (), way.log)
    ) == msgspec.json.encode(whole)


def test_what_is_kept_of_failures_is_bounded() -> None:
    way = Streamed(SCORER, shown=3)
    for i in range(20):
        list(way.see([trace(f"q{i}", LOST)]))
    found = way.found()
    assert len(found.blames) == 20
    assert [case.trace_id for case in found.cases] == ["q0", "q1", "q2"]
    assert all(a.funnel is found.blames[-1].funnel for a in found.blames[3:])
