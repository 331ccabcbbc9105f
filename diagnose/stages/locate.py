"""Finds the user's own code that a pipeline file names as `module:factory`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from diagnose.errors import UsageError, quoted
from diagnose.stages.failure import one_line

_FOLDERS: set[Path] = set()
"""Folders that pipelines were loaded from in this process: modules of one must not stand in for another's."""


def locate(
    use: str, folder: Path, where: str, accepted: Callable[[object], bool] = lambda value: False
) -> tuple[object, ModuleType]:
    """The object that `module:name` names, imported with `folder` first on `sys.path`, and its module.

    It is a callable, or something that `accepted` says yes to. Raises UsageError, beginning with `where`, that names
    the module and the folder it was looked for in.
    """
    module_name, _, attribute = use.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise UsageError(f"{where}: expected a built-in's name or module:factory, found {quoted(use)}")
    module = _imported(module_name, folder, where)
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found) and not accepted(found):
        has = ", ".join(sorted(name for name, value in vars(module).items() if _offered(name, value, module)))
        what = "nothing" if found is None else f"a {type(found).__name__}"
        raise UsageError(
            f"{where}: expected a callable {quoted(attribute)} in module {module_name},"
            f" found {what} (the module has: {has or 'none'})"
        )
    return found, module


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Puts the folder first on `sys.path` for as long as the pipeline's code is imported and its factories
    run."""
    entry = str(folder)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)


def _imported(name: str, folder: Path, where: str) -> ModuleType:
    top = name.partition(".")[0]
    if _in_folder(top, folder) and top in sys.stdlib_module_names:
        raise UsageError(
            f"{where}: module {top} hides one of the standard library: give {top}.py another name"
        )
    _forget_namesakes(top, folder)
    _FOLDERS.add(folder)
    with importable(folder):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as exc:
            if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
                places = f"neither in the folder {quoted(_short(folder))} nor among the installed ones"
                raise UsageError(f"{where}: found no module {name}, {places}") from exc
            raise UsageError(_failed(where, name, folder, exc)) from exc
        except (Exception, SystemExit) as exc:
            raise UsageError(_failed(where, name, folder, exc)) from exc


def _failed(where: str, name: str, folder: Path, exc: BaseException) -> str:
    return f"{where}: importing module {name} (folder {quoted(_short(folder))}) raised {one_line(exc)}"


def _short(folder: Path) -> str:
    return str(folder) if len(str(folder)) < 80 else f"…{str(folder)[-70:]}"


def _forget_namesakes(top: str, folder: Path) -> None:
    """Drops from `sys.modules` what an import would wrongly find there: another folder's module of this
    name, and modules of other pipelines' folders that this folder has its own of (`stages.py` beside each of
    two pipeline files)."""
    for name, module in list(sys.modules.items()):
        own_top = name.partition(".")[0]
        # Not getattr: some modules import others when asked for an attribute.
        file = getattr(module, "__dict__", {}).get("__file__")
        if file is None or own_top == "diagnose" or not _in_folder(own_top, folder):
            continue
        path = Path(file).resolve()
        foreign = any(path.is_relative_to(other) for other in _FOLDERS if other != folder)
        if not path.is_relative_to(folder) and (own_top == top or foreign):
            del sys.modules[name]


def _in_folder(top: str, folder: Path) -> bool:
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _offered(name: str, value: object, module: ModuleType) -> bool:
    return (
        callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )
