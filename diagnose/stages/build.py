"""Builds one stage from its table in a pipeline file."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from diagnose import __version__
from diagnose.core.pipeline import Corpus
from diagnose.core.stage import ROLES, Recipe, Role, Stage
from diagnose.core.trace import Trace
from diagnose.errors import DiagnoseError, MissingExtra, UsageError
from diagnose.secrets import is_secret_name
from diagnose.stages.adapt import Known
from diagnose.stages.attached import Held, attached, is_framework_object, split_settings
from diagnose.stages.call import ARGUMENTS, SEED, Identity, as_stage
from diagnose.stages.corpus import read_corpus
from diagnose.stages.failure import RunFailed, one_line
from diagnose.stages.locate import importable, locate
from diagnose.stages.passage import shown
from diagnose.stages.recorded import NAME, NO_MODEL
from diagnose.stages.settings import check_keys, parameters_of, typed, unknown, with_defaults
from diagnose.stages.table import BUILT_INS
from diagnose.stages.tokens import count_words_and_marks

RESERVED = ("use", "deterministic", "fingerprint", "timeout_s", "alternatives")
"""Keys of a stage's table that are ours, not its factory's."""
OFFERED = (
    "corpus",
    "count_tokens",
    "folder",
    "abstention",
    "environ",
    "role",
    "traces",
    "routes",
    "model_stage",
)
"""Parameters of a factory that the pipeline fills where its table does not: the corpus, the model's
tokenizer, the file's folder, what the pipeline says when it has no answer, the environment, the stage's
role, the log that is replayed, the names of the declared routes from cheapest to dearest, and a model to ask:
that of the table's own sub-table `model`, else the pipeline's."""

CLOSED = ("corpus", "count_tokens", "folder", "environ", "role", "traces", "routes", "model_stage")
"""Those of them that the table of a built-in cannot set."""
KINDS: Mapping[type, str] = {str: "a string", bool: "true or false", float: "a number"}

MODEL_STAGE = "model_stage"

Table = Mapping[str, object]
T = TypeVar("T", str, bool, float)


@dataclass(frozen=True)
class Site:
    """Where a stage is built: the pipeline file's name and folder, and what factories are offered.

    `tokenizer` identifies `count_tokens`: a packer's output depends on it. `traces` is the log that is replayed,
    `tables` the stages of the file, `corpus_file` where the corpus was read from ("" for no file). `made` holds the
    frameworks' objects that were made for it, each to serve all stages that are parts of it; `built` the stages, by
    everything that they are made of.
    """

    file: str
    folder: Path
    environ: Mapping[str, str]
    abstention: str
    corpus: Corpus | None = None
    routes: tuple[str, ...] = ()
    count_tokens: Callable[[str], int] = count_words_and_marks
    tokenizer: str = "words"
    traces: Sequence[Trace] | None = None
    model_stage: Stage | None = None
    tables: Mapping[Role, Table] = field(default_factory=dict)
    corpus_file: str = ""
    made: dict[str, object] = field(default_factory=dict)
    built: dict[str, Stage] = field(default_factory=dict)

    def offers(self, role: Role) -> dict[str, object]:
        """The offered arguments by name, without those that this pipeline has not (a corpus, a log)."""
        own = {name: getattr(self, name) for name in OFFERED if name != "role"}
        absent = {name for name in ("corpus", "traces", "model_stage") if own[name] is None}
        return {"role": role, **{name: value for name, value in own.items() if name not in absent}}


@dataclass(frozen=True)
class Part:
    """A factory and what it is called with. `where` is its table's place in the file, for errors."""

    role: Role
    use: str
    where: str
    factory: Callable[..., object]
    settings: Mapping[str, object]
    offers: Mapping[str, object]
    fitting: Mapping[str, object] = field(default_factory=dict)


def build_stage(role: Role, table: Table, site: Site, key: str) -> Stage:
    """The stage of a table; `key` is the table's path in the file (`stages.ranker`), for errors.

    Raises UsageError where a key is wrong or a module cannot be imported, RunFailed where the factory itself
    raises.
    """
    where = f"{site.file} [{key}]"
    deterministic = reserved(table, "deterministic", bool, where)
    stated = reserved(table, "fingerprint", str, where)
    timeout_s = reserved(table, "timeout_s", float, where)
    if timeout_s is not None and timeout_s <= 0:
        raise UsageError(f"{where} timeout_s: expected seconds above 0, found {timeout_s:g}")
    for name, value in table.items():
        if is_secret_name(name) and isinstance(value, str) and value:
            raise UsageError(
                f"{where} {name}: a pipeline file holds no keys, which would be shared with it: put the key in an "
                "environment variable and name that (key_env), or read it in your own factory"
            )
    part = _part(role, table, site, key)
    target = _made(part, site)
    identity = Identity(
        role=role,
        name=part.use,
        fingerprint=stated or _fingerprint(part, target, site),
        deterministic=deterministic,
        settings={**part.settings, **part.fitting},
        timeout_s=timeout_s,
        count_tokens=site.count_tokens if "count_tokens" in part.offers else None,
    )
    stage = as_stage(target, identity, Known(site.corpus, site.routes))
    return replace(stage, alternatives=_alternatives(table, where), recipe=_recipe(part, table, target, site))


