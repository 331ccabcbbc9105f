"""One replay: every stage in order on what the stages before it gave in this replay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Query, Route, Text
from diagnose.core.game import Runs
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Failure, Given, Role, Stage
from diagnose.errors import Interrupted, StageFailed
from diagnose.replay.ahead import Call, Engine, Task, Tick, ahead, gains
from diagnose.replay.memo import Memo, key_of
from diagnose.stages.addressed import RULES


class Broken(Exception):
    """A replay that ended in a stage's failure, as control flow inside `ablate`; it never leaves it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Stopped(Interrupted):
    """Somebody asked to stop, and the next stage call was not begun. What was run before is in the memo."""

    def __init__(self) -> None:
        super().__init__("interrupted; stage runs so far are kept, run the same command to go on")


class Wanted(Exception):
    """A call that would be made faster together with others, as control flow: see `Runner.asking`."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call


class Meter:
    """Counts the work of one trace's replays: different runs and repeats answered without running.

    A run counts once per trace whether an earlier run left it in the memo or not, so that reports
    do not depend on what was computed before.
    """

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._hits = 0

    def count(self, key: str, role: Role) -> None:
        """Note that the stage of this role was asked for the run `key`."""
        if key in self._seen:
            self._hits += 1
        else:
            self._seen[key] = role

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Work that counts as a whole: what it counted is forgotten where it asks for a call (`Wanted`)."""
        seen, hits = dict(self._seen), self._hits
        try:
            yield
        except Wanted:
            self._seen, self._hits = seen, hits
            raise

    @property
    def runs(self) -> Runs:
        """The counts so far."""
        model = sum(role == "model" for role in self._seen.values())
        return Runs(model=model, stage=len(self._seen) - model, memo_hits=self._hits)

    @property
    def model_keys(self) -> tuple[str, ...]:
        """The keys of the model runs, in the order they were first asked for."""
        return tuple(key for key, role in self._seen.items() if role == "model")


class Heard(NamedTuple):
    """What a verifier that may have been talked into it said of a draft."""

    stage: Stage
    given: Given
    accept: bool


