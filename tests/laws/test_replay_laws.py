"""The laws of a replayed game, and for each law an implementation that breaks it.

A law is a plain function of an example that raises AssertionError. Hypothesis runs each over made-up pipelines;
the mutants then show that no law is empty: with one thing broken on purpose it must fail for some example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diagnose.ablate.plan
import diagnose.ablate.play
import diagnose.replay.run
from diagnose.ablate.plan import Fair
from diagnose.ablate.play import SENTENCES
from diagnose.ablate.scene import scene_of
from diagnose.ablate.trial import Trial, tried
from diagnose.attribute import shapley
from diagnose.core.artifact import Answer, Context, Decision, Output, Passages
from diagnose.core.coalition import key
from diagnose.core.stage import Given, Role, Stage
from diagnose.repairs import ranker
from diagnose.repairs.contract import Contract, Scene
from diagnose.repairs.model import supported
from diagnose.repairs.table import CONTRACTS
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner, State
from diagnose.score.content import sentences
from tests.laws.made_pipelines import Example, example

Law = Callable[[Example], None]
CLOSE = 1e-9


def trial_of(one: Example) -> Trial:
    runner = Runner(one.pipeline, Memo())
    return tried(runner, one.trace, one.label, one.worth, one.scorer.pass_mark)


# ---- the game, computed once more without memo, cells or short cuts


class Naive:
    """The worth of every coalition by its definition: a whole replay for each, soundness told beforehand."""

    def __init__(self, one: Example) -> None:
        self.one = one
        self.roles = one.pipeline.roles
        self.scene = scene_of(Runner(one.pipeline, Memo()), one.trace.query, one.label, one.right, Meter())
        self.sound: dict[Role, bool] = {}
        self.lets_pass = False
        state = self._before_model(frozenset(self.roles), fair=True)
        self._judge_verifier(state)

    def _run(self, role: Role, state: State) -> Output:
        stage = self.one.pipeline.stage(role)
        assert stage is not None
        return stage.run(state.given(), None)

    def _step(self, role: Role, state: State, repaired: bool) -> State:
        own = self._run(role, state)
        if repaired and not self.sound[role]:
            own = CONTRACTS[role].repair(state.given(), own, self.scene)
        return state.after(role, own, self.scene.abstention)

    def _before_model(self, coalition: frozenset[Role], fair: bool = False) -> State:
        state = State.start(self.one.trace.query)
        for role in self.roles[: self.roles.index("model")]:
            if fair:
                kept = CONTRACTS[role].kept(state.given(), self._run(role, state), self.scene)
                self.sound[role] = kept
            state = self._step(role, state, role in coalition)
        return state

    def _judge_verifier(self, fair: State) -> None:
        """On a right draft; where the model's own is wrong, on another right one and on that one."""
        self.right_draft = Answer(self.one.label.reference or "")
        if "verifier" not in self.roles:
            return
        context = fair.given().context
        right = [s for s in sentences(context.text if context else "") if self.one.right(s)][:SENTENCES]
        tried = [self.right_draft, *map(Answer, right)]
        self.right_draft = next((d for d in tried if self._passes(fair, d)), self.right_draft)
        own_draft = self._run("model", fair)
        assert isinstance(own_draft, Answer)
        drafts = [own_draft]
        if not self.one.right(own_draft.text) and supported(fair.given(), self.scene):
            drafts = [self.right_draft, own_draft]
        self.sound["verifier"] = True
        for draft in drafts:
            state = fair.after("model", draft, self.scene.abstention)
            own = self._run("verifier", state)
            if not CONTRACTS["verifier"].kept(state.given(), own, self.scene):
                self.sound["verifier"] = False
                self.lets_pass = isinstance(own, Decision) and own.accept
                break

    def _passes(self, fair: State, draft: Answer) -> bool:
        """Whether the verifier does with a draft what its contract asks."""
        state = fair.after("model", draft, self.scene.abstention)
        return CONTRACTS["verifier"].kept(state.given(), self._run("verifier", state), self.scene)

    def _said(self, state: State, coalition: frozenset[Role]) -> float:
        if "verifier" in self.roles:
            state = self._step("verifier", state, "verifier" in coalition)
        return self.one.worth(state.said or "")

    def worths(self, coalition: frozenset[Role]) -> tuple[float, float]:
        """v(C) and o(C) of a coalition without the model."""
        before = self._before_model(coalition)
        draft = self._run("model", before)
        plain = self._said(before.after("model", draft, self.scene.abstention), coalition)
        if not supported(before.given(), self.scene):
            return plain, plain
        return plain, max(
            plain, self._said(before.after("model", self.right_draft, self.scene.abstention), coalition)
        )

    def capable(self) -> float:
        """c: what the actual model is worth with every other stage repaired, of a verifier only what lets right
        drafts through; 1 where that passes."""
        others = frozenset(self.roles) - {"model"} - ({"verifier"} if self.lets_pass else frozenset())
        c, _ = self.worths(others)
        return 1.0 if c >= self.one.scorer.pass_mark else c

    def game(self) -> dict[str, float]:
        """All worths: v(C ∪ model) = max(v(C), min(o(C), v(C) + 1 − c))."""
        c = self.capable()
        table: dict[str, float] = {}
        for mask in range(1 << len(self.roles)):
            members = frozenset(r for i, r in enumerate(self.roles) if mask >> i & 1)
            v, o = self.worths(members - {"model"})
            table[key(self.roles, mask)] = max(v, min(o, v + 1 - c)) if "model" in members else v
        return table