def _alternatives(table: Table, where: str) -> dict[str, tuple[object, ...]]:
    """Other values of the table's settings, by key: `alternatives = { model = ["small", "large"] }`."""
    stated = table.get("alternatives", {})
    if not isinstance(stated, Mapping):
        raise UsageError(f"{where} alternatives: expected a table of lists by key, found {shown(stated)}")
    for key, values in stated.items():
        if key in RESERVED and key != "use":
            raise UsageError(unknown(f"{where} alternatives", key, ["use", "a setting"], "key"))
        plain = isinstance(values, list) and all(isinstance(v, (str, int, float, bool)) for v in values)
        if not plain or not values:
            expected = "a list of other values (text, numbers, true or false)"
            raise UsageError(f"{where} alternatives.{key}: expected {expected}, found {shown(values)}")
    return {key: tuple(values) for key, values in stated.items()}


ELSEWHERE = frozenset({"corpus", "folder", "abstention", "environ", "role", "routes"})
"""What a factory may be offered for its stage to be built in another process, too: it is read from files there."""


def _recipe(part: Part, table: Table, target: object, site: Site) -> Recipe | None:
    """How another process builds the same stage; None where it needs what only this one has."""
    inner = MODEL_STAGE in part.offers or MODEL_STAGE in part.settings or "model" in part.fitting
    if inner or not set(part.offers) <= ELSEWHERE or ("corpus" in part.offers and not site.corpus_file):
        return None
    try:
        values = msgspec.json.decode(msgspec.json.encode(dict(table)), type=dict[str, object])
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError):
        return None
    return Recipe(
        role=part.role,
        table=values,
        file=site.file,
        folder=str(site.folder),
        corpus=site.corpus_file if "corpus" in part.offers else "",
        abstention=site.abstention,
        routes=site.routes,
        many=dict(getattr(target, "in_many", {})),
        needed_bytes=int(getattr(target, "needed_bytes", 0)),
    )


def rebuilt(recipe: Recipe, environ: Mapping[str, str]) -> Stage:
    """The stage of a recipe, in this process. Raises as `build_stage` and `read_corpus` do."""
    folder = Path(recipe.folder)
    site = Site(
        file=recipe.file,
        folder=folder,
        environ=environ,
        abstention=recipe.abstention,
        corpus=read_corpus(folder / recipe.corpus, recipe.corpus) if recipe.corpus else None,
        corpus_file=recipe.corpus,
        routes=recipe.routes,
    )
    return build_stage(recipe.role, recipe.table, site, f"stages.{recipe.role}")


def reserved(table: Table, key: str, kind: type[T], where: str) -> T | None:
    """The value of a key, checked to be of a kind (a whole number is a float, too); None where it is not
    there."""
    value = table.get(key)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise UsageError(f"{where} {key}: expected {KINDS[kind]}, found one of too many digits") from None
    if value is None or (isinstance(value, kind) and value != ""):
        return value
    raise UsageError(f"{where} {key}: expected {KINDS[kind]}, found {shown(value)}")


def _part(role: Role, table: Table, site: Site, key: str) -> Part:
    where = f"{site.file} [{key}]"
    use = reserved(table, "use", str, where)
    own = ", ".join(BUILT_INS[role])
    if use is None:
        expected = f"one of {own}, or module:factory" if own else "module:factory"
        raise UsageError(f"{where} use: missing; expected {expected}")
    if role == "model" and use == NAME:
        raise UsageError(f"{where} use: {NO_MODEL}")
    built_in = BUILT_INS[role].get(use)
    if built_in is None and ":" not in use:
        allowed = [*BUILT_INS[role], "module:factory"]
        raise UsageError(unknown(f"{where} use", use, allowed, f"built-in {role}"))
    factory = built_in or _located(use, site, where)
    parameters = parameters_of(factory)
    settings = {name: value for name, value in table.items() if name not in RESERVED}
    settings, fitting = (settings, {}) if built_in else split_settings(settings, parameters)
    if MODEL_STAGE in parameters and isinstance(inner := settings.get("model"), Mapping):
        del settings["model"]
        model = build_stage("model", inner, replace(site, model_stage=None), f"{key}.model")
        site = replace(site, model_stage=model)
    check_keys(settings, parameters, CLOSED if built_in else (), where)
    if built_in:
        settings = typed(settings, factory, where)
    # The seed of a plain function is the replay's to set, unless the table sets it.
    plain = any(name in ARGUMENTS for name in _required(factory))
    settings = with_defaults(settings, parameters, (*OFFERED, SEED) if plain else OFFERED)
    offers = {k: v for k, v in site.offers(role).items() if k in parameters and k not in settings}
    return Part(role, use, where, factory, settings, offers, fitting)


