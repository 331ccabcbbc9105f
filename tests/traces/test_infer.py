"""Stages are read off what went in and came out, not off the kind of a span alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Context, Decision, Passage, Passages, Text
from diagnose.core.trace import Usage
from diagnose.stages.corpus import MemoryCorpus
from tests.traces.reading import answer, ids, notes, one, read, roles, texts, written
from tests.traces.sample_logs import ANSWER, listed, openinference, otlp, span

KIND = "openinference.span.kind"
Q = "how long do refunds take to arrive"
A = ("a", "Refunds are paid within fourteen days of the return.", 3.0)
B = ("b", "Parcels are sent back free of charge from any shop.", 2.0)
C = ("c", "Gift cards are not refunded but stay valid for years.", 1.0)


def chain(n: int = 1, parent: int | None = None, said: str | None = None) -> dict[str, Any]:
    put_out = {} if said is None else {"output.value": said}
    return span(n, "ask", {KIND: "CHAIN", "input.value": Q, **put_out}, parent=parent)


def retriever(n: int, *found: tuple[str, str, float], parent: int | None = 1, **more: Any) -> dict[str, Any]:
    attributes = {
        KIND: "RETRIEVER",
        "input.value": more.pop("query", Q),
        **listed("retrieval.documents", found),
    }
    return span(n, more.pop("name", f"search {n}"), attributes | more, parent=parent)


def model(
    n: int, prompt: str, said: str | None = "fourteen days", parent: int | None = 1, **more: Any
) -> dict[str, Any]:
    attributes = {
        KIND: "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": prompt,
    }
    if said is not None:
        attributes |= {
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": said,
        }
    return span(n, f"model {n}", attributes | more, parent=parent)


def log(tmp_path: Path, *spans: dict[str, Any]) -> Path:
    return written(tmp_path, otlp(spans))


def test_an_outer_retriever_whose_passages_differ_is_a_ranker(tmp_path: Path) -> None:
    trace = one(
        log(
            tmp_path, chain(), retriever(2, B, A, name="outer"), retriever(3, A, B, C, parent=2, name="inner")
        )
    )
    assert (ids(trace, "retriever"), ids(trace, "ranker")) == (["a", "b", "c"], ["b", "a"])
    assert [step.name for step in trace.steps] == ["inner", "outer"]


@pytest.mark.parametrize("inner", [(A, B), ()], ids=["same", "silent"])
def test_an_outer_retriever_that_repeats_its_inner_one_is_the_retriever(tmp_path: Path, inner: Any) -> None:
    trace = one(log(tmp_path, chain(), retriever(2, A, B, name="outer"), retriever(3, *inner, parent=2)))
    assert roles(trace) == ["retriever"]
    assert (ids(trace, "retriever"), trace.steps[0].name) == (["a", "b"], "outer")


def test_an_outer_retriever_that_shortens_is_a_compressor(tmp_path: Path) -> None:
    short = ("a", "paid within fourteen days", 3.0)
    trace = one(log(tmp_path, chain(), retriever(2, short, B), retriever(3, A, B, parent=2)))
    assert roles(trace) == ["retriever", "compressor"]
    assert texts(trace, "compressor") == [short[1], B[1]]


def test_a_compressor_of_passages_without_ids_keeps_them_apart(tmp_path: Path) -> None:
    def bare(n: int, *found: str, parent: int = 1) -> dict[str, Any]:
        documents = {f"retrieval.documents.{i}.document.content": text for i, text in enumerate(found)}
        return span(n, f"s{n}", {KIND: "RETRIEVER", "input.value": Q, **documents}, parent=parent)

    trace = one(log(tmp_path, chain(), bare(2, "paid within fourteen days"), bare(3, A[1], B[1], parent=2)))
    assert roles(trace) == ["retriever", "compressor"]
    assert ids(trace, "compressor") == ids(trace, "retriever")[:1]


def test_an_outer_retriever_with_other_passages_is_the_retriever(tmp_path: Path) -> None:
    whole = ("A", "The whole chapter about refunds, of which a passage was found.", 1.0)
    traces, _, account = read(log(tmp_path, chain(), retriever(2, whole), retriever(3, A, B, parent=2)))
    assert (roles(traces[0]), ids(traces[0], "retriever")) == (["retriever"], ["A"])
    assert "gave passages that they had not" in notes(account)


def test_several_retrievers_are_merged_with_their_finders(tmp_path: Path) -> None:
    spans = chain(), retriever(2, A, B, name="dense"), retriever(3, C, A, name="sparse")
    traces, _, account = read(log(tmp_path, *spans))
    output = traces[0].output("retriever")
    assert isinstance(output, Passages)
    assert [(p.id, (p.tags or {})["retriever"]) for p in output.passages] == [
        ("a", "dense, sparse"), ("c", "sparse"), ("b", "dense"),
    ]  # fmt: skip
    assert traces[0].steps[0].name == "dense + sparse"
    assert "several retrievers" in notes(account)


def test_merged_lists_stand_as_the_ranker_was_given_them(tmp_path: Path) -> None:
    rerank = {
        KIND: "RERANKER",
        **listed("reranker.input_documents", (C, B, A)),
        **listed("reranker.output_documents", (A,)),
    }
    trace = one(log(tmp_path, chain(), retriever(2, A, B), retriever(3, C), span(4, "rerank", rerank)))
    assert (ids(trace, "retriever"), ids(trace, "ranker")) == (["c", "b", "a"], ["a"])


def test_a_fused_list_around_two_retrievers_is_their_ranker(tmp_path: Path) -> None:
    spans = chain(), retriever(2, C, A, B), retriever(3, A, B, parent=2), retriever(4, C, parent=2)
    trace = one(log(tmp_path, *spans))
    assert (ids(trace, "retriever"), ids(trace, "ranker")) == (["a", "c", "b"], ["c", "a", "b"])


def test_a_ranker_alone_gives_its_input_as_what_was_retrieved(tmp_path: Path) -> None:
    rerank = {
        KIND: "RERANKER",
        "reranker.query": Q,
        **listed("reranker.input_documents", (B, A)),
        **listed("reranker.output_documents", (A, B)),
    }
    traces, _, account = read(log(tmp_path, chain(), span(2, "rerank", rerank)))
    assert (ids(traces[0], "retriever"), ids(traces[0], "ranker")) == (["b", "a"], ["a", "b"])
    assert "taken from the ranker's input" in notes(account)


def test_a_rerank_endpoint_that_answers_with_positions(tmp_path: Path) -> None:
    given = [{"id": name, "text": text} for name, text, _ in (B, A, C)]
    results = {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]}
    rerank = {KIND: "RERANKER", "input.value": json.dumps({"query": Q, "documents": given})}
    spans = chain(), retriever(2, B, A, C), span(3, "rerank", {**rerank, "output.value": json.dumps(results)})
    output = one(log(tmp_path, *spans)).output("ranker")
    assert isinstance(output, Passages)
    assert [(p.id, p.score) for p in output.passages] == [("a", 0.9), ("b", 0.1)]


def test_a_plain_span_that_puts_out_passages_is_the_retriever(tmp_path: Path) -> None:
    found = json.dumps([{"id": name, "page_content": text} for name, text, _ in (A, B)])
    traces, _, account = read(
        log(tmp_path, chain(), span(2, "lookup", {KIND: "CHAIN", "output.value": found}))
    )
    assert (roles(traces[0]), ids(traces[0], "retriever")) == (["retriever"], ["a", "b"])
    assert "of another kind whose output is passages" in notes(account)


def test_a_span_that_passes_passages_on_is_no_stage(tmp_path: Path) -> None:
    same = json.dumps({"documents": [{"id": name, "page_content": text} for name, text, _ in (A, B)]})
    trace = one(
        log(tmp_path, chain(), retriever(2, A, B), span(3, "node", {KIND: "CHAIN", "output.value": same}))
    )
    assert roles(trace) == ["retriever"]


def test_an_empty_retrieval_is_a_step(tmp_path: Path) -> None:
    empty = span(2, "search", {KIND: "RETRIEVER", "input.value": Q, "output.value": '{"documents": []}'})
    trace = one(log(tmp_path, chain(), empty))
    assert trace.output("retriever") == Passages(())


def test_a_retriever_that_failed_keeps_its_error(tmp_path: Path) -> None:
    failed = retriever(2)
    failed["status"] = {"code": 2, "message": "timeout"}
    trace = one(log(tmp_path, chain(), failed))
    assert (trace.output("retriever"), trace.steps[0].error) == (Passages(()), "timeout")


def test_the_packer_is_the_span_before_the_model_that_holds_the_passages(tmp_path: Path) -> None:
    context = f"[1] {A[1]}\n[2] {B[1]}"
    spans = (
        chain(said="fourteen days"),
        retriever(2, A, B, C),
        span(3, "join", {KIND: "CHAIN", "output.value": context}),
        span(4, "template", {KIND: "CHAIN", "output.value": f"Use this:\n{context}\n\n{Q}?"}),
        model(5, f"Use this:\n{context}\n\n{Q}?"),
    )
    trace = one(log(tmp_path, *spans))
    assert trace.output("packer") == Context(context, (Passage("a", A[1]), Passage("b", B[1])))
    assert trace.steps[1].name == "join"


def test_a_template_variable_is_the_context(tmp_path: Path) -> None:
    context = f"{B[1]}\n{A[1]}"
    prompt = {
        KIND: "PROMPT",
        "llm.prompt_template.variables": json.dumps({"context": context, "question": Q}),
        "output.value": f"Answer.\n{context}\n{Q}",
    }
    trace = one(
        log(
            tmp_path,
            chain(),
            retriever(2, A, B),
            span(3, "fill", prompt),
            model(4, f"Answer.\n{context}\n{Q}"),
        )
    )
    packed = trace.output("packer")
    assert isinstance(packed, Context)
    assert (packed.text, [p.id for p in packed.passages], trace.steps[1].name) == (
        context,
        ["b", "a"],
        "fill",
    )


def test_without_a_packer_the_packed_set_comes_from_the_prompt(tmp_path: Path) -> None:
    cut = A[1][:32]
    prompt = f"You are helpful.\nContext:\n{B[1]}\n---\n{cut}\n\nQuestion: {Q}"
    traces, _, account = read(log(tmp_path, chain(), retriever(2, A, B, C), model(3, prompt)))
    packed = traces[0].output("packer")
    assert isinstance(packed, Context)
    assert packed.text == f"{B[1]}\n---\n{cut}"
    assert [(p.id, p.text) for p in packed.passages] == [("b", B[1]), ("a", cut)]
    assert "recovered from the model's prompt" in notes(account)
    assert "passages cut on the way" in notes(account)


def test_a_prompt_without_any_passage_is_said(tmp_path: Path) -> None:
    traces, _, account = read(log(tmp_path, chain(), retriever(2, A, B), model(3, Q)))
    assert roles(traces[0]) == ["retriever", "model"]
    assert "none of the passages is in the model's prompt" in notes(account)


def test_nested_model_spans_are_one_call(tmp_path: Path) -> None:
    outer = model(2, "", None, **{"output.value": "fourteen days"})
    del outer["attributes"]["llm.input_messages.0.message.content"]
    inner = model(
        3, f"{A[1]} {Q}", parent=2, **{"llm.token_count.prompt": 20, "llm.token_count.completion": 2}
    )
    traces, _, account = read(log(tmp_path, chain(), outer, inner))
    assert (roles(traces[0]), answer(traces[0])) == (["model"], "fourteen days")
    assert traces[0].steps[0].usage == Usage(20, 2)
    assert account.spans["LLM > the same model call"] == 1


def test_a_model_inside_a_ranker_is_part_of_it(tmp_path: Path) -> None:
    rerank = span(3, "rerank", {KIND: "RERANKER", **listed("reranker.output_documents", (B, A))})
    spans = chain(), retriever(2, A, B), rerank, model(4, "rank these", "b, a", parent=3), model(5, A[1])
    trace = one(log(tmp_path, *spans))
    assert (roles(trace), answer(trace)) == (["retriever", "ranker", "packer", "model"], "fourteen days")


def test_a_model_whose_words_the_retriever_is_asked_is_the_rewriter(tmp_path: Path) -> None:
    spans = (
        chain(),
        model(2, "Make a stand-alone question", "time until a refund arrives"),
        retriever(3, A, query="time until a refund arrives"),
        model(4, A[1], **{"llm.token_count.prompt": 9}),
    )
    trace = one(log(tmp_path, *spans))
    assert roles(trace) == ["rewriter", "retriever", "packer", "model"]
    assert trace.output("rewriter") == Text("time until a refund arrives")
    assert trace.steps[0].name == "model 2"
    assert trace.steps[-1].usage == Usage(9)


def test_a_rewritten_query_without_a_span_comes_from_the_retriever(tmp_path: Path) -> None:
    traces, _, account = read(log(tmp_path, chain(), retriever(2, A, query="refund duration")))
    assert traces[0].output("rewriter") == Text("refund duration")
    assert "taken from the retriever's input" in notes(account)


def test_the_query_in_other_letters_is_not_rewritten(tmp_path: Path) -> None:
    assert roles(one(log(tmp_path, chain(), retriever(2, A, query=f"  {Q.upper()} ")))) == ["retriever"]


def test_a_conversation_gives_question_and_history(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "Can I return this?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": Q},
    ]
    root = span(1, "chat", {KIND: "CHAIN", "input.value": json.dumps({"messages": messages})}, parent=None)
    trace = one(log(tmp_path, root, retriever(2, A)))
    assert trace.query.text == Q
    assert [(turn.role, turn.content) for turn in trace.query.history] == [
        ("user", "Can I return this?"), ("assistant", "Yes."),
    ]  # fmt: skip


def test_a_guardrail_that_blocks_is_the_verifier(tmp_path: Path) -> None:
    guard = span(4, "guard", {KIND: "GUARDRAIL", "output.value": json.dumps({"passed": False})})
    trace = one(log(tmp_path, chain(), retriever(2, A), model(3, A[1]), guard))
    output = trace.output("verifier")
    assert isinstance(output, Decision)
    assert output.accept is False


def test_an_agent_that_calls_the_model_twice_counts_both(tmp_path: Path) -> None:
    tokens = {"llm.token_count.prompt": 10, "llm.token_count.completion": 1}
    spans = chain(), model(2, Q, "let me look", **tokens), retriever(3, A), model(4, A[1], **tokens)
    traces, _, account = read(log(tmp_path, *spans))
    assert (answer(traces[0]), traces[0].steps[-1].usage) == ("fourteen days", Usage(20, 2))
    assert "model calls besides the one that answered" in notes(account)


def test_a_judge_that_runs_last_is_not_the_answering_model(tmp_path: Path) -> None:
    spans = (
        chain(said="fourteen days"),
        model(2, Q),
        model(3, "Is this right?", "yes, it is right"),
    )
    assert answer(one(log(tmp_path, *spans))) == "fourteen days"


def test_a_batch_under_one_trace_id_is_one_trace_per_query(tmp_path: Path) -> None:
    def asked(n: int, question: str, found: tuple[str, str, float]) -> list[dict[str, Any]]:
        return [
            span(n, "ask", {KIND: "CHAIN", "input.value": question}),
            retriever(n + 1, found, parent=n, query=question),
            model(n + 2, f"{found[1]} {question}", f"answer {n}", parent=n),
        ]

    root = span(1, "batch", {KIND: "CHAIN"}, parent=None)
    traces, _, account = read(log(tmp_path, root, *asked(10, "one?", A), *asked(20, "two?", B)))
    assert [(t.query.text, answer(t), ids(t, "retriever")) for t in traces] == [
        ("one?", "answer 10", ["a"]), ("two?", "answer 20", ["b"]),
    ]  # fmt: skip
    assert len({t.trace_id for t in traces}) == 2
    assert "several queries" in notes(account)


def test_strays_that_share_only_a_trace_id_stay_together(tmp_path: Path) -> None:
    traces, _, account = read(log(tmp_path, retriever(2, A, parent=77), model(3, f"{A[1]} {Q}", parent=77)))
    assert roles(traces[0]) == ["retriever", "packer", "model"]
    assert account.noted["spans whose parent is not in the log: taken for the top of their tree"].n == 2


def test_different_spans_of_one_id_are_kept_apart(tmp_path: Path) -> None:
    spans = [{**item, "span_id": "1" * 16} for item in openinference()]
    traces, problems, account = read(written(tmp_path, otlp(spans)))
    assert not problems
    (trace,) = traces
    assert (roles(trace), answer(trace)) == (["retriever", "ranker", "packer", "model"], ANSWER)
    assert any("different spans under one id" in what for what in account.noted)


def test_circles_are_cut(tmp_path: Path) -> None:
    spans = retriever(2, A, parent=3), model(3, f"{A[1]} {Q}", parent=2), chain(4, parent=4)
    traces, _, account = read(log(tmp_path, *spans))
    assert roles(traces[0]) == ["retriever", "packer", "model"]
    assert "their own ancestors" in notes(account)


def test_clocks_that_differ_are_said_and_order_nothing_wrong(tmp_path: Path) -> None:
    late = chain(said="fourteen days")
    late["start_ns"] += 60_000_000_000
    late["end_ns"] = 1
    traces, _, account = read(log(tmp_path, late, retriever(2, A), model(3, f"{A[1]} {Q}")))
    assert roles(traces[0]) == ["retriever", "packer", "model"]
    assert "clocks differ" in notes(account)


def test_a_ranker_whose_clock_is_early_still_follows_its_retriever(tmp_path: Path) -> None:
    rerank = {
        KIND: "RERANKER",
        **listed("reranker.input_documents", (A, B)),
        **listed("reranker.output_documents", (B,)),
    }
    spans = chain(), span(2, "rerank", rerank), retriever(3, A, B)
    traces, _, account = read(log(tmp_path, *spans))
    assert (ids(traces[0], "retriever"), ids(traces[0], "ranker")) == (["a", "b"], ["b"])
    assert account.stages == {"retriever": 1, "ranker": 1}


def test_spans_logged_twice_are_one(tmp_path: Path) -> None:
    spans = chain(), retriever(2, A, B)
    traces, _, account = read(log(tmp_path, *spans, *spans))
    assert ids(traces[0], "retriever") == ["a", "b"]
    assert account.noted["spans logged more than once were merged"].n == 2


def test_ten_thousand_nested_spans(tmp_path: Path) -> None:
    spans = [chain(1)] + [span(n, "deep", {KIND: "CHAIN"}, parent=n - 1) for n in range(2, 10_001)]
    trace = one(log(tmp_path, *spans, retriever(10_001, A, parent=10_000)))
    assert roles(trace) == ["retriever"]


def test_a_failure_before_any_stage_is_a_query_with_its_error(tmp_path: Path) -> None:
    root = chain()
    root["status"] = {"code": "STATUS_CODE_ERROR", "message": "no index"}
    traces, _, account = read(log(tmp_path, root))
    assert (traces[0].steps, traces[0].tags["error"]) == ((), "no index")
    assert "ended in an error" in notes(account)


@pytest.mark.parametrize(
    "spans, switch",
    [
        (
            [span(1, "chat", {"gen_ai.operation.name": "chat"}, parent=None)],
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE",
        ),
        (
            [span(1, "x", {"traceloop.span.kind": "workflow", "gen_ai.operation.name": "chat"}, parent=None)],
            "TRACELOOP_TRACE_CONTENT=true",
        ),
        (
            [span(1, "x", {"haystack.component.type": "OpenAIGenerator"}, parent=None)],
            "HAYSTACK_CONTENT_TRACING_ENABLED=true",
        ),
        (
            [
                span(
                    1,
                    "x",
                    {KIND: "LLM", "input.value": "__REDACTED__", "output.value": "__REDACTED__"},
                    parent=None,
                )
            ],
            "OPENINFERENCE_HIDE_INPUTS",
        ),
    ],
)
def test_hidden_texts_name_the_switch(tmp_path: Path, spans: list[dict[str, Any]], switch: str) -> None:
    _, problems, _ = read(log(tmp_path, *spans))
    assert switch in problems[0]


def test_spans_of_other_things_are_left_out_by_name(tmp_path: Path) -> None:
    traces, problems, account = read(
        log(tmp_path, span(1, "GET /health", {"http.method": "GET"}, parent=None))
    )
    assert traces == []
    assert '"GET /health"' in problems[0]
    assert account.unmapped == {"GET /health": 1}
    assert account.attributes == {"http.method": 1}


IDS: list[tuple[dict[str, Any], str, str]] = [
    ({"document.id": "x1"}, "x1", "an attribute of their own"),
    ({"document.id": 7}, "7", "an attribute of their own"),
    ({"document.metadata": '{"chunk_id": "m1", "source": "f.md"}'}, "m1", "their metadata"),
    ({"document.metadata.source": "f.md"}, "f.md", "their metadata"),
    ({}, "sha256:", "the digest of their text (the log gives none)"),
]


@pytest.mark.parametrize("fields, expected, where", IDS)
def test_where_ids_come_from(tmp_path: Path, fields: dict[str, Any], expected: str, where: str) -> None:
    attributes = {f"retrieval.documents.0.{key}": value for key, value in fields.items()}
    attributes["retrieval.documents.0.document.content"] = A[1]
    traces, _, account = read(
        log(tmp_path, chain(), span(2, "search", {KIND: "RETRIEVER", "input.value": Q, **attributes}))
    )
    assert ids(traces[0], "retriever")[0].startswith(expected)
    assert account.ids == {where: 1}


def test_ids_in_the_output_come_before_those_in_metadata(tmp_path: Path) -> None:
    attributes = {
        KIND: "RETRIEVER",
        "input.value": Q,
        "retrieval.documents.0.document.content": A[1],
        "retrieval.documents.0.document.metadata": '{"source": "f.md"}',
        "output.value": json.dumps({"documents": [{"id": "o1", "page_content": A[1], "metadata": {}}]}),
    }
    traces, _, account = read(log(tmp_path, chain(), span(2, "search", attributes)))
    assert (ids(traces[0], "retriever"), dict(account.ids)) == (["o1"], {"the span's output": 1})


def test_passages_of_one_file_are_told_apart(tmp_path: Path) -> None:
    attributes = {KIND: "RETRIEVER", "input.value": Q}
    for i, (_, text, _) in enumerate((A, B)):
        attributes[f"retrieval.documents.{i}.document.content"] = text
        attributes[f"retrieval.documents.{i}.document.metadata"] = '{"source": "f.md"}'
    found = ids(one(log(tmp_path, chain(), span(2, "search", attributes))), "retriever")
    assert len(set(found)) == 2
    assert all(name.startswith("f.md#") for name in found)


def test_the_corpus_fills_in_texts_and_with_them_the_packed_set(tmp_path: Path) -> None:
    ids_only = {KIND: "RETRIEVER", "input.value": Q, "retrieval.documents.0.document.id": "a"}
    spans = chain(), span(2, "search", ids_only), model(3, f"Context: {A[1]}\n{Q}")
    path = log(tmp_path, *spans)
    without = read(path)
    assert roles(without[0][0]) == ["retriever", "model"]
    assert "give --corpus" in notes(without[2])
    trace = one(path, corpus=MemoryCorpus([Passage("a", A[1])]))
    assert (roles(trace), texts(trace, "packer")) == (["retriever", "packer", "model"], [A[1]])


def test_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    spans = (
        chain(),
        retriever(2, A),
        span(3, "weather", {KIND: "TOOL", "input.value": "x", "output.value": "sunny"}),
        model(4, A[1]),
    )
    _, _, account = read(log(tmp_path, *spans))
    assert account.unmapped == {"weather": 1}
    assert sum(account.spans.values()) == len(spans)
