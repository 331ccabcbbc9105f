"""The router `rules`, and routes in a pipeline file."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.core.artifact import Query, Route
from diagnose.core.stage import Given
from diagnose.errors import UsageError
from diagnose.stages.failure import RunFailed
from diagnose.stages.load import load_pipeline
from diagnose.stages.route_rules import Rule, rules

ROUTES = ("small", "large")


@pytest.mark.parametrize(
    "rule, query, applies",
    [
        (Rule("large", min_words=4), "How long is leave?", True),
        (Rule("large", min_words=5), "How long is leave?", False),
        (Rule("large", max_words=3), "How long is leave?", False),
        (Rule("large", cues=("compare", "more than")), "Is it MORE, than that?", True),
        (Rule("large", cues=("more than",)), "Is it more or less than that?", False),
        (Rule("large", cues=("old",)), "Who was told?", False),
        (Rule("large", min_names=2), "Which is larger, Rome or Oslo?", True),
        (Rule("large", min_names=2), "Which is larger than Oslo?", False),
        (Rule("large", pattern=r"\d{4}"), "What happened in 1873?", True),
        (Rule("large", min_words=3, cues=("both",)), "Both?", False),
    ],
)
def test_a_rule_applies_where_all_of_it_holds(rule: Rule, query: str, applies: bool) -> None:
    assert rule.applies(query) is applies
    assert rules("small", (rule,), ROUTES)(query) == ("large" if applies else "small")


def test_the_first_rule_that_applies_decides() -> None:
    router = rules("small", (Rule("small", cues=("only",)), Rule("large")), ROUTES)
    assert (router("Only this?"), router("This?")) == ("small", "large")


TOML = """
[stages.router]
use = "rules"
default = "small"
[[stages.router.rules]]
route = "large"
cues = ["compare"]
[stages.packer]
use = "rank-order"
[stages.model]
use = "extract"
[routes.large]
cost = 4
packer.budget_tokens = 400
[routes.small]
cost = 1.5
packer.budget_tokens = 50
"""


def loaded(folder: Path, text: str) -> object:
    path = folder / "pipeline.toml"
    path.write_text(text)
    return load_pipeline(path, {})


def test_routes_come_with_their_costs_cheapest_first(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text(TOML)
    pipeline = load_pipeline(path, {})
    assert list(pipeline.routes) == ["small", "large"]
    assert pipeline.route_costs == {"small": 1.5, "large": 4.0}
    router = pipeline.stages[0]
    assert router.deterministic
    assert router.run(Given("Compare them.", Query("Compare them.")), None) == Route("large")


def test_without_costs_routes_stay_as_declared(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text(TOML.replace("cost = 4\n", "").replace("cost = 1.5\n", ""))
    pipeline = load_pipeline(path, {})
    assert list(pipeline.routes) == ["large", "small"]
    assert pipeline.route_costs == {}


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            'default = "small"',
            'default = "tiny"',
            'default: expected one of the routes small, large, found "tiny"',
        ),
        ('route = "large"', 'route = "huge"', r'rules\[0\] route: expected one of .*found "huge"'),
        ('cues = ["compare"]', 'cue = ["compare"]', "rules: .*unknown field"),
        ('cues = ["compare"]', "min_words = -1", "rules: expected"),
        ('cues = ["compare"]', 'pattern = "("', r"rules\[0\] pattern"),
        ("packer.budget_tokens = 400", "ranker.top_n = 4", "ranker"),
        ("cost = 4", "cost = -4", "cost: expected a number of 0 or more"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TOML
    with pytest.raises(UsageError, match=message):
        loaded(tmp_path, TOML.replace(old, new))


def test_a_router_of_ones_own_is_told_the_routes_and_held_to_them(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def last(routes):\n    return lambda query: routes[-1] + query[:1].strip('c')\n"
    )
    text = TOML.replace('use = "rules"\ndefault = "small"', 'use = "own:last"')
    text = text.replace('[[stages.router.rules]]\nroute = "large"\ncues = ["compare"]\n', "")
    path = tmp_path / "pipeline.toml"
    path.write_text(text)
    router = load_pipeline(path, {}).stages[0]
    assert router.run(Given("compare", Query("compare")), None) == Route("large")
    with pytest.raises(RunFailed, match='expected one of the routes small, large, found "largex"'):
        router.run(Given("x", Query("x")), None)
