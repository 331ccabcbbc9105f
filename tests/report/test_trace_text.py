from __future__ import annotations

import io
import re
from collections.abc import Callable

import msgspec
import pytest
from rich.console import Console

from diagnose.core.artifact import Answer, Context, Decision, Passage, Passages, Route
from diagnose.core.artifact import Text as QueryText
from diagnose.core.blame import Blame, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Step
from diagnose.report.laid_open import OneTrace, laid_open
from diagnose.report.trace_text import trace_text
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_trace import (
    CUT,
    CUT_BLAME,
    CUT_GAME,
    CUT_TRACE,
    GOLD_TEXT,
    OBSERVED_BLAME,
    SENTENCE,
    TRUNCATED_TRACE,
)


def text_of(one: OneTrace, width: int = 100, **settings: object) -> str:
    out = io.StringIO()
    trace_text(one, Console(file=out, width=width, color_system=None, **settings))  # type: ignore[arg-type]
    return out.getvalue()


def lines_from(text: str, start: str) -> list[str]:
    lines = text.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith(start)) :]


def test_the_question_and_its_answers_come_first() -> None:
    lines = text_of(CUT_TRACE).splitlines()
    assert lines[0] == "q017"
    assert "question   Until when can I take what is left of last year's leave?" in lines
    assert "reference  31 March  in leave-4" in lines
    assert "logged     You can take it until the end of June.  (score 0.000)" in lines
    assert "assistant  28 days a year." in lines


def test_the_verdict_with_its_evidence() -> None:
    lines = lines_from(text_of(CUT_TRACE), "Verdict")
    assert lines[0] == "Verdict: ranker (cut), confidence 100 %, replayed"
    assert lines[1] == "The gold passage was ranked 3rd of 12 and is not among the 4 passed on."
    assert "What mends it: Raise top_n." in lines
    assert "Smallest repairs that turn the answer right: ranker." in lines


def test_the_stage_that_lost_the_evidence() -> None:
    lines = lines_from(text_of(CUT_TRACE), "ranker tfidf")
    assert lines[0] == "ranker tfidf  CONVICTED  LOST HERE: the evidence is not in what it gave"
    assert lines[1].split() == ["took", "12", "passages"]
    assert [line.split()[:3] for line in lines[4:8]] == [
        ["1", "1", "leave-1"],
        ["2", "6", "misc-2"],
        ["3", "2", "travel-2"],
        ["4", "8", "misc-4"],
    ]
    assert lines[8].split(None, 1) == ["cut", "leave-4 (gold, was 3), 7 others"]
    assert lines[9].split(None, 1) == ["log", "has 4 passages: leave-1, travel-2, misc-2, misc-4"]
    assert text_of(CUT_TRACE).count("LOST HERE") == 1
    assert text_of(CUT_TRACE).count("CONVICTED") == 1


def test_gold_is_shown_however_far_down() -> None:
    lines = lines_from(text_of(CUT_TRACE), "retriever rank-bm25")
    assert next(line.split()[:3] for line in lines if "gold" in line) == ["3", "leave-4", "gold"]
    assert "… 7 more" in " ".join(lines)


def test_evidence_is_marked_in_the_context() -> None:
    before, after = text_of(TRUNCATED_TRACE, 140).split("What turned the answer")
    assert re.search(r"leave-4 +gold, cut ", before)
    assert "⟦" not in before
    assert f"⟦{SENTENCE.rstrip('.')}⟧" in " ".join(after.split())


def test_a_packed_passage_is_told_by_what_the_packer_took() -> None:
    cut = Passage("leave-4", GOLD_TEXT[:40])  # some packers log the piece they packed
    steps = (
        Step("retriever", Passages((Passage("x", "Other."), Passage("leave-4", GOLD_TEXT)))),
        Step("packer", Context(cut.text, (cut,))),
    )
    evidence: dict[Role, bool | None] = {"retriever": True, "packer": False}
    case = msgspec.structs.replace(CUT, logged=steps, logged_evidence=evidence, replays=())
    retrieved, packed = laid_open(case)
    assert [(placed.rank, placed.before, placed.mark) for placed in retrieved.given] == [
        (1, None, ""),
        (2, None, "gold"),
    ]
    assert [(placed.rank, placed.before, placed.mark) for placed in packed.given] == [(1, 2, "gold, cut")]
    assert [placed.passage.id for placed in packed.left_out] == ["x"]
    assert packed.lost


