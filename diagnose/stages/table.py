"""The built-in stages, by role and the name that `use` calls them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnose.core.stage import Role
from diagnose.stages.bm25 import bm25s, rank_bm25
from diagnose.stages.extract import extract
from diagnose.stages.llama import llama_cpp
from diagnose.stages.openai_chat import openai_chat
from diagnose.stages.pack import rank_order
from diagnose.stages.tfidf import tfidf

Factory = Callable[..., Callable[..., object]]

BUILT_INS: Mapping[Role, Mapping[str, Factory]] = {
    "router": {},
    "rewriter": {},
    "retriever": {"rank-bm25": rank_bm25, "bm25s": bm25s},
    "ranker": {"tfidf": tfidf},
    "compressor": {},
    "packer": {"rank-order": rank_order},
    "model": {"extract": extract, "llama-cpp": llama_cpp, "openai-chat": openai_chat},
    "verifier": {},
}
"""A factory's parameters are the keys its table takes, with their types and ranges; those named in
`build.OFFERED` come from the pipeline instead."""
