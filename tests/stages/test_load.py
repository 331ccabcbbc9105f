from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from diagnose.core.artifact import Answer, Context, Passages, Route
from diagnose.core.pipeline import Pipeline, ScoreSettings
from diagnose.core.stage import Given, Role, Stage
from diagnose.errors import BadInput, DiagnoseError, StageFailed, UsageError
from diagnose.stages.failure import RunFailed
from diagnose.stages.load import load_pipeline
from diagnose.stages.tokens import count_words_and_marks
from tests.stages.made import HANDBOOK, given

CORPUS = b"\n".join(msgspec.json.encode(p) for p in HANDBOOK)
FOUR = """
[pipeline]
name = "handbook-qa"
corpus = "corpus.jsonl"
abstention = "No idea."
[stages.model]
use = "extract"
[stages.packer]
use = "rank-order"
budget_tokens = 60
[stages.retriever]
use = "rank-bm25"
top_k = 3
[stages.ranker]
use = "tfidf"
[score]
metric = "f1"
pass = 0.8
case = true
"""
MODEL_ONLY = '[stages.model]\nuse = "extract"\n'


def written(folder: Path, text: str, **modules: str) -> Path:
    """A pipeline file, with the handbook and these modules beside it."""
    folder.mkdir(exist_ok=True)
    (folder / "corpus.jsonl").write_bytes(CORPUS)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    path = folder / "pipeline.toml"
    path.write_text(text)
    return path


def loaded(folder: Path, text: str, **modules: str) -> Pipeline:
    return load_pipeline(written(folder, text, **modules), {})


def stage(pipeline: Pipeline, role: Role, route: str | None = None) -> Stage:
    found = pipeline.stage(role, route)
    assert found is not None
    return found


def test_four_built_in_stages_answer_a_question(tmp_path: Path) -> None:
    pipeline = loaded(tmp_path, FOUR)
    assert (pipeline.name, pipeline.abstention) == ("handbook-qa", "No idea.")
    assert pipeline.roles == ("retriever", "ranker", "packer", "model")
    assert pipeline.score == ScoreSettings("f1", 0.8, {"case": True})
    assert pipeline.corpus is not None
    assert len(pipeline.corpus) == 3
    state = given("How long is parental leave?", ())
    for role in ("retriever", "ranker"):
        found = stage(pipeline, role).run(state, None)
        assert isinstance(found, Passages)
        assert found.passages[0].id == "d1"
        state = msgspec.structs.replace(state, passages=found.passages)
    context = stage(pipeline, "packer").run(state, None)
    assert isinstance(context, Context)
    answer = stage(pipeline, "model").run(msgspec.structs.replace(state, context=context), None)
    assert answer == Answer("Parental leave lasts sixteen weeks and is paid in full.")
    nothing = stage(pipeline, "model").run(given("Who?", (), Context("")), None)
    assert nothing == Answer("No idea.")


def test_defaults(tmp_path: Path) -> None:
    pipeline = loaded(tmp_path, MODEL_ONLY)
    assert pipeline.name == "pipeline"
    assert pipeline.corpus is None
    assert (pipeline.score, pipeline.abstention, pipeline.routes) == (ScoreSettings(), "I don't know.", {})
    assert stage(pipeline, "model").deterministic


