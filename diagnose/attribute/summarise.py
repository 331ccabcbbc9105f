"""From the blame of single traces to the ranked report of a log.

Blame is carried by convictions (a verdict that names a stage, with a loss above zero) and, where replays were
repeated, by the expected shares of failures that were not repeated often enough to convict. Findings and other
undecided failures are counted beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from diagnose.attribute import funnel
from diagnose.attribute.divided import UNDECIDED, Divided
from diagnose.attribute.gains import Log, fix_steps, pair_gain, pair_note, played
from diagnose.attribute.headline import headline
from diagnose.attribute.ranking import columns_of, rank, tally
from diagnose.attribute.sampling import corrected
from diagnose.core.blame import Blame, Finding
from diagnose.core.game import Game
from diagnose.core.report import Findings, FixStep, PairGain, Ranked, Triage, UndecidedCount
from diagnose.core.stage import ROLES, Role, in_order

RESAMPLES = 1000
"""Bootstrap samples: the ends of a 95 % interval then move by a few per cent of its width with the seed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The parts of a report that games and blames decide.

    `ranking` is in order of blame; it and `fix_order` are empty where no stage is convicted. `residual` adds
    up, in failures, what no repair wins back (None where nothing was replayed). `lost_at` counts the
    failures in which the evidence was lost at a stage, whether it is convicted or not.
    """

    ranking: tuple[Ranked, ...]
    findings: Findings
    undecided: UndecidedCount
    triage: Triage | None
    fix_order: tuple[FixStep, ...]
    best_pair: PairGain | None
    residual: float | None
    lost_at: dict[Role, int]
    headline: str
    notes: tuple[str, ...]


def summarise(
    games: Sequence[Game], blames: Sequence[Blame], log: Log, seed: int, resamples: int = RESAMPLES
) -> Summary:
    """The summary of a log from the blame of each failing trace and the games that were played.

    Games may have different roles. A game without a blame is that of a passing trace. Same input and seed,
    same result. ValueError where there are more failures than traces.
    """
    if log.n_traces < len(blames):
        raise ValueError(f"n_traces: expected at least the {len(blames)} failures, found {log.n_traces}")
    roles = roles_of(games, blames)
    found = played(games, blames, log)
    ranking = rank(blames, roles, found, log, seed, resamples)
    if log.sampling is not None:
        ranking = corrected(ranking, columns_of(blames, roles), roles, found, log, seed)
    total = found.total_worth(roles)
    note = pair_note(total, roles, log) if ranking else None
    triage, lost = triage_of(blames), lost_at(blames)
    undecided, findings = undecided_count(blames), findings_of(blames)
    return Summary(
        ranking=ranking,
        findings=findings,
        undecided=undecided,
        triage=triage,
        fix_order=fix_steps(total, roles, log) if ranking else (),
        best_pair=pair_gain(total, roles, log) if ranking else None,
        residual=residual_of(blames),
        lost_at=lost,
        headline=headline(ranking, triage, undecided, findings, lost, len(blames), log.n_traces),
        notes=(note,) if note else (),
    )


def roles_of(games: Iterable[Game], blames: Iterable[Blame]) -> tuple[Role, ...]:
    """Every role that some game or blame has, in pipeline order."""
    kinds = {game.roles for game in games}
    if not isinstance(blames, Divided):
        kinds |= {tuple(blame.shares) for blame in blames}
    return in_order(tuple({role for roles in kinds for role in roles}))


def findings_of(blames: Sequence[Blame]) -> Findings:
    """The ids of the failures that are no stage's, by finding."""
    if isinstance(blames, Divided):
        return Findings()

    def ids(finding: Finding) -> tuple[str, ...]:
        return tuple(blame.trace_id for blame in blames if blame.verdict == finding)

    return Findings(scorer=ids("scorer"), corpus=ids("corpus"), label=ids("label"))


def undecided_count(blames: Iterable[Blame]) -> UndecidedCount:
    """How many failures are undecided, why (commonest reason first), and the model calls that would help."""
    if isinstance(blames, Divided):
        n = int((blames.codes == UNDECIDED).sum())
        return UndecidedCount(n, {"no-loss": n} if n else {})
    unsettled = [blame.undecided for blame in blames if blame.undecided is not None]
    calls = [undecided.calls_needed for undecided in unsettled if undecided.calls_needed is not None]
    return UndecidedCount(len(unsettled), tally(u.reason for u in unsettled), sum(calls) if calls else None)


def triage_of(blames: Iterable[Blame]) -> Triage | None:
    """What usual triage would have blamed, against the verdicts, over the failures whose funnel can tell;
    None where none can."""
    if isinstance(blames, Divided):  # games alone: nobody knows of any evidence
        return None
    pairs = [(usual, blame.verdict) for blame in blames if (usual := funnel.triage(blame.funnel)) is not None]
    if not pairs:
        return None
    usually = Counter(usual for usual, _ in pairs)
    return Triage(
        blames={role: usually[role] for role in ROLES if usually[role]},
        replay=tally(verdict for _, verdict in pairs),
        agrees=sum(usual == verdict for usual, verdict in pairs),
        model_acquitted=sum(usual == "model" != verdict and verdict in ROLES for usual, verdict in pairs),
    )


def residual_of(blames: Iterable[Blame]) -> float | None:
    """What no repair wins back, in failures; None where nothing was replayed."""
    if isinstance(blames, Divided):
        return round(sum(blames.residuals.tolist()), 9) + 0.0 if blames else None
    residuals = [blame.residual for blame in blames if blame.residual is not None]
    return round(sum(residuals), 9) + 0.0 if residuals else None


def lost_at(blames: Iterable[Blame]) -> dict[Role, int]:
    """In how many failures the evidence was lost at a stage, in pipeline order."""
    if isinstance(blames, Divided):
        return {}
    counts = Counter(role for blame in blames if (role := funnel.lost_at(blame.funnel)) is not None)
    return {role: counts[role] for role in ROLES if counts[role]}
