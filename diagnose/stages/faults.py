"""Known faults to plant in a stage: how `trust` finds out how often blame lands on them.

A fault wraps a runnable stage and spoils what it gives (or takes), as a fault in the field would: the
result is a stage like any other, with a fingerprint of its own. Faults that need to know what matters (to
lose it) are told by `gold_of`; whatever looks random is drawn from a digest of the query, so that it is the
same in every replay.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from diagnose.core.artifact import Answer, Context, Output, Passage, Passages
from diagnose.core.stage import Given, Role, Stage

GoldOf = Callable[[str, Sequence[Passage]], tuple[bool, ...]]
"""For the user's question and a list of passages, which of them carry evidence."""
Spoil = Callable[[Given, Output, random.Random, "Around"], Output]


@dataclass(frozen=True)
class Around:
    """What a fault may know: which passages are gold, and the probability that a flaky stage fails (0 to
    1)."""

    gold_of: GoldOf
    rate: float = 0.75


@dataclass(frozen=True)
class Fault:
    """One way for a stage to fail. `mode` is the mode of DESIGN section 5 it should be found out as (None
    where several fit). `takes` spoils the input instead of the output; `noisy` draws anew in every
    repeat."""

    name: str
    role: Role
    mode: str | None
    does: str
    spoil: Spoil | None = None
    takes: Callable[[Given, random.Random], Given] | None = None
    noisy: bool = False


