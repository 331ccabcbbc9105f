"""How a convicted model fails: the fair context taken apart, each part against its placebo."""

from __future__ import annotations

import random
from collections.abc import Sequence

from diagnose.ablate.around import TRIES
from diagnose.ablate.plan import Plan
from diagnose.core.artifact import Answer, Context, Passage
from diagnose.core.stage import Given
from diagnose.repairs.ablations import ABLATIONS
from diagnose.replay.run import Meter, Runner

PROBED = ("ignored", "invented")
"""Modes, as its detector names them, of which runs with less context can tell more."""
SHUFFLES = 2
"""Other orders that a mode which depends on the order or on the distractors is held against."""
OTHERS = 12
"""Passages drawn from the corpus that have nothing to do with the query."""


def probed(runner: Runner, plan: Plan, meter: Meter, seed: int = 0) -> tuple[str, str]:
    """The model's mode and what was seen, by a few more runs on the fair context taken apart.

    `ignored`: wrong with gold alone, or right with it and wrong as soon as anything is beside it.
    `closed-book`: wrong with gold alone, and says what it says without any context. `position`: right with
    gold alone and in another order of the same passages. `distracted`: right with gold alone and with
    irrelevant passages beside it, wrong with the distractors in every order tried. `invented`, for a
    question that nothing answers: with or without a passage that lures it. Where the
    model is not deterministic, right is what most of `TRIES` runs are. Raises `Broken`.
    """
    scene = plan.scene
    lured = not scene.label.gold.answerable
    variant = plan.variants[plan.unsound]
    context = variant.given.context or Context("", ())
    others = _others(runner, plan, context, seed)

    def answer(ablation: str, draw: int = 0, repeat: int = 0) -> str:
        changed = ABLATIONS[ablation](context, scene, others, draw)
        given = Given(variant.given.query, variant.given.conversation, variant.given.passages, changed)
        stage = runner.pipeline.stage("model", variant.state.route)
        assert stage is not None
        output = runner.run(stage, given, meter, repeat)
        assert isinstance(output, Answer)
        return output.text

    model = runner.pipeline.stage("model", variant.state.route)
    repeats = range(1 if model is not None and runner.steady(model) else TRIES)

    def right(ablation: str, draw: int = 0) -> bool:
        if scene.right is None:
            return False
        return 2 * sum(scene.right(answer(ablation, draw, repeat)) for repeat in repeats) > len(repeats)

    if lured:
        quiet = right("nothing")
        return "invented", (
            "abstains without passages: one of those it was given lured it"
            if quiet
            else "invents without any passage, too"
        )
    if not right("gold-only"):
        own = answer("identity")
        same = own.strip() and own.strip() == answer("closed-book").strip()
        return (
            ("closed-book", "says the same without any context")
            if same
            else (
                "ignored",
                "wrong with the gold passages alone",
            )
        )
    if any(right("shuffle", seed + draw) for draw in range(1, SHUFFLES + 1)):
        return "position", "right with gold alone and in another order of the same passages"
    if others and not right("irrelevant-swap"):
        return "ignored", "right with gold alone, wrong as soon as anything, however irrelevant, is beside it"
    return "distracted", "right with gold alone and beside irrelevant passages, wrong beside these"


def _others(runner: Runner, plan: Plan, context: Context, seed: int) -> Sequence[Passage]:
    corpus = runner.pipeline.corpus
    if corpus is None:
        return ()
    near = {p.id for p in context.passages} | {p.id for p in plan.variants[plan.unsound].given.passages}
    rest = [p for p in corpus if p.id not in near]
    return random.Random(seed).sample(rest, min(OTHERS, len(rest)))
