"""The rewriters `last-turn`, `history-window` and `llm-rewrite`: a conversation in, one query out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from diagnose.core.artifact import Query, Turn
from diagnose.core.stage import Stage
from diagnose.stages.addressed import fenced
from diagnose.stages.asking import asked
from diagnose.stages.bm25 import AtLeastOne
from diagnose.stages.template import check_places, fill

REWRITE = (
    "Rewrite the last question of this conversation so that it can be understood without the rest. Keep its"
    " names, numbers and negations word for word, and give nothing but the question. Last question: {query}"
)
_LABEL = re.compile(r"^(?:[\w ]{0,30}(?:question|query|rewritten|rewrite))\s*:\s*", re.IGNORECASE)
_QUOTES = "\"'“”‘’`"


@dataclass(frozen=True)
class LastTurn:
    """Gives the user's last words as they are."""

    deterministic = True

    def __call__(self, conversation: Query) -> str:
        return conversation.text


def last_turn() -> LastTurn:
    """`last-turn`: the user's last words as they are; what a pipeline without a rewriter does."""
    return LastTurn()


@dataclass(frozen=True)
class HistoryWindow:
    """Puts the last turns before the user's words (see `history_window`)."""

    turns: int
    roles: Literal["user", "all"]
    template: str
    deterministic = True

    def __call__(self, conversation: Query) -> str:
        before = " ".join(turn.content for turn in _window(conversation.history, self.turns, self.roles))
        if not before:
            return conversation.text
        return fill(self.template, {"history": before, "query": conversation.text})


def history_window(
    turns: AtLeastOne = 2,
    roles: Literal["user", "all"] = "user",
    template: str = "{history} {query}",
) -> HistoryWindow:
    """`history-window`: the last `turns` turns and the user's words, joined; the words alone where there is no
    history.

    `roles = "user"` counts and takes the user's own turns only: what the assistant said is long, and draws a
    lexical retriever to itself. `template` has the places {history} and {query}.
    """
    check_places(template, ("history", "query"), ("query",), "template")
    return HistoryWindow(turns, roles, template)


@dataclass(frozen=True)
class LlmRewrite:
    """Has a model make one query of a conversation (see `llm_rewrite`)."""

    model_stage: Stage
    turns: int
    prompt: str

    @property
    def deterministic(self) -> bool:
        """As the model is."""
        return self.model_stage.deterministic

    def __call__(self, conversation: Query, seed: int | None = None) -> str:
        history = _window(conversation.history, self.turns, "all")
        if not history:
            return conversation.text
        lines = [f"{turn.role}: {fenced(turn.content)}" for turn in history]
        said = asked(
            self.model_stage,
            fill(self.prompt, {"query": fenced(conversation.text)}),
            "\n".join((*lines, f"user: {fenced(conversation.text)}")),
            seed,
        )
        return _query_in(said) or conversation.text


def llm_rewrite(model_stage: Stage, turns: AtLeastOne = 6, prompt: str = REWRITE) -> LlmRewrite:
    """`llm-rewrite`: a model makes a question of the last `turns` turns that stands alone.

    The model is that of the sub-table `[stages.rewriter.model]`, a stage like any model (`use = …` and its
    keys), else the pipeline's own. It reads the turns as its context and `prompt` (with the place {query}) as
    its question. Without a history the user's words stay as they are and no model is asked; they also stay
    where it says nothing. Of what it says the first line counts, without quotes and labels around it.
    """
    check_places(prompt, ("query",), ("query",), "prompt")
    return LlmRewrite(model_stage, turns, prompt)


def _window(history: Sequence[Turn], turns: int, roles: str) -> Sequence[Turn]:
    """The last turns, in order."""
    wanted = [turn for turn in history if turn.content.strip() and (roles == "all" or turn.role == roles)]
    return wanted[-turns:]


def _query_in(said: str) -> str:
    """The query in what a model said."""
    line = next((line.strip() for line in said.splitlines() if line.strip()), "")
    return _LABEL.sub("", line.strip(_QUOTES)).strip(_QUOTES + " ")
