"""The whole program: traces are replayed, played, divided into blame and reported.

    Trace ──replay──▶ Replay ──ablate──▶ Game ──attribute──▶ Blame ──report──▶ Report ──gate──▶ Verdict

`logged` scores a log and says what it can claim by itself; `replayed` replays its failures, once each where
every stage is deterministic and as often as it takes (`sampled`) where one is not; `reported` sums up. The
layers below never import one another: they meet here.
"""

from __future__ import annotations

from diagnose.flow.found import Found, Progress
from diagnose.flow.logged import observed
from diagnose.flow.replayed import Settings, replayed
from diagnose.flow.reported import divided, reported, reported_games
from diagnose.flow.streamed import Streamed

__all__ = [
    "Found",
    "Progress",
    "Settings",
    "Streamed",
    "divided",
    "observed",
    "replayed",
    "reported",
    "reported_games",
]
