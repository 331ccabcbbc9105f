"""The blame of many games as columns says what the blame of each says."""

from __future__ import annotations

import random

from diagnose.attribute.gains import Log
from diagnose.attribute.ranking import columns_of
from diagnose.attribute.summarise import summarise
from diagnose.attribute.verdict import Facts, blamed_all, divided
from diagnose.core.coalition import keys
from diagnose.core.game import Game, Runs
from diagnose.core.stage import ROLES, Role

KINDS: tuple[tuple[Role, ...], ...] = (
    ("retriever", "ranker", "packer", "model"),
    ("retriever", "model"),
    ("model",),
    ("retriever", "ranker", "verifier"),
)


def games(n: int, seed: int = 0) -> list[Game]:
    """Failing games of several pipelines; many tie, some have nothing to win back, some hurt."""
    rng = random.Random(seed)
    made = []
    for i in range(n):
        roles = rng.choice(KINDS)
        levels = rng.choice(((0.0, 1.0), (0.0, 0.5, 1.0), (0.0,)))
        worth = {name: rng.choice(levels) if name else 0.0 for name in keys(roles)}
        made.append(Game(f"t{i}", roles, worth, Runs(model=i % 3)))
    return made


def test_each_blame_is_the_one_of_its_game() -> None:
    table = games(3_000)
    one_by_one = blamed_all(table, 0.5, [Facts(runs=game.runs) for game in table])
    columns = divided(table, 0.5)
    assert list(columns) == one_by_one
    assert columns[17] == one_by_one[17]
    assert columns[5:9] == one_by_one[5:9]
    assert {blame.verdict for blame in one_by_one} > {"undecided", "model", "retriever"}


def test_the_columns_are_those_of_the_blames() -> None:
    table = games(500)
    lazy, eager = divided(table, 0.5), list(divided(table, 0.5))
    ours, theirs = columns_of(lazy, ROLES), columns_of(eager, ROLES)
    assert list(ours.ids) == list(theirs.ids)
    assert list(ours.verdicts) == list(theirs.verdicts)
    for a, b in (
        (ours.convicted, theirs.convicted),
        (ours.guilty, theirs.guilty),
        (ours.shares, theirs.shares),
    ):
        assert (a == b).all()


def test_the_summary_is_the_same() -> None:
    table = games(400)
    log = Log(1_000, 0.4)
    assert summarise(table, divided(table, 0.5), log, 0) == summarise(
        table, list(divided(table, 0.5)), log, 0
    )
    assert summarise((), divided((), 0.5), log, 0) == summarise((), (), log, 0)
