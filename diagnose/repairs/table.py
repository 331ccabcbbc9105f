"""The contract of every role."""

from __future__ import annotations

from diagnose.core.stage import Role
from diagnose.repairs import compressor, model, packer, ranker, retriever, rewriter, router, verifier
from diagnose.repairs.contract import Contract

CONTRACTS: dict[Role, Contract] = {
    "router": Contract(
        "the cheapest declared route that answers the query",
        "the cheapest declared route that scores full marks, its own where that answers",
        router.kept,
        router.repair,
    ),
    "rewriter": Contract(
        "a query that keeps the user's intent",
        "the reference query if the label has one, else the user's own words",
        rewriter.kept,
        rewriter.repair,
    ),
    "retriever": Contract(
        "every gold passage that the corpus holds, among its candidates; where nothing answers the question, "
        "passages as the corpus holds them",
        "its own output, missing gold put in front in place of its last non-gold passages; for a question "
        "without an answer, without what the corpus does not hold",
        retriever.kept,
        retriever.repair,
    ),
    "ranker": Contract(
        "gold ahead of the rest in what it passes on",
        "its own input, gold first, otherwise its own order, same length",
        ranker.kept,
        ranker.repair,
    ),
    "compressor": Contract(
        "the evidence, unharmed",
        "for gold passages the original wording, for the others its own output",
        compressor.kept,
        compressor.repair,
    ),
    "packer": Contract(
        "passages in rank order, best first, whole, once each, readable, within its budget",
        "its own context with just that restored, missing gold at the cost of the last non-gold, and what copies "
        "or a cut had displaced from before the gold back in its place",
        packer.kept,
        packer.repair,
    ),
    "model": Contract(
        "the answer, where a fair context supports it; "
        "abstention where none does and the pipeline asks for that",
        "the reference answer if its actual context holds the evidence, only as far as it is incapable",
        model.kept,
        model.repair,
    ),
    "verifier": Contract(
        "lets right drafts through, blocks wrong ones that an abstention beats",
        "exactly that, judged by the scorer",
        verifier.kept,
        verifier.repair,
    ),
}
