from __future__ import annotations

import msgspec
import pytest

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Query, Text, Turn
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role
from diagnose.core.trace import Step, Trace
from diagnose.errors import BadInput
from diagnose.stages.failure import RunFailed
from diagnose.stages.recorded import given_in, recorded_pipeline, recorded_stage
from tests.stages.made import BIKES, HANDBOOK, LEAVE, given

CONVERSATION = Query("And how long?", (Turn("user", "Is there parental leave?"),))
OUTPUTS: dict[Role, Output] = {
    "rewriter": Text("How long is parental leave?"),
    "retriever": Passages(HANDBOOK),
    "ranker": Passages((LEAVE, BIKES)),
    "compressor": Passages((Passage("d1", "sixteen weeks"),)),
    "packer": Context("sixteen weeks", (Passage("d1"),)),
    "model": Answer("Sixteen weeks.", prompt_tokens=12),
    "verifier": Decision(True),
}


def trace(without: tuple[Role, ...] = (), **changed: Output) -> Trace:
    outputs: dict[Role, Output] = {**OUTPUTS, **changed}  # type: ignore[dict-item]
    steps = tuple(
        Step(role, output, name="logged") for role, output in outputs.items() if role not in without
    )
    return Trace("t1", CONVERSATION, steps)


def rerun(pipeline: Pipeline, query: Query) -> dict[Role, Output]:
    """Every stage on what the stages before it gave."""
    state = Given(query.text, query)
    outputs: dict[Role, Output] = {}
    for stage in pipeline.stages:
        output = stage.run(state, None)
        outputs[stage.role] = output
        match output:
            case Text():
                state = msgspec.structs.replace(state, query=output.text)
            case Passages():
                state = msgspec.structs.replace(state, passages=output.passages)
            case Context():
                state = msgspec.structs.replace(state, context=output)
            case Answer():
                state = msgspec.structs.replace(state, answer=output)
            case _:
                pass
    return outputs


@pytest.mark.parametrize("without", [(), ("rewriter",), ("ranker", "compressor"), ("verifier",)])
def test_a_rerun_gives_back_the_log(without: tuple[Role, ...]) -> None:
    log = trace(without)
    pipeline = recorded_pipeline([log])
    assert pipeline.roles == tuple(step.role for step in log.steps)
    assert rerun(pipeline, CONVERSATION) == {step.role: step.output for step in log.steps}
    assert all(stage.deterministic and stage.name == "logged" for stage in pipeline.stages)


def unseen(role: Role, asked: Given, log: Trace | None = None) -> bool:
    try:
        recorded_stage(role, [log or trace()]).run(asked, None)
    except RunFailed as failed:
        return failed.kind == "unseen" and "the log has no" in str(failed)
    return False


def test_any_other_input_is_unseen() -> None:
    asked = {role: given_in(trace(), role) for role in OUTPUTS}
    replace = msgspec.structs.replace
    assert not any(unseen(role, given) for role, given in asked.items())
    assert unseen("retriever", replace(asked["retriever"], query="How long?"))
    assert unseen("rewriter", replace(asked["rewriter"], conversation=Query("And how long?")))
    assert unseen("ranker", replace(asked["ranker"], passages=HANDBOOK[::-1]))
    assert unseen("model", replace(asked["model"], context=Context("other", (Passage("d1"),))))
    assert unseen("model", replace(asked["model"], conversation=Query("And how long?")))
    assert unseen("verifier", replace(asked["verifier"], answer=Answer("Ten weeks.")))


def test_what_the_role_does_not_take_does_not_count() -> None:
    asked = given_in(trace(), "ranker")
    replace = msgspec.structs.replace
    scored = tuple(replace(p, score=0.1, title="T") for p in asked.passages)
    assert not unseen("ranker", replace(asked, passages=scored, answer=Answer("x")))
    assert not unseen("model", replace(given_in(trace(), "model"), passages=()))


def test_a_log_without_a_packer_goes_by_its_passages() -> None:
    log = trace(without=("packer",))
    passages = (Passage("d1", "sixteen weeks"),)
    asked = Given("How long is parental leave?", CONVERSATION, passages)
    assert not unseen("model", asked, log)
    assert not unseen(
        "model", msgspec.structs.replace(asked, context=Context("sixteen weeks", passages)), log
    )
    assert unseen("model", msgspec.structs.replace(asked, passages=HANDBOOK), log)


def test_a_logged_error_fails_again() -> None:
    log = Trace("t1", Query("q"), (Step("model", Answer(""), error="429 too many requests"),))
    with pytest.raises(RunFailed, match="was logged with the error") as caught:
        recorded_stage("model", [log]).run(given_in(log, "model"), None)
    assert caught.value.kind == "raised"


def test_the_first_of_two_logged_outputs_stands() -> None:
    stage = recorded_stage("model", [trace(), trace(model=Answer("Ten."))])
    assert stage.run(given_in(trace(), "model"), None) == OUTPUTS["model"]


def test_the_fingerprint_is_that_of_what_was_logged() -> None:
    def fingerprint(*traces: Trace) -> str:
        return recorded_stage("model", traces).fingerprint

    assert fingerprint(trace()) == fingerprint(trace(), trace())
    assert fingerprint(trace()) != fingerprint(trace(model=Answer("Ten.")))
    assert fingerprint(trace()) != fingerprint(trace(rewriter=Text("Length of leave?")))


def test_a_log_that_ends_in_no_answer_is_no_pipeline() -> None:
    with pytest.raises(BadInput, match="found the roles retriever"):
        recorded_pipeline([Trace("t1", Query("q"), (Step("retriever", Passages(HANDBOOK)),))])
    with pytest.raises(BadInput, match="found the roles none"):
        recorded_pipeline([])


def test_a_step_with_the_output_of_another_role_is_bad_input() -> None:
    log = Trace("t1", Query("q"), (Step("model", Text("an answer")),))
    with pytest.raises(BadInput, match='trace "t1" step model: expected a answer, found a text'):
        recorded_pipeline([log])


def test_given_needs_no_log_of_its_own() -> None:
    assert given_in(Trace("t", Query("q")), "model") == given("q", ())