def test_settings_hold_the_table_and_the_defaults(tmp_path: Path) -> None:
    pipeline = loaded(tmp_path, FOUR)
    assert stage(pipeline, "packer").settings == {
        "budget_tokens": 60,
        "separator": "\n\n",
        "template": "{text}",
        "overflow": "cut",
        "dedupe": False,
    }
    assert stage(pipeline, "retriever").settings["k1"] == 1.5
    assert stage(pipeline, "packer").count_tokens is count_words_and_marks


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "[stages.retriever]\nuse = 'bm25s'",
            "pipeline.toml [stages.model]: missing; a pipeline ends in an answer",
        ),
        ("", "pipeline.toml [stages.model]: missing"),
        ("[stage.model]\nuse = 'extract'", "pipeline.toml stage: no such key (did you mean stages?)"),
        (f"{MODEL_ONLY}[stages.rerank]\nuse = 'tfidf'", "pipeline.toml [stages] rerank: no such key"),
        (
            "[stages.model]\nmax_tokens = 3",
            "pipeline.toml [stages.model] use: missing; expected one of extract,",
        ),
        ("[stages.model]\nuse = 3", "pipeline.toml [stages.model] use: expected a string, found 3"),
        (
            "[stages.model]\nuse = 'extrct'",
            "pipeline.toml [stages.model] use extrct: no such built-in model (did you mean extract?)",
        ),
        ("[stages]\nmodel = 'extract'", 'pipeline.toml stages.model: expected a table, found "extract"'),
        (
            f"{MODEL_ONLY}sentence = 2",
            "pipeline.toml [stages.model] sentence: no such key (did you mean sentences?)",
        ),
        (f"{MODEL_ONLY}sentences = 0", "pipeline.toml [stages.model] sentences: expected int >= 1, found 0"),
        (
            f"{MODEL_ONLY}sentences = 'two'",
            'pipeline.toml [stages.model] sentences: expected int, found "two"',
        ),
        (f"{MODEL_ONLY}sentences = true", "pipeline.toml [stages.model] sentences: expected int, found True"),
        (
            f"{MODEL_ONLY}answer = 'word'",
            'pipeline.toml [stages.model] answer: expected one of sentence, span, found "word"',
        ),
        (
            f"{MODEL_ONLY}timeout_s = 0",
            "pipeline.toml [stages.model] timeout_s: expected seconds above 0, found 0",
        ),
        (
            f"{MODEL_ONLY}deterministic = 1",
            "pipeline.toml [stages.model] deterministic: expected true or false",
        ),
        (
            f"{MODEL_ONLY}[score]\npass = 80",
            "pipeline.toml [score] pass: expected a number from 0 to 1, found 80",
        ),
        (f"{MODEL_ONLY}[score]\nmetric = []", "pipeline.toml [score] metric: expected a string"),
        (
            f"{MODEL_ONLY}[pipeline]\nnames = 'x'",
            "pipeline.toml [pipeline] names: no such key (did you mean name?)",
        ),
        (
            f"{MODEL_ONLY}[stages.retriever]\nuse = 'bm25s'",
            "pipeline.toml [pipeline] corpus: missing; bm25s searches one",
        ),
        (
            f"{MODEL_ONLY}[stages.retriever]\nuse = 'bm25s'\ncorpus = 'x'",
            "pipeline.toml [stages.retriever] corpus: no such key",
        ),
        (
            f"{MODEL_ONLY}[stages.packer]\nuse = 'rank-order'\ntemplate = 'x'",
            "pipeline.toml [stages.packer] template: expected {text}",
        ),
        (
            "[stages.model]\nuse = 'openai-chat'\nmodel = 'm'",
            "pipeline.toml [stages.model] base_url: missing; openai-chat needs it",
        ),
        (
            f"{MODEL_ONLY}[stages.router]\nuse = 'm:f'",
            "pipeline.toml [routes]: missing; a router chooses among",
        ),
        (
            f"{MODEL_ONLY}[routes.a]\nmodel.sentence = 1",
            "pipeline.toml [routes.a.model] sentence: no such key",
        ),
        (f"{MODEL_ONLY}[routes.a]\npacker.x = 1", "pipeline.toml [routes.a] packer: no such key"),
        (
            f"{MODEL_ONLY}[routes.a]\ncost = -1",
            "pipeline.toml [routes.a] cost: expected a number of 0 or more",
        ),
        (f"{MODEL_ONLY}[routes.a]\ncost = 1\n[routes.b]", "pipeline.toml [routes.b] cost: missing"),
        (
            "[stages.model]\nuse = './my.py:f'",
            "pipeline.toml [stages.model] use: expected a built-in's name or",
        ),
    ],
)
def test_every_mistake_is_named_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(message)


def test_what_is_no_pipeline_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"pipeline\.toml: expected TOML: .*line 2"):
        loaded(tmp_path, "a = 1\nb = = 2\n")
    with pytest.raises(UsageError, match=r"^nowhere\.toml: expected a pipeline file"):
        load_pipeline(tmp_path / "nowhere.toml", {})
    with pytest.raises(BadInput, match=r"lost\.jsonl: expected a corpus, found no such file"):
        loaded(tmp_path, f"[pipeline]\ncorpus = 'lost.jsonl'\n{MODEL_ONLY}")