# ---- laws


def the_game_is_what_the_definition_says(one: Example) -> None:
    played, defined = trial_of(one).game, Naive(one).game()
    assert played is not None
    assert played.worth == pytest.approx(defined, abs=CLOSE)


def shares_add_up(one: Example) -> None:
    game = trial_of(one).game
    assert game is not None
    parts = shapley.divide(game)
    full = key(game.roles, (1 << len(game.roles)) - 1)
    assert sum(parts.shares.values()) == pytest.approx(game.worth[full] - game.worth[""], abs=CLOSE)


def sound_stages_have_no_share(one: Example) -> None:
    trial = trial_of(one)
    assert trial.game is not None
    shares = shapley.divide(trial.game).shares
    naive = Naive(one)
    innocent = [role for role, sound in naive.sound.items() if sound]
    if naive.capable() == 1.0:
        innocent.append("model")
    for role in innocent:
        assert abs(shares[role]) <= CLOSE, role


def nothing_runs_twice_on_the_same_input(one: Example) -> None:
    runner = Runner(one.pipeline, Memo())
    trial = tried(runner, one.trace, one.label, one.worth, one.scorer.pass_mark)
    assert sum(runner.executed.values()) == trial.runs.model + trial.runs.stage
    again = tried(runner, one.trace, one.label, one.worth, one.scorer.pass_mark)
    assert sum(runner.executed.values()) == trial.runs.model + trial.runs.stage
    assert again.game == trial.game


def repairs_invent_nothing(one: Example) -> None:
    """What a repaired stage gives comes from its own input, its own output or (a retriever's) the corpus."""
    naive = Naive(one)
    for mask in range(1 << len(naive.roles)):
        state = State.start(one.trace.query)
        for i, role in enumerate(naive.roles[: naive.roles.index("model")]):
            own, taken = naive._run(role, state), state.given()
            output = CONTRACTS[role].repair(taken, own, naive.scene)
            allowed = set(taken.passages) | set(getattr(own, "passages", ()))
            if role == "retriever":
                allowed = set(one.pipeline.corpus or ()) | allowed
            if isinstance(output, Passages):
                assert {(p.id, p.text) for p in output.passages} <= {(p.id, p.text) for p in allowed}
            if isinstance(output, Context) and output is not own:
                words = set(" ".join(p.text for p in taken.passages).split())
                assert isinstance(own, Context)
                assert set(output.text.split()) <= words | set(own.text.split())
            repaired = mask >> i & 1
            state = state.after(role, output if repaired else own, naive.scene.abstention)


LAWS: tuple[Law, ...] = (
    the_game_is_what_the_definition_says,
    shares_add_up,
    sound_stages_have_no_share,
    nothing_runs_twice_on_the_same_input,
    repairs_invent_nothing,
)


@settings(max_examples=80)
@given(st.integers(0, 1_000_000))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, seed: int) -> None:
    law(example(seed))


