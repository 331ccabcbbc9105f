"""`diagnose gate`: pass, fail or inconclusive, for CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.compared import (
    GATE_SUFFIXES,
    Allow,
    Outputs,
    check_suffixes,
    places_of,
    show_all,
    tell_github,
    write_all,
)
from diagnose.cli.session import Debug, Json, Quiet, Seed, guarded, say
from diagnose.errors import EXIT_GATE_FAILED, EXIT_INCONCLUSIVE, EXIT_PASS, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from diagnose.core.stage import Role
    from diagnose.core.verdict import GateVerdict
    from diagnose.report.to_github import Place

BASELINE = Path("diagnose-baseline.json")


@guarded
def gate(
    report: Annotated[
        list[Path],
        typer.Argument(help="A report folder or report.json; several are runs of the same system."),
    ],
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            "--baseline", "-b", help=f"A report or baseline file to hold it against; {BASELINE} if not given."
        ),
    ] = None,
    update_baseline: Annotated[
        bool,
        typer.Option(
            "--update-baseline", help="Write the report's outcomes to the baseline file, judge nothing."
        ),
    ] = False,
    new_only: Annotated[
        bool,
        typer.Option(
            "--new-only", help="Fail only on queries that passed before; known failures are let be."
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(help="Rules as TOML; without it [tool.diagnose.gate] of the nearest pyproject.toml."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="A rule as KEY=VALUE: blame.ranker=2pp, latency=20% (repeatable)."),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Error rate of the score rule.")] = None,
    min_effect: Annotated[
        float | None, typer.Option(help="A smaller drop of the mean score never fails.")
    ] = None,
    margin: Annotated[float | None, typer.Option(help="A drop that must not go through unseen.")] = None,
    on_inconclusive: Annotated[
        str | None, typer.Option(help="What inconclusive ends as: pass (0), fail (1), else 6.")
    ] = None,
    allow: Allow = None,
    output: Outputs = None,
    pipeline: Annotated[
        Path | None,
        typer.Option("--pipeline", "-p", help="The pipeline file, for annotations and SARIF to point at."),
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="End with 0 whatever the verdict.")] = False,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Hold a report against a baseline: fail on what is worse beyond noise, and name the stage.

    Ends with 0 (pass), 1 (fail) or 6 (inconclusive: the number of traces that would decide is said).

    Example: diagnose gate reports/new --baseline reports/main
    """
    from diagnose.flow.gated import gated
    from diagnose.gate.settings import read_rules
    from diagnose.report.sections import gate_sections

    outputs = output or []
    check_suffixes(outputs, GATE_SUFFIXES)
    if update_baseline:
        _update(report, baseline or [BASELINE], quiet)
        return
    options = {
        "alpha": alpha,
        "min_effect": min_effect,
        "margin": margin,
        "on_inconclusive": on_inconclusive,
        "allow": allow or None,
        "new_only": new_only or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    rules = read_rules(config, rule or [], Path.cwd(), given)
    places = places_of(pipeline)
    verdict = gated(report, baseline or [BASELINE], rules, seed)
    sections = list(gate_sections(verdict))
    write_all(outputs, verdict, sections, _more(verdict, places), "Gate")
    show_all(verdict, sections, json, quiet)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        tell_github(verdict, places, json)
    if not exit_zero:
        _end(verdict, rules.on_inconclusive)


def _more(verdict: GateVerdict, places: Mapping[Role, Place]) -> dict[str, Callable[[], bytes]]:
    from diagnose import __version__
    from diagnose.report.to_junit import junit_report
    from diagnose.report.to_sarif import sarif_report

    return {
        ".xml": lambda: junit_report(verdict),
        ".sarif": lambda: sarif_report(verdict, places, __version__),
    }


def _update(reports: list[Path], baselines: list[Path], quiet: bool) -> None:
    from diagnose.cli.outputs import write_bytes
    from diagnose.flow.sides import read_sides
    from diagnose.traces.outcomes import baseline_json

    if len(baselines) > 1 or baselines[0].is_dir() or baselines[0].suffix != ".json":
        raise UsageError(f"--update-baseline writes one file: give --baseline FILE.json ({BASELINE})")
    side = read_sides(reports)
    try:
        baselines[0].parent.mkdir(parents=True, exist_ok=True)
        write_bytes(baselines[0], baseline_json(side))
    except OSError as error:
        raise UsageError(f"{baselines[0]}: cannot be written ({error.strerror})") from error
    say(f"written to {baselines[0]}: the outcomes of {len(side.rows)} traces", quiet)


def _end(verdict: GateVerdict, on_inconclusive: str) -> None:
    code = {"pass": EXIT_PASS, "fail": EXIT_GATE_FAILED, "inconclusive": EXIT_INCONCLUSIVE}
    outcome = on_inconclusive if verdict.outcome == "inconclusive" else verdict.outcome
    if code[outcome]:
        raise typer.Exit(code[outcome])