def test_what_turned_the_answer() -> None:
    lines = lines_from(text_of(CUT_TRACE), "What turned")
    assert lines[0] == "What turned the answer: ranker repaired"
    assert re.split(r" {3,}", lines[1]) == ["nothing repaired (score 0.000)", "repaired (score 1.000)"]
    assert re.split(r" {3,}", lines[2]) == ["You can take it until the end of June.", "Until 31 March."]
    assert lines[3] == "ranker: gold leave-4 rank none → 1"
    assert "diagnose show reports/handbook q017" in lines


def worth(roles: tuple[Role, ...], value: Callable[[set[str]], float]) -> dict[str, float]:
    return {name: value(set(name.split("+"))) for name in keys(roles)}


def coalition_rows(text: str) -> dict[str, tuple[float, bool]]:
    """Worth by coalition, and whether it is marked as a smallest repair."""
    lines = lines_from(text, "Worth of coalitions")[2:]
    rows = [
        re.split(r" {2,}", line) for line in lines[: next(i for i, x in enumerate(lines) if x.endswith("."))]
    ]
    return {row[0]: (float(row[1]), row[-1] == "smallest repair") for row in rows}


def test_stages_that_change_nothing_are_named_once() -> None:
    text = text_of(CUT_TRACE)
    assert coalition_rows(text) == {"nothing": (0.0, False), "ranker": (1.0, True)}
    assert "Repairing the retriever, the packer or the model changes nothing in any coalition." in text


def test_where_nothing_helps_that_is_all_it_says() -> None:
    game = Game(
        "q1", ("retriever", "model"), {"": 0.0, "retriever": 0.0, "model": 0.0, "retriever+model": 0.0}
    )
    text = text_of(
        OneTrace(
            Blame("q1", "replayed", "corpus", shares={"retriever": 0.0, "model": 0.0}, residual=1.0), game
        )
    )
    assert "changes nothing in any coalition: every coalition is worth 0.000." in " ".join(text.split())
    assert "No repair of any stage wins back 1.000." in text
    assert "Shares" not in text


def test_every_coalition_of_three_stages_that_matter() -> None:
    roles: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
    game = Game("q1", roles, worth(roles, lambda c: float("packer" in c or {"retriever", "ranker"} <= c)))
    blame = Blame("q1", "replayed", "packer", minimal_repairs=(("packer",), ("retriever", "ranker")))
    rows = coalition_rows(text_of(OneTrace(blame, game)))
    assert {name.replace(" + ", "+"): value for name, (value, _) in rows.items() if name != "nothing"} == {
        name: value for name, value in game.worth.items() if name and "model" not in name
    }
    assert [name for name, (_, marked) in rows.items() if marked] == ["packer", "retriever + ranker"]


def test_of_eight_stages_the_coalitions_that_say_most() -> None:
    game = Game("q017", ROLES, worth(ROLES, lambda c: len(c & set(ROLES)) / 8))
    blame = msgspec.structs.replace(CUT_BLAME, minimal_repairs=(("ranker", "packer", "model"),))
    lines = lines_from(text_of(OneTrace(blame, game), 80), "Worth of coalitions")
    assert "ranker + packer + model" in next(line for line in lines if "smallest repair" in line)
    assert "237 more: --json shows them all." in lines
    assert max(len(line) for line in lines) <= 80


def test_undecided_says_what_would_settle_it() -> None:
    undecided = Undecided("noise", "the model answers 3 of 8 times", 0.41, 60)
    text = text_of(OneTrace(Blame("q1", "replayed", "undecided", undecided=undecided)))
    assert "noise: the model answers 3 of 8 times." in text
    assert "What would settle it: about 60 more model calls." in text
    assert "Power reached so far: 41 %." in text


def test_a_finding_is_no_stage_s_fault() -> None:
    text = text_of(OneTrace(Blame("q1", "replayed", "corpus", evidence="the corpus does not hold d7")))
    assert "Verdict: corpus, replayed\nthe corpus does not hold d7\nNo stage's fault:" in text


def test_what_the_corpus_lacks_no_stage_has_lost() -> None:
    blame = msgspec.structs.replace(CUT_BLAME, verdict="corpus", mode=None)
    text = text_of(OneTrace(blame, None, CUT))
    assert "LOST HERE" not in text
    assert "ranker tfidf  evidence not in what it gave" in text