MINE = """
CALLS = []

class Retriever:
    def __init__(self, corpus, top_k, folder, environ):
        CALLS.append((len(corpus), top_k, folder.name, dict(environ)))
        self.corpus, self.top_k = corpus, top_k

    def __call__(self, query):
        return [p.id for p in self.corpus][: self.top_k]

def packer(count_tokens, budget_tokens=10):
    return lambda query, passages: " ".join(p.text for p in passages)[:count_tokens("a b c")]

def model(**settings):
    return lambda query, context: f"{query} {context.text} {sorted(settings)}"

def broken(): raise RuntimeError("no key\\nsecond line")
def nothing(): return None
number = 7
"""


def test_the_users_factories_get_what_they_take(tmp_path: Path) -> None:
    text = """
    [pipeline]
    corpus = "corpus.jsonl"
    [stages]
    retriever = {use = "mine:Retriever", top_k = 2, timeout_s = 5, deterministic = true}
    packer = {use = "mine:packer"}
    model = {use = "mine:model", anything = 1, goes = [2]}
    """
    pipeline = load_pipeline(written(tmp_path, text, mine=MINE), {"KEY": "value"})
    assert [(3, 2, tmp_path.name, {"KEY": "value"})] == sys.modules["mine"].CALLS
    found = stage(pipeline, "retriever").run(given(), None)
    assert found == Passages(tuple(msgspec.structs.replace(p, score=None) for p in HANDBOOK[:2]))
    assert stage(pipeline, "packer").run(given(), None) == Context("Par")
    assert stage(pipeline, "packer").settings == {"budget_tokens": 10}
    assert stage(pipeline, "packer").count_tokens is count_words_and_marks
    answer = stage(pipeline, "model").run(given("q", (), Context("c")), None)
    assert answer == Answer("q c ['anything', 'goes']")
    assert stage(pipeline, "retriever").name == "mine:Retriever"
    assert [s.deterministic for s in pipeline.stages] == [True, False, False]
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    "table, kind, message",
    [
        (
            "use = 'mine:broken'",
            StageFailed,
            "stage model (mine:broken): its factory raised RuntimeError: no key",
        ),
        ("use = 'mine:nothing'", StageFailed, "its factory returned None; expected a callable"),
        ("use = 'mine:lost'", UsageError, 'expected a callable "lost" in module mine, found nothing'),
        ("use = 'mine:number'", UsageError, 'expected a callable "number" in module mine, found a int'),
        ("use = 'lost_module:f'", UsageError, "found no module lost_module, neither in the folder"),
        ("use = 'needs:f'", UsageError, "importing module needs (folder"),
        ("use = 'typo:f'", UsageError, "raised SyntaxError"),
        ("use = 'mine:packer'\nbudget = 3", UsageError, "[stages.model] budget: no such key"),
        ("use = 'mine:Retriever'", UsageError, "[pipeline] corpus: missing; mine:Retriever searches one"),
        ("use = 'queue:Queue'", UsageError, "module queue hides one of the standard library"),
    ],
)
def test_the_users_mistakes(tmp_path: Path, table: str, kind: type[DiagnoseError], message: str) -> None:
    modules = {"mine": MINE, "needs": "import lost_dependency", "typo": "def f(:", "queue": ""}
    with pytest.raises(kind) as caught:
        loaded(tmp_path, f"[stages.model]\n{table}", **modules)
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_modules_of_two_pipelines_do_not_mix(tmp_path: Path) -> None:
    source = "import ours\ndef f(): return lambda query: ours.NAME"
    text = "[stages.model]\nuse = 'same_name:f'"
    for name in ("one", "two"):
        pipeline = loaded(tmp_path / name, text, same_name=source, ours=f"NAME = {name!r}")
        assert stage(pipeline, "model").run(given(), None) == Answer(name)


