"""The built-in stages, by role and the name that `use` calls them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnose.core.stage import Role
from diagnose.stages.bm25 import bm25s, rank_bm25
from diagnose.stages.extract import extract
from diagnose.stages.http import http_stage
from diagnose.stages.llama import llama_cpp
from diagnose.stages.openai_chat import openai_chat
from diagnose.stages.pack import rank_order
from diagnose.stages.recorded import recorded
from diagnose.stages.rerank import rerank
from diagnose.stages.tfidf import tfidf

Factory = Callable[..., Callable[..., object]]

_ANY: Mapping[str, Factory] = {"http": http_stage, "recorded": recorded}

BUILT_INS: Mapping[Role, Mapping[str, Factory]] = {
    "router": _ANY,
    "rewriter": _ANY,
    "retriever": {"rank-bm25": rank_bm25, "bm25s": bm25s, **_ANY},
    "ranker": {"tfidf": tfidf, "rerank": rerank, **_ANY},
    "compressor": _ANY,
    "packer": {"rank-order": rank_order, **_ANY},
    "model": {"extract": extract, "llama-cpp": llama_cpp, "openai-chat": openai_chat, "http": http_stage},
    "verifier": _ANY,
}
"""A factory's parameters are the keys its table takes, with their types and ranges; those named in
`build.OFFERED` come from the pipeline instead."""
