"""llama.cpp's key-value cache kept from prompt to prompt, without a bit of an answer depending on it.

A token's logits depend, in their last bits, on the size of the batch that it is evaluated in. Prompts are therefore
evaluated in blocks of `BLOCK` tokens from their first token on, and only whole blocks that two prompts share are kept:
each token is then evaluated in the same batch whatever was asked before (docs/decisions/0020).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llama_cpp import Llama

BLOCK = 64
"""Tokens of a batch. Evaluating a prompt from nothing takes as long as in batches of 512, on one CPU and on two."""


def kept_tokens(evaluated: Sequence[int], whole: int, wanted: Sequence[int]) -> int:
    """How many of the first tokens of `wanted` need not be evaluated again.

    `evaluated` are the tokens in the cache, of which the first `whole` stand in whole blocks of a prompt. The last
    token is always evaluated: its logits are what the answer starts from.

    >>> kept_tokens(range(200), 192, [*range(130), 0, 0])
    128
    >>> kept_tokens(range(200), 192, range(128)), kept_tokens(range(70), 64, range(65))
    (64, 64)
    """
    most = min(whole, len(evaluated), len(wanted) - 1)
    n = 0
    while n + BLOCK <= most and list(evaluated[n : n + BLOCK]) == list(wanted[n : n + BLOCK]):
        n += BLOCK
    return n


@cache
def blockwise() -> type[Llama]:
    """The library's class, with prompts evaluated in blocks; to be made with `n_batch = BLOCK`."""
    from llama_cpp import Llama

    class Blockwise(Llama):
        _whole = 0

        def generate(self, tokens: Sequence[int], *given: Any, **named: Any) -> Generator[int, Any, None]:
            wanted = list(tokens)
            # What is left of the cache beyond this goes: the library finds and keeps just this prefix.
            self.n_tokens = kept_tokens(self._input_ids.tolist(), self._whole, wanted)
            self._whole = len(wanted) // BLOCK * BLOCK
            generated: Generator[int, Any, None] = super().generate(wanted, *given, **named)
            return generated

    return Blockwise
