"""One trace under every coalition: its game, its replays laid open, and why there is none."""

from __future__ import annotations

import pytest

from diagnose.ablate.probe import probed
from diagnose.ablate.trial import Trial, replay_of, tried
from diagnose.attribute.mode_texts import MODES
from diagnose.core.artifact import Answer, Context, Decision, Output, Passages
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role
from diagnose.core.trace import Trace
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner, State
from diagnose.stages.failure import RunFailed
from tests.ablate.test_plan import FOUND, WITHOUT, finds, gold_first, keeps, label, packs
from tests.repairs.scenes import QUERY, corpus
from tests.replay.made_stages import Counting, Run


def worth(answer: str) -> float:
    return float("45 days" in answer)


def reads(given: Given, seed: int | None) -> Output:
    """The first passage that it sees, with its figure."""
    return Answer(given.context.text.split("\n\n")[0] if given.context else "")


def trial_of(**stages: Run) -> tuple[Trial, Runner]:
    counting = Counting()
    made = tuple(counting.stage(role, run) for role, run in stages.items())  # type: ignore[arg-type]
    runner = Runner(Pipeline("made", made, corpus()), Memo())
    return tried(runner, Trace("t", QUERY), label(), worth, 0.5), runner


def evidence(state: State, role: Role) -> bool | None:
    return None


def test_the_game_of_a_cut() -> None:
    trial, _ = trial_of(retriever=finds(*FOUND), ranker=keeps(1), packer=packs, model=reads)
    assert trial.game is not None
    assert trial.game.roles == ("retriever", "ranker", "packer", "model")
    assert {name: w for name, w in trial.game.worth.items() if w} == dict.fromkeys(
        (n for n in trial.game.worth if "ranker" in n), 1.0
    )
    assert (trial.fair_score, trial.runs.model) == (1.0, 2)
    assert {role: fair.sound for role, fair in trial.fair.items()} == {
        "retriever": True,
        "ranker": False,
        "packer": True,
        "model": True,
    }


def test_an_incapable_model_is_repaired_only_where_the_evidence_is() -> None:
    trial, _ = trial_of(
        retriever=finds(*WITHOUT),
        ranker=gold_first,
        packer=packs,
        model=lambda given, seed: Answer("no idea"),
    )
    assert trial.game is not None
    winning = {name for name, w in trial.game.worth.items() if w == 1.0}
    assert winning == {n for n in trial.game.worth if "retriever" in n and "model" in n}


def test_a_replay_laid_open_shows_what_was_repaired() -> None:
    trial, _ = trial_of(retriever=finds(*WITHOUT), ranker=gold_first, packer=packs, model=reads)
    plain, mended = (replay_of(trial, mask, evidence) for mask in (0b0000, 0b0001))
    assert (plain.coalition, plain.score) == ("", 0.0)
    assert not any(ran.repaired for ran in plain.ran)
    assert (mended.coalition, mended.score) == ("retriever", 1.0)
    assert [ran.role for ran in mended.ran if ran.repaired] == ["retriever"]
    assert mended.answer is not None
    assert "45 days" in mended.answer
    assert trial.unchanged is not None
    assert trial.unchanged.said == plain.answer


def test_a_repaired_model_shows_the_reference_answer() -> None:
    trial, _ = trial_of(
        retriever=finds(*FOUND), ranker=gold_first, packer=packs, model=lambda g, s: Answer("?")
    )
    mended = replay_of(trial, 0b1000, evidence)
    assert (mended.answer, mended.score) == ("45 days", 1.0)
    assert [(ran.role, ran.output) for ran in mended.ran if ran.repaired] == [("model", Answer("45 days"))]


def test_a_model_that_is_capable_is_not_shown_as_repaired() -> None:
    trial, _ = trial_of(retriever=finds(*WITHOUT), ranker=gold_first, packer=packs, model=reads)
    assert not any(ran.repaired for ran in replay_of(trial, 0b1000, evidence).ran)


def test_a_verifier_that_rejects_right_drafts() -> None:
    trial, _ = trial_of(
        retriever=finds(*FOUND),
        ranker=gold_first,
        packer=packs,
        model=reads,
        verifier=lambda g, s: Decision(False),
    )
    assert trial.game is not None
    assert trial.game.worth[""] == 0.0
    assert trial.game.worth["verifier"] == 1.0
    assert trial.game.worth["retriever+ranker+packer+model"] == 0.0
    mended = replay_of(trial, 0b10000, evidence)
    assert [ran.role for ran in mended.ran if ran.repaired] == ["verifier"]


def test_a_failing_stage_leaves_a_reason_and_no_game() -> None:
    def down(given: Given, seed: int | None) -> Output:
        raise RunFailed("model", "down", "timeout", "gave nothing")

    trial, _ = trial_of(retriever=finds(*FOUND), ranker=gold_first, packer=packs, model=down)
    assert (trial.game, trial.table, trial.unchanged) == (None, None, None)
    assert trial.plan is not None  # what was left to run is known
    assert trial.failure is not None
    assert (trial.failure.role, trial.failure.kind) == ("model", "timeout")
    assert trial.fair == {}


# ---- how a convicted model fails


def model(name: str) -> Run:
    def run(given: Given, seed: int | None) -> Output:
        shown = [p.id for p in given.context.passages] if given.context else []
        text = given.context.text if given.context else ""
        gold = "45 days" in text
        right = {
            "blind": False,
            "parrot": False,
            "first-blind": (gold and shown[0] != "d1") or shown == ["d1"],
            "distracted": gold and "d0" not in shown,
            "overwhelmed": shown == ["d1"],
        }[name]
        return Answer("45 days" if right else "30 days" if name == "parrot" else f"{len(text)} words read")

    return run


@pytest.mark.parametrize(
    "name, mode",
    [
        ("blind", "ignored"),
        ("parrot", "closed-book"),
        ("first-blind", "position"),
        ("distracted", "distracted"),
        ("overwhelmed", "ignored"),
    ],
)
def test_ablations_tell_how_the_model_fails(name: str, mode: str) -> None:
    trial, runner = trial_of(retriever=finds(*FOUND), ranker=gold_first, packer=packs, model=model(name))
    assert trial.plan is not None
    assert trial.fair_score == 0.0
    meter = Meter()
    found, seen = probed(runner, trial.plan, meter)
    assert found == mode
    alone = seen.startswith("right with gold alone")
    assert alone == (name not in ("blind", "parrot"))
    # What was seen and what the mode means stand beside each other in reports.
    assert not (alone and "even with the gold passages alone" in MODES["model", mode].definition)
    assert 1 <= meter.runs.model <= 4
    assert probed(runner, trial.plan, Meter()) == (found, seen)


def test_the_context_of_a_pipeline_without_a_packer() -> None:
    trial, _ = trial_of(retriever=finds("d0", "d2"), model=reads)
    assert trial.game is not None
    assert trial.game.worth["retriever"] == 1.0
    assert trial.unchanged is not None
    assert trial.unchanged.output("packer") is None
    assert isinstance(trial.unchanged.output("retriever"), Passages)
    assert not isinstance(trial.unchanged.output("model"), Context)
