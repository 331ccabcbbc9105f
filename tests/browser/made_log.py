"""Logs of a made-up handbook assistant with planted faults, attributed by the product itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from diagnose.attribute.cohorts import find_cohorts
from diagnose.attribute.gains import Log
from diagnose.attribute.summarise import summarise
from diagnose.attribute.verdict import Facts, blamed, doubted, without_game
from diagnose.core.artifact import Answer, Context, Output, Passage, Passages, Query, Turn
from diagnose.core.blame import Blame, Finding, FunnelStep, Undecided
from diagnose.core.coalition import keys, members
from diagnose.core.game import Game, Runs
from diagnose.core.outcome import TraceOutcome
from diagnose.core.replay import Case, Ran, Replay
from diagnose.core.report import (
    Cost,
    Fidelity,
    PassingCheck,
    Report,
    RunProvenance,
    StageCost,
    StageIdentity,
)
from diagnose.core.stage import Role
from diagnose.core.trace import Gold, GoldPassage, Step
from diagnose.core.verdict import Comparison
from diagnose.gate.change import Chance
from diagnose.gate.compare import compared
from diagnose.gate.pairs import paired
from diagnose.gate.side import side_of
from tests.browser.handbook import FACTS, FILLERS, Fact
from tests.report.hostile import TEXTS

ROLES: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
TOP_K, TOP_N, BUDGET = 12, 4, 1300
PASS_MARK = 0.5
HOSTILE_EVERY = 9
PASSED_PER_FAILURE = 5

FAULTS: dict[str, tuple[float, tuple[Role, ...]]] = {
    "ranker cut": (0.34, ("ranker",)),
    "ranker demoted": (0.1, ("ranker",)),
    "packer truncated": (0.16, ("packer",)),
    "model ignored": (0.09, ("model",)),
    "model distracted": (0.05, ("model",)),
    "retriever missed": (0.1, ("retriever",)),
    "retriever+packer": (0.03, ("retriever", "packer")),
    "scorer": (0.05, ()),
    "corpus": (0.03, ()),
    "noise": (0.03, ("model",)),
    "no-loss": (0.02, ()),
}
"""How often each fault is planted, and the stages that have to be repaired together."""


class Made(NamedTuple):
    """Everything a run writes of a log."""

    report: Report
    blames: tuple[Blame, ...]
    games: tuple[Game, ...]
    cases: tuple[Case, ...]


def made_log(n_failures: int, seed: int = 0, hostile: bool = True) -> Made:
    """A log with so many failures; every ninth has hostile text in it where `hostile`."""
    rng = random.Random(seed)
    blames: list[Blame] = []
    games: list[Game] = []
    cases: list[Case] = []
    for i in range(n_failures):
        fault = rng.choices(list(FAULTS), [weight for weight, _ in FAULTS.values()])[0]
        scene = _scene(f"q{i + 1:03d}", fault, rng)
        if hostile and i % HOSTILE_EVERY == 4:
            scene = _attacked(scene, list(TEXTS.values())[i // HOSTILE_EVERY % len(TEXTS)])
        game = _game(scene)
        blames.append(_blame(scene, game))
        games.append(game)
        cases.append(_case(scene, blames[-1]))
    return Made(report_of(games, blames, seed), tuple(blames), tuple(games), tuple(cases))


class _Scene(NamedTuple):
    trace_id: str
    fault: str
    fact: Fact
    query: Query
    gold: Gold
    found: tuple[Passage, ...]
    tags: dict[str, str]
    answer: str
    wrong: str


def _scene(trace_id: str, fault: str, rng: random.Random) -> _Scene:
    fact = rng.choice(FACTS)
    if fault.startswith("packer") and rng.random() < 0.7:
        fact = rng.choice([f for f in FACTS if f.topic in ("expenses", "travel")])
    before, after = rng.sample(FILLERS, 2), rng.sample(FILLERS, 2)
    text = f"Handbook, {fact.topic}. {' '.join(before)} {fact.sentence} {' '.join(after)}"
    gold = Passage(f"{fact.topic.replace(' ', '-')}-{rng.randrange(9)}", text, 7.4)
    others = tuple(
        Passage(
            f"{other.topic.replace(' ', '-')}-{10 + j}",
            f"Handbook, {other.topic}. {' '.join(rng.sample(FILLERS, 3))} See the page on {other.topic}.",
            round(9 - j * 0.4 + rng.random() / 4, 2),
        )
        for j, other in enumerate(rng.choices(FACTS, k=TOP_K - 1))
    )
    place = rng.randrange(2, 9)
    history = (
        (Turn("user", f"I have a question on {fact.topic}."), Turn("assistant", "Ask away."))
        if rng.random() < 0.2
        else ()
    )
    tags = {"tenant": rng.choice(["acme", "globex", "initech"]), "topic": fact.topic}
    tags["tier"] = rng.choice(["one hop", "two hops", "long context"])
    return _Scene(
        trace_id,
        fault,
        fact,
        Query(fact.question, history),
        Gold((fact.answer,), (GoldPassage(gold.id, text, (fact.sentence,)),)),
        (*others[:place], gold, *others[place:]),
        tags,
        f"{fact.sentence}",
        fact.wrong,
    )


def _attacked(scene: _Scene, text: str) -> _Scene:
    gold = msgspec.structs.replace(scene.gold, answers=(*scene.gold.answers, text or "?"))
    return scene._replace(
        trace_id=f"{scene.trace_id} {text[:60]}",
        query=Query(f"{scene.query.text} {text}", (Turn(text, text),)),
        gold=gold,
        found=tuple(msgspec.structs.replace(p, id=p.id + text[:90], title=text) for p in scene.found),
        tags={**scene.tags, text[:200] or "empty": text[:200]},
        answer=scene.answer + text,
        wrong=text or scene.wrong,
    )


def _outputs(scene: _Scene, repaired: frozenset[Role]) -> tuple[tuple[Role, Output, bool], ...]:
    """What each stage gives under a coalition, and whether the evidence is in it."""
    broken = {role for role in FAULTS[scene.fault][1] if role not in repaired}
    gold = next(p for p in scene.found if p.text == scene.gold.passages[0].text)
    rest = [p for p in scene.found if p is not gold]
    missing = "retriever" in broken or scene.fault == "corpus"
    found = tuple(rest) if missing else scene.found
    first = rest[:TOP_N]
    if gold in found:
        first = [gold, *rest[: TOP_N - 1]]
        if "ranker" in broken:
            first = rest[:TOP_N] if scene.fault.endswith("cut") else [*rest[: TOP_N - 1], gold]
    text = "\n\n".join(p.text for p in first)
    if "packer" in broken:
        text = "\n\n".join(p.text for p in (*rest[: TOP_N - 1], gold))
    if "packer" in broken and scene.fact.sentence in text:
        text = text[: text.index(scene.fact.sentence) + 20]
    elif scene.fault == "ranker demoted":
        text = text[:BUDGET]
    held = scene.fact.sentence in text
    right = held and not broken and scene.fault not in ("no-loss", "scorer")
    answer = scene.answer if right else scene.wrong
    context = Context(text, tuple(Passage(p.id) for p in first))
    return (
        ("retriever", Passages(found), gold in found),
        ("ranker", Passages(tuple(first)), gold in first),
        ("packer", context, held),
        ("model", Answer(answer, len(text) // 4, len(answer) // 4 + 1), right),
    )


def _game(scene: _Scene) -> Game:
    worth: dict[str, float] = {}
    for mask, name in enumerate(keys(ROLES)):
        right = _outputs(scene, frozenset(members(ROLES, mask)))[-1][2]
        worth[name] = float(right)
        if scene.fault == "noise":
            worth[name] = 0.6 if right else 0.35
    return Game(scene.trace_id, ROLES, worth, Runs(2, 9, 14))


def _blame(scene: _Scene, game: Game) -> Blame:
    plain = _outputs(scene, frozenset())
    funnel = tuple(FunnelStep(role, held) for role, _, held in plain)
    finding: Finding | None = None
    evidence = f"With {' and '.join(FAULTS[scene.fault][1])} repaired, and nothing else, the answer is right."
    if scene.fault == "scorer":
        finding, evidence = "scorer", "a lenient scorer passes the logged answer"
    if scene.fault == "corpus":
        finding, evidence = "corpus", f"the corpus does not hold {scene.gold.passages[0].id}"
    role, _, mode = scene.fault.partition(" ")
    facts = Facts(
        funnel=funnel, finding=finding, evidence=evidence, modes={role: mode} if mode else {}, tags=scene.tags
    )
    if scene.fault == "no-loss":
        return without_game(scene.trace_id, Undecided("no-loss", "no repair wins the answer back"), facts)
    blame = blamed(game, PASS_MARK, facts)
    if scene.fault == "noise":
        return doubted(blame, Undecided("noise", "the loss of 0.25 is not told from chance", 0.41, 24), 0.7)
    return blame


def _case(scene: _Scene, blame: Blame) -> Case:
    plain = _outputs(scene, frozenset())
    names = {"retriever": "rank-bm25", "ranker": "tfidf", "packer": "rank-order", "model": "llama-cpp"}
    repairs: Sequence[tuple[Role, ...]] = ((), *blame.minimal_repairs)
    return Case(
        trace_id=scene.trace_id,
        query=scene.query,
        gold=scene.gold,
        tags=scene.tags,
        logged=tuple(Step(role, output, names[role]) for role, output, _ in plain),
        logged_evidence={role: held for role, _, held in plain},
        logged_score=0.0,
        replays=tuple(_replay(scene, repair) for repair in repairs),
    )


def _replay(scene: _Scene, repair: tuple[Role, ...]) -> Replay:
    outputs = _outputs(scene, frozenset(repair))
    ran = tuple(
        Ran(role, output, role in repair, held if role != "model" else None) for role, output, held in outputs
    )
    answer = outputs[-1][1]
    assert isinstance(answer, Answer)
    return Replay("+".join(repair), ran, answer.text, float(outputs[-1][2]))


def compared_with(now: Made, then: Made, n_traces: int = 300) -> Comparison:
    """The comparison of two logs of the same traces, of which those that fail in neither are right in both."""
    sides = []
    for made, name in ((then, "main"), (now, "this branch")):
        failing = {blame.trace_id: blame for blame in made.blames}
        ids = sorted({*(b.trace_id for m in (now, then) for b in m.blames)})
        ids += [f"p{i}" for i in range(n_traces - len(ids))]
        outcomes = [
            TraceOutcome(
                trace_id=trace_id,
                query=trace_id,
                score=0.0 if trace_id in failing else 1.0,
                passed=trace_id not in failing,
                tags={"tenant": ("acme", "globex", "initech")[i % 3]},
            )
            for i, trace_id in enumerate(ids)
        ]
        sides.append(side_of(made.report, outcomes, made.blames, name))
    return compared(paired(sides[0], sides[1]), ("main", "this branch"), Chance(permutations=199))


def report_of(games: Sequence[Game], blames: Sequence[Blame], seed: int) -> Report:
    """The report of a log in which one in six traces fails."""
    n_traces = len(blames) * (1 + PASSED_PER_FAILURE)
    passing = PassingCheck(40, {"retriever": 0, "ranker": 1, "packer": 0, "model": 0})
    log = Log(n_traces, 1 - len(blames) / n_traces if n_traces else None, passing=passing)
    summary = summarise(games, blames, log, seed, resamples=200)
    right = [
        {"tenant": t, "topic": f.topic, "tier": c}
        for t in ("acme", "globex", "initech")
        for f in FACTS
        for c in ("one hop", "two hops", "long context")
    ]
    tags = {f"p{i}": right[i % len(right)] for i in range(n_traces - len(blames))}
    cohorts = find_cohorts(blames, tags, ROLES, seed)
    return Report(
        n_traces=n_traces,
        n_failures=len(blames),
        score=log.score,
        levels={"replayed": sum(b.level == "replayed" for b in blames)},
        fidelity={role: Fidelity(len(blames), 1.0, 0.0, 0.0) for role in ROLES},
        ranking=summary.ranking,
        findings=summary.findings,
        undecided=summary.undecided,
        triage=summary.triage,
        fix_order=summary.fix_order,
        best_pair=summary.best_pair,
        cohorts=cohorts.cohorts,
        cost=Cost(
            {
                "retriever": StageCost(0.004 * n_traces, None, None, None, n_traces),
                "ranker": StageCost(0.021 * n_traces, None, None, None, n_traces),
                "model": StageCost(1.91 * n_traces, 812 * n_traces, 20 * n_traces, 0.33, n_traces),
            },
            998.4,
            2.32,
            0.00132,
        ),
        runs=Runs(2 * len(blames), 9 * len(blames), 14 * len(blames)),
        provenance=RunProvenance(
            version="0.1.0",
            command="diagnose run traces.jsonl --pipeline pipeline.toml -o reports/handbook",
            seed=seed,
            metric="contains",
            pass_mark=PASS_MARK,
            pipeline="handbook-qa",
            stages=tuple(
                StageIdentity(role, name, f"{name}:9c01d2f4")
                for role, name in zip(ROLES, ("rank-bm25", "tfidf", "rank-order", "llama-cpp"), strict=True)
            ),
            corpus="c0ffee0123456789",
            traces="feedbeef01234567",
        ),
        roles=ROLES,
        headline=summary.headline,
        residual=summary.residual,
        funnel=summary.lost_at,
        fragile=("q903", "q977"),
        passing=passing,
        notes=(*summary.notes, *cohorts.notes),
    )
