"""A corpus of towns, questions of three sizes about them, and a pipeline of eight plain functions."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from diagnose.core.artifact import Query, Turn
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.stages.load import load_pipeline

TOWNS = (
    "Arbel", "Bonsta", "Corvin", "Drasko", "Elmira", "Fenwick", "Gorlan", "Hestra", "Ilmen", "Jarvia",
    "Kolmar", "Lunden", "Morwen", "Nabrin", "Ostrava", "Pelham", "Querin", "Rosmer", "Selby", "Tarnow",
    "Ulmera", "Vasko", "Wendel", "Yarrow",
)  # fmt: skip
GHOSTS = ("Zarath", "Xanten", "Umbra", "Quill", "Vexley", "Noctis")
"""Towns that are in no passage."""
FIRST, LAST = ("Ada", "Otto", "Mara", "Juri", "Nell", "Ivo"), ("Brandt", "Linde", "Kvist", "Salo")
GOODS = (
    "cheese", "glass", "ropes", "clocks", "paper", "tiles", "barrels", "sails", "lace", "bells", "knives", "salt",
    "candles", "boots", "globes", "harps", "nets", "soap", "vinegar", "anchors", "felt", "stoves", "looms", "kites",
)  # fmt: skip
FUNCTIONS: dict[Role, str] = {
    "router": "route",
    "rewriter": "rewrite",
    "retriever": "retrieve",
    "ranker": "rank",
    "compressor": "compress",
    "packer": "pack",
    "model": "read",
    "verifier": "verify",
}
ROUTES = """
[routes.small]
cost = 1
ranker.top_n = 1
packer.budget_tokens = 9
[routes.medium]
cost = 3
ranker.top_n = 2
packer.budget_tokens = 17
[routes.large]
cost = 9
ranker.top_n = 8
packer.budget_tokens = 200
"""


def facts() -> list[dict[str, str]]:
    """What is known of each town: how large it is, since when, who runs it, what it makes."""
    rng = random.Random(7)
    sizes = rng.sample(range(11_000, 98_000, 37), len(TOWNS))
    years = rng.sample(range(1102, 1899, 3), len(TOWNS))
    return [
        {
            "size": f"{name} has {size} inhabitants today.",
            "year": f"{name} was founded in {year}.",
            "mayor": f"The mayor of {name} is {FIRST[i % 6]} {LAST[i // 6]}.",
            "trade": f"Craftsmen of {name} produce {GOODS[i]}.",
        }
        for i, (name, size, year) in enumerate(zip(TOWNS, sizes, years, strict=True))
    ]


ASIDES = {
    "size": "The census is taken by the province.",
    "year": "The charter is kept in the archive.",
    "mayor": "Elections are held in spring.",
    "trade": "The fair takes place every autumn.",
}
ASKED = {
    "size": "How many inhabitants does {} have?",
    "year": "When was {} founded?",
    "mayor": "Who is the mayor of {}?",
    "trade": "What do craftsmen of {} produce?",
}
FOLLOW_UP = {
    "size": "How many inhabitants does it have?",
    "year": "When was it founded?",
    "mayor": "Who is the mayor of it?",
    "trade": "What do craftsmen of it produce?",
}


def answer_in(sentence: str) -> str:
    """What a sentence answers: its figure, else its last words."""
    said = sentence.rstrip(".").removesuffix(" inhabitants today")
    number = said.rsplit(" ", 1)[-1]
    return number if number.isdigit() else said.split(" is ")[-1] if " is " in said else number


def questions() -> list[Trace]:
    """Of one town, as they stand and as follow-ups; of two and three towns; and such that nothing answers."""
    known = facts()
    made = [one(i, kind, known[i]) for i in range(len(TOWNS)) for kind in ("size", "year")]
    made += [follow_up(i, kind, known[i]) for i in range(len(TOWNS)) for kind in ("mayor", "year", "trade")]
    made += [several(range(i, i + n), known) for n in (2, 3) for i in range(len(TOWNS) - n)]
    return made + [unanswerable(i) for i in range(len(GHOSTS) * 4)]


def gold_of(i: int, kind: str, known: dict[str, str]) -> GoldPassage:
    """The passage of one fact."""
    return GoldPassage(f"{TOWNS[i]}-{kind}", sentences=(known[kind],))


def one(i: int, kind: str, known: dict[str, str]) -> Trace:
    """A question about one town."""
    gold = Gold((answer_in(known[kind]),), (gold_of(i, kind, known),))
    return Trace(f"one-{i:02}-{kind}", Query(ASKED[kind].format(TOWNS[i])), gold=gold, tags={"size": "one"})


def follow_up(i: int, kind: str, known: dict[str, str]) -> Trace:
    """The same as the end of a conversation about another town first."""
    before, own = TOWNS[(i + 9) % len(TOWNS)], TOWNS[i]
    history = (
        Turn("user", f"Tell me about {before}."),
        Turn("assistant", f"{before} is a town in the north."),
        Turn("user", f"And what of {own}?"),
        Turn("assistant", f"{own} is a town, too."),
    )
    answer, whole = answer_in(known[kind]), ASKED[kind].format(own)
    gold = Gold((answer,), (gold_of(i, kind, known),), query=whole)
    return Trace(f"then-{i:02}-{kind}", Query(FOLLOW_UP[kind], history), gold=gold, tags={"size": "one"})


def several(towns: Sequence[int], known: Sequence[dict[str, str]]) -> Trace:
    """Which of these towns is the largest."""
    sizes = {i: int(answer_in(known[i]["size"])) for i in towns}
    named = [TOWNS[i] for i in towns]
    most = "more" if len(named) == 2 else "most"
    text = f"Which has {most} inhabitants today, {', '.join(named[:-1])} or {named[-1]}?"
    best = TOWNS[max(sizes, key=lambda i: sizes[i])]
    gold = Gold((best,), tuple(gold_of(i, "size", known[i]) for i in towns))
    return Trace(f"of{len(named)}-{towns[0]:02}", Query(text), gold=gold, tags={"size": str(len(named))})


def unanswerable(i: int) -> Trace:
    """A question about a town that is in no passage, or about something that is in none."""
    if i % 2:
        text = f"How many bridges does {TOWNS[i % len(TOWNS)]} have?"
    else:
        text = ASKED[("size", "year")[i // 2 % 2]].format(GHOSTS[i % len(GHOSTS)])
    return Trace(f"none-{i:02}", Query(text), gold=Gold(answerable=False), tags={"size": "none"})


def write_town(
    folder: Path, roles: Sequence[Role] = ROLES, extra: str = "", functions: Mapping[Role, str] = FUNCTIONS
) -> Path:
    """Corpus, functions and `pipeline.toml`, whose path is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"id": f"{name}-{kind}", "text": f"{sentence} {ASIDES[kind]}"})
        for name, known in zip(TOWNS, facts(), strict=True)
        for kind, sentence in known.items()
    ]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    shutil.copy(Path(__file__).with_name("town_stages.py"), folder / "town_stages.py")
    tables = ["[pipeline]", 'corpus = "corpus.jsonl"']
    for role in roles:
        tables += [f"[stages.{role}]", f'use = "town_stages:{functions[role]}"', "deterministic = true"]
    routes = ROUTES if "router" in roles else ""
    (folder / "pipeline.toml").write_text("\n".join(tables) + "\n" + routes + extra)
    return folder / "pipeline.toml"


def town(
    folder: Path, roles: Sequence[Role] = ROLES, extra: str = "", functions: Mapping[Role, str] = FUNCTIONS
) -> Pipeline:
    """The pipeline, loaded from its files."""
    return load_pipeline(write_town(folder, roles, extra, functions))


def hasty_town(folder: Path) -> Pipeline:
    """Without a router, and with a reader whom the order of its passages leads."""
    roles = tuple(role for role in ROLES if role not in ("router", "verifier"))
    return town(folder, roles, functions={**FUNCTIONS, "model": "read_hastily"})
