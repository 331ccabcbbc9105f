"""One id for each passage of a trace, however differently its spans cite it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from diagnose.core.artifact import Passage
from diagnose.stages.passage import content_id
from diagnose.traces.span import Cited, IdFrom

TextOf = Callable[[str], str | None]
"""The text a corpus has for an id, or None."""


class Known(NamedTuple):
    """An id and where it was found."""

    id: str
    id_from: IdFrom


class PassageIds:
    """The passages a trace cites: their ids by text, their texts by id.

    An id of a passage's own counts for every span that cites the same text without one. An id out of metadata
    that different texts share names a file, not a passage: there the digest of the text is added.
    """

    def __init__(self, cited: Iterable[Cited], text_of: TextOf | None = None) -> None:
        self._by_text: dict[str, Known] = {}
        self._texts: dict[str, str] = {}
        self._shared: set[str] = set()
        self._corpus = text_of
        self.filled = 0
        everything = list(cited)
        # Where every passage has an id of its own, nothing has to be told by its words.
        self._worded = any(passage.id_from != "id" for passage in everything)
        for rank in ("id", "output", "metadata") if self._worded else ("id",):
            for passage in everything:
                if passage.id is not None and passage.id_from == rank and passage.text:
                    self._learn(passage, passage.id)

    def _learn(self, passage: Cited, name: str) -> None:
        before = self._texts.get(name)
        if before is None or len(passage.text) > len(before):
            self._texts[name] = passage.text
        if not self._worded or not (text := _plain(passage.text)):
            return
        self._by_text.setdefault(text, Known(name, passage.id_from))
        if passage.id_from == "metadata" and before is not None:
            known = _plain(before)
            if text not in known and known not in text:
                self._shared.add(name)

    def passage(self, cited: Cited, tags: dict[str, str] | None = None) -> tuple[Passage, IdFrom]:
        """The passage as this program knows it, and where its id is from."""
        if cited.id_from == "id" and cited.id is not None and cited.text:  # nearly every passage
            return Passage(cited.id, cited.text, cited.score, cited.title, tags), "id"
        known = Known(cited.id, cited.id_from) if cited.id is not None else None
        text = _plain(cited.text) if known is None or known.id_from == "metadata" else ""
        if (known is None or known.id_from == "metadata") and text in self._by_text:
            known = self._by_text[text]
        if known is None:
            known = Known(content_id(cited.text), "text")
        elif known.id_from == "metadata" and known.id in self._shared and text:
            known = Known(f"{known.id}#{hashlib.sha256(text.encode()).hexdigest()[:8]}", "metadata")
        body = cited.text or self._texts.get(known.id, "") or self._from_corpus(known.id)
        return Passage(known.id, body, cited.score, cited.title, tags), known.id_from

    def _from_corpus(self, name: str) -> str:
        text = self._corpus(name) if self._corpus else None
        if text:
            self._texts[name] = text
            self.filled += 1
        return text or ""


def _plain(text: str) -> str:
    return " ".join(text.split())
