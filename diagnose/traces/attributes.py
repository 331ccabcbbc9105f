"""Which attribute of a span says what: one table for every convention in use.

OpenInference (Phoenix and its instrumentations), OpenTelemetry GenAI (current and legacy), OpenLLMetry, the
Langfuse SDK, MLflow, Haystack's own tracer, LangSmith over OpenTelemetry and Vercel's AI SDK. Where a span
has several, the earlier name wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from diagnose.traces.span import Kind

KINDS: tuple[tuple[str, Mapping[str, Kind]], ...] = (
    (
        "openinference.span.kind",
        {
            "llm": "model",
            "embedding": "embedding",
            "chain": "chain",
            "retriever": "retriever",
            "reranker": "ranker",
            "tool": "tool",
            "agent": "agent",
            "guardrail": "verifier",
            "evaluator": "evaluator",
            "prompt": "prompt",
            "decision": "chain",
        },
    ),
    (
        "mlflow.spanType",
        {
            "llm": "model",
            "chat_model": "model",
            "chain": "chain",
            "agent": "agent",
            "tool": "tool",
            "retriever": "retriever",
            "reranker": "ranker",
            "embedding": "embedding",
            "parser": "chain",
            "task": "chain",
            "workflow": "chain",
            "memory": "chain",
            "guardrail": "verifier",
            "evaluator": "evaluator",
        },
    ),
    (
        "langfuse.observation.type",
        {
            "generation": "model",
            "retriever": "retriever",
            "embedding": "embedding",
            "agent": "agent",
            "tool": "tool",
            "chain": "chain",
            "span": "chain",
            "guardrail": "verifier",
            "evaluator": "evaluator",
        },
    ),
    (
        "gen_ai.operation.name",
        {
            "chat": "model",
            "generate_content": "model",
            "text_completion": "model",
            "completion": "model",
            "embeddings": "embedding",
            "retrieval": "retriever",
            "vector_db_retrieve": "retriever",
            "rerank": "ranker",
            "execute_tool": "tool",
            "invoke_agent": "agent",
            "create_agent": "agent",
            "invoke_workflow": "chain",
            "plan": "chain",
        },
    ),
    (
        "llm.request.type",
        {"chat": "model", "completion": "model", "rerank": "ranker", "embedding": "embedding"},
    ),
    (
        "langsmith.span.kind",
        {
            "llm": "model",
            "chain": "chain",
            "tool": "tool",
            "retriever": "retriever",
            "embedding": "embedding",
            "prompt": "prompt",
            "parser": "chain",
        },
    ),
    (
        "ai.operationId",
        {
            "ai.generatetext.dogenerate": "model",
            "ai.streamtext.dostream": "model",
            "ai.generateobject.dogenerate": "model",
            "ai.streamobject.dostream": "model",
            "ai.generatetext": "chain",
            "ai.streamtext": "chain",
            "ai.embed": "embedding",
            "ai.embedmany": "embedding",
            "ai.embed.doembed": "embedding",
            "ai.rerank.dorerank": "ranker",
            "ai.toolcall": "tool",
        },
    ),
    (
        "traceloop.span.kind",
        {"workflow": "chain", "task": "chain", "agent": "agent", "tool": "tool"},
    ),
)
"""Attributes that name a span's kind, and what their values (in small letters) stand for."""

SPECIFIC: frozenset[Kind] = frozenset(
    {"retriever", "ranker", "compressor", "model", "prompt", "embedding", "verifier", "evaluator", "router"}
)
"""Kinds that say what a span does. Of several attributes the first that gives one of these counts."""

HAYSTACK_TYPE = "haystack.component.type"
HAYSTACK_ENDINGS: tuple[tuple[str, Kind], ...] = (
    ("Retriever", "retriever"),
    ("Ranker", "ranker"),
    ("PromptBuilder", "prompt"),
    ("Generator", "model"),
    ("Reader", "model"),
    ("Embedder", "embedding"),
    ("WebSearch", "retriever"),
)
"""Haystack's components have no kind; their classes are named by what they do."""

DATABASE = ("db.system", "db.system.name")
"""A client's call of a vector store: a retriever where its events hold what was found."""
DATABASE_EVENT = "db.query.result"

