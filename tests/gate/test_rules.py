from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.errors import BadInput, UsageError
from diagnose.gate.rules import Rules, rule_of, rules_of
from diagnose.gate.settings import nearest, read_rules

WHOLE = """
[tool.other]
x = 1
[tool.diagnose.gate]
alpha = 0.01
alpha_others = "0.2%"
min_effect = "2pp"
margin = 0.08
new_failures = 3
undecided = 0.2
fidelity = 0.9
latency = "20%"
tokens = 0.1
cost = 0.5
on_inconclusive = "pass"
allow = ["missing"]
[tool.diagnose.gate.blame]
ranker = "3pp"
[tool.diagnose.gate.fix_alone]
model = 0.05
[tool.diagnose.gate.cohorts]
"tenant=acme" = 0.8
"""
READ = Rules(
    alpha=0.01,
    alpha_others=0.002,
    min_effect=0.02,
    margin=0.08,
    new_failures=3,
    undecided=0.2,
    fidelity_any=0.9,
    latency=0.2,
    tokens=0.1,
    cost=0.5,
    on_inconclusive="pass",
    allow=("missing",),
    blame={"ranker": 0.03},
    fix_alone={"model": 0.05},
    cohorts={("tenant", "acme"): 0.8},
)


def test_every_rule_can_be_written_in_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(WHOLE)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert read_rules(None, [], below, {}) == READ


def test_a_nearer_pyproject_without_rules_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(WHOLE)
    below = tmp_path / "a"
    below.mkdir()
    (below / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert nearest(below) == (tmp_path / "pyproject.toml").resolve()


@pytest.mark.parametrize("head", ["", "[gate]\n", "[tool.diagnose.gate]\n"])
def test_a_file_of_its_own(tmp_path: Path, head: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(f"{head}margin = 0.1\n")
    assert read_rules(file, [], tmp_path, {}) == Rules(margin=0.1)


def test_flags_win_over_files_and_options_over_flags(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(WHOLE)
    flags = [
        "blame.model=1pp",
        "margin=20%",
        "cohorts.topic=sla=0.5",
        "new_failures=false",
        "fidelity.model=0.5",
    ]
    found = read_rules(None, flags, tmp_path, {"margin": 0.3, "allow": ["scorer"]})
    assert found.blame == {"ranker": 0.03, "model": 0.01}
    assert found.margin == 0.3
    assert found.cohorts == {("tenant", "acme"): 0.8, ("topic", "sla"): 0.5}
    assert found.new_failures is None
    assert (found.fidelity_any, found.fidelity) == (0.9, {"model": 0.5})
    assert found.allow == ("scorer",)


def test_rules_can_be_switched_off() -> None:
    off = rules_of(dict.fromkeys(("blame", "cost", "undecided", "fidelity"), False), "here", READ)
    assert (off.blame_any, off.blame, off.cost, off.undecided, off.fidelity_any) == (
        None,
        {},
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "table, message",
    [
        ({"blam": 0.1}, '"blam": no such rule; did you mean blame?'),
        ({"zzz": 0.1}, r'"zzz": no such rule; expected one of alpha, '),
        ({"margin": "wide"}, 'margin: expected a number from 0 to 1, found "wide"'),
        ({"margin": 7}, "margin: expected a number from 0 to 1, found 7"),
        ({"margin": 10**400}, "margin: expected a number from 0 to 1, found "),
        ({"margin": True}, 'margin: expected a number from 0 to 1, found "True"'),
        ({"margin": float("nan")}, 'margin: expected a number from 0 to 1, found "nan"'),
        ({"margin": 0.005}, r"margin: expected more than min_effect \(0.01\), found 0.005"),
        ({"alpha": 0}, "alpha: expected an error rate"),
        ({"blame": {"rankr": 0.1}}, 'blame "rankr": no such stage; there are router, '),
        ({"blame": {"ranker": "much"}}, 'blame.ranker: expected a number from 0 to 1, found "much"'),
        ({"fix_alone": 0.1}, 'fix_alone: expected a table of stages, found "0.1"'),
        ({"cohorts": {"acme": 0.8}}, 'cohorts "acme": expected tag=value as the key'),
        ({"cohorts": 0.8}, "cohorts: expected a table"),
        ({"new_failures": 1.5}, "new_failures: expected a whole number of traces, found 1.5"),
        ({"new_only": "yes"}, 'new_only: expected true or false, found "yes"'),
        (
            {"on_inconclusive": "maybe"},
            'on_inconclusive: expected one of pass, fail, inconclusive, found "maybe"',
        ),
        ({"allow": ["all"]}, "allow: expected a list of scorer, questions, labels, missing"),
        ({"latency": -1}, r"latency: expected a part of 0 or more \(0.1\), found -1"),
    ],
)
def test_what_is_wrong_is_said(table: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=f"^here.*{message}"):
        rules_of(table, "here")


@pytest.mark.parametrize("flag", ["blame.ranker", "=3", ""])
def test_a_flag_without_a_value(flag: str) -> None:
    with pytest.raises(UsageError, match="--rule: expected KEY=VALUE"):
        rule_of(flag)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("margin = = 1")
    with pytest.raises(BadInput, match=r"rules\.toml: expected TOML"):
        read_rules(file, [], tmp_path, {})
    with pytest.raises(UsageError, match=r"none\.toml: cannot be read: No such file"):
        read_rules(tmp_path / "none.toml", [], tmp_path, {})
    file.write_text("gate = 3")
    with pytest.raises(UsageError, match="expected a table"):
        read_rules(file, [], tmp_path, {})
