"""Every name that `diagnose explain` knows, gathered from the tables that define them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from diagnose.core.entry import Entry
from diagnose.core.stage import OUTPUT_TYPES, ROLES, TAKES, Role

if TYPE_CHECKING:
    from diagnose.repairs.contract import Contract

PAGE = "docs/how-blame-is-computed.md"

KINDS: dict[str, str] = {
    "role": "what a stage of the pipeline owes the next",
    "repair": "the best output that a role's contract allows",
    "mode": "how a stage failed",
    "finding": "what is looked at before any stage is blamed",
    "reason": "why there is no verdict",
    "level": "what a log lets a report claim",
    "stage": "a built-in stage, by what `use` calls it",
    "ablation": "a control: a stage made worse, or left out",
    "metric": "how answers and stages are scored",
    "number": "a number in games.jsonl, blame.jsonl or report.json",
    "field": "a field there that is no number",
    "error": "what a command can stop with",
    "exit": "the exit code of a command",
}
"""The kinds of entries, in the order in which they are listed."""

_ROUTER_OWES = "the cheapest declared route that answers the query"
_ROUTER_KEPT = "Its route is the cheapest declared one that scores full marks."
_ROUTER_REPAIRED = "tries the declared routes, the cheapest first, and gives the first that scores full marks"

_GRADED = (
    "v(C ∪ model) = max(v(C), min(o(C), v(C) + 1 − c)), c = v(N ∖ model): the repair counts only as far as "
    "the model fails when every other stage is repaired"
)

_ABLATIONS: dict[str, tuple[str, str]] = {
    "nothing": ("Leaves the stage out: it gives nothing at all.", "what the stage adds"),
    "identity": (
        "The stage passes on what it was given, unchanged: a rewriter the user's own words, a ranker or "
        "compressor its input.",
        "whether the stage does better than doing nothing",
    ),
    "shuffle": (
        "Puts the stage's passages in a random order, by a seed.",
        "whether order matters; the control for the model's mode `position`",
    ),
    "closed-book": (
        "The model gets the question without any context.",
        "what it answers from memory; shows the mode `closed-book`",
    ),
    "gold-only": (
        "The model gets the gold passages and nothing else.",
        "tells `ignored` (wrong even then) from `distracted` and `position`",
    ),
    "irrelevant-swap": (
        "The model gets the gold passages, and beside them as many others that have nothing to do with the "
        "question.",
        "the control for `distracted`: a model that is wrong here too is misled by anything beside gold "
        "(`ignored`)",
    ),
}

_ERROR_REMEDIES: dict[str, str] = {
    "DiagnoseError": "Never raised as such: one of the errors below it is.",
    "UsageError": "Read the message, then `diagnose COMMAND --help`.",
    "MissingExtra": "Run the install command that the message gives.",
    "BadInput": "`diagnose check FILE` lists every problem of a log with its line and field.",
    "Unfaithful": "See which stage has drifted (`fidelity` in the report), or replay the logged version.",
    "StageFailed": "The message names the stage and what it did. Mend it and run the command again: what was "
    "finished is kept.",
    "Inconclusive": "Allow more calls (--max-calls) or give more traces; the message says how many would do.",
    "NoSpace": "Make room, and give the same command again with --resume: what was finished is kept.",
    "Interrupted": "Give the same command again with --resume: what was finished is kept.",
}

_EXITS: dict[str, tuple[str, str]] = {
    "0": ("The command did what it should; a gate passed.", "pass"),
    "1": ("A gate failed: the report is worse than its rules or its baseline allow.", "gate failed"),
    "2": ("The command line, a setting or an installation is wrong; nothing was run.", "usage"),
    "3": ("A file holds something else than it should.", "bad input"),
    "4": ("A replay with nothing changed does not reproduce the log.", "replay unfaithful"),
    "5": ("A stage or an endpoint raised, hung or gave nonsense.", "a stage failed"),
    "6": ("Not enough data or calls to decide.", "inconclusive"),
    "70": ("A bug in diagnose: please report it, with what --debug shows.", "our bug"),
    "74": ("The disk is full; what was finished is kept.", "no space"),
    "130": (
        "Interrupted; what was finished is kept, and the same command goes on from there.",
        "interrupted",
    ),
}


def entries() -> tuple[Entry, ...]:
    """Every entry, by kind in the order of `KINDS`."""
    from diagnose.attribute.mode_texts import MODES
    from diagnose.attribute.number_texts import FINDING_TEXTS, LEVELS, NUMBERS, REASONS

    found = [
        *_roles(),
        *MODES.values(),
        *FINDING_TEXTS.values(),
        *REASONS.values(),
        *LEVELS.values(),
        *_stages(),
        *_ablations(),
        *_metrics(),
        *NUMBERS.values(),
        *_errors(),
        *_exits(),
    ]
    order = list(KINDS)
    return tuple(sorted(found, key=lambda entry: order.index(entry.kind)))


def _said(doc: str | None) -> str:
    """A docstring on one line."""
    return " ".join(inspect.cleandoc(doc or "").split())


def _roles() -> Iterator[Entry]:
    from diagnose.repairs.table import CONTRACTS

    for role in ROLES:
        contract = CONTRACTS.get(role)
        yield _role(role, contract)
        yield Entry(
            name=role,
            kind="repair",
            definition=f"Gives {contract.repaired if contract else _ROUTER_REPAIRED}.",
            formula=_GRADED if role == "model" else None,
            range="exactly its own output, where the stage keeps its contract on its fair input",
            source=f"{PAGE}, Contracts",
            see=(role,),
        )


def _role(role: Role, contract: Contract | None) -> Entry:
    from diagnose.attribute.mode_texts import MODES

    owes = contract.owes if contract else _ROUTER_OWES
    takes, gives = ", ".join(TAKES[role]), OUTPUT_TYPES[role].__name__.lower()
    return Entry(
        name=role,
        kind="role",
        definition=f"Owes {owes}.",
        formula=_said(contract.kept.__doc__) if contract else _ROUTER_KEPT,
        range=f"called with {takes}; gives {_GIVES.get(gives, gives)}",
        source=f"{PAGE}, Contracts",
        see=tuple(entry.address for (of, _), entry in MODES.items() if of == role),
    )


_GIVES = {
    "route": "the name of a declared route",
    "text": "the query as text",
    "passages": "passages, best first",
    "context": "the context: its text and its passages",
    "answer": "the answer",
    "decision": "whether the draft passes, and what to say instead if not",
}


def _stages() -> Iterator[Entry]:
    from diagnose.stages.build import OFFERED
    from diagnose.stages.settings import parameters_of
    from diagnose.stages.table import BUILT_INS

    for role, built_ins in BUILT_INS.items():
        for name, factory in built_ins.items():
            keys = [p for p in parameters_of(factory).values() if p.name not in OFFERED]
            yield Entry(
                name=name,
                kind="stage",
                definition=_said(factory.__doc__).removeprefix(f"`{name}`: ") or f"A {role}.",
                formula=", ".join(_key(parameter) for parameter in keys) or None,
                source=factory.__module__.replace(".", "/") + ".py",
                see=(role, "pipeline"),
                of=role,
            )


def _key(parameter: inspect.Parameter) -> str:
    """A key of a stage's table with its default, or bare where it has to be given."""
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    return f"{parameter.name} = {json.dumps(parameter.default, default=repr)}"