ROUTED = (
    FOUR
    + """
[stages.router]
use = "mine:router"
[routes.full]
cost = 3
retriever.top_k = 3
model = {use = "extract", sentences = 2}
[routes.cheap]
cost = 1.5
retriever = {top_k = 1}
[routes.plain]
cost = 2
"""
)


def test_routes_override_settings_and_come_cheapest_first(tmp_path: Path) -> None:
    pipeline = loaded(tmp_path, ROUTED, mine="def router():\n  return lambda query: query")
    assert list(pipeline.routes) == ["cheap", "plain", "full"]
    assert {name: set(stages) for name, stages in pipeline.routes.items()} == {
        "cheap": {"retriever"},
        "plain": set(),
        "full": {"retriever", "model"},
    }

    def found(route: str | None) -> int:
        output = stage(pipeline, "retriever", route).run(given(), None)
        assert isinstance(output, Passages)
        return len(output.passages)

    assert (found("cheap"), found("plain"), found(None)) == (1, 3, 3)
    assert stage(pipeline, "model", "full").settings["sentences"] == 2
    assert stage(pipeline, "retriever", "full").fingerprint == stage(pipeline, "retriever").fingerprint
    assert stage(pipeline, "retriever", "cheap").fingerprint != stage(pipeline, "retriever").fingerprint
    assert stage(pipeline, "router").run(given("cheap"), None) == Route("cheap")
    with pytest.raises(RunFailed, match="one of the routes cheap, plain, full") as caught:
        stage(pipeline, "router").run(given("dear"), None)
    assert caught.value.kind == "nonsense"


def test_a_route_that_uses_something_else_starts_afresh(tmp_path: Path) -> None:
    pipeline = loaded(tmp_path, FOUR + "\n[routes.fast]\nretriever = {use = 'bm25s'}")
    assert stage(pipeline, "retriever", "fast").settings["top_k"] == 10


def test_a_fingerprint_changes_with_what_the_output_depends_on(tmp_path: Path) -> None:
    def prints(text: str, source: str = MINE, rows: bytes = CORPUS) -> dict[Role, str]:
        path = written(tmp_path, text, mine=source)
        (tmp_path / "corpus.jsonl").write_bytes(rows)
        sys.modules.pop("mine", None)
        return {s.role: s.fingerprint for s in load_pipeline(path, {}).stages}

    text = FOUR.replace("extract", "mine:model")
    base = prints(text)
    assert prints(text) == base

    def changed(other: dict[Role, str]) -> set[Role]:
        return {role for role in base if base[role] != other[role]}

    assert changed(prints(text.replace("budget_tokens = 60", "budget_tokens = 61"))) == {"packer"}
    assert changed(prints(text, MINE + "\n# edited")) == {"model"}
    assert changed(prints(text, rows=CORPUS.replace(b"sixteen", b"twelve"))) == {"retriever", "ranker"}
    stated = prints(text.replace('use = "mine:model"', 'use = "mine:model"\nfingerprint = "v7"'))
    assert stated["model"] == "v7"


def test_the_models_tokenizer_is_the_packers(tmp_path: Path) -> None:
    source = """
class Model:
    identity = "letters"
    window_tokens = 40
    def __call__(self, query): return query
    def count_tokens(self, text): return len(text)
"""
    text = FOUR.replace('"extract"', '"letters:Model"')
    pipeline = loaded(tmp_path, text, letters=source)
    packed = stage(pipeline, "packer").run(given(), None)
    assert isinstance(packed, Context)
    assert 50 < len(packed.text) <= 60
    assert stage(pipeline, "model").window_tokens == 40
    other = loaded(tmp_path / "b", text, letters=source.replace('"letters"', '"other"'))
    assert stage(other, "packer").fingerprint != stage(pipeline, "packer").fingerprint


def test_nothing_but_the_module_runs_before_the_first_call(tmp_path: Path) -> None:
    source = (
        "def model():\n    return Model()\n"
        "class Model:\n    def __call__(self, query): raise ValueError('late')"
    )
    pipeline = loaded(tmp_path, "[stages.model]\nuse = 'late:model'", late=source)
    with pytest.raises(RunFailed, match="raised ValueError: late"):
        stage(pipeline, "model").run(Given("q", given().conversation), None)
