"""Objects that look like a framework's, with no framework there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from diagnose.core.artifact import Answer, Passage, Passages, Turn
from diagnose.errors import MissingExtra, UsageError
from diagnose.stages.framework_values import metadata_of, plain_passages, tags_of
from diagnose.stages.turns import text_of_turns, turns_of_text
from tests.stages.attached_pipeline import pipeline_of, stage_of
from tests.stages.made import BIKES, LEAVE, given

CODE = '''
class Document:
    def __init__(self, page_content, metadata, id=None):
        self.page_content, self.metadata, self.id = page_content, metadata, id

class Found:
    """Looks like a LangChain retriever."""
    def invoke(self, query):
        return [Document(f"About {query}.", {"source": "a.md", "score": 0.5}), Document("Else.", {}, "d9")]
    async def ainvoke(self, query): ...

class Nodes:
    """Looks like a LlamaIndex retriever."""
    def retrieve(self, query):
        class Node:
            node_id, metadata = "n1", {"page": 3}
            def get_content(self): return "A node."
        class Scored:
            node, score = Node(), 0.25
        return [Scored()]

class Compressor:
    def compress_documents(self, documents, query): return documents

class Postprocessor:
    def postprocess_nodes(self, nodes, query_str): return nodes

class Strange:
    def retrieve(self, query): ...

class Both(Found):
    """A callable stays what it is, whatever else it can do."""
    def __call__(self, query): return ["called"]

found, nodes, strange, both = Found(), Nodes(), Strange(), Both()
compressor, postprocessor = Compressor(), Postprocessor()
made = []

def factory(k=1):
    made.append(k)
    return Found()

def plain(query): return [Document("Plain.", {"id": 7})]
'''


def passages(folder: Path, table: str) -> tuple[Passage, ...]:
    output = stage_of(folder, CODE, "retriever", table).run(given("leave"), None)
    assert isinstance(output, Passages)
    return output.passages


def test_an_object_a_factory_a_class_and_a_plain_function(tmp_path: Path) -> None:
    expected = (
        Passage("a.md", "About leave.", 0.5, tags={"source": "a.md", "score": "0.5"}),
        Passage("d9", "Else."),
    )
    assert passages(tmp_path, "found") == expected
    assert passages(tmp_path, "factory") == expected
    assert passages(tmp_path, '{ use = "rag:factory", k = 3 }') == expected
    assert passages(tmp_path, "Found") == expected
    assert passages(tmp_path, "nodes") == (Passage("n1", "A node.", 0.25, tags={"page": "3"}),)
    assert passages(tmp_path, "plain") == (Passage("7", "Plain.", tags={"id": "7"}),)
    assert passages(tmp_path, "both")[0].text == "called"


def test_it_is_not_deterministic_by_itself(tmp_path: Path) -> None:
    assert not stage_of(tmp_path, CODE, "retriever", "found").deterministic
    assert stage_of(tmp_path, CODE, "retriever", '{ use = "rag:found", deterministic = true }').deterministic


def test_what_it_is_shows_in_the_fingerprint(tmp_path: Path) -> None:
    def fingerprint(code: str, table: str) -> str:
        return stage_of(tmp_path, code, "retriever", table).fingerprint

    same = fingerprint(CODE, "found")
    assert fingerprint(CODE, "found") == same
    others = [
        fingerprint(CODE, "nodes"),
        fingerprint(CODE, "factory"),
        fingerprint(CODE, '{ use = "rag:found", inputs = { x = "query" } }'),
        fingerprint(CODE + "\n# changed", "found"),
    ]
    assert len({same, *others}) == 5


def test_one_object_serves_all_its_stages(tmp_path: Path) -> None:
    code = (
        CODE
        + "\nclass Whole(Found):\n    base_compressor = compressor\nrag = lambda: made.append(1) or Whole()\n"
    )
    pipeline = pipeline_of(tmp_path, code, retriever="rag", ranker="rag")
    assert [stage.role for stage in pipeline.stages] == ["retriever", "ranker", "model"]
    import sys

    assert sys.modules["rag"].made == [1]


@pytest.mark.parametrize(
    "role, table, message",
    [
        ("retriever", '{ use = "rag:found", prompt = 7 }', "prompt: expected a string, found 7"),
        ("retriever", '{ use = "rag:found", inputs = 7 }', "inputs: expected a table of names, found 7"),
        (
            "retriever",
            '{ use = "rag:found", inputs = { x = "wisdom" } }',
            r"inputs\.x: expected one of query",
        ),
        ("retriever", '{ use = "rag:found", top_k = 3 }', "top_k: no such key"),
        ("retriever", '{ use = "rag:plain", component = "x" }', "component: no such key"),
        ("ranker", "strange", "a Strange is no ranker that could be called"),
        ("retriever", "nothing", 'expected a callable "nothing" in module rag, found nothing'),
        ("retriever", "made", 'expected a callable "made" in module rag, found a list'),
    ],
)
def test_what_is_wrong_says_where(role: Any, table: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"p\.toml \[stages\.{role}\].*{message}"):
        stage_of(tmp_path, CODE, role, table)


@pytest.mark.parametrize(
    "name, package, extra",
    [("compressor", "langchain-core", "langchain"), ("postprocessor", "llama-index-core", "llamaindex")],
)
def test_what_takes_a_frameworks_passages_needs_the_framework(
    name: str, package: str, extra: str, tmp_path: Path
) -> None:
    if find_spec(package.replace("-", "_").replace("_core", "_core" if extra == "langchain" else "")):
        pytest.skip(f"{package} is installed here")
    stage = stage_of(tmp_path, CODE, "ranker", name)
    with pytest.raises(
        MissingExtra, match=rf"{package} is not installed: run  pip install 'diagnose-blame\[{extra}\]'"
    ):
        stage.run(given(passages=(LEAVE, BIKES)), None)


def document(text: str, metadata: dict[str, Any], name: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(page_content=text, metadata=metadata, id=name)


def test_ids_are_explicit_else_of_the_metadata_else_of_the_file() -> None:
    found = plain_passages(
        [
            document("one", {"chunk_id": 7}, "own"),
            document("two", {"chunk_id": 7, "source": "a.md"}),
            document("three", {"source": "a.md"}),
            document("four", {"source": "b.md"}),
            document("five", {"source": "b.md"}),
            document("five", {"source": "b.md"}),
            document("six", {}),
            (document("seven", {"source": "c.md"}), 0.5),
            (document("eight", {}, "e"), 0.25),
        ]
    )
    ids = [item.get("id", "") for item in found if isinstance(item, dict)]
    assert ids[:3] == ["own", "7", "a.md"]
    assert [name.partition("#")[0] for name in ids[3:6]] == ["b.md"] * 3
    assert ids[3] != ids[4] == ids[5]
    assert ids[6:] == ["", "c.md", "e"]
    assert [item["score"] for item in found[-2:] if isinstance(item, dict)] == [0.5, 0.25]


def test_the_rule_for_ids_is_that_of_the_readers() -> None:
    from diagnose.stages import framework_values
    from diagnose.traces import cited

    assert cited.METADATA_ID_KEYS == framework_values.ID_KEYS
    assert cited.FILE_KEYS == framework_values.FILE_KEYS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@for_all(st.dictionaries(st.text(), VALUES.filter(lambda value: value is not None), max_size=5))
def test_metadata_survives_being_tags(metadata: dict[str, Any]) -> None:
    tags = tags_of(metadata)
    assert all(isinstance(value, str) for value in tags.values())
    assert metadata_of(Passage("d1", tags=tags)) == metadata


def test_metadata_that_json_has_not_is_text() -> None:
    import datetime

    tags = tags_of({"when": datetime.date(2026, 1, 2), "none": None, "zip": "02139", "count": "12"})
    assert tags == {"when": '"2026-01-02"', "zip": "02139", "count": '"12"'}


@for_all(
    st.lists(
        st.builds(
            Turn,
            st.sampled_from(["system", "user", "assistant"]),
            st.text("ab\\[]\n ", max_size=12)
            | st.sampled_from(["[user]", "x\n[system]\ny", "\\[user]", "[user]\n"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_messages_survive_being_a_text(turns: list[Turn]) -> None:
    assert list(turns_of_text(text_of_turns(turns))) == turns


def test_one_users_message_is_its_text() -> None:
    assert text_of_turns([Turn("user", "Why?")]) == "Why?"
    assert turns_of_text("Why?\n[user]\nreally") == (Turn("user", "Why?\n[user]\nreally"),)


def test_a_model_of_a_chain_gets_what_its_names_say(tmp_path: Path) -> None:
    code = """
class Chain:
    input_variables = ["question", "context", "topic"]
    def invoke(self, inputs): return {"answer": "|".join(f"{k}={v}" for k, v in sorted(inputs.items()))}
    async def ainvoke(self, inputs): ...
chain = Chain()
"""
    table = '{ use = "rag:chain", inputs = { topic = "query" } }'
    said = stage_of(tmp_path, code, "model", table).run(given("Why?"), None)
    assert said == Answer("context=|question=Why?|topic=Why?")
    with pytest.raises(UsageError, match=r"Chain takes topic, which a model is not known to be given"):
        stage_of(tmp_path, code, "model", "chain").run(given("Why?"), None)
