"""Components of Haystack's layered pipeline; its instrumentation wants them at the top of a module."""

from __future__ import annotations

from typing import Any

from haystack import Document, component
from haystack.dataclasses import ChatMessage

from tests.foreign.layered_apps import STANDALONE


@component
class RewritingChatGenerator:
    """Says the standalone question."""

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage]) -> dict[str, Any]:
        """Whatever it is asked."""
        return {"replies": [ChatMessage.from_assistant(STANDALONE)]}


@component
class FirstClauseCompressor:
    """Keeps of each document what stands before its first comma."""

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """The same documents, shorter."""
        return {"documents": [Document(id=d.id, content=(d.content or "").split(",")[0]) for d in documents]}
