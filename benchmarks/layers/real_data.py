"""Abstention, verifier and compressor on clapnq, rewriters on MTRAG: what the built-ins do on real questions, and
whether faults planted in them are found out.

    python -m benchmarks.layers.real_data

clapnq (Rosenthal et al., 2024): 300 questions with a long answer and 300 that an annotator could not answer from the
passage they come with; 597 passages. A question is unanswerable as labelled, though another passage may answer it.
Everything is deterministic and runs without a model. Writes `real_data.md` beside itself.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.layers import mtrag
from benchmarks.planted import gathered as data
from diagnose.core.artifact import Answer, Context, Decision, Query
from diagnose.core.pipeline import ABSTENTION, Pipeline
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.core.trust import Trial
from diagnose.flow.trust import trusted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner, State, replayed
from diagnose.score.abstention import abstains
from diagnose.score.evidence import evidence_of
from diagnose.score.table import Scorer
from diagnose.stages.faults import FAULTS
from diagnose.stages.groundedness import overlap
from diagnose.stages.load import load_variants
from diagnose.stages.tokens import count_words_and_marks
from diagnose.stats.permutation import wilson_interval

HERE = Path(__file__).parent
PIPELINE = HERE / "clapnq-layers.toml"
SEED = 7
FLOORS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
BOUNDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SENTENCES = (1, 2, 3, 5)
OF_VERIFIER = ("rejects-all", "rewrites", "accepts-all", "contrary")
OF_COMPRESSOR = ("drops-evidence", "first-words", "wrong-numbers", "negated", "wrong-names")
OF_MODEL = ("ignores-context", "refuses")
PLANTED_FLOOR = 0.4


def asked() -> list[Trace]:
    """All 600 questions: those without an answer are labelled so."""
    return [
        Trace(
            row["query_id"],
            Query(row["question"]),
            gold=_gold(row) if row["answerable"] else Gold(answerable=False),
        )
        for row in rows_of("clapnq/queries.jsonl")
    ]


def rows_of(name: str) -> Iterator[data.Row]:
    """The rows of a file of the shared data."""
    with (data.SHARED / name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _gold(row: data.Row) -> Gold:
    answers = tuple(a for a in row["answers"] if a and a != data.NOT_ANSWERED)
    sentences = tuple(row.get("gold_sentences") or ())
    return Gold(answers, tuple(GoldPassage(p, sentences=sentences) for p in row["gold_doc_ids"]), "any")


def states(pipeline: Pipeline, traces: Sequence[Trace], memo: Memo) -> list[State]:
    """What the pipeline makes of each question."""
    runner = Runner(pipeline, memo)
    return [replayed(runner, trace.query, Meter()) for trace in traces]


def _part(right: int, n: int) -> str:
    low, high = wilson_interval(right, n)
    return f"{right / n:.1%} ({low:.1%} to {high:.1%})"


def abstention(traces: Sequence[Trace], memo: Memo) -> Iterator[str]:
    """How often the reader abstains where it should and where it should not, by its floor."""
    yield "| reader's `min_overlap` | abstains, unanswerable (95 %) | abstains, answerable (95 %) | mean score |"
    yield "|--:|---|---|--:|"
    floors = [{"stages.model.min_overlap": f, "stages.verifier": None} for f in FLOORS]
    for floor, pipeline in zip(FLOORS, load_variants(PIPELINE, floors), strict=True):
        scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
        said = [state.said or "" for state in states(pipeline, traces, memo)]
        can = [t.gold is not None and t.gold.answerable for t in traces]
        silent = [abstains(text, ABSTENTION) for text in said]
        scores = [scorer.score(text, t.gold).value for text, t in zip(said, traces, strict=True) if t.gold]
        rows = [
            (sum(s for s, c in zip(silent, can, strict=True) if c is want), can.count(want))
            for want in (False, True)
        ]
        mean = np.mean([s for s in scores if s is not None])
        yield f"| {floor:g} | {_part(*rows[0])} | {_part(*rows[1])} | {mean:.3f} |"


def verifier(traces: Sequence[Trace], memo: Memo) -> Iterator[str]:
    """Drafts that rest on the context and drafts that do not, put to `overlap` at several bounds."""
    [pipeline] = load_variants(PIPELINE, [{}])
    answerable = [t for t in traces if t.gold is not None and t.gold.answerable]
    contexts = [state.given().context or Context("") for state in states(pipeline, answerable, memo)]
    held = [_holds(t, c) for t, c in zip(answerable, contexts, strict=True)]
    kept = [(t, c) for t, c, h in zip(answerable, contexts, held, strict=True) if h]
    answers = [t.gold.answers[0] for t, _ in kept if t.gold]
    others = answers[1:] + answers[:1]
    wrong_numbers = [_other_figure(a, i) for i, a in enumerate(answers)]
    changed = sum(text is not None for text in wrong_numbers)
    yield (
        f"{len(kept)} answerable questions whose evidence is in the context. Right drafts: the annotator's answer. "
        f"Wrong ones: that of another question; and the right one with a figure changed ({changed} have one)."
    )
    yield ""
    yield "| `min_overlap` | right drafts pass (95 %) | another question's pass (95 %) | changed figures pass (95 %) |"
    yield "|--:|---|---|---|"
    for bound in BOUNDS:
        accept = _accepting(overlap(min_overlap=bound))
        right = sum(accept(t, c, a) for (t, c), a in zip(kept, answers, strict=True))
        wrong = sum(accept(t, c, a) for (t, c), a in zip(kept, others, strict=True))
        figures = [accept(t, c, a) for (t, c), a in zip(kept, wrong_numbers, strict=True) if a is not None]
        told = (_part(right, len(kept)), _part(wrong, len(kept)), _part(sum(figures), len(figures)))
        yield f"| {bound:g} | {' | '.join(told)} |"


def _holds(trace: Trace, context: Context) -> bool:
    assert trace.gold is not None
    evidence = evidence_of(trace.gold)
    return bool(evidence) and evidence.enough(evidence.held_in_text(context.text, context.passages))


def _accepting(check: Callable[[str, Context, Answer], Decision]) -> Callable[[Trace, Context, str], bool]:
    return lambda trace, context, draft: check(trace.query.text, context, Answer(draft)).accept


def _other_figure(text: str, i: int) -> str | None:
    """The text with its first number of two digits or more changed."""
    found = re.search(r"\d{2,}", text)
    if found is None:
        return None
    other = str(int(found[0]) + 1 + random.Random(SEED + i).randrange(8))
    return text[: found.start()] + other + text[found.end() :]


def compressor(traces: Sequence[Trace], memo: Memo) -> Iterator[str]:
    """What compression saves and what it costs, by the sentences kept of each passage."""
    answerable = [t for t in traces if t.gold is not None and t.gold.answerable]
    cells: list[tuple[str, dict[str, object]]] = [("none", {"stages.compressor.use": "whole"})]
    cells += [(str(n), {"stages.compressor.sentences": n}) for n in SENTENCES]
    pipelines = load_variants(PIPELINE, [cell | {"stages.verifier": None} for _, cell in cells])
    scorer = Scorer.from_settings(pipelines[0].score)
    first: list[bool] = []
    yield "| sentences of a passage | tokens | saved | evidence in the context | right (F1 ≥ 0.35) | lost | won |"
    yield "|--:|--:|--:|---|---|--:|--:|"
    whole = 0.0
    for (name, _), pipeline in zip(cells, pipelines, strict=True):
        done = states(pipeline, answerable, memo)
        contexts = [s.given().context or Context("") for s in done]
        tokens = float(np.mean([count_words_and_marks(c.text) for c in contexts]))
        whole = whole or tokens
        held = sum(_holds(t, c) for t, c in zip(answerable, contexts, strict=True))
        right = [
            scorer.passes(scorer.score(s.said or "", t.gold).value or 0.0)
            for s, t in zip(done, answerable, strict=True)
            if t.gold is not None
        ]
        first = first or right
        lost = sum(a and not b for a, b in zip(first, right, strict=True))
        won = sum(b and not a for a, b in zip(first, right, strict=True))
        told = (_part(held, len(done)), _part(sum(right), len(done)))
        yield f"| {name} | {tokens:.0f} | {1 - tokens / whole:.0%} | {' | '.join(told)} | {lost} | {won} |"


HEAD = (
    "| | failures | right (95 %) | wrong | undecided | model runs a failure |",
    "|---|--:|---|--:|--:|--:|",
)


def planted(traces: Sequence[Trace]) -> Iterator[str]:
    """Faults in the verifier, the compressor and the model of this pipeline; what a model invents, where no verifier
    blocks it."""
    reader: dict[str, object] = {"stages.model.min_overlap": PLANTED_FLOOR}
    verified, bare = load_variants(PIPELINE, [reader, reader | {"stages.verifier": None}])
    faults = [(FAULTS[name],) for name in (*OF_VERIFIER, *OF_COMPRESSOR, *OF_MODEL)]
    trials: list[Trial] = []
    for pipeline, chosen in ((verified, faults), (bare, [(FAULTS["invents"],)])):
        scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
        found = trusted(traces, Runner(pipeline, Memo()), scorer, chosen)
        trials += found.trials
        yield (
            f"{found.n_earned} of {found.n_queries} questions are answered, or rightly declined, by the healthy "
            f"pipeline {'with' if pipeline is verified else 'without'} its verifier, and not by luck."
        )
        yield ""
    yield f"The reader's floor is {PLANTED_FLOOR:g}; `invents` is planted where no verifier blocks it."
    yield ""
    yield from _trials(trials)


def _trials(trials: Sequence[Trial]) -> Iterator[str]:
    yield from HEAD
    for trial in trials:
        judged = trial.failed - trial.inert - trial.read_through
        name = f"{FAULTS[trial.faults[0]].role}: {trial.faults[0]}"
        if not judged:
            yield f"| {name} | 0 | – | – | {trial.undecided} | – |"
            continue
        wrong, runs = trial.wrong / judged, trial.model_runs / trial.failed
        yield f"| {name} | {judged} | {_part(trial.right, judged)} | {wrong:.1%} | {trial.undecided} | {runs:.2f} |"
    judged = sum(t.failed - t.inert - t.read_through for t in trials)
    if judged:
        wrong = sum(t.wrong for t in trials) / judged
        runs = sum(t.model_runs for t in trials) / sum(t.failed for t in trials)
        right = _part(sum(t.right for t in trials), judged)
        yield f"| **all** | {judged} | {right} | {wrong:.1%} | {sum(t.undecided for t in trials)} | {runs:.2f} |"


def rewriters() -> Iterator[str]:
    """MTRAG: what is found with the queries of each rewriter, over opening questions and follow-ups."""
    yield "| rewriter | openings, first 5 | first 20 | follow-ups, first 5 | first 20 |"
    yield "|---|--:|--:|--:|--:|"
    for one in mtrag.found():
        parts = (one.first_5, one.first_20, one.follow_up_5, one.follow_up_20)
        yield f"| {one.name} | {' | '.join(f'{part:.1%}' for part in parts)} |"


def main() -> int:
    """Run everything; 3 where the data is absent."""
    if why := data.missing() or mtrag.missing():
        print(why)
        return 3
    data.made_ready()
    traces, memo = asked(), Memo()
    answerable = sum(t.gold is not None and t.gold.answerable for t in traces)
    parts = [
        ("Abstention on clapnq", abstention(traces, memo)),
        ("The verifier `overlap` on clapnq", verifier(traces, memo)),
        ("The compressor `extractive` on clapnq", compressor(traces, memo)),
        ("Faults planted on clapnq", planted(traces)),
        ("Rewriters on MTRAG: recall of gold passages", rewriters()),
        ("Faults planted in a rewriter on MTRAG", _trials(mtrag.planted().trials)),
    ]
    lines = [
        "# The other roles on real data",
        "",
        "Made by `python -m benchmarks.layers.real_data`, which says what is measured. "
        f"clapnq: {answerable} answerable questions, {len(traces) - answerable} labelled unanswerable.",
    ]
    for title, rows in parts:
        lines += ["", f"## {title}", "", *rows]
    text = "\n".join(lines) + "\n"
    (HERE / "real_data.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
