"""Replaying the failures of a log."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from diagnose.ablate.plan import model_calls
from diagnose.ablate.spread import Effort
from diagnose.ablate.trial import Prepared, Trial, finished, prepared, replay_of
from diagnose.attribute.verdict import blamed, without_game
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.replay import Case
from diagnose.core.trace import Trace
from diagnose.errors import UsageError
from diagnose.flow.around import with_workarounds
from diagnose.flow.chosen import (
    drawn,
    forecast,
    left_out,
    sample_notes,
    sampling_of,
    strata_of,
    with_left_out,
)
from diagnose.flow.counterchecked import Bounds, put_to_test
from diagnose.flow.failing import Failing, case_of, evidence_of, facts_of, failing_of, not_replayable
from diagnose.flow.faithful import checked_fidelity, fragile_of, refuse_unfaithful
from diagnose.flow.found import Found, Keep, Progress, Scored, silent, unkept
from diagnose.flow.lazily import Settled, Settling, applies, bounds_note, settled, settling
from diagnose.flow.logged import failed, logged_case, scored, unreplayed
from diagnose.flow.probing import probed_blame
from diagnose.flow.sampled import sampled
from diagnose.flow.stopped import unless_stopped, unplayed
from diagnose.flow.together import made_together, window_of, windows
from diagnose.replay.ahead import Call
from diagnose.replay.fidelity import Compared
from diagnose.replay.run import Runner
from diagnose.score.label import Library
from diagnose.score.table import Scorer


@dataclass(frozen=True)
class Settings:
    """What a run may spend and what it insists on.

    `fidelity_floor` (0 to 1): below it, as the part of replays in which a stage before the model gives what
    it gave in the log, blame is refused. `passing` right answers are replayed under each repair as well.
    `probe` runs the ablations that tell how a convicted model fails; `workarounds` plays the repairs of sound
    stages, too, to show what else would have helped. `verdict_only` leaves out prompts that cannot change a
    verdict. Of all failures `sample` are replayed (None: all), drawn as `chosen.drawn` says; with `effort.max_calls`
    they are replayed in that order, too, until the calls are spent. `counter_check` asks models that judge whether
    they were talked into their verdicts.
    """

    effort: Effort = Effort()
    fidelity_floor: float = 0.8
    passing: int = 0
    probe: bool = True
    seed: int = 0
    workarounds: bool = False
    verdict_only: bool = False
    sample: int | None = None
    counter_check: bool = True


CHECKED_MODELS = 20
"""Failures on which the model is held against its log where verdicts are all that is wanted: were one answer in ten
another, one of them would show it with probability 0.88."""
CALLS_TO_ONE_CHECKED = 4
"""Of so many calls that are allowed, one may go into that check."""


def replayed(
    traces: Iterable[Trace],
    runner: Runner,
    scorer: Scorer,
    settings: Settings = Settings(),
    progress: Progress = silent,
    told: Callable[[str], None] | None = None,
    keep: Keep = unkept,
) -> Found:
    """Replay every failure of a log under every coalition of repaired stages.

    First the failures are replayed with nothing changed; a pipeline that drifted from its log is refused
    (`Unfaithful`). Where there is no failure to blame anybody for, that is done with a sample of the log, and what
    drifted is in the report. Then each prompt is run once where every stage is deterministic, by its own word and by
    the A/A test of that first replay; else prompts are repeated until the verdicts are settled or the calls
    are spent, and `passing` is refused (`UsageError`). `keep` gets each failure once it is done, where failures are
    done one by one.
    """
    everything = tuple(scored(trace, scorer) for trace in traces)
    library = Library(runner.pipeline.corpus)
    failures = [failing_of(item, library, scorer) for item in everything if failed(item, scorer)]
    right = [failing_of(item, library, scorer) for item in _sample(everything, scorer, settings)]
    picked = _picked(failures, settings)
    blamable = [failures[i].item.trace for i in picked if failures[i].label]
    lazy = settings.verdict_only and applies(runner, scorer) is None
    compared = blamable or _some(everything, settings.seed)
    runner.allowance = calls = settings.effort.max_calls
    few = CHECKED_MODELS if lazy else None
    if calls is not None:  # the first failures' own prompts: no run is made for the check alone
        few = min(CHECKED_MODELS, calls // CALLS_TO_ONE_CHECKED)
    asking = (scorer, settings.counter_check)
    if told is not None and (said := forecast([failures[i] for i in picked], runner, calls, *asking)):
        told(said)
    checked = checked_fidelity(compared, runner, few)
    if blamable and not runner.stopped:
        refuse_unfaithful(runner.pipeline, checked, settings.fidelity_floor)
    if all(runner.steady(stage) for stage in runner.pipeline.stages):
        again = _repeats_log(checked) if lazy else None
        found = _once(everything, failures, picked, right, runner, settings, progress, again, keep)
    else:
        _refuse_passing(settings.passing, runner)
        runner.allowance = None
        probing = settings.seed if settings.probe else None
        taken = [failures[i] for i in sorted(picked)]
        found = sampled(everything, taken, runner, scorer, settings.effort, probing, progress)
        found = with_left_out(found, failures)
    if settings.workarounds:
        found = unless_stopped(runner, lambda: with_workarounds(found, failures, runner)) or found
    notes = found.notes
    if settings.verdict_only and (why := applies(runner, scorer)) is not None:
        notes = (*notes, f"--verdict-only saves nothing here: {why}")
    runner.allowance = None
    if settings.counter_check:
        bounds = Bounds(settings.seed, settings.effort.max_calls)
        notes = (*notes, *(put_to_test(runner, scorer, [item.trace for item in everything], bounds) or ()))
    sampling = sampling_of(found.blames, failures)
    notes = (*notes, *bounds_note(found.blames), *sample_notes(found.blames, sampling))
    fragile = fragile_of(everything, library, scorer)
    return replace(
        found,
        compared=checked,
        fragile=fragile,
        notes=notes,
        executed=dict(runner.executed),
        partial=runner.stopped,
        sampling=sampling,
    )


def _refuse_passing(passing: int, runner: Runner) -> None:
    if passing:
        raise UsageError(
            f"--passing {passing}: a repair that breaks a right answer is told from chance only where every stage "
            f"is deterministic, and here {_unsteady(runner)} is not. Leave --passing out, or make it deterministic "
            "(temperature = 0.0)"
        )


def _repeats_log(checked: Sequence[Compared]) -> bool:
    """Whether the model was asked again, and always said what it says in the log."""
    seen = {one.matches["model"] for one in checked if "model" in one.matches}
    return "same" in seen and "drifted" not in seen and "unstable" not in seen


def _picked(failures: Sequence[Failing], settings: Settings) -> list[int]:
    """The positions of the failures to replay, in the order in which they are."""
    if settings.sample is None and settings.effort.max_calls is None and not settings.verdict_only:
        return list(range(len(failures)))
    order = drawn(strata_of(failures), settings.seed)
    return order if settings.sample is None else order[: settings.sample]


CHECKED = 50
"""Traces whose replay is held against the log where there is no failure to blame anybody for."""


def _some(everything: Sequence[Scored], seed: int) -> list[Trace]:
    """A seeded sample of the traces that have steps, in the order of the log."""
    traces = [s.trace for s in everything if s.trace.steps]
    if len(traces) <= CHECKED:
        return traces
    return [traces[i] for i in sorted(random.Random(seed).sample(range(len(traces)), CHECKED))]


def _unsteady(runner: Runner) -> str:
    return " and ".join(f"the {s.role}" for s in runner.pipeline.stages if not runner.steady(s))


def _sample(everything: Sequence[Scored], scorer: Scorer, settings: Settings) -> list[Scored]:
    """A seeded sample of labelled right answers, in the order of the log."""
    passing = [
        s for s in everything if s.score is not None and scorer.passes(s.score) and s.trace.gold is not None
    ]
    if settings.passing >= len(passing):
        return passing if settings.passing else []
    chosen = random.Random(settings.seed).sample(range(len(passing)), settings.passing)
    return [passing[i] for i in sorted(chosen)]


@dataclass(frozen=True)
class _Done:
    blame: Blame
    game: Game | None = None
    case: Case | None = None


def _once(
    everything: tuple[Scored, ...],
    failures: Sequence[Failing],
    picked: Sequence[int],
    right: Sequence[Failing],
    runner: Runner,
    settings: Settings,
    progress: Progress,
    repeats_log: bool | None = None,
    keep: Keep = unkept,
) -> Found:
    """Each failure in turn; verdicts only where `repeats_log` says what the model was seen to do.

    What stages will be asked is worked out for some failures together, so that it can be asked all at once.
    """

    def begin(place: int) -> _Begun | None:
        return _begun(failures[place], runner, repeats_log)

    def end(one: _Begun | None) -> _Done | Settled | None:
        return unless_stopped(runner, partial(_ended, one, runner, settings)) if one is not None else None

    by_place: dict[int, _Done | Settled] = {}
    total = len(picked) + len(right)
    for places in windows(picked, window_of(runner)):
        begun = made_together(runner, places, begin)
        work = [calls for one in begun if one is not None for calls in one.calls]
        runner.ahead(work, partial(_part, progress, len(by_place), len(places), total))
        for place, made in zip(places, made_together(runner, begun, end), strict=True):
            if made is not None:
                keep(made.blame, made.game)
            by_place[place] = made or _Done(
                unplayed(failures[place]), case=logged_case(failures[place].item, failures[place].known)
            )
            progress(len(by_place), total)
    done = [
        by_place.get(place) or _Done(left_out(one), case=logged_case(one.item, one.known))
        for place, one in enumerate(failures)
    ]
    broken: list[Game] = []
    for places in windows(range(len(right)), window_of(runner)):
        labelled = [right[place] for place in places if right[place].label is not None]
        some = made_together(runner, labelled, lambda one: _begun(one, runner, None))
        ready = [one.prepared for one in some if one is not None and isinstance(one.prepared, Prepared)]
        runner.ahead(call for one in some if one is not None for call in one.calls)
        for trial in made_together(runner, ready, partial(_finished, runner)):
            broken += [trial.game] if trial is not None and trial.game is not None else []
            progress(len(picked) + len(broken), total)
    return Found(
        everything,
        tuple(d.blame for d in done),
        games=(*(d.game for d in done if d.game is not None), *broken),
        cases=tuple(d.case for d in done if d.case is not None),
        executed=dict(runner.executed),
    )


def _finished(runner: Runner, begun: Prepared) -> Trial | None:
    with begun.meter.whole():
        return unless_stopped(runner, partial(finished, runner, begun))


def _part(progress: Progress, before: int, some: int, total: int, done: int, of: int) -> None:
    """Of so many failures that are looked at together a part is done."""
    progress(before + some * done // (of + 1), total)


@dataclass(frozen=True)
class _Begun:
    """A failure up to its model runs (None for one without a label), and those of them that will be made whatever
    comes of the others."""

    one: Failing
    prepared: Prepared | Settling | None
    calls: Sequence[Call] = ()


def _begun(one: Failing, runner: Runner, repeats_log: bool | None) -> _Begun | None:
    """None where somebody stopped the run."""
    label = one.label
    if label is None:
        return _Begun(one, None)
    if repeats_log is not None:
        settling_ = unless_stopped(runner, partial(settling, one, runner, repeats_log))
        return _Begun(one, settling_, settling_.calls(runner)) if settling_ is not None else None
    trace, mark = one.item.trace, one.scorer.pass_mark
    made = unless_stopped(runner, partial(prepared, runner, trace, label, one.worth, mark))
    if made is None:
        return None
    return _Begun(one, made, model_calls(runner, made.plan) if made.plan is not None else ())


def _ended(begun: _Begun, runner: Runner, settings: Settings) -> _Done | Settled:
    one = begun.one
    if begun.prepared is None:
        blame = unreplayed(one.item, one.known, one.scorer, asked=True)
        return _Done(blame, case=logged_case(one.item, one.known))
    if isinstance(begun.prepared, Settling):
        return settled(begun.prepared, runner)
    with begun.prepared.meter.whole():
        return _diagnosed(one, finished(runner, begun.prepared), runner, settings)


def _diagnosed(one: Failing, trial: Trial, runner: Runner, settings: Settings) -> _Done:
    scene = trial.plan.scene if trial.plan and trial.table else None
    passed = trial.table is not None and one.scorer.passes(trial.table.plain[0].worth)
    facts = facts_of(one, trial.unchanged, trial.fair, scene, trial.fair_score, passed, trial.runs)
    if trial.game is None:
        blame = without_game(
            one.item.trace.trace_id, not_replayable(trial.failure, trial.plan, trial.runs.model), facts
        )
        return _Done(blame, case=logged_case(one.item, one.label))
    blame = blamed(trial.game, one.scorer.pass_mark, facts)
    if settings.probe and trial.plan is not None:
        blame = probed_blame(blame, runner, trial.plan, settings.seed)
    case = case_of(one, blame, trial.game.roles, lambda mask: replay_of(trial, mask, evidence_of(one)))
    return _Done(blame, trial.game, case)
