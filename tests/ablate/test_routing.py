"""Which declared route answers a query, and who is to blame where the router took another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from diagnose.ablate.routing import cheapest_first
from diagnose.ablate.scene import scene_of
from diagnose.ablate.trial import Trial, tried
from diagnose.attribute import shapley
from diagnose.attribute.modes import mode_of
from diagnose.core.artifact import Answer, Context, Output, Passage, Passages, Query, Route
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.errors import StageFailed
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer
from diagnose.stages.corpus import MemoryCorpus

CORPUS = MemoryCorpus(
    [Passage(f"p{i}", f"Gate {i} of the harbour opens at {i + 5} o'clock.") for i in range(12)]
)
QUERY = Query("When does gate 7 open?")
GOLD = Gold(("12 o'clock",), (GoldPassage("p7"),))
Run = Callable[[Given], Output]


def stage(role: Role, run: Run, mark: object = "", deterministic: bool = True) -> Stage:
    """A stage of a plain function; `mark` tells two of one role apart."""
    return Stage(
        role,
        f"{role} {mark}",
        lambda given, seed: run(given),
        f"{role}/{mark}",
        deterministic,
        not deterministic,
    )


def retriever(top_k: int) -> Stage:
    """Finds the gold as the sixth."""
    order = [3, 4, 5, 6, 8, 7, 9, 10]
    found = tuple(p for i in order[:top_k] if (p := CORPUS.get(f"p{i}")) is not None)
    return stage("retriever", lambda given: Passages(found), top_k)


def ranker(given: Given) -> Output:
    """The asked gate first."""
    return Passages(tuple(sorted(given.passages, key=lambda p: "Gate 7 " not in p.text)))


def upside_down(given: Given) -> Output:
    """The asked gate last."""
    return Passages(tuple(sorted(given.passages, key=lambda p: "Gate 7 " in p.text)))


def packer(most: int) -> Stage:
    """The first passages, in rank order."""

    def pack(given: Given) -> Output:
        shown = given.passages[:most]
        return Context("\n\n".join(p.text for p in shown), shown)

    return stage("packer", pack, most)


def reader(limit: int = 99) -> Stage:
    """Finds gate 7 in the context, if that has no more passages than it can bear."""

    def read(given: Given) -> Output:
        blocks = given.context.text.split("\n\n") if given.context else []
        found = [b for b in blocks if "Gate 7 " in b]
        return Answer(found[0] if found and len(blocks) <= limit else "No idea at all.")

    return stage("model", read, limit)


def overwhelmed(given: Given) -> Output:
    """Right from memory; any context confuses it."""
    has = bool(given.context and given.context.text)
    return Answer("No idea at all." if has else "At 12 o'clock.")


@dataclass(frozen=True)
class Case:
    """A pipeline with a router that takes `own`, over these routes."""

    own: str
    routes: Mapping[str, Sequence[Stage]]
    stages: Sequence[Stage] = (retriever(8), stage("ranker", ranker), packer(8), reader())
    costs: Mapping[str, float] | None = None

    def pipeline(self) -> Pipeline:
        router = stage("router", lambda given: Route(self.own), self.own)
        routes = {name: {s.role: s for s in stages} for name, stages in self.routes.items()}
        return Pipeline("made", (router, *self.stages), CORPUS, routes=routes, route_costs=self.costs or {})


def label() -> Label:
    found = label_of(GOLD, QUERY, Library(CORPUS))
    assert found is not None
    return found


def worth(answer: str) -> float:
    value = Scorer().score(answer, GOLD).value
    assert value is not None
    return value


def trial(case: Case) -> Trial:
    done = tried(Runner(case.pipeline(), Memo()), Trace("t", QUERY, gold=GOLD), label(), worth, 0.5)
    assert done.game is not None, done.failure
    return done


def blame(done: Trial) -> dict[str, float]:
    """The shares that are not 0."""
    assert done.game is not None
    shares = shapley.divide(done.game).shares
    return {role: round(share, 9) for role, share in shares.items() if share}


def mode(done: Trial, role: Role) -> str | None:
    assert done.plan is not None
    seen = done.fair[role]
    return mode_of(role, seen.given, seen.own, done.plan.scene)


DEEP = {"small": [retriever(3)], "large": [retriever(8)]}
NO_RETRIEVAL = stage("packer", lambda given: Context(""), "none")


@pytest.mark.parametrize(
    "case, shares, how, runs",
    [
        (Case("small", DEEP), {"router": 1.0}, ("router", "starved"), 2),
        (
            Case("small", {"small": [reader(2)], "large": [reader(20)]}),
            {"router": 1.0},
            ("router", "starved"),
            2,
        ),
        (
            Case("none", {"none": [NO_RETRIEVAL], "some": []}),
            {"router": 1.0},
            ("router", "starved"),
            2,
        ),
        (
            Case(
                "large",
                {"small": [packer(2)], "large": [packer(8)]},
                (retriever(8), stage("ranker", ranker), packer(8), reader(5)),
            ),
            {"router": 1.0},
            ("router", "wasteful"),
            2,
        ),
        (
            Case(
                "some",
                {"none": [NO_RETRIEVAL], "some": []},
                (retriever(8), stage("ranker", ranker), packer(8), stage("model", overwhelmed)),
            ),
            {"router": 1.0},
            ("router", "wasteful"),
            2,
        ),
    ],
    ids=["retrieval depth", "model", "retrieval at all", "window", "memory"],
)
def test_a_route_that_does_not_answer_where_another_does_is_the_routers(
    case: Case, shares: dict[str, float], how: tuple[Role, str], runs: int
) -> None:
    done = trial(case)
    assert blame(done) == shares
    assert mode(done, how[0]) == how[1]
    assert done.runs.model == runs


@pytest.mark.parametrize("own", ["small", "large"])
def test_a_stage_that_is_broken_whatever_the_route_is_blamed_itself(own: str) -> None:
    deep = {"small": [packer(3)], "large": [packer(8)]}
    done = trial(
        Case(
            own,
            deep,
            (
                retriever(8),
                stage("ranker", lambda given: Passages(given.passages[:3]), "cut"),
                packer(8),
                reader(),
            ),
        )
    )
    assert blame(done) == {"ranker": 1.0}
    assert done.runs.model == 2


def test_a_fault_that_shows_on_one_route_only_is_the_stages_where_the_route_leaves_it_alone() -> None:
    """Upside down is harmless on the wide route; the ranker is the same on both."""
    wide = {"narrow": [packer(3)], "wide": [packer(8)]}
    done = trial(
        Case("narrow", wide, (retriever(8), stage("ranker", upside_down, "down"), packer(8), reader()))
    )
    assert blame(done) == {"ranker": 1.0}


def test_both_are_blamed_where_both_are_needed() -> None:
    deep = {"small": [retriever(3), packer(1)], "large": [retriever(8), packer(8)]}
    two = Gold(("12 o'clock",), (GoldPassage("p7"), GoldPassage("p9")))
    found = label_of(two, QUERY, Library(CORPUS))
    assert found is not None

    def both(given: Given) -> Output:
        text = given.context.text if given.context else ""
        return Answer("12 o'clock" if "Gate 7 " in text and "Gate 9 " in text else "No idea at all.")

    cut = stage("compressor", lambda given: Passages(tuple(p for p in given.passages if p.id != "p7")), "cut")
    rank = stage(
        "ranker",
        lambda given: Passages(tuple(sorted(given.passages, key=lambda p: p.id not in ("p7", "p9")))),
    )
    case = Case("small", deep, (retriever(8), rank, cut, packer(8), stage("model", both)))
    done = tried(Runner(case.pipeline(), Memo()), Trace("t", QUERY, gold=two), found, worth, 0.5)
    assert blame(done) == {"router": 0.5, "compressor": 0.5}


def test_a_model_that_fails_on_every_route_is_not_the_routers() -> None:
    hopeless = stage("model", lambda given: Answer("No idea at all."), "hopeless")
    done = trial(Case("large", DEEP, (retriever(8), stage("ranker", ranker), packer(8), hopeless)))
    assert blame(done) == {"model": 1.0}


def test_a_starved_route_before_a_model_that_fails_anyway() -> None:
    hopeless = stage("model", lambda given: Answer("No idea at all."), "hopeless")
    done = trial(Case("small", DEEP, (retriever(8), stage("ranker", ranker), packer(8), hopeless)))
    assert blame(done) == {"router": 0.5, "model": 0.5}


def test_more_context_is_not_tried_where_the_evidence_was_there() -> None:
    """The same model read the evidence and was wrong: a dearer route with the same model is no answer to that."""
    seen: list[int] = []

    def moody(given: Given) -> Output:
        seen.append(len(given.context.passages) if given.context else 0)
        return Answer("12 o'clock" if seen[-1] == 8 else "No idea at all.")

    windows = {"small": [packer(2)], "large": [packer(8)]}
    done = trial(
        Case("small", windows, (retriever(8), stage("ranker", ranker), packer(8), stage("model", moody)))
    )
    assert blame(done) == {"model": 1.0}
    assert seen == [2]


def test_a_route_whose_stage_fails_answers_nothing() -> None:
    def broken(given: Given) -> Output:
        raise StageFailed("no such index")

    routes = {
        "small": [retriever(3)],
        "middle": [stage("retriever", broken, "broken")],
        "large": [retriever(8)],
    }
    assert blame(trial(Case("small", routes))) == {"router": 1.0}


def test_a_healthy_route_is_left_alone_and_costs_no_run() -> None:
    done = trial(Case("large", DEEP))
    assert blame(done) == {}
    assert done.runs.model == 1
    assert done.fair["router"].sound


def test_the_cheapest_route_that_answers_is_the_repair() -> None:
    routes = {"dear": [retriever(8)], "small": [retriever(3)], "middle": [retriever(6)]}
    costs = {"dear": 9.0, "small": 1.0, "middle": 3.0}
    case = Case("small", routes, costs=costs)
    assert cheapest_first(case.pipeline()) == ("small", "middle", "dear")
    done = trial(case)
    assert done.plan is not None
    assert done.plan.scene.route == "middle"


def test_a_model_that_is_not_deterministic_is_asked_more_than_once_and_apart_from_the_game() -> None:
    asked: list[int | None] = []

    def run(given: Given, seed: int | None) -> Output:
        asked.append(seed)
        held = given.context is not None and "Gate 7 " in given.context.text
        return Answer("12 o'clock" if held and seed is not None and seed % 3 else "No idea at all.")

    flaky = Stage("model", "flaky", run, "flaky", deterministic=False, seeded=True)
    case = Case("small", DEEP, (retriever(8), stage("ranker", ranker), packer(8), flaky))
    scene = scene_of(Runner(case.pipeline(), Memo()), QUERY, label(), lambda a: worth(a) >= 0.5, Meter())
    assert scene.route == "large"
    assert len(asked) == 6
    assert min(seed for seed in asked if seed is not None) > 1_000_000