def _located(use: str, site: Site, where: str) -> Callable[..., object]:
    """The user's factory; for a framework's object that the file names itself one that gives it."""
    found, module = locate(use, site.folder, f"{where} use", is_framework_object)
    if callable(found):
        return found
    return Held(found, module, module.__name__, use.partition(":")[2])


def _made(part: Part, site: Site) -> Callable[..., object]:
    """What the factory returns; or the factory itself, where it is no factory but the stage."""
    given = {**part.settings, **part.offers}
    if isinstance(part.factory, Held):
        _refuse(part.settings, part)
    if missing := [name for name in _required(part.factory) if name not in given]:
        if any(name in ARGUMENTS for name in missing):
            _refuse(part.fitting, part)
            return partial(part.factory, **given)
        if "corpus" in missing:
            raise UsageError(f"{site.file} [pipeline] corpus: missing; {part.use} searches one")
        if MODEL_STAGE in missing:
            raise UsageError(f"{part.where} model: missing; {part.use} asks a model: give it a table")
        raise UsageError(f"{part.where} {missing[0]}: missing; {part.use} needs it")
    whole = json.dumps([part.use, part.settings, sorted(part.offers)], sort_keys=True, default=str)
    try:
        with importable(site.folder):
            target = site.made.get(whole) or part.factory(**given)
    except MissingExtra:
        raise
    except UsageError as exc:
        raise UsageError(f"{part.where} {exc}") from exc
    except DiagnoseError:
        raise
    except (Exception, SystemExit) as exc:
        reason = f"its factory raised {one_line(exc)}"
        raise RunFailed(part.role, part.use, "raised", reason) from exc
    if is_framework_object(target) and "role" not in part.offers:
        site.made[whole] = target
    target = _fitted(target, part, site)
    if not callable(target):
        reason = f"its factory returned {shown(target)}; expected a callable"
        raise RunFailed(part.role, part.use, "nonsense", reason)
    return target


def _fitted(target: object, part: Part, site: Site) -> object:
    """A framework's object as a callable; anything else as it is."""
    earlier = ROLES[: ROLES.index(part.role)]
    tables = {role: site.tables[role] for role in earlier if role in site.tables}
    same = {role: table.get("component") for role, table in tables.items() if table.get("use") == part.use}
    before = {role: name if isinstance(name, str) else None for role, name in same.items()}
    try:
        found = attached(part.role, target, part.fitting, before, tuple(r for r in tables if r not in same))
    except UsageError as exc:
        raise UsageError(f"{part.where} {exc}") from exc
    if found is None:
        _refuse(part.fitting, part)
        return target
    return found


def _refuse(keys: Mapping[str, object], part: Part) -> None:
    """Raises UsageError for a key that nothing takes."""
    for key in keys:
        raise UsageError(unknown(part.where, key, parameters_of(part.factory), "key"))


def _required(factory: Callable[..., object]) -> list[str]:
    """The parameters without a default."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters_of(factory).values() if p.default is p.empty and p.kind in kinds]


def _fingerprint(part: Part, target: object, site: Site) -> str:
    """sha256 of what the stage's outputs depend on, as far as it can be told: this package's version, the
    factory, its settings, the source file it is defined in (not what that imports), the corpus, tokenizer
    and model it is given, and the target's own `identity` (a model file's digest)."""
    factory = inspect.unwrap(part.factory)
    taken = {
        "corpus": site.corpus.digest if site.corpus is not None else None,
        "count_tokens": site.tokenizer,
        "abstention": site.abstention,
        "role": part.role,
        "routes": site.routes,
        MODEL_STAGE: getattr(part.offers.get(MODEL_STAGE), "fingerprint", None),
    }
    incidental = getattr(target, "incidental", ())
    whole = {
        "version": __version__,
        "factory": f"{factory.__module__}:{getattr(factory, '__qualname__', part.use)}",
        "source": _source_digest(factory),
        "settings": {name: value for name, value in part.settings.items() if name not in incidental},
        "fitting": dict(part.fitting),
        "taken": {name: value for name, value in taken.items() if name in part.offers},
        "identity": str(getattr(target, "identity", "")),
    }
    # default=str: TOML has dates and times, JSON has not.
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def _source_digest(factory: Callable[..., object]) -> str | None:
    """sha256 of the file the factory is defined in, or None where there is none."""
    try:
        file = inspect.getsourcefile(getattr(factory, "module", factory))
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
    except (OSError, TypeError):
        return None
