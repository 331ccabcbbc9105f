"""Which column of a table of questions and answers holds what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.errors import UsageError, quoted

TARGETS = (
    "trace_id",
    "query",
    "history",
    "answer",
    "passages",
    "passage_ids",
    "context",
    "gold.answers",
    "gold.passages",
    "gold.ids",
    "gold.sentences",
    "answerable",
    "score",
    "feedback",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "elapsed_s",
    "elapsed_ms",
)
"""What a column can be mapped to; `tags.NAME` as well."""
TAG = "tags."

Columns = Mapping[str, tuple[str, ...]]
"""For each target the columns it may stand in, the most telling first; `a.b` looks into an object."""

ALIASES: Columns = {
    "trace_id": (
        "trace_id",
        "query_id",
        "query-id",
        "question_id",
        "qid",
        "id",
        "_id",
        "example_id",
        "task_id",
        "record_id",
    ),
    "query": (
        *("user_input", "question", "query", "input", "user_query", "user_question", "query_text", "prompt"),
        *("vars.query", "vars.question", "vars.input", "inputs", "request", "messages"),
    ),
    "history": ("history", "chat_history", "conversation"),
    "answer": (
        *("response", "actual_output", "actualOutput", "generated_answer", "prediction", "predicted_answer"),
        *("model_answer", "llm_answer", "system_answer", "output", "completion", "answer", "inputs.response"),
        *("inputs.answer", "outputs"),
    ),
    "passages": (
        *("retrieved_contexts", "retrieved_context", "retrieval_context", "retrievalContext", "contexts"),
        *("retrieved_documents", "retrieved_docs", "retrieved_passages", "source_documents", "documents"),
        *("passages", "ctxs", "search_results", "sources", "chunks", "results", "outputs.contexts"),
        *("outputs.retrieved_contexts", "outputs.documents", "outputs.source_documents", "outputs.context"),
        *("output.contexts", "output.retrieved_contexts", "output.documents", "output.source_documents"),
        "output.context",
    ),
    "passage_ids": ("retrieved_context_ids", "retrieved_ids", "retrieved_doc_ids", "context_ids", "doc_ids"),
    "context": ("packed_context", "prompt_context", "context_text", "context", "inputs.context"),
    "gold.answers": (
        *("reference", "ground_truth", "ground_truths", "gt_answer", "expected_output", "expectedOutput"),
        *(
            "expected_answer",
            "expected_response",
            "expected",
            "reference_answer",
            "gold_answer",
            "gold_answers",
        ),
        *(
            "inputs.ground_truth",
            "inputs.reference",
            "answers",
            "reference_output",
            "correct_answer",
            "ideal",
            "target",
            "reference_outputs",
            "expectations",
        ),
    ),
    "gold.passages": (
        "reference_contexts",
        "gold_contexts",
        "gold_passages",
        "positive_passages",
        "expected_retrieved_context",
    ),
    "gold.ids": (
        *("reference_context_ids", "gold_doc_ids", "gold_ids", "gold_passage_ids", "relevant_doc_ids"),
        *("relevant_ids", "positive_doc_ids", "relevant_passage_ids", "corpus-id"),
    ),
    "gold.sentences": ("gold_sentences", "evidence_sentences", "supporting_sentences"),
    "answerable": ("answerable", "is_answerable"),
    "score": (
        *(
            "outcome_score",
            "answer_correctness",
            "correctness",
            "is_correct",
            "score",
            "feedback.correctness",
        ),
        "feedback.score",
    ),
    "feedback": ("feedback", "user_feedback", "thumbs"),
    "model": ("model", "model_name", "provider.id"),
    "prompt_tokens": (
        *(
            "prompt_tokens",
            "input_tokens",
            "prompt_token_count",
            "tokenUsage.prompt",
            "response.tokenUsage.prompt",
        ),
    ),
    "completion_tokens": (
        *(
            "completion_tokens",
            "output_tokens",
            "completion_token_count",
            "tokenUsage.completion",
            "response.tokenUsage.completion",
        ),
    ),
    "elapsed_s": ("elapsed_s", "latency_s", "duration_s"),
    "elapsed_ms": ("elapsed_ms", "latency_ms", "latencyMs"),
    "tags.prompt": ("prompt_label",),
}

PRESETS: Mapping[str, Columns] = {
    "ragas": {
        "query": ("user_input", "question"),
        "answer": ("response", "answer"),
        "passages": ("retrieved_contexts", "contexts"),
        "passage_ids": ("retrieved_context_ids",),
        "gold.answers": ("reference", "ground_truth", "ground_truths"),
        "gold.passages": ("reference_contexts",),
        "gold.ids": ("reference_context_ids",),
        "trace_id": ("id", "query_id"),
        "score": ("answer_correctness", "correctness"),
    },
    "ragchecker": {
        "trace_id": ("query_id",),
        "query": ("query",),
        "answer": ("response",),
        "passages": ("retrieved_context",),
        "gold.answers": ("gt_answer",),
    },
    "deepeval": {
        "trace_id": ("id",),
        "query": ("input",),
        "answer": ("actual_output", "actualOutput"),
        "passages": ("retrieval_context", "retrievalContext"),
        "gold.answers": ("expected_output", "expectedOutput"),
        "gold.passages": ("context",),
        "tags.name": ("name",),
    },
    "promptfoo": {
        "query": ("vars.query", "vars.question", "vars.user_input", "vars.input", "vars.prompt"),
        "answer": ("response.output",),
        "passages": (
            *("vars.contexts", "vars.documents", "vars.passages", "metadata.contexts", "metadata.documents"),
            *("response.metadata.contexts", "response.metadata.documents", "response.output.contexts"),
            *("response.output.documents", "response.output.passages"),
        ),
        "context": (
            *("vars.context", "metadata.context", "response.metadata.context", "response.output.context"),
        ),
        "prompt": ("prompt.raw",),
        "gold.answers": ("vars.reference", "vars.ground_truth", "vars.expected", "vars.answer"),
        "score": ("score",),
        "model": ("provider.id", "provider.label"),
        "prompt_tokens": ("response.tokenUsage.prompt", "tokenUsage.prompt"),
        "completion_tokens": ("response.tokenUsage.completion", "tokenUsage.completion"),
        "elapsed_ms": ("latencyMs",),
        "tags.prompt": ("prompt.label",),
    },
}
"""Columns of evaluation files whose makers fixed them."""

GOLD: Columns = {
    "gold.answers": ("answer", "response", "output", "outputs"),
    "gold.passages": ("passages", "contexts"),
}
"""Columns that hold labels where a file holds nothing but labels."""


def columns_for(format: str, mapping: Mapping[str, str] | None) -> Columns:
    """The columns of a format, those the user named in front."""
    columns = dict(PRESETS.get(format, ALIASES))
    for target, column in (mapping or {}).items():
        columns[target] = (column,)
    return columns


def parse_mapping(texts: list[str]) -> dict[str, str]:
    """`query=question` as a mapping from what is wanted to the column that holds it.

    Raises UsageError for a target there is none of. Several may stand in one text, separated by commas.
    """
    mapping: dict[str, str] = {}
    for text in (part for whole in texts for part in whole.split(",") if part.strip()):
        target, equals, column = text.strip().partition("=")
        if not equals or not column or not (target in TARGETS or target.startswith(TAG)):
            known = ", ".join(TARGETS)
            raise UsageError(
                f"--map: expected TARGET=COLUMN with a target of {known} or tags.NAME, found {quoted(text)}"
            )
        mapping[target] = column
    return mapping


GROUPED = (
    "inputs",
    "outputs",
    "input",
    "output",
    "reference_outputs",
    "expectations",
    "reference",
    "feedback",
)
OF_EXAMPLE = ("input", "output", "metadata")
"""Objects that Phoenix' table of a data set spreads: `input_question`, beside `example_id`."""
"""Objects that experiment tables (LangSmith, MLflow) spread over columns: `inputs.question`, `inputs/question`."""


def grouped(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with the columns of each spread object as that object; any other row as it is."""
    found: dict[str, dict[str, Any]] = {}
    if "example_id" in row and any(str(name).startswith("input_") for name in row):
        return _example(row)
    for name, value in row.items():
        for group in GROUPED:
            if name.startswith((f"{group}.", f"{group}/")) and value not in (None, ""):
                found.setdefault(group, {})[name[len(group) + 1 :]] = value
    if not found:
        return row
    spread = tuple(f"{group}{mark}" for group in found for mark in "./")
    return {**{name: value for name, value in row.items() if not name.startswith(spread)}, **found}


def _example(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        group, _, field = str(name).partition("_")
        if group in OF_EXAMPLE and field:
            found.setdefault(group, {})[field] = value
        else:
            found[name] = value
    return found


def looked_up(row: Mapping[str, Any], column: str) -> Any:
    """A column's value, or a field inside one (`vars.question`)."""
    if column in row:
        return row[column]
    head, dot, rest = column.partition(".")
    inner = row.get(head) if dot else None
    return looked_up(inner, rest) if isinstance(inner, Mapping) else None
