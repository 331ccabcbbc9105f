"""What the chat models share: the prompt made of a query and a context."""

from __future__ import annotations

from dataclasses import dataclass

from diagnose.core.artifact import Context
from diagnose.stages.template import check_places, fill

SYSTEM = "Answer the question from the context alone, in as few words as possible."
PROMPT = "Context:\n{context}\n\nQuestion: {query}\nAnswer:"
PLACES = ("query", "context")


@dataclass(frozen=True)
class Prompt:
    """A system message ("" for none) and a template of the user's message with {query} and {context}."""

    system: str
    template: str

    def messages(self, query: str, context: Context | None) -> list[dict[str, str]]:
        """The chat messages for one call; no context at all reads as an empty one."""
        text = context.text if context is not None else ""
        user = {"role": "user", "content": fill(self.template, {"query": query, "context": text})}
        return [{"role": "system", "content": self.system}, user] if self.system else [user]


def chat_prompt(system: str, template: str) -> Prompt:
    """The prompt of a model's settings; UsageError where the template lacks {query} or names another place.

    {context} may be missing: that is a model that answers from memory.
    """
    check_places(template, PLACES, ("query",), "prompt")
    return Prompt(system, template)