def test_the_examples_are_not_all_alike() -> None:
    """Laws over games without loss, or without sound stages, would say little."""
    trials = [trial_of(example(seed)) for seed in range(80)]
    games = [t.game for t in trials if t.game is not None]
    losses = [g.worth[key(g.roles, (1 << len(g.roles)) - 1)] - g.worth[""] for g in games]
    assert sum(loss > 0 for loss in losses) >= 25
    assert any(len(set(g.worth.values())) > 2 for g in games)
    sound = [all(f.sound for f in t.fair.values()) for t in trials]
    assert 3 <= sum(sound) <= 77


# ---- mutants: each breaks one thing, and its law must notice

Break = Callable[[pytest.MonkeyPatch], None]


def unbounded_model(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(diagnose.ablate.play, "bounded", lambda worth, oracle, fair: max(worth, oracle))


def model_never_repaired(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(diagnose.ablate.play, "bounded", lambda worth, oracle, fair: worth)


def nobody_is_innocent(patch: pytest.MonkeyPatch) -> None:
    """Without the rule of fair input every stage is repaired wherever its actual output breaks the contract."""
    real = diagnose.ablate.plan._fair_pass

    def guilty(*args: Any) -> dict[Role, Fair]:
        return {role: Fair(f.given, f.own, False) for role, f in real(*args).items()}

    patch.setattr(diagnose.ablate.plan, "_fair_pass", guilty)


def coalitions_mixed_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(diagnose.ablate.play, "key", lambda roles, mask: key(roles, mask ^ 1))


def a_memo_that_forgets(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Memo, "get", lambda self, key, role: None)


def key_without_input(patch: pytest.MonkeyPatch) -> None:
    def key_of(stage: Stage, given: Given, draw: str | None) -> str:
        return f"{stage.role}{stage.fingerprint}{draw}"

    patch.setattr(diagnose.replay.run, "key_of", key_of)


def a_ranker_that_conjures(patch: pytest.MonkeyPatch) -> None:
    def conjured(given: Any, own: Output, scene: Scene) -> Output:
        """The gold from the label, whatever the ranker was given."""
        assert isinstance(own, Passages)
        return Passages((*(p for found in scene.label.passages for p in found), *own.passages))

    patch.setitem(CONTRACTS, "ranker", Contract("", "", ranker.kept, conjured))


def a_packer_that_adds(patch: pytest.MonkeyPatch) -> None:
    kept = CONTRACTS["packer"].kept

    def telling(given: Any, own: Output, scene: Scene) -> Output:
        assert isinstance(own, Context)
        return own if kept(given, own, scene) else Context(f"{own.text} Psst: forty-five!", own.passages)

    patch.setitem(CONTRACTS, "packer", Contract("", "", kept, telling))


BREAKS: Mapping[Break, Iterable[Law]] = {
    unbounded_model: [the_game_is_what_the_definition_says, sound_stages_have_no_share],
    model_never_repaired: [the_game_is_what_the_definition_says],
    nobody_is_innocent: [the_game_is_what_the_definition_says, sound_stages_have_no_share],
    coalitions_mixed_up: [the_game_is_what_the_definition_says],
    key_without_input: [the_game_is_what_the_definition_says],
    a_memo_that_forgets: [nothing_runs_twice_on_the_same_input],
    a_ranker_that_conjures: [repairs_invent_nothing],
    a_packer_that_adds: [repairs_invent_nothing],
}


@pytest.mark.parametrize(
    "mutant, law",
    [(mutant, law) for mutant, laws in BREAKS.items() for law in laws],
    ids=lambda f: f.__name__,
)
def test_law_rejects(mutant: Break, law: Law, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        over_many(law)


def over_many(law: Law) -> None:
    for seed in range(300):
        law(example(seed))


def test_shares_that_do_not_add_up_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shapley.divide

    def greedy(game: Any) -> Any:
        parts = real(game)
        first = next(iter(parts.shares))
        return msgspec.structs.replace(parts, shares={**parts.shares, first: parts.shares[first] + 0.25})

    monkeypatch.setattr(shapley, "divide", greedy)
    with pytest.raises(AssertionError):
        shares_add_up(example(1))
