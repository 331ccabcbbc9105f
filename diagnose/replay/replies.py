"""What the model behind the metric `judge` replied, kept in the memo: a resumed run asks it nothing twice."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec

from diagnose.core.artifact import Answer
from diagnose.replay.memo import Memo
from diagnose.score.table import Scorer


def remembering(scorer: Scorer, memo: Memo) -> Scorer:
    """The scorer with its model's replies read from the memo and kept there, as long as that is open."""
    if scorer.ask is None:
        return scorer
    ask = scorer.ask

    def asked(question: str, seed: int) -> str:
        body = msgspec.json.encode(("judge", scorer.judge, f"seed {seed}", question))
        key = hashlib.sha256(body).hexdigest()
        found = memo.get(key, "model")
        if found is None:
            found = Answer(ask(question, seed))
            memo.put(key, found)
        assert isinstance(found, Answer)
        return found.text

    return replace(scorer, ask=asked)
