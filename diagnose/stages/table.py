"""The built-in stages, by role and the name that `use` calls them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnose.core.stage import Role
from diagnose.stages.bm25 import bm25s, rank_bm25
from diagnose.stages.complexity import by_complexity
from diagnose.stages.compress import extractive, llm_summary, whole
from diagnose.stages.extract import extract
from diagnose.stages.groundedness import judge, overlap
from diagnose.stages.guard import json_schema, regex
from diagnose.stages.http import http_stage
from diagnose.stages.llama import llama_cpp
from diagnose.stages.memory import memory_recall
from diagnose.stages.openai_chat import openai_chat
from diagnose.stages.pack import rank_order
from diagnose.stages.recorded import recorded
from diagnose.stages.rerank import rerank
from diagnose.stages.rewrite import history_window, last_turn, llm_rewrite
from diagnose.stages.route_rules import rules
from diagnose.stages.tfidf import tfidf

Factory = Callable[..., Callable[..., object]]

_ANY: Mapping[str, Factory] = {"http": http_stage, "recorded": recorded}

BUILT_INS: Mapping[Role, Mapping[str, Factory]] = {
    "router": {"rules": rules, "by-complexity": by_complexity, **_ANY},
    "rewriter": {
        "last-turn": last_turn,
        "history-window": history_window,
        "llm-rewrite": llm_rewrite,
        "memory-recall": memory_recall,
        **_ANY,
    },
    "retriever": {"rank-bm25": rank_bm25, "bm25s": bm25s, **_ANY},
    "ranker": {"tfidf": tfidf, "rerank": rerank, **_ANY},
    "compressor": {"extractive": extractive, "llm-summary": llm_summary, "whole": whole, **_ANY},
    "packer": {"rank-order": rank_order, **_ANY},
    "model": {"extract": extract, "llama-cpp": llama_cpp, "openai-chat": openai_chat, "http": http_stage},
    "verifier": {"overlap": overlap, "judge": judge, "regex": regex, "json-schema": json_schema, **_ANY},
}
"""A factory's parameters are the keys its table takes, with their types and ranges; those named in
`build.OFFERED` come from the pipeline instead."""