def test_without_replays_it_shows_what_there_is() -> None:
    text = text_of(OneTrace(OBSERVED_BLAME))
    assert "No replay of this trace was kept" in text
    assert re.search(r"ranker +not in what it gave", text)
    text = text_of(OneTrace(CUT_BLAME, CUT_GAME))
    assert "Worth of coalitions" in text
    assert "Stage by stage" not in text


def test_a_log_without_replays_is_laid_open() -> None:
    case = msgspec.structs.replace(CUT, replays=())
    text = text_of(OneTrace(OBSERVED_BLAME, None, case))
    assert "Stage by stage, as logged" in text
    assert "ranker tfidf  LOST HERE" in text
    assert "log    has" not in text
    assert [view.lost for view in laid_open(case)] == [False, True, False, False]


def test_every_role_says_what_it_took_and_gave() -> None:
    short = Passage("leave-4", "Unused leave may lapse.")
    steps = (
        Step("router", Route("small")),
        Step("rewriter", QueryText("When does leave lapse?")),
        Step("retriever", Passages((Passage("leave-4", GOLD_TEXT), Passage("x", "Other.")))),
        Step("ranker", Passages((Passage("leave-4", GOLD_TEXT),)), error="fell back to its input"),
        Step("compressor", Passages((short,))),
        Step("packer", Context(short.text, (short,))),
        Step("model", Answer("In June, on the", finish_reason="length")),
        Step("verifier", Decision(False, "I don't know.")),
    )
    evidence: dict[Role, bool | None] = {
        "retriever": True,
        "ranker": True,
        "compressor": False,
        "packer": False,
    }
    case = msgspec.structs.replace(CUT, logged=steps, logged_evidence=evidence, replays=())
    text = " ".join(text_of(OneTrace(OBSERVED_BLAME, None, case)).split())
    parts = [
        "router took the question gave route small",
        "rewriter took the question and 2 earlier turns gave When does leave lapse?",
        "retriever evidence in what it gave took the rewritten query gave 2 passages rank passage 1 leave-4",
        "ranker evidence in what it gave took 2 passages gave 1 passage, in the order taken rank was passage",
        "cut 1 passage, not gold error fell back to its input",
        "compressor LOST HERE: the evidence is not in what it gave took 1 passage gave 1 passage",
        "1 1 leave-4 gold id, evidence gone Unused leave may lapse.",
        "packer evidence not in what it gave took 1 passage gave Unused leave may lapse. (23 characters)",
        "model took a context of 23 characters gave In June, on the (cut off at its token limit)",
        "verifier took a context of 23 characters, and the draft answer gave blocks the draft, and says: I",
    ]
    places = [text.find(part) for part in parts]
    assert [part for part, place in zip(parts, places, strict=True) if place < 0] == []
    assert places == sorted(places)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("one", [CUT_TRACE, TRUNCATED_TRACE], ids=["cut", "truncated"])
def test_hostile_text_commands_nothing(one: OneTrace, text: str) -> None:
    assert one.case is not None
    attacked = OneTrace(
        blame=hostile(one.blame, text),
        game=one.game,
        case=hostile(one.case, text),
        commands=(text, text),
    )
    for width in (60, 200):
        printed = text_of(attacked, width)
        assert list(commands(printed)) == []
        assert max(len(line) for line in printed.splitlines()) <= width
        assert len(printed.splitlines()) < 400


def test_colour_carries_no_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    out = io.StringIO()
    trace_text(CUT_TRACE, Console(file=out, width=100, force_terminal=True, color_system="truecolor"))
    assert "\x1b[" in out.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()) == text_of(CUT_TRACE)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("text", ["\u96ea \u0645 \u00e9", "\U0001f600 wide"])
def test_any_terminal_can_write_any_text(encoding: str, text: str) -> None:
    raw = io.BytesIO()
    assert CUT_TRACE.case is not None
    foreign = OneTrace(hostile(CUT_BLAME, text), CUT_GAME, hostile(CUT_TRACE.case, text), commands=(text,))
    with io.TextIOWrapper(raw, encoding=encoding) as file:
        trace_text(foreign, Console(file=file, width=100, color_system=None))
        file.flush()
        assert "LOST HERE" in raw.getvalue().decode(encoding)
