"""Tables: columns found by name or by `--map`, labels joined from a file beside the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Context, Passage, Passages, Turn
from diagnose.core.trace import Gold, GoldPassage, Outcome, Trace
from diagnose.errors import BadInput, UsageError
from diagnose.stages.corpus import MemoryCorpus
from diagnose.traces.columns import parse_mapping
from diagnose.traces.labels import read_labels, worded
from diagnose.traces.read import read_log
from tests.traces.reading import answer, ids, notes, one, read, roles, texts, written


def test_columns_are_found_by_their_usual_names(tmp_path: Path) -> None:
    text = (
        "query_id,question,response,retrieved_contexts,ground_truth\nq1,why?,so,\"['a b', 'c d']\",because\n"
    )
    trace = one(written(tmp_path, text, "log.csv"))
    assert (trace.trace_id, trace.query.text, answer(trace)) == ("q1", "why?", "so")
    assert texts(trace, "retriever") == ["a b", "c d"]
    assert trace.gold == Gold(("because",))


def test_columns_can_be_named(tmp_path: Path) -> None:
    rows = [{"frage": "why?", "said": "so", "info": {"ctx": "a text"}, "kunde": "acme", "note": 1}]
    mapping = parse_mapping(
        ["query=frage,answer=said", "context=info.ctx", "tags.tenant=kunde", "score=note"]
    )
    trace = one(written(tmp_path, rows, "log.jsonl"), mapping=mapping)
    assert (trace.query.text, answer(trace), trace.tags) == ("why?", "so", {"tenant": "acme"})
    assert trace.output("packer") == Context("a text")
    assert trace.outcome == Outcome(score=1.0)


@pytest.mark.parametrize("text", ["query", "qeury=x", "=x", "query="])
def test_a_mapping_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--map: expected TARGET=COLUMN with a target of trace_id, query"):
        parse_mapping([text])


def test_an_answer_beside_nothing_is_the_gold_one(tmp_path: Path) -> None:
    traces, _, account = read(written(tmp_path, [{"question": "q?", "answer": "a"}], "log.jsonl"))
    assert (traces[0].steps, traces[0].gold) == ((), Gold(("a",)))
    assert 'column "answer" is taken for the gold answer' in notes(account)


def test_squad_rows_are_labelled_queries(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "question": "q?",
        "context": "text",
        "answers": {"text": ["a", "b"], "answer_start": [0, 1]},
    }
    trace = one(written(tmp_path, [row], "log.jsonl"))
    assert trace.gold == Gold(("a", "b"))


def test_columns_nobody_reads_are_listed(tmp_path: Path) -> None:
    _, _, account = read(
        written(tmp_path, [{"question": "q?", "response": "a", "mood": "good"}], "log.jsonl")
    )
    assert dict(account.attributes) == {"mood": 1}


def test_a_row_without_a_question_is_a_problem(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\n1,2\n", "log.csv")
    _, problems, _ = read(path, format="records")
    assert problems == [
        f'{path}:2: expected a column that holds the question (--map query=COLUMN), found "x", "y"'
    ]


def test_turns_of_a_conversation(tmp_path: Path) -> None:
    said = [
        {"type": "human", "content": "hi"},
        {"type": "ai", "content": "yes?"},
        {"type": "human", "content": "why?"},
    ]
    trace = one(written(tmp_path, [{"user_input": said, "response": "so"}], "log.jsonl"))
    assert trace.query.text == "why?"
    assert trace.query.history == (Turn("user", "hi"), Turn("assistant", "yes?"))


def test_a_text_of_context_is_searched_for_the_retrieved_passages(tmp_path: Path) -> None:
    long = "a passage that is long enough to be found"
    row = {
        "question": "q?",
        "response": "a",
        "documents": [{"id": "1", "text": long}],
        "context": f"1) {long}",
    }
    output = one(written(tmp_path, [row], "log.jsonl")).output("packer")
    assert isinstance(output, Context)
    assert [passage.id for passage in output.passages] == ["1"]


def test_a_saved_dataset(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"question": ["q1?", "q2?"], "response": ["a", "b"], "contexts": [["x"], ["y", "z"]]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "set")
    traces, problems, _ = read(tmp_path / "set")
    assert problems == []
    assert [(t.query.text, answer(t), len(texts(t, "retriever"))) for t in traces] == [
        ("q1?", "a", 1),
        ("q2?", "b", 2),
    ]
    datasets.DatasetDict({"test": datasets.Dataset.from_dict(rows)}).save_to_disk(tmp_path / "splits")
    assert len(read(tmp_path / "splits")[0]) == 2


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(
        {"question": ["q?"], "response": ["a"], "retrieved_context_ids": [["d1", "d2"]]}
    ).to_parquet(tmp_path / "log.parquet")
    assert ids(one(tmp_path / "log.parquet"), "retriever") == ["d1", "d2"]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(BadInput, match="expected parquet, found something else"):
        list(read_log(tmp_path / "bad.parquet"))


LOG = [
    {"id": "q1", "question": "Why is the sky blue?", "response": "x", "contexts": ["x"]},
    {"id": "q2", "question": "Who  wrote EMMA?", "response": "x", "contexts": ["x"]},
    {"id": "q3", "question": "When?", "response": "x", "contexts": ["x"]},
]
GOLD: dict[str, tuple[str, Any]] = {
    "lines": (
        "gold.jsonl",
        [
            {"query_id": "q1", "answers": ["scattering"], "gold_doc_ids": ["d1"]},
            {"question": "who wrote Emma?", "answer": "Austen"},
            {"question": "never asked", "answer": "?"},
        ],
    ),
    "csv": (
        "gold.csv",
        "question,answer,gold_doc_ids\nWhy is the sky blue?,scattering,['d1']\nwho wrote emma?,Austen,\n",
    ),
    "our own": (
        "gold.jsonl",
        [
            {
                "trace_id": "q1",
                "query": {"text": "?"},
                "gold": {"answers": ["scattering"], "passages": [{"id": "d1"}]},
            },
            {"trace_id": "other", "query": {"text": "Who wrote Emma?"}, "gold": {"answers": ["Austen"]}},
        ],
    ),
}


@pytest.mark.parametrize("file", GOLD)
def test_labels_join_by_id_or_by_question(tmp_path: Path, file: str) -> None:
    name, content = GOLD[file]
    labels = read_labels(written(tmp_path, content, name))
    traces, _, account = read(written(tmp_path, LOG, "log.jsonl"), gold=labels)
    assert [trace.gold and trace.gold.answers for trace in traces] == [("scattering",), ("Austen",), None]
    assert traces[0].gold is not None
    assert traces[0].gold.passages == (GoldPassage("d1"),)
    assert account.labels["traces without a label"] == 1
    assert account.labels["joined by question"] == (2 if file == "csv" else 1)
    if file == "lines":
        assert account.noted["labels whose question is not in the log"].n == 1


def test_relevance_judgements_gather_by_query(tmp_path: Path) -> None:
    text = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t2\nq1\td3\t0\n"
    labels = read_labels(written(tmp_path, text, "qrels.tsv"))
    assert labels.by_id["q1"].passages == (GoldPassage("d1"), GoldPassage("d2"))


def test_labels_reach_our_own_traces_too(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path, [{"question": "why?", "answer": "so"}], "gold.jsonl"))
    path = written(tmp_path, [{"trace_id": "1", "query": {"text": "Why?"}}], "log.jsonl")
    (trace,) = read_log(path, gold=labels)
    assert isinstance(trace, Trace)
    assert trace.gold == Gold(("so",))


def test_the_corpus_reaches_our_own_traces_too(tmp_path: Path) -> None:
    step = {"role": "retriever", "output": {"passages": [{"id": "d1"}, {"id": "d2"}]}}
    path = written(tmp_path, [{"trace_id": "1", "query": {"text": "q"}, "steps": [step]}], "log.jsonl")
    (trace,) = read_log(path, corpus=MemoryCorpus([Passage("d1", "text")]))
    assert isinstance(trace, Trace)
    assert trace.output("retriever") == Passages((Passage("d1", "text"), Passage("d2")))


def test_unanswerable_and_sentences(tmp_path: Path) -> None:
    rows = [
        {"question": "a", "answerable": False},
        {"question": "b", "answers": ["x"], "gold_doc_ids": ["d"], "gold_sentences": ["s1", "s2"]},
    ]
    labels = read_labels(written(tmp_path, rows, "gold.jsonl"))
    assert labels.by_query["a"] == Gold(answerable=False)
    assert labels.by_query["b"].passages == (GoldPassage("d", None, ("s1", "s2")),)


def test_a_file_without_labels(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected gold answers or gold passages, with an id or a question"):
        read_labels(written(tmp_path, [{"x": 1}], "gold.jsonl"))


@pytest.mark.parametrize(
    "text", ["Who wrote  EMMA?", "who wrote emma?", "\tWho\nwrote Emma?", "Ｗｈｏ wrote Emma?"]
)
def test_questions_are_compared_by_their_words(text: str) -> None:
    assert worded(text) == "who wrote emma?"


def test_real_labels(shared_data: Path, tmp_path: Path) -> None:
    labels = read_labels(shared_data / "hotpotqa500" / "queries.jsonl")
    assert len(labels.by_id) == 500
    rows = [
        {
            "question": "were scott derrickson and ed wood of the same nationality?",
            "response": "no",
            "contexts": ["x"],
        }
    ]
    traces, _, account = read(written(tmp_path, rows, "log.jsonl"), gold=labels)
    assert traces[0].gold == Gold(("yes",), (GoldPassage("hp00004"), GoldPassage("hp00001")))
    assert account.labels["joined by question"] == 1


def test_a_real_log_of_graded_answers(shared_data: Path) -> None:
    traces, problems, account = read(shared_data / "azure_rag_chat_runs" / "traces.jsonl")
    assert (len(traces), problems) == (1200, [])
    assert all(roles(trace) == ["packer", "model"] and trace.gold for trace in traces)
    assert account.attributes["scores"] == 1200