class Runner:
    """Runs stages through a memo. `executed` counts real calls by role, over all traces.

    `stop` is asked before each real call: once it says yes, that call and all later ones raise `Stopped`, and
    `stopped` tells so. `run_id` names this run of the command: only where it is gone on with do second looks past
    the memo come back from it. `allowance` bounds the different model runs of all traces together, None for no
    bound: beyond it they raise `Broken`. `heard` are the verdicts of verifiers that could be asked again, by run.
    `engines` make calls elsewhere (`ahead`).
    """

    def __init__(
        self,
        pipeline: Pipeline,
        memo: Memo,
        seed: int = 0,
        stop: Callable[[], bool] = lambda: False,
        run_id: str = "",
        engines: Sequence[Engine] = (),
    ) -> None:
        self.engines = engines
        self.pipeline = pipeline
        self.memo = memo
        self.seed = seed
        self.executed: dict[Role, int] = {}
        self.unsteady: set[Role] = set()
        self.stopped = False
        self.allowance: int | None = None
        self.heard: dict[str, Heard] = {}
        self._paid: set[str] = set()
        self._stop = stop
        self._run_id = run_id
        self._failed: dict[str, StageFailed] = {}
        self._asked: set[str] | None = None
        self._lock = threading.Lock()

    def steady(self, stage: Stage) -> bool:
        """Whether the stage says that it is deterministic and no A/A replay has shown otherwise."""
        return stage.deterministic and stage.role not in self.unsteady

    def run(self, stage: Stage, given: Given, meter: Meter, repeat: int = 0) -> Output:
        """The stage's output on this input; raises `Broken` where it fails.

        `repeat` numbers the repeats of a stage that is not deterministic: equal numbers share a seed across
        coalitions.
        """
        key = key_of(stage, given, self._draw(stage, repeat)[1])
        if self._asked is not None:
            self._ask(key, Call(stage, given, repeat))
        self._pay(key, stage.role)
        meter.count(key, stage.role)
        output = self.memo.get(key, stage.role)
        if output is None:
            if (known := self._failed.get(key)) is not None:
                raise Broken(failure_of(stage.role, known))
            output = self.call(stage, given, repeat, key)
            self.memo.put(key, output)
        if isinstance(output, Decision) and stage.name not in RULES:
            self.heard[key] = Heard(stage, given, output.accept)
        return output

    @contextmanager
    def asking(self, asked: set[str]) -> Iterator[None]:
        """Work in which a call that is faster made together with others is asked for (`Wanted`), not made. `asked`
        holds the keys of what was asked for before, and is added to: nothing is asked for twice, so that what could
        not be made together is then made as ever."""
        self._asked, before = asked, self._asked
        try:
            yield
        finally:
            self._asked = before

    def _ask(self, key: str, call: Call) -> None:
        assert self._asked is not None
        if key in self._asked or key in self._failed or not self.gains(call.stage):
            return
        if self.memo.get(key, call.stage.role) is None:
            self._asked.add(key)
            raise Wanted(call)

    def _pay(self, key: str, role: Role) -> None:
        """Take one model run off the allowance; what the memo answers counts, too, so that a report depends on
        what it asked for and not on what earlier runs left behind."""
        if role != "model" or self.allowance is None or key in self._paid:
            return
        if len(self._paid) >= self.allowance:
            raise Broken(
                Failure(role, "unpaid", f"the {self.allowance} model runs that were allowed are spent")
            )
        self._paid.add(key)

    def forget_failures(self) -> int:
        """Let every call that failed be made again; how many there were."""
        n = len(self._failed)
        self._failed.clear()
        return n

    def call(self, stage: Stage, given: Given, repeat: int, key: str = "") -> Output:
        """Run the stage for real, past the memo."""
        if self._stop():
            self.stopped = True
            raise Stopped
        with self._lock:
            self.executed[stage.role] = self.executed.get(stage.role, 0) + 1
        try:
            return self._made(stage, given, self._draw(stage, repeat)[0])
        except StageFailed as error:
            if key:
                self._failed[key] = error
            raise Broken(failure_of(stage.role, error)) from error

    def _made(self, stage: Stage, given: Given, seed: int | None) -> Output:
        engine = next((engine for engine in self.engines if engine.holds(stage)), None)
        if engine is None:
            return stage.run(given, seed)
        found: list[Output | Exception] = []
        engine.run([Task("", stage, given, seed)], lambda _, one: found.append(one), lambda: False)
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    def ahead(self, calls: Iterable[Call], tick: Tick = lambda done, total: None) -> None:
        """Make calls that will be asked for, as `replay.ahead` says."""
        ahead(self, calls, tick)

    def gains(self, stage: Stage) -> bool:
        """Whether several calls of a stage are made faster together."""
        return gains(self, stage)

    def asked_to_stop(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop()

    def pending(self, calls: Iterable[Call]) -> list[Task]:
        """The calls that would have to be made, once each, in their order; of model runs no more than are allowed."""
        found: dict[str, Task] = {}
        left = None if self.allowance is None else self.allowance - len(self._paid)
        for call in calls:
            seed, draw = self._draw(call.stage, call.repeat)
            key = key_of(call.stage, call.given, draw)
            if key in found or key in self._failed:
                continue
            if left is not None and call.stage.role == "model" and key not in self._paid:
                if left <= 0:
                    continue
                left -= 1
            if self.memo.get(key, call.stage.role) is None:
                found[key] = Task(key, call.stage, call.given, seed)
        return list(found.values())

    def keep(self, task: Task, found: Output | Exception) -> None:
        """Take note of what came of a call that was made ahead. Thread-safe."""
        role = task.stage.role
        with self._lock:
            self.executed[role] = self.executed.get(role, 0) + 1
        if isinstance(found, StageFailed):
            self._failed[task.key] = found
        elif isinstance(found, Exception):
            raise found
        else:
            self.memo.put(task.key, found)

    def again(self, stage: Stage, given: Given, repeat: int = 0) -> Output:
        """A second look: the stage run once more on what it was run on before, whatever the memo holds of that."""
        if not self._run_id:
            return self.call(stage, given, repeat)
        key = f"{key_of(stage, given, self._draw(stage, repeat)[1])} again {self._run_id}"
        if (output := self.memo.get(key, stage.role)) is not None:
            return output
        output = self.call(stage, given, repeat)
        self.memo.put(key, output)
        return output

    def _draw(self, stage: Stage, repeat: int) -> tuple[int | None, str | None]:
        """The seed a stage is given in a repeat, and what tells its runs on one input apart in the memo."""
        number = 0 if self.steady(stage) else repeat
        if stage.seeded:
            return self.seed + number, f"seed {self.seed + number}"
        return None, None if self.steady(stage) else f"repeat {number}"


def failure_of(role: Role, error: StageFailed) -> Failure:
    """The failure a stage's error stands for."""
    return Failure(role, getattr(error, "kind", "raised"), str(error))


@dataclass(frozen=True)
class State:
    """What a replay has come to after some stages; `outputs` holds what each gave, in order."""

    query: Query
    text: str
    passages: tuple[Passage, ...] = ()
    context: Context | None = None
    answer: Answer | None = None
    said: str | None = None
    route: str | None = None
    outputs: tuple[tuple[Role, Output], ...] = ()
    repaired: frozenset[Role] = field(default_factory=frozenset)

    @classmethod
    def start(cls, query: Query) -> State:
        """The state before the first stage."""
        return cls(query=query, text=query.text)

    def given(self) -> Given:
        """What the next stage is called with; without a packer the passages are the context."""
        context = self.context
        if context is None and self.passages:
            context = Context("\n\n".join(p.text for p in self.passages), self.passages)
        return Given(self.text, self.query, self.passages, context, self.answer)

    def after(self, role: Role, output: Output, abstention: str, repaired: bool = False) -> State:
        """The state once the stage of this role has given `output`."""
        marks = self.repaired | {role} if repaired else self.repaired
        state = replace(self, outputs=(*self.outputs, (role, output)), repaired=marks)
        match output:
            case Route():
                return replace(state, route=output.route)
            case Text():
                return replace(state, text=output.text)
            case Passages():
                return replace(state, passages=output.passages)
            case Context():
                return replace(state, context=output)
            case Answer():
                return replace(state, answer=output, said=output.text)
            case Decision(accept=True):
                return state
            case Decision():
                return replace(state, said=abstention if output.text is None else output.text)

    def output(self, role: Role) -> Output | None:
        """What the stage of this role gave in this replay, or None where it has not run."""
        return next((output for r, output in self.outputs if r == role), None)


Mend = Callable[[Stage, Given, Output], Output]
"""What a repair makes of a stage's own output."""


def advance(
    runner: Runner, state: State, stage: Stage, meter: Meter, repeat: int = 0, mend: Mend | None = None
) -> State:
    """Run one stage on the state, and repair its output where `mend` is given."""
    given = state.given()
    own = runner.run(stage, given, meter, repeat)
    output = own if mend is None else mend(stage, given, own)
    return state.after(stage.role, output, runner.pipeline.abstention, repaired=output is not own)


def replayed(runner: Runner, query: Query, meter: Meter, repeat: int = 0) -> State:
    """A whole replay with nothing changed; raises `Broken` where a stage fails."""
    state = State.start(query)
    for role in runner.pipeline.roles:
        stage = runner.pipeline.stage(role, state.route)
        assert stage is not None
        state = advance(runner, state, stage, meter, repeat)
    return state
