"""Judges a comparison by the rules: pass, fail, or not enough to tell.

The family of tests is controlled by a fallback procedure (Wiens 2003, Pharmaceutical Statistics 2(3);
Bretz, Maurer, Brannath and Posch 2009, Statistics in Medicine 28(4)). The score rule is tested first, at
the whole of `alpha`. All others share `alpha_others` by Holm's correction, and `alpha` as well once the
score rule has rejected. The chance that an unchanged system fails at all is at most alpha + alpha_others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from diagnose.core.stage import Role
from diagnose.core.verdict import Comparison, GateOutcome, GateVerdict, Needed, RuleVerdict
from diagnose.gate import words
from diagnose.gate.change import Chance, largest_drop, needed, paired_p
from diagnose.gate.compare import compared
from diagnose.gate.measure import Measured, measured, new_failures
from diagnose.gate.pairs import Pairs
from diagnose.gate.rules import Rules
from diagnose.stats.permutation import holm

ROUNDING = 1e-9


def judged(pairs: Pairs, rules: Rules, names: tuple[str, str], chance: Chance = Chance()) -> GateVerdict:
    """The verdict on the second side of the pairs, held against the first. Same input and seed, same
    verdict."""
    comparison = compared(pairs, names, chance)
    if rules.new_only:
        first = _settled(new_failures(pairs, rules), rules.alpha, None)
        tested: tuple[RuleVerdict, ...] = (first,)
    else:
        first, rejected = _score_rule(pairs, rules, comparison, chance)
        level = rules.alpha_others + (rules.alpha if rejected else 0.0)
        tested = (first, *_others(measured(pairs, rules, comparison, chance), level))
    outcome = worst(rule.outcome for rule in tested)
    stage = None if outcome == "pass" else _stage(comparison)
    return GateVerdict(
        outcome=outcome,
        headline=_headline(outcome, tested, comparison, stage),
        stage=stage,
        rules=tested,
        comparison=comparison,
        alpha=rules.alpha,
        alpha_others=rules.alpha_others,
        seed=chance.seed,
        needed=next((rule.needed for rule in tested if rule.needed is not None), None),
    )


def worst(outcomes: Iterable[GateOutcome]) -> GateOutcome:
    """What several outcomes come to: any failure fails, else anything inconclusive is."""
    found = set(outcomes)
    return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"


@dataclass(frozen=True)
class _Seen:
    """The drop of the score and what is known of it: `p_value` is of the scores as far as they held,
    `p_logged` of those of the logs alone, `at_most` the largest drop that they do not rule out."""

    drop: float
    p_value: float
    p_logged: float
    at_most: float
    unharmed: bool


def _score_rule(
    pairs: Pairs, rules: Rules, comparison: Comparison, chance: Chance
) -> tuple[RuleVerdict, bool]:
    """The score rule, and whether its test rejects."""
    before, after = pairs.scores()
    differences, clusters = after - before, pairs.clusters
    p_value = comparison.score.p_value
    assert p_value is not None
    seen = _Seen(
        drop=-comparison.score.change,
        p_value=p_value,
        p_logged=paired_p(differences, "less", clusters, chance),
        at_most=largest_drop(differences, clusters, rules.alpha),
        unharmed=pairs.steady and bool((differences >= -ROUNDING).all()),
    )
    outcome = _score_outcome(seen, rules)
    need = None
    if outcome == "inconclusive":
        runs = min(min(a.runs, b.runs) for a, b in pairs.rows)
        need = needed(differences, clusters, rules.margin, rules.alpha, runs, pairs.steady)
    verdict = RuleVerdict(
        rule="score",
        of=None,
        outcome=outcome,
        says=_score_says(outcome, seen, rules, comparison, need),
        value=comparison.score.change,
        low=comparison.score.low,
        high=comparison.score.high,
        limit=-rules.min_effect,
        p_value=round(seen.p_value, 9),
        level=rules.alpha,
        needed=need,
    )
    return verdict, seen.p_value <= rules.alpha


def _score_outcome(seen: _Seen, rules: Rules) -> GateOutcome:
    beyond = seen.drop > rules.min_effect + ROUNDING
    if beyond and seen.p_value <= rules.alpha:
        return "fail"
    if seen.unharmed:
        return "pass"
    # A drop in the logs that replays do not bear out is no pass: one of the two is not what it seems.
    doubtful = beyond and seen.p_logged <= rules.alpha
    return "pass" if seen.at_most <= rules.margin and not doubtful else "inconclusive"


def _score_says(
    outcome: GateOutcome, seen: _Seen, rules: Rules, comparison: Comparison, need: Needed | None
) -> str:
    score = comparison.score
    spread = f" ({words.between(score)})" if score.low is not None else ""
    said = f"mean score {words.score(score.before)} → {words.score(score.after)}, "
    said += f"{words.moved(score.change)}{spread}"
    match outcome:
        case "fail":
            return f"{said}; {words.chance(seen.p_value)} if nothing had changed"
        case "pass" if seen.unharmed:
            return f"{said}; both systems are steady and no trace got worse"
        case "pass":
            return f"{said}; a drop of more than {words.points(seen.at_most)} is ruled out"
    if seen.p_logged <= rules.alpha < seen.p_value:
        return (
            f"{said}; the logs fell ({words.chance(seen.p_logged)}), but replays do not reproduce the new "
            "failures: see the fidelity of the report"
        )
    ask = words.ask(need)
    return (
        f"{said}, {words.chance(seen.p_value)}; a drop of {words.points(seen.at_most)} is not ruled out"
        + (f": {ask}" if ask else "")
    )


def _others(found: Sequence[Measured], level: float) -> tuple[RuleVerdict, ...]:
    """The other rules, with p-values corrected over those that have one."""
    tested = [m for m in found if m.p_value is not None]
    corrected = dict(zip(map(id, tested), holm([m.p_value or 0.0 for m in tested]), strict=True))
    return tuple(_settled(m, level, corrected.get(id(m))) for m in found)


def _settled(found: Measured, level: float, corrected: float | None) -> RuleVerdict:
    p_value = found.p_value if corrected is None else corrected
    if found.unknown is not None:
        outcome: GateOutcome = "inconclusive" if found.asked else "pass"
        says = found.unknown
    else:
        sure = found.certain or (p_value is not None and p_value <= level)
        outcome = (
            "pass" if not found.beyond else "fail" if sure else "inconclusive" if found.alarming else "pass"
        )
        says = found.says
        if found.beyond and not found.certain and p_value is not None:
            says = f"{says}; {words.chance(p_value)} if nothing had changed"
            says += " (not beyond noise)" if not sure else ""
    return RuleVerdict(
        rule=found.rule,
        of=found.of,
        outcome=outcome,
        says=says,
        value=found.value,
        low=found.low,
        high=found.high,
        limit=found.limit,
        p_value=None if p_value is None else round(p_value, 9),
        level=None if p_value is None else level,
    )


def _stage(comparison: Comparison) -> Role | None:
    """The stage whose blame rose most; of equals the earlier one."""
    risen = [s for s in comparison.stages if s.blame is not None and s.blame.change > ROUNDING]
    best = max(risen, key=lambda s: s.blame.change if s.blame else 0.0, default=None)
    return best.role if best is not None else None


def _headline(
    outcome: GateOutcome, tested: Sequence[RuleVerdict], comparison: Comparison, stage: Role | None
) -> str:
    head = {"pass": "Passed", "fail": "Failed", "inconclusive": "Inconclusive"}[outcome]
    telling = [rule for rule in tested if rule.outcome == outcome]
    said = _named(tested[0] if outcome == "pass" else telling[0])
    # The stage that is named below needs no second mention.
    more = [rule for rule in telling[1:] if rule.of is None or rule.of != stage]
    if more and outcome != "pass":
        said += f"; and {words.count(len(more), 'more rule')}"
    return f"{head}: {said}.{_culprit(outcome, comparison, stage)}"


def _named(rule: RuleVerdict) -> str:
    if rule.rule == "score":
        return rule.says
    return f"{rule.rule.replace('_', ' ')}{f' of {rule.of}' if rule.of else ''}: {rule.says}"


def _culprit(outcome: GateOutcome, comparison: Comparison, stage: Role | None) -> str:
    changed = [s.role for s in comparison.stages if s.identity in ("changed", "added", "removed")]
    if stage is None:
        return f" Changed since: {', '.join(changed)}." if changed and outcome != "pass" else ""
    found = next(s for s in comparison.stages if s.role == stage)
    assert found.blame is not None and found.blame.p_value is not None
    rise = f"its blame rose by {words.points(found.blame.change)} ({words.chance(found.blame.p_value)})"
    since = {
        "changed": "; it was changed",
        "added": "; it is new",
        "removed": "; it was removed",
        "same": "; it was not changed itself" + (f" ({', '.join(changed)} changed)" if changed else ""),
        "unknown": "",
    }
    lead = f" The {stage}: " if outcome == "fail" else f" Leading: the {stage}, "
    return f"{lead}{rise}{since[found.identity]}."