INPUT = (
    "input.value",
    "mlflow.spanInputs",
    "langfuse.observation.input",
    "traceloop.entity.input",
    "haystack.component.input",
    "haystack.pipeline.input_data",
    "gen_ai.tool.call.arguments",
    "gen_ai.task.input",
    "ai.prompt",
    "inputs",
)
OUTPUT = (
    "output.value",
    "mlflow.spanOutputs",
    "langfuse.observation.output",
    "traceloop.entity.output",
    "haystack.component.output",
    "haystack.pipeline.output_data",
    "gen_ai.tool.call.result",
    "gen_ai.task.output",
    "ai.response.text",
    "outputs",
)
QUERY = ("reranker.query", "gen_ai.retrieval.query.text")
CITED = ("retrieval.documents", "reranker.output_documents", "gen_ai.retrieval.documents")
GIVEN = ("reranker.input_documents",)
PROMPT = (
    "llm.input_messages",
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "llm.prompts",
    "ai.prompt.messages",
    "gen_ai.content.prompt",
)
SYSTEM = ("gen_ai.system_instructions", "gen_ai.system.instructions")
ANSWER = (
    "llm.output_messages",
    "gen_ai.output.messages",
    "gen_ai.completion",
    "llm.choices",
    "ai.response.text",
    "gen_ai.content.completion",
)
TEMPLATE = ("llm.prompt_template.template",)
VARIABLES = ("llm.prompt_template.variables",)
MODEL = (
    "llm.model_name",
    "llm.response.model_name",
    "llm.request.model_name",
    "gen_ai.response.model",
    "gen_ai.request.model",
    "langfuse.observation.model.name",
    "mlflow.llm.model",
    "ai.model.id",
)
COMPONENT = (
    "reranker.model_name",
    "haystack.component.name",
    "traceloop.entity.name",
    "gen_ai.data_source.id",
)
PROMPT_TOKENS = (
    "llm.token_count.prompt",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "ai.usage.promptTokens",
)
COMPLETION_TOKENS = (
    "llm.token_count.completion",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "ai.usage.completionTokens",
)
USAGE = ("mlflow.chat.tokenUsage", "langfuse.observation.usage_details")
COST = ("llm.cost.total", "gen_ai.usage.cost", "mlflow.llm.cost", "langfuse.observation.cost_details")
FINISH = (
    "llm.finish_reason",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "ai.response.finishReason",
)
ERROR = ("exception.message", "error.type", "error.message", "langfuse.observation.status_message")
TAGS: tuple[tuple[str, str], ...] = (
    ("session.id", "session"),
    ("gen_ai.conversation.id", "session"),
    ("langfuse.session.id", "session"),
    ("user.id", "user"),
    ("langfuse.user.id", "user"),
    ("langfuse.environment", "environment"),
    ("langfuse.trace.name", "trace_name"),
    ("traceloop.workflow.name", "workflow"),
)
"""Attributes that become tags of the trace, and under which name."""
TAG_LISTS = ("tag.tags", "langfuse.trace.tags")
METADATA = ("metadata", "langfuse.trace.metadata")
TRACE_INPUT, TRACE_OUTPUT = "langfuse.trace.input", "langfuse.trace.output"

JUDGED = ("annotations", "evaluations", "trace.annotations")
"""Lists of judgements: `annotations.0.annotation.name`, `.score`, `.label`."""
EVALUATION_EVENT = "gen_ai.evaluation.result"
PROMPT_EVENTS: Mapping[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.content.prompt": "user",
}
"""Span events of the older GenAI convention that hold the prompt, by the role that speaks."""
DETAILS_EVENT = "gen_ai.client.inference.operation.details"
"""An event, of a span or on its own, whose attributes are what the span's would be."""
ANSWER_EVENTS = frozenset({"gen_ai.choice", "gen_ai.content.completion"})

LISTS = (
    *CITED[:2],
    *GIVEN,
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompts",
    "llm.choices",
    "gen_ai.prompt",
    "gen_ai.completion",
    *JUDGED,
)
"""Attributes that are lists, flattened as `NAME.0.…` by most tools."""

PASSED_OVER = (
    "embedding.",
    "llm.tools.",
    "llm.invocation_parameters",
    "llm.token_count.",
    "llm.cost.",
    "llm.system",
    "llm.provider",
    "input.mime_type",
    "output.mime_type",
    "graph.node.",
    "exception.",
    "openinference.",
    "gen_ai.request.",
    "gen_ai.response.",
    "gen_ai.usage.",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.agent.",
    "gen_ai.task.",
    "gen_ai.tool.",
    "gen_ai.retrieval.top_k",
    "gen_ai.output.type",
    "reranker.top_k",
    "llm.prompt_template.version",
    "haystack.component.",
    "haystack.pipeline.",
    "mlflow.",
    "langfuse.",
    "traceloop.",
    "db.",
    "server.",
    "prompt.",
    "telemetry.",
    "ai.",
    "operation.name",
    "resource.name",
    "otel.",
    "span.kind",
    "internal.span.format",
    "code.",
    "thread.",
    "lc_",
    "ls_",
)
"""Beginnings of attributes that are known, and say nothing that a trace holds: parameters, vectors, versions."""

CONTENT_SWITCH: Mapping[str, str] = {
    "genai": "set OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true (newer ones: span_only) where the "
    "application runs",
    "openllmetry": "set TRACELOOP_TRACE_CONTENT=true where the application runs",
    "haystack": "set HAYSTACK_CONTENT_TRACING_ENABLED=true where the application runs",
    "openinference": "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and their like where the "
    "application runs",
    "langfuse": "export observations with their input and output (the batch export, the blob export or the API with "
    "fields=core,basic,io,metadata): the download button of a trace leaves them out",
    "langsmith": "unset LANGSMITH_HIDE_INPUTS and LANGSMITH_HIDE_OUTPUTS where the application runs",
    "mlflow": "export traces with their spans (Trace.to_json, mlflow.search_traces, or give the server's URL)",
    "phoenix": "export GET /v1/projects/NAME/spans or give the server's URL: other listings hold no attributes",
}
"""What to turn on in a tool whose log holds no texts."""

FACTS: Mapping[str, tuple[str, ...]] = {
    "input": INPUT,
    "output": OUTPUT,
    "query": QUERY,
    "prompt": PROMPT,
    "system": SYSTEM,
    "answer": ANSWER,
    "variables": VARIABLES,
    "model": MODEL,
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": COMPLETION_TOKENS,
    "usage": USAGE,
    "cost": COST,
    "finish": FINISH,
    "metadata": METADATA,
}
"""What a span can say once, and the attributes that say it."""
