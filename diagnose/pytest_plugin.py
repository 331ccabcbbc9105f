"""The pytest plug-in: a pipeline held against its baseline in a test.

    @pytest.mark.diagnose(pipeline="pipeline.toml", queries="queries.jsonl")
    def test_answers(): ...

runs the pipeline over labelled queries, replays what fails, and fails the test where the gate does, with the blame in
the message. Paths are relative to the test file. `baseline` names the baseline file (`diagnose-baseline.json`); other
keywords are rules as in `[tool.diagnose.gate]`, which count as well. `pytest --diagnose-update-baseline` writes
the baseline. The fixture `diagnosis` gives the report and the verdict, for assertions of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from diagnose.core.baseline import Baseline
    from diagnose.core.report import Report
    from diagnose.core.verdict import GateVerdict
    from diagnose.gate.rules import Rules

BASELINE = "diagnose-baseline.json"
MARKER = (
    "diagnose(pipeline, queries, baseline=..., **rules): run a pipeline over labelled queries and fail where the gate "
    "against the baseline does"
)
OWN = ("pipeline", "queries", "baseline", "seed")
WIDTH = 100


@dataclass(frozen=True)
class Diagnosis:
    """What a marked test's pipeline came to: its report, its outcomes, the verdict of the gate (None where there is no
    baseline) and the rules it was judged by."""

    report: Report
    side: Baseline
    verdict: GateVerdict | None
    rules: Rules
    baseline: Path

    @property
    def message(self) -> str:
        """The verdict as text: what failed, which stage is to blame, which queries regressed."""
        return "" if self.verdict is None else _text(self.verdict)


_FOUND = pytest.StashKey[Diagnosis]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plug-in."""
    group = parser.getgroup("diagnose", "blame of failing answers")
    group.addoption(
        "--diagnose-baseline", metavar="FILE", help="hold every marked test against this baseline"
    )
    group.addoption(
        "--diagnose-update-baseline",
        action="store_true",
        help="write the baselines of marked tests, judge nothing",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Judges a marked test's pipeline before the test's own body runs."""
    if item.get_closest_marker("diagnose") is None:
        return
    found = _diagnosis(item)
    if found.verdict is None or found.verdict.outcome == "pass":
        return
    if found.verdict.outcome == "inconclusive" and found.rules.on_inconclusive == "pass":
        return
    pytest.fail(found.message, pytrace=False)


@pytest.fixture
def diagnosis(request: pytest.FixtureRequest) -> Diagnosis:
    """The diagnosis of the marked test's pipeline."""
    return _diagnosis(request.node)


def _diagnosis(item: pytest.Item) -> Diagnosis:
    """The diagnosis of a test, made once."""
    if _FOUND not in item.stash:
        from diagnose.errors import DiagnoseError

        try:
            item.stash[_FOUND] = _made(item)
        except DiagnoseError as error:
            pytest.fail(f"diagnose: {error}", pytrace=False)
    return item.stash[_FOUND]


def _made(item: pytest.Item) -> Diagnosis:
    from diagnose.cli.opened import pipeline_of, runner_of, scorer_of, traces_of
    from diagnose.errors import UsageError
    from diagnose.flow.live import live_side
    from diagnose.gate.change import Chance
    from diagnose.gate.judge import judged
    from diagnose.gate.pairs import paired
    from diagnose.gate.settings import read_rules
    from diagnose.traces.outcomes import baseline_json, read_baseline

    marker = item.get_closest_marker("diagnose")
    if marker is None:
        raise UsageError("the fixture `diagnosis` needs @pytest.mark.diagnose(pipeline=..., queries=...)")
    given, folder = marker.kwargs, item.path.parent
    pipeline = pipeline_of(folder / _wanted(given, "pipeline"))
    queries, _ = traces_of(folder / _wanted(given, "queries"), strict=True, quiet=True)
    rules = read_rules(None, [], folder, {k: v for k, v in given.items() if k not in OWN})
    seed = int(given.get("seed", 0))
    with runner_of(pipeline, seed, no_memo=False, quiet=True) as runner:
        side, report = live_side(queries, pipeline, scorer_of(pipeline), runner.memo, seed)
    file = _baseline_file(item, given, folder)
    if item.config.getoption("--diagnose-update-baseline"):
        file.write_bytes(baseline_json(side))
        return Diagnosis(report, side, None, rules, file)
    if not file.is_file():
        raise UsageError(f"{file.name}: no baseline yet: write it with  pytest --diagnose-update-baseline")
    pairs = paired(read_baseline(file), side, rules.allow)
    verdict = judged(pairs, rules, (file.name, pipeline.name), Chance(seed))
    return Diagnosis(report, side, verdict, rules, file)


def _wanted(given: Mapping[str, object], name: str) -> str:
    from diagnose.errors import UsageError

    if not isinstance(value := given.get(name), str | Path):
        raise UsageError(f'@pytest.mark.diagnose: {name}: missing; expected a file ({name}="...")')
    return str(value)


def _baseline_file(item: pytest.Item, given: Mapping[str, object], folder: Path) -> Path:
    if option := item.config.getoption("--diagnose-baseline"):
        return Path(str(option)).resolve()
    return folder / str(given.get("baseline", BASELINE))


def _text(verdict: GateVerdict) -> str:
    from io import StringIO

    from rich.console import Console

    from diagnose.report.sections import gate_sections
    from diagnose.report.sections_text import text_sections

    out = StringIO()
    text_sections(gate_sections(verdict), Console(file=out, width=WIDTH, color_system=None))
    return out.getvalue()
