"""Ablations and placebos: contexts that take something away, to tell how the model fails.

Each makes another context out of the fair one (every stage before the model repaired). They convict
nobody: they name the mode of a conviction, and a mode has to beat its placebo.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from diagnose.core.artifact import Context, Passage
from diagnose.repairs.contract import Scene
from diagnose.repairs.layout import GAP

Ablation = Callable[[Context, Scene, Sequence[Passage], int], Context]
"""The ablated context, from the fair one, the scene, passages that have nothing to do with the query, and a
seed."""


def _of(passages: Sequence[Passage]) -> Context:
    return Context(GAP.join(p.text for p in passages), tuple(passages))


def _marked(context: Context, scene: Scene) -> list[tuple[Passage, bool]]:
    marks = scene.label.evidence.bearing(context.passages)
    return list(zip(context.passages, marks, strict=True))


def identity(context: Context, scene: Scene, others: Sequence[Passage], seed: int) -> Context:
    """The placebo of all: nothing changed."""
    return context


def nothing(context: Context, scene: Scene, others: Sequence[Passage], seed: int) -> Context:
    """No passage at all: what the model says from memory (`closed-book` is the same for a model)."""
    return Context("", ())


def gold_only(context: Context, scene: Scene, others: Sequence[Passage], seed: int) -> Context:
    """The gold passages and nothing else."""
    return _of([p for p, gold in _marked(context, scene) if gold])


def shuffle(context: Context, scene: Scene, others: Sequence[Passage], seed: int) -> Context:
    """The same passages in another order (never the same one, where there are two)."""
    passages = list(context.passages)
    rng = random.Random(seed)
    for _ in range(8):
        rng.shuffle(passages)
        if passages != list(context.passages):
            break
    return _of(passages)


def irrelevant_swap(context: Context, scene: Scene, others: Sequence[Passage], seed: int) -> Context:
    """The distractors swapped for passages that have nothing to do with the query, as long and as many."""
    spare = list(others)
    shown: list[Passage] = []
    for passage, gold in _marked(context, scene):
        if gold or not spare:
            shown.append(passage)
            continue
        near = min(range(len(spare)), key=lambda i: abs(len(spare[i].text) - len(passage.text)))
        shown.append(spare.pop(near))
    return _of(shown)


ABLATIONS: dict[str, Ablation] = {
    "identity": identity,
    "nothing": nothing,
    "closed-book": nothing,
    "gold-only": gold_only,
    "shuffle": shuffle,
    "irrelevant-swap": irrelevant_swap,
}
