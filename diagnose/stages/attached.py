"""Objects of LangChain, LlamaIndex and Haystack as stages, known by what they can do: nothing is imported for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

from diagnose.core.stage import Role
from diagnose.errors import UsageError
from diagnose.stages import haystack, langchain, llamaindex
from diagnose.stages.named_inputs import KEYS, Fitting
from diagnose.stages.passage import shown

# A LlamaIndex query engine has a `retrieve`, and a Haystack pipeline nothing but `run`: each mark is one framework's.
ADAPTERS: tuple[tuple[str, Callable[[Role, Any, Fitting], Any]], ...] = (
    (haystack.DISTRIBUTION, haystack.haystack_stage),
    (langchain.DISTRIBUTION, langchain.langchain_stage),
    (llamaindex.DISTRIBUTION, llamaindex.llamaindex_stage),
)
MARKS = (
    "invoke",
    "compress_documents",
    "base_compressor",
    "retrieve",
    "postprocess_nodes",
    "get_response",
    "synthesize",
    "complete",
    "__haystack_input__",
    "get_component",
)


def is_framework_object(value: object) -> bool:
    """Whether a value that cannot be called looks like one of a framework's objects (no class, no function)."""
    return not callable(value) and any(hasattr(value, mark) for mark in MARKS)


def attached(
    role: Role,
    target: object,
    settings: Mapping[str, object],
    before: Mapping[Role, str | None],
    elsewhere: tuple[Role, ...] = (),
) -> Callable[..., object] | None:
    """The callable that runs a framework's object as a stage of this role; None where it is no such object.

    `settings` are the fitting keys of the stage's table (`named_inputs.KEYS`); `before` and `elsewhere` are those of
    `Fitting`. Raises UsageError where a key is wrong.
    """
    if not is_framework_object(target):
        return None
    fitting = replace(fitting_of(settings), before=before, elsewhere=elsewhere)
    for distribution, adapter in ADAPTERS:
        if (stage := adapter(role, target, fitting)) is not None:
            return _identified(stage, target, distribution)
    raise UsageError(
        f"use: a {type(target).__name__} is no {role} that could be called: give a factory that returns a callable"
    )


def fitting_of(settings: Mapping[str, object]) -> Fitting:
    """The fitting keys, checked."""
    inputs = settings.get("inputs", {})
    if not isinstance(inputs, Mapping) or not all(isinstance(value, str) for value in inputs.values()):
        raise UsageError(f"inputs: expected a table of names, found {shown(inputs)}")
    texts: dict[str, str | None] = {}
    for key in ("component", "system", "prompt"):
        value = settings.get(key)
        if not isinstance(value, str | None):
            raise UsageError(f"{key}: expected a string, found {shown(value)}")
        texts[key] = value
    return Fitting(dict(inputs), texts["component"], texts["system"], texts["prompt"])


def split_settings(
    table: Mapping[str, object], parameters: Mapping[str, Any]
) -> tuple[dict[str, object], dict[str, object]]:
    """The settings of a factory, and the fitting keys that it has no parameter for."""
    fitting = {key: table[key] for key in KEYS if key in table and key not in parameters}
    return {key: value for key, value in table.items() if key not in fitting}, fitting


@dataclass(frozen=True)
class Held:
    """An object that a pipeline file names itself (`use = "rag:retriever"`), in a factory's place."""

    value: object
    module: object
    __module__: str
    __qualname__: str

    def __call__(self) -> object:
        return self.value


def _identified(stage: Any, target: object, distribution: str) -> Callable[..., object]:
    """The stage with an `identity`: the object's class and the framework's version, both of which it depends on."""
    kind = type(target)
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "?"
    object.__setattr__(stage, "identity", f"{kind.__module__}.{kind.__qualname__} {distribution} {version}")
    return stage  # type: ignore[no-any-return]
