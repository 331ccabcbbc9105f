from __future__ import annotations

import ctypes
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Answer, Context
from diagnose.errors import MissingExtra, StageFailed, UsageError
from diagnose.stages import llama
from diagnose.stages.llama import LlamaModel, llama_cpp
from tests.stages.made import LEAVE

SMALL = "smollm2-135m-instruct"
CONTEXT = Context(LEAVE.text, (LEAVE,))
QUESTION = "How many weeks does parental leave last?"


def model(**settings: Any) -> LlamaModel:
    return llama_cpp(Path(), SMALL, **{"max_tokens": 12, "n_ctx": 512, "n_threads": 1, **settings})


@pytest.fixture
def unloaded() -> Iterator[None]:
    llama._loaded.cache_clear()
    yield
    llama._loaded.cache_clear()


WORDS = [f"word{i}" for i in range(40)]


def contexts(draw: random.Random, beginnings: int, endings: int) -> list[str]:
    """Contexts of which some share their beginning, of any length: within a block, over several, just one more."""
    made = []
    for _ in range(beginnings):
        start = " ".join(draw.choices(WORDS, k=draw.randrange(20, 70)))
        ends = (" ".join(draw.choices(WORDS, k=draw.randrange(0, 20))) for _ in range(endings))
        made += [f"{start} {end}" for end in ends]
    return made


def asked(texts: Sequence[str], cold: bool = False) -> dict[str, tuple[Answer, bytes]]:
    """What is answered to each context, and the last logits, bit for bit. Sampled, so that every bit counts."""
    small, said = model(max_tokens=2, temperature=0.9, n_ctx=1024), {}
    llama_ = llama._loaded(small.path, 1024, 1, os.getpid())
    for text in texts:
        if cold:
            llama_.n_tokens = 0
        answer = small(QUESTION, Context(text), seed=len(text))
        said[text] = answer, ctypes.string_at(llama_._ctx.get_logits(), 4 * llama_._n_vocab)  # type: ignore[no-untyped-call]
    return said


@pytest.mark.model
def test_the_cache_saves_evaluation_and_changes_no_bit(
    unloaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same prompts from nothing, in order of their beginnings, and in any order."""
    draw = random.Random(7)
    texts = contexts(draw, 2, 3)
    evaluated = evaluated_tokens(monkeypatch)
    cold = asked(texts, cold=True)
    from_nothing = sum(n or 0 for n in evaluated)
    evaluated.clear()
    assert asked(sorted(texts)) == cold
    assert sum(n or 0 for n in evaluated) < 0.8 * from_nothing
    draw.shuffle(texts)
    assert asked(texts) == cold


def evaluated_tokens(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many tokens the model is given to evaluate, batch for batch, from now on."""
    from llama_cpp import Llama

    counts: list[int | None] = []
    evaluate = Llama.eval

    def counted(self: Llama, tokens: list[int]) -> None:
        counts.append(len(tokens))
        evaluate(self, tokens)

    monkeypatch.setattr(Llama, "eval", counted)
    return counts


@pytest.mark.model
def test_it_answers_from_the_context_and_prints_nothing(
    unloaded: None, capfd: pytest.CaptureFixture[str]
) -> None:
    small = model()
    assert small.deterministic
    assert llama._loaded.cache_info().currsize == 0
    answer = small(QUESTION, CONTEXT)
    assert "16" in answer.text or "sixteen" in answer.text
    assert answer.prompt_tokens is not None
    assert 40 < answer.prompt_tokens < 120
    assert answer.completion_tokens is not None
    assert 0 < answer.completion_tokens <= 12
    assert answer.finish_reason in ("stop", "length")
    assert llama._loaded.cache_info().currsize == 1
    # It is reproducible whatever came before, and whatever seed a replay hands it.
    other = small("Where are the bikes?", Context("Bikes are in the cellar."), seed=3)
    assert other.text != answer.text
    assert small(QUESTION, CONTEXT, seed=4) == answer
    assert small(QUESTION, CONTEXT) == answer
    assert capfd.readouterr() == ("", "")


@pytest.mark.model
def test_tokens_are_counted_without_the_weights(unloaded: None) -> None:
    small = model()
    assert small.count_tokens("") == 0
    assert small.count_tokens("Parental leave") == 3
    assert small.count_tokens("a\ud800") > 0
    assert 200 < small.window_tokens < 512 - 12
    assert model(system="").window_tokens > model(system="Be brief. " * 20).window_tokens
    assert model(n_ctx=1024).window_tokens == small.window_tokens + 512
    assert llama._loaded.cache_info().currsize == 0


@pytest.mark.model
def test_a_context_as_long_as_the_window_fits_and_a_longer_one_fails_clearly(unloaded: None) -> None:
    small = model(max_tokens=1, n_ctx=256)
    words = " leave" * small.window_tokens
    assert small.count_tokens(words) == small.window_tokens
    answer = small(QUESTION, Context(words))
    assert answer.finish_reason == "length"
    assert (answer.prompt_tokens or 0) + 1 <= 256
    with pytest.raises(StageFailed, match=r"the prompt has \d+ tokens, which with max_tokens = 1 exceeds"):
        small(QUESTION, Context(words * 2))


@pytest.mark.model
def test_settings_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(UsageError, match="max_tokens: expected less than n_ctx"):
        model(max_tokens=512)
    with pytest.raises(UsageError, match=r"prompt: expected \{query\}"):
        model(prompt="{context}")
    with pytest.raises(UsageError, match="expected a GGUF file, found another kind of file"):
        llama_cpp(tmp_path, "text.gguf")
    with pytest.raises(UsageError, match="expected a GGUF file or one of smollm2"):
        llama_cpp(tmp_path, "lost.gguf")
    assert not model(temperature=0.7).deterministic


@pytest.mark.model
def test_a_broken_model_file_is_a_stage_failure_with_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00 and nothing more")
    broken = llama_cpp(tmp_path, "cut.gguf")
    with pytest.raises(StageFailed, match=r"^llama\.cpp: ValueError: Failed to load model"):
        broken(QUESTION, CONTEXT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.model
def test_the_identity_is_the_files(tmp_path: Path) -> None:
    def identity(content: bytes) -> str:
        (tmp_path / "m.gguf").write_bytes(content)
        return llama_cpp(tmp_path, "m.gguf").identity

    base = b"GGUF" + bytes(5_000_000)
    assert identity(base) == identity(base)
    assert len({identity(base), identity(base + b"\0"), identity(base[:-1] + b"\1")}) == 3
    assert model().identity == model(temperature=0.5).identity


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    with pytest.raises(MissingExtra, match=r"llama-cpp-python is not installed: .*\[llama\]"):
        llama_cpp(Path(), SMALL)


@pytest.mark.model
def test_the_process_ends_quietly(root: Path) -> None:
    program = (
        "from pathlib import Path; from diagnose.core.artifact import Context;"
        "from diagnose.stages.llama import llama_cpp;"
        f"m = llama_cpp(Path(), {SMALL!r}, max_tokens=1, n_ctx=256, n_threads=1);"
        "m('Hm?', Context('Hm.')); print(m.count_tokens('a b'))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "2\n", "")