def _ablations() -> Iterator[Entry]:
    for name, (definition, shows) in _ABLATIONS.items():
        yield Entry(name, "ablation", definition, evidence=shows, source=PAGE, see=("modes",))


def _metrics() -> Iterator[Entry]:
    from diagnose.score.table import METRICS

    yield from map(metric_entry, METRICS)


def metric_entry(name: str) -> Entry:
    """The entry of a metric; retrieval measures may have any cutoff. Raises UsageError for an unknown one."""
    from diagnose.score.table import metric

    known = metric(name)
    options = ", ".join(f"{option} = {default!r}" for option, default in known.options.items())
    takes = f" Defaults: {options}." if options else ""
    judges = " Judges a ranking of passages, not an answer." if known.kind == "retrieval" else ""
    return Entry(
        name=known.name,
        kind="metric",
        definition=f"{known.title}. {known.definition}{takes}{judges}",
        formula=known.formula,
        range=known.range,
        unit=known.unit,
        source=known.source,
        see=("pipeline",) if known.kind == "answer" else (),
    )


def _errors() -> Iterator[Entry]:
    from diagnose import errors

    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.DiagnoseError):
            yield Entry(
                name=name,
                kind="error",
                definition=_said(error.__doc__),
                range=f"exit code {error.exit_code}",
                source="diagnose/errors.py",
                remedy=_ERROR_REMEDIES[name],
                see=(f"exit.{error.exit_code}",),
            )


def _exits() -> Iterator[Entry]:
    for code, (definition, meaning) in _EXITS.items():
        yield Entry(
            code, "exit", definition, range=meaning, source="diagnose/errors.py", of="exit", see=("errors",)
        )