def faulty(stage: Stage, fault: Fault, around: Around, seed: int = 0) -> Stage:
    """The stage with the fault in it."""

    def run(given: Given, run_seed: int | None) -> Output:
        again = f"/{run_seed}" if fault.noisy else ""
        rng = random.Random(_digest(f"{seed}/{fault.name}/{given.conversation.text}{again}"))
        own = stage.run(fault.takes(given, rng) if fault.takes else given, run_seed)
        return fault.spoil(given, own, rng, around) if fault.spoil else own

    return replace(
        stage,
        name=f"{stage.name} with {fault.name}",
        run=run,
        run_batch=None,
        fingerprint=_digest(f"{stage.fingerprint}/{fault.name}/{around.rate}/{seed}"),
        deterministic=stage.deterministic and not fault.noisy,
        seeded=stage.seeded or fault.noisy,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _marks(given: Given, passages: Sequence[Passage], around: Around) -> tuple[bool, ...]:
    return around.gold_of(given.conversation.text, passages)


def _split(given: Given, own: Output, around: Around) -> tuple[list[Passage], list[Passage]]:
    """Gold passages and the others, each in the stage's own order."""
    assert isinstance(own, Passages)
    marks = _marks(given, own.passages, around)
    gold = [p for p, mark in zip(own.passages, marks, strict=True) if mark]
    return gold, [p for p, mark in zip(own.passages, marks, strict=True) if not mark]


def _lose_gold(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Passages(tuple(_split(given, own, around)[1]))


def _stale(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Old versions of the gold passages under their ids: figures changed, every fifth word gone."""
    assert isinstance(own, Passages)
    marks = _marks(given, own.passages, around)
    aged = (_aged(p) if mark else p for p, mark in zip(own.passages, marks, strict=True))
    return Passages(tuple(aged))


def _aged(passage: Passage) -> Passage:
    words = [w for i, w in enumerate(passage.text.split()) if i % 3 != 2]
    text = "".join(str((int(c) + 3) % 10) if c in "0123456789" else c for c in " ".join(words))
    return msgspec.structs.replace(passage, text=text)


def _flood(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Copies of the best distractor push the rest of the list out of it."""
    assert isinstance(own, Passages)
    _, rest = _split(given, own, around)
    if not rest:
        return own
    n = len(own.passages)
    return Passages(tuple(rest[0] for _ in range(n)))


def _short_query(given: Given, rng: random.Random) -> Given:
    words = given.query.split()
    return msgspec.structs.replace(given, query=" ".join(words[: max(1, len(words) // 4)]))


def _inverted(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The worst of the input first, in the length the ranker passes on."""
    assert isinstance(own, Passages)
    kept = {(p.id, p.text) for p in own.passages}
    dropped = [p for p in given.passages if (p.id, p.text) not in kept]
    ranked = [*own.passages, *dropped]
    return Passages(tuple(reversed(ranked))[: len(own.passages)])


def _shuffled(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    passages = list(given.passages)
    rng.shuffle(passages)
    return Passages(tuple(passages[: len(own.passages)]))


def _longest_first(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    ranked = sorted(given.passages, key=lambda p: -len(p.text))
    return Passages(tuple(ranked[: len(own.passages)]))


def _distractor_first(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    gold, rest = _split(given, own, around)
    return Passages((*rest, *gold))


def _no_op(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    return Passages(given.passages[: len(own.passages)])


def _repacked(own: Output, pieces: Sequence[tuple[Passage, str]]) -> Output:
    """A context of these texts, laid out with blank lines between them."""
    shown = tuple(msgspec.structs.replace(p, text=text) for p, text in pieces)
    return Context("\n\n".join(text for _, text in pieces), shown)


def _cut_short(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The window ends after a fifth of the context."""
    assert isinstance(own, Context)
    words = own.text.split(" ")
    text = " ".join(words[: max(1, len(words) // 5)])
    return Context(text, own.passages)


def _dropped(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The passages that matter do not get in."""
    assert isinstance(own, Context)
    marks = _marks(given, own.passages, around)
    return _repacked(own, [(p, p.text) for p, mark in zip(own.passages, marks, strict=True) if not mark])


def _worst_first(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Context)
    return _repacked(own, [(p, p.text) for p in reversed(own.passages)])


def _doubled(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Copies of the best distractor fill the window to the length it had."""
    assert isinstance(own, Context)
    marks = _marks(given, own.passages, around)
    rest = [p for p, mark in zip(own.passages, marks, strict=True) if not mark] or list(own.passages[:1])
    return _repacked(own, [(rest[0], rest[0].text) for _ in own.passages]) if rest else own


def _garbled(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Words run together and lose their vowels, as when a parser breaks."""
    assert isinstance(own, Context)
    pieces = [(p, "".join(c for c in p.text if c not in "aeiou ,.")) for p in own.passages]
    return Context("\n\n".join(text for _, text in pieces), own.passages)


def _over_window(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Everything is packed behind filler, and the front of it is cut away as an overfull window does."""
    assert isinstance(own, Context)
    words = own.text.split(" ")
    return Context(" ".join(words[-max(1, len(words) // 5) :]), own.passages)


def _ignores(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Answer("It depends on the circumstances of the case.")


def _stops_early(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Answer)
    words = own.text.split()
    return Answer(" ".join(words[: max(1, len(words) // 8)]), finish_reason="length")


def _refuses(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Answer("I'm sorry, I cannot answer that.")


def _flaky(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Answer("Something else entirely.") if rng.random() < around.rate else own


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("lose-gold", "retriever", "missed", "does not find the gold passages", _lose_gold),
        Fault("stale-version", "retriever", "stale", "finds old versions of the gold passages", _stale),
        Fault("duplicate-flood", "retriever", "duplicated", "finds one distractor over and over", _flood),
        Fault(
            "truncated-query", "retriever", None, "searches with a quarter of the query", takes=_short_query
        ),
        Fault("inverted", "ranker", "inverted", "ranks the worst first", _inverted),
        Fault("shuffled", "ranker", None, "ranks at random", _shuffled),
        Fault("length-biased", "ranker", None, "ranks the longest first", _longest_first),
        Fault("distractor-first", "ranker", "demoted", "puts the gold behind the rest", _distractor_first),
        Fault("no-op", "ranker", "no-op", "leaves the order as it is", _no_op),
        Fault("truncated", "packer", "truncated", "cuts the context to a fifth", _cut_short),
        Fault("dropped", "packer", "dropped", "leaves the gold passages out", _dropped),
        Fault("reordered", "packer", "reordered", "packs the worst first", _worst_first),
        Fault("duplicated", "packer", "duplicated", "packs one distractor over and over", _doubled),
        Fault("garbled", "packer", "garbled", "runs words together without vowels", _garbled),
        Fault(
            "over-window",
            "packer",
            None,
            "lets the front of the context fall out of the window",
            _over_window,
        ),
        Fault("ignores-context", "model", "ignored", "answers without reading", _ignores),
        Fault("cut-off", "model", "cut-off", "stops after an eighth of its answer", _stops_early),
        Fault("refuses", "model", "over-abstained", "declines to answer", _refuses),
        Fault("flaky", "model", "unstable", "is wrong three times in four", _flaky, noisy=True),
    )
}
"""Every fault by name, roles in pipeline order."""
