"""How a convicted stage failed: read off its own input and output, where it broke its contract.

Detectors see what the stage was given (its fair input in a replay, else what is logged), what it gave, and
the scene; the first that applies names the mode. Ablations refine the model's (`ablate.ablations`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Route, Text
from diagnose.core.stage import Given, Role
from diagnose.repairs import compressor, packer, retriever, rewriter
from diagnose.repairs.contract import Scene
from diagnose.score.content import content_words, sentences
from diagnose.score.evidence import worded

SAME_TEXT_FLOOD = 0.3
"""Part of a list that repeats earlier passages, from which on duplicates flood it."""
INVERTED = -0.5
"""Rank correlation (Kendall's tau) of a ranker's order with its input, at or below which it is inverted."""


def mode_of(role: Role, given: Given, own: Output, scene: Scene) -> str | None:
    """The mode of the stage of this role, or None where no detector applies."""
    detector = DETECTORS.get(role)
    return detector(given, own, scene) if detector else None


def repeated(passages: Sequence[Passage]) -> float:
    """The part of the passages whose text stands earlier in the list already, 0 to 1."""
    if _begin_otherwise(passages):
        return 0.0
    texts = [" ".join(p.text.split()).lower() or p.id for p in passages]
    return 1.0 - len(set(texts)) / len(texts) if texts else 0.0


BEGINNING = 32
"""Characters by which texts are told apart at a glance."""
_BETWEEN = "|"


def _begin_otherwise(passages: Sequence[Passage]) -> bool:
    """Whether no two texts begin alike; False also where that is not seen at a glance.

    Beginnings without a blank too many are those of the texts with their blanks put in order.
    """
    begins = [p.text[:BEGINNING] for p in passages]
    row = _BETWEEN.join(begins)
    if not (row.isascii() and row.isprintable()) or "  " in row or _BETWEEN + " " in row or row[:1] == " ":
        return False
    if len(row) != (BEGINNING + 1) * len(begins) - 1:  # a short text, or none
        return False
    apart = row.lower().split(_BETWEEN)
    return len(apart) == len(begins) == len(set(apart))


def _retriever(given: Given, own: Output, scene: Scene) -> str:
    assert isinstance(own, Passages)
    if not own.passages:
        return "empty"
    wanted = {p.id for passages in scene.label.passages for p in passages}
    held = scene.label.evidence.bearing(own.passages)
    if retriever.lures(own.passages, scene):
        return "stale"
    stale = any(p.id in wanted and not mark for p, mark in zip(own.passages, held, strict=True))
    if stale and not all(_holds(own.passages, scene)):
        return "stale"
    return "duplicated" if repeated(own.passages) >= SAME_TEXT_FLOOD else "missed"


def _holds(passages: Sequence[Passage], scene: Scene) -> list[bool]:
    held = scene.label.evidence.held(passages)
    return [g in held for g in scene.label.present]


def _ranker(given: Given, own: Output, scene: Scene) -> str:
    assert isinstance(own, Passages)
    evidence = scene.label.evidence
    before = [p.id for p in given.passages]
    after = [p.id for p in own.passages]
    if after == before[: len(after)] and len(before) > 1:
        return "no-op"
    if correlation(before, after) <= INVERTED:
        return "inverted"
    if not evidence.held(given.passages) <= evidence.held(own.passages):
        return "cut"
    return "demoted"


def correlation(before: Sequence[str], after: Sequence[str]) -> float:
    """Kendall's tau between two orders over the ids in both, -1 to 1; 0 where fewer than two are."""
    place = {passage_id: i for i, passage_id in enumerate(before)}
    ranks = [place[passage_id] for passage_id in dict.fromkeys(after) if passage_id in place]
    pairs = [(a, b) for i, a in enumerate(ranks) for b in ranks[i + 1 :]]
    return sum(1 if a < b else -1 for a, b in pairs) / len(pairs) if pairs else 0.0


def _compressor(given: Given, own: Output, scene: Scene) -> str:
    assert isinstance(own, Passages)
    if compressor.changed(given, own.passages, scene) is not None:
        return "distorted"
    marks = scene.label.evidence.bearing(given.passages)
    gold = {p.id: p for p, mark in zip(given.passages, marks, strict=True) if mark}
    texts = {p.id: p.text for p in own.passages}
    reworded = any(_near(texts.get(i, ""), p, scene) for i, p in gold.items() if not _cut(texts.get(i), p))
    return "distorted" if reworded else "lost"


NEAR = 0.5
"""Part of the evidence's shingles left in a compressed passage from which it counts as distorted, not
lost."""


def _cut(text: str | None, passage: Passage) -> bool:
    """Whether what is left of a passage stands in it sentence for sentence: it was shortened, not reworded."""
    flat = " ".join(passage.text.split())
    return all(" ".join(s.split()) in flat for s in sentences(text or ""))


def _near(text: str, passage: Passage, scene: Scene) -> bool:
    body = worded(text)
    units = [
        u for g in scene.label.evidence.golds if g.in_passage(passage) for us in g.alternatives for u in us
    ]
    return any(not u.held(body) and u.coverage(body) >= NEAR for u in units)


def _packer(given: Given, own: Output, scene: Scene) -> str | None:
    assert isinstance(own, Context)
    broken = packer.faults(given, own, scene)
    if not broken:
        return None
    if broken[0] in ("truncated", "dropped"):
        if packer.cannot_fit(given, scene):
            return "budget"
        if "duplicated" in broken:
            return "duplicated"
    return broken[0]


def _model(given: Given, own: Output, scene: Scene) -> str:
    assert isinstance(own, Answer)
    if own.finish_reason == "length":
        return "cut-off"
    if not scene.label.gold.answerable:
        return "invented"
    return "over-abstained" if abstains(own.text, scene.abstention) else "ignored"


ABSTAINS = ("i don't know", "i do not know", "cannot answer", "can't answer", "unable to answer", "no answer")


def abstains(text: str, abstention: str) -> bool:
    """Whether an answer declines to answer."""
    plain = text.lower().replace("\u2019", "'")
    return not plain.strip() or abstention.lower().rstrip(".") in plain or any(a in plain for a in ABSTAINS)


def _verifier(given: Given, own: Output, scene: Scene) -> str:
    assert isinstance(own, Decision)
    return "false-accept" if own.accept else "false-reject"


def _rewriter(given: Given, own: Output, scene: Scene) -> str:
    """What came into the query that belongs there and what did not says how it failed."""
    assert isinstance(own, Text)
    has, asked = content_words(own.text), content_words(given.conversation.text)
    owed = content_words(rewriter.reference_query(given, scene)) - asked
    gained, foreign = has - asked, rewriter.foreign(given, own.text, scene)
    if len(asked - has) > len(asked) * rewriter.MAY_GO:
        return "drifted"
    if foreign and owed <= has:
        return "intruding"
    if foreign and (gained & owed or _from_history(foreign, given)):
        return "stale"
    if foreign:
        return "intruding" if not owed else "drifted"
    return "dropped-context" if given.conversation.history else "drifted"


def _from_history(foreign: frozenset[str], given: Given) -> bool:
    """Whether most of the words that do not belong come from earlier turns: settled once, and no longer so."""
    said = content_words(" ".join(turn.content for turn in given.conversation.history))
    return 2 * len(foreign & said) > len(foreign)


def _router(given: Given, own: Output, scene: Scene) -> str | None:
    assert isinstance(own, Route)
    if scene.route is None or own.route not in scene.routes:
        return None
    return "starved" if scene.routes.index(own.route) < scene.routes.index(scene.route) else "wasteful"


DETECTORS: dict[Role, Callable[[Given, Output, Scene], str | None]] = {
    "router": _router,
    "rewriter": _rewriter,
    "retriever": _retriever,
    "ranker": _ranker,
    "compressor": _compressor,
    "packer": _packer,
    "model": _model,
    "verifier": _verifier,
}
