"""What stages share that ask a model: a sub-table's, or the pipeline's own."""

from __future__ import annotations

from diagnose.core.artifact import Answer, Context, Query
from diagnose.core.stage import Given, Stage


def asked(model_stage: Stage, question: str, context: str, seed: int | None) -> str:
    """What the model says to a question beside a context, without the white space around it.

    Any stage of the role `model` will do: it is called as it is in the pipeline, with its own prompt around
    both texts. What it raises comes through as it is.
    """
    given = Given(question, Query(question), (), Context(context))
    output = model_stage.run(given, seed if model_stage.seeded else None)
    assert isinstance(output, Answer)
    return output.text.strip()
