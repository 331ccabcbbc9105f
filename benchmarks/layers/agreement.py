"""How well metrics and a judge agree with people, on the conversations of MTRAG.

    python -m benchmarks.layers.agreement [--judged N]

Two systems' answers to 159 tasks, each with three people's marks (1 to 4) for completeness, appropriateness and
faithfulness. Agreement is Spearman's rank correlation of a metric with the mean mark, with a 95 % interval from 1,000
bootstrap samples of whole conversations; and how often metric (at its pass mark of 0.5) and people (mean mark of 3 or
more) both pass or both fail an answer, with Wilson's interval and Cohen's kappa, for a judge that says yes or no. The
judge is the embedded model (135 million parameters), asked once about a seeded sample of N answers; the other metrics
are shown on the same sample, too. Writes `agreement.md` beside itself.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.layers.mtrag import ROWS, missing
from diagnose.core.artifact import Answer, Context, Query
from diagnose.core.stage import Given
from diagnose.flow.agreeing import kappa
from diagnose.score.answer import contains, rouge_l, token_f1
from diagnose.score.judged import judged
from diagnose.stages.load import load_pipeline
from diagnose.stats.permutation import wilson_interval

HERE = Path(__file__).parent
SEED, RESAMPLES = 7, 1000
ACCEPTED, PASS = 3.0, 0.5
"""Mean mark from which people accept an answer, and score from which a metric does."""
MARKS = ("completeness", "appropriateness", "faithfulness")
METRICS: dict[str, Callable[[str, Sequence[str]], Any]] = {
    "rouge-l": rouge_l,
    "f1": token_f1,
    "contains": contains,
}
JUDGE = """[stages.model]
use = "llama-cpp"
model = "smollm2-135m-instruct"
max_tokens = 4
temperature = 0.0
n_threads = 1
"""


@dataclass(frozen=True)
class Judged:
    """One system's answer, its reference, and the mean mark that people gave it."""

    conversation: str
    answer: str
    reference: str
    mark: float


def answers() -> list[Judged]:
    """Every answer of a system (not the reference itself) that people marked."""
    found = []
    with ROWS.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            marks = [float(mark) for name in MARKS for mark in row[name] or () if mark]
            if row["model"] != "reference" and marks and row["answerability"] != ["UNANSWERABLE"]:
                task = row["task_id"].partition("<::>")[0]
                found.append(Judged(task, row["response"], row["reference"][0], float(np.mean(marks))))
    return found


def agreement(items: Sequence[Judged], scores: Sequence[float | None]) -> tuple[float, float, float, int]:
    """Spearman's correlation with people, its interval, and how many answers have a score."""
    kept = [(i, s) for i, s in zip(items, scores, strict=True) if s is not None]
    marks, values = np.array([i.mark for i, _ in kept]), np.array([s for _, s in kept])
    names, member = np.unique([i.conversation for i, _ in kept], return_inverse=True)
    rows = [np.flatnonzero(member == n) for n in range(len(names))]
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES):
        picked = np.concatenate([rows[n] for n in rng.integers(0, len(names), len(names))])
        if np.ptp(values[picked]) > 0 and np.ptp(marks[picked]) > 0:
            drawn.append(spearmanr(values[picked], marks[picked]).statistic)
    if np.ptp(values) == 0:
        return float("nan"), float("nan"), float("nan"), len(kept)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(spearmanr(values, marks).statistic), float(low), float(high), len(kept)


def row(name: str, items: Sequence[Judged], scores: Sequence[float | None]) -> str:
    """A row of the table."""
    value, low, high, n = agreement(items, scores)
    told = "no spread: it gives every answer the same score" if np.isnan(value) else f"{value:+.2f}"
    ends = "–" if np.isnan(value) else f"{low:+.2f} to {high:+.2f}"
    mean = np.mean([s for s in scores if s is not None]) if n else 0.0
    return f"| {name} | {n} of {len(items)} | {told} | {ends} | {verdicts(items, scores)} | {mean:.2f} |"


def verdicts(items: Sequence[Judged], scores: Sequence[float | None]) -> str:
    """How often a metric passes what people accept and fails what they do not, in two cells of the table."""
    kept = [(i.mark >= ACCEPTED, s >= PASS) for i, s in zip(items, scores, strict=True) if s is not None]
    people, metric = np.array([a for a, _ in kept]), np.array([b for _, b in kept])
    same = int((people == metric).sum())
    low, high = wilson_interval(same, len(kept))
    beyond = kappa(people, metric)
    told = "–" if beyond is None else f"{beyond:+.2f}"
    return f"{same / len(kept):.0%} ({low:.0%} to {high:.0%}) | {told}"


def judge_scores(items: Sequence[Judged], folder: Path) -> list[float | None]:
    """The embedded model's judgement of each answer."""
    (folder / "judge.toml").write_text(JUDGE, encoding="utf-8")
    model = load_pipeline(folder / "judge.toml").stages[0]

    def ask(question: str, seed: int) -> str:
        output = model.run(Given(question, Query(question), (), Context("")), None)
        assert isinstance(output, Answer)
        return output.text

    return [judged(item.answer, (item.reference,), ask).value for item in items]


def main() -> int:
    """Run the benchmark; 3 where its data is absent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judged", type=int, default=40)
    n = parser.parse_args().judged
    if why := missing():
        print(why)
        return 3
    items = answers()
    head = [
        "| metric | scored | Spearman with people | 95 % | same verdict as people (95 %) | kappa | mean score |",
        "|---|--:|--:|---|---|--:|--:|",
    ]
    lines = [
        "# Agreement with people on MTRAG",
        "",
        f"Made by `python -m benchmarks.layers.agreement --judged {n}`, which says what is measured.",
        "",
        *head,
    ]
    for name, metric in METRICS.items():
        lines.append(row(name, items, [metric(i.answer, (i.reference,)).value for i in items]))
    if n:
        import tempfile

        sample = [items[i] for i in sorted(random.Random(SEED).sample(range(len(items)), n))]
        lines += ["", f"On the {n} answers that the judge was asked about:", "", *head]
        for name, metric in METRICS.items():
            lines.append(row(name, sample, [metric(i.answer, (i.reference,)).value for i in sample]))
        with tempfile.TemporaryDirectory() as folder:
            lines.append(row("judge (SmolLM2-135M)", sample, judge_scores(sample, Path(folder))))
    lines += [
        "",
        "A metric whose interval holds 0 has not been shown to agree with people here; nothing is claimed beyond the "
        "table.",
    ]
    text = "\n".join(lines) + "\n"
    (HERE / "agreement.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
