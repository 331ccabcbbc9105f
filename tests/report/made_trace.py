"""Traces made by hand: a ranker that cuts the gold passage, a packer that truncates it in a long context."""

from __future__ import annotations

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query, Turn
from diagnose.core.blame import Blame, FunnelStep, Undecided
from diagnose.core.game import Game, Runs
from diagnose.core.replay import Case, Ran, Replay
from diagnose.core.stage import Role
from diagnose.core.trace import Gold, GoldPassage, Step
from diagnose.report.laid_open import OneTrace

ROLES: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
SENTENCE = "Unused leave of up to five days carries over until 31 March."
GOLD_TEXT = (
    f"Leave policy, section 4. {SENTENCE} Anything beyond that lapses unless a manager agrees in writing."
)
GOLD = Gold(answers=("31 March",), passages=(GoldPassage("leave-4", GOLD_TEXT, (SENTENCE,)),))
QUERY = Query(
    "Until when can I take what is left of last year's leave?",
    (Turn("user", "How many days of leave do I get?"), Turn("assistant", "28 days a year.")),
)


def passage(name: str, text: str = "", score: float | None = None) -> Passage:
    return Passage(
        name, text or f"{name}: how expenses, travel and equipment are handled in the offices.", score
    )


FOUND = (
    passage("leave-1", "Everybody has 28 days of leave a year, to be asked for two weeks ahead.", 9.1),
    passage("travel-2", score=7.5),
    passage("leave-4", GOLD_TEXT, 7.2),
    *(passage(f"misc-{i}", score=5.0 - i / 10) for i in range(9)),
)
RANKED = (FOUND[0], FOUND[5], FOUND[1], FOUND[7])
RANKED_WELL = (FOUND[2], FOUND[0], FOUND[5], FOUND[1])


def packed(passages: tuple[Passage, ...]) -> Context:
    return Context("\n\n".join(p.text for p in passages), tuple(Passage(p.id) for p in passages))


WRONG, RIGHT = Answer("You can take it until the end of June.", 412, 11), Answer("Until 31 March.", 420, 5)

CUT = Case(
    trace_id="q017",
    query=QUERY,
    gold=GOLD,
    tags={"tenant": "acme"},
    logged=(
        Step("retriever", Passages(FOUND), "rank-bm25", 0.004),
        Step("ranker", Passages((FOUND[0], FOUND[1], FOUND[5], FOUND[7])), "tfidf"),
        Step("packer", packed(RANKED), "rank-order"),
        Step("model", WRONG, "llama-cpp"),
    ),
    logged_evidence={"retriever": True, "ranker": False, "packer": False, "model": None},
    logged_score=0.0,
    replays=(
        Replay(
            "",
            (
                Ran("retriever", Passages(FOUND), evidence=True),
                Ran("ranker", Passages(RANKED), evidence=False),
                Ran("packer", packed(RANKED), evidence=False),
                Ran("model", WRONG),
            ),
            WRONG.text,
            0.0,
        ),
        Replay(
            "ranker",
            (
                Ran("retriever", Passages(FOUND), evidence=True),
                Ran("ranker", Passages(RANKED_WELL), repaired=True, evidence=True),
                Ran("packer", packed(RANKED_WELL), evidence=True),
                Ran("model", RIGHT),
            ),
            RIGHT.text,
            1.0,
        ),
    ),
)
CUT_GAME = Game(
    "q017",
    ROLES,
    {"+".join(r for i, r in enumerate(ROLES) if m >> i & 1): float(m >> 1 & 1) for m in range(16)},
    Runs(2, 9, 30),
)
CUT_BLAME = Blame(
    trace_id="q017",
    level="replayed",
    verdict="ranker",
    mode="cut",
    shares={"retriever": 0.0, "ranker": 1.0, "packer": 0.0, "model": 0.0},
    loss=1.0,
    residual=0.0,
    minimal_repairs=(("ranker",),),
    necessity={"retriever": 0.0, "ranker": 1.0, "packer": 0.0, "model": 0.0},
    sufficiency={"retriever": 0.0, "ranker": 1.0, "packer": 0.0, "model": 0.0},
    funnel=(FunnelStep("retriever", True), FunnelStep("ranker", False), FunnelStep("packer", False)),
    runs=Runs(2, 9, 30),
    confidence=1.0,
    evidence="The gold passage was ranked 3rd of 12 and is not among the 4 passed on.",
    tags={"tenant": "acme"},
)
CUT_TRACE = OneTrace(
    CUT_BLAME,
    CUT_GAME,
    CUT,
    mode_means="It was given the gold and does not pass it on.",
    mode_remedy="Raise top_n.",
    commands=(
        "diagnose run traces.jsonl --pipeline p.toml -o reports/handbook",
        "diagnose show reports/handbook q017",
    ),
)

OBSERVED_BLAME = Blame(
    trace_id="q017",
    level="observed",
    verdict="undecided",
    undecided=Undecided("observed-only", "give --pipeline to replay it"),
    funnel=(FunnelStep("retriever", True), FunnelStep("ranker", False), FunnelStep("model", None)),
)

LONG = tuple(
    passage(f"long-{i}", f"Section {i}. " + "Nothing in this paragraph settles the question. " * 12)
    for i in range(3)
)
CUT_TEXT = "\n\n".join(p.text for p in LONG) + "\n\n" + GOLD_TEXT[:60]
WHOLE_TEXT = "\n\n".join(p.text for p in LONG[:2]) + "\n\n" + GOLD_TEXT


def _packed(text: str, answer: Answer, coalition: str, score: float) -> Replay:
    passages = (*LONG, FOUND[2])
    return Replay(
        coalition,
        (
            Ran("retriever", Passages(passages), evidence=True),
            Ran(
                "packer",
                Context(text, tuple(Passage(p.id) for p in passages)),
                bool(coalition),
                bool(coalition),
            ),
            Ran("model", answer),
        ),
        answer.text,
        score,
    )


TRUNCATED_TRACE = OneTrace(
    Blame(
        trace_id="q018",
        level="replayed",
        verdict="packer",
        mode="truncated",
        shares={"retriever": 0.0, "packer": 0.6, "model": 0.2},
        loss=0.8,
        residual=0.2,
        minimal_repairs=(("packer",), ("retriever", "model")),
        interactions={"packer+model": -0.4},
        confidence=0.97,
    ),
    None,
    Case(
        trace_id="q018",
        query=Query("Until when does leave carry over?"),
        gold=GOLD,
        tags={},
        logged=(),
        logged_evidence={},
        logged_score=0.0,
        replays=(_packed(CUT_TEXT, WRONG, "", 0.0), _packed(WHOLE_TEXT, RIGHT, "packer", 0.8)),
    ),
)
