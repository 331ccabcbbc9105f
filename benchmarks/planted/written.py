"""Writes `results.json` and `RESULTS.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.planted.tally import (
    APART,
    BARS,
    OURS,
    WHOLE,
    Bar,
    Count,
    Held,
    counted,
    held,
    methods,
    missed,
)
from benchmarks.planted.trials import Case, Setup
from diagnose.core.trust import Trust
from diagnose.stages.faults import FAULTS

MODEL_SETUP = "short-smollm2"
Json = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What one setup, kind and noise came to."""

    setup: Setup
    kind: str
    noise: float
    trust: Trust
    cases: tuple[Case, ...]
    elapsed_s: float


@dataclass(frozen=True)
class Results:
    """Everything that was measured, and with what."""

    parts: tuple[Part, ...]
    about: Mapping[str, str]

    def cases(self, embedded: bool) -> list[Case]:
        """All failures: of the embedded model, or of the readers."""
        return [c for p in self.parts if (p.setup.name == MODEL_SETUP) is embedded for c in p.cases]


def write(results: Results, folder: Path) -> None:
    """Both files into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(_json(results), indent=1) + "\n", encoding="utf-8")
    (folder / "RESULTS.md").write_text("\n".join(_page(results)) + "\n", encoding="utf-8")


def _json(results: Results) -> Json:
    readers, embedded = results.cases(False), results.cases(True)
    return {
        "about": dict(results.about),
        "bars": [_bar_json(held(bar, readers)) for bar in BARS],
        "apart": [_bar_json(held(bar, readers)) for bar in APART],
        "embedded_model": [_bar_json(h) for bar in BARS if (h := held(bar, embedded)).count.n],
        "setups": {
            name: [_bar_json(h) for bar in BARS if (h := held(bar, own)).count.n]
            for name, own in _by_setup(results).items()
        },
        "methods": {
            bar.name: {
                name: _count_json(count)
                for name, count in methods([c for c in readers if bar.which(c)]).items()
            }
            for bar in WHOLE
        },
        "faults": [_fault_json(*row) for row in _fault_rows(readers)],
        "whydunit_classes": _classes(readers),
        "missed": {bar.name: missed(c for c in readers if bar.which(c)) for bar in BARS[:5]},
        "wrong_convictions": [
            {k: v for k, v in asdict(c).items() if k not in ("said", "right", "in_prompt", "reason")}
            for c in (*readers, *embedded)
            if c.wrong and c.kind != "pairs"
        ],
        "queries": [
            {
                "setup": p.setup.name,
                "kind": p.kind,
                "noise": p.noise,
                "queries": p.trust.n_queries,
                "answered": p.trust.n_answered,
                "used": p.trust.n_earned,
            }
            for p in results.parts
        ],
    }


def _bar_json(found: Held) -> Json:
    bar = found.bar
    return {
        "case": bar.name,
        **_count_json(found.count),
        "wrong_part": _rounded(found.wrong),
        "bar": {"right": bar.right, "wrong": bar.wrong, "runs": bar.runs},
        "missed": found.misses,
    }


def _count_json(count: Count) -> Json:
    low, high = count.interval()
    return {
        "failures": count.n,
        "right": _rounded(count.part(count.right)),
        "right_low": _rounded(low),
        "right_high": _rounded(high),
        "wrong": _rounded(count.part(count.wrong)),
        "undecided": _rounded(count.part(count.undecided)),
        "names_one": _rounded(count.part(count.one)),
        "model_runs": _rounded(count.runs_each),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def _by_setup(results: Results) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for part in results.parts:
        found.setdefault(part.setup.name, []).extend(part.cases)
    return found


def _fault_rows(cases: Sequence[Case]) -> list[tuple[str, float, list[Case]]]:
    rows = []
    for name in FAULTS:
        for noise in sorted({c.noise for c in cases}):
            own = [c for c in cases if c.faults == (name,) and c.noise == noise]
            if own:
                rows.append((name, noise, own))
    return rows


def _fault_json(name: str, noise: float, cases: list[Case]) -> Json:
    found = methods(cases)
    return {
        "fault": name,
        "role": FAULTS[name].role,
        "noise": noise,
        **{method: _count_json(count) for method, count in found.items()},
    }


def _classes(cases: Iterable[Case]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for case in cases:
        if case.kind == "single" and case.noise == 0.0 and (said := case.said.get("whydunit")):
            row = found.setdefault(case.faults[0], {})
            row[said.word] = row.get(said.word, 0) + 1
    return found


def _page(results: Results) -> list[str]:
    readers, embedded = results.cases(False), results.cases(True)
    lines = [*_head(results), "## The bars", "", *_bar_table([held(bar, readers) for bar in BARS]), ""]
    lines += ["Where a bar is missed, and why:", "", *_misses(readers), ""]
    lines += ["## Counted apart", "", APART_TEXT, "", *_bar_table([held(bar, readers) for bar in APART]), ""]
    lines += ["What is missed there, and why:", "", *_misses(readers, APART), ""]
    lines += ["## Other methods on the same failures", "", METHODS_TEXT, "", *_method_table(readers), ""]
    lines += ["## Each fault", "", FAULTS_TEXT, "", *_fault_table(readers), ""]
    lines += ["## Each pipeline", "", *_setup_tables(results)]
    if embedded:
        lines += ["## The embedded model", "", EMBEDDED_TEXT, ""]
        lines += [*_bar_table([h for bar in BARS if (h := held(bar, embedded)).count.n]), ""]
        lines += [*_fault_table(embedded), "", "Not right:", "", *(_miss_lines(embedded) or ["None."]), ""]
    return lines


APART_TEXT = (
    "Of two kinds of failures the bars say nothing, as no verdict on them could be right; here they are by themselves\n"
    "and with the rest. Where a pair's other fault left the evidence in the context of a faulty model, the repair of\n"
    "the model (the reference answer wherever its context holds the evidence) is enough by itself, by definition: no\n"
    "minimal repair set holds both. And a fault may change what a stage gives without breaking what the stage owes\n"
    "(a ranker that does nothing and had the gold first): then the stage is sound. Of a single fault the model, wrong\n"
    "on a fair context, is then convicted; of a pair the other stage's repair is enough."
)
METHODS_TEXT = (
    "Right / wrong in per cent of all failures, those counted apart above too; what is neither is no verdict. For\n"
    "pairs a method is right where it names both stages; in brackets how often it names at least one of them. A\n"
    "baseline's class counts as right where any stage it could stand for is the planted one (`baselines.py` says\n"
    "which)."
)
FAULTS_TEXT = (
    "Right in per cent of the failures. `wrong` counts convictions of another stage by this tool, `none` its failures\n"
    "without a verdict."
)
EMBEDDED_TEXT = (
    "SmolLM2-135M-Instruct (Q4_1) on two-hop questions over passages of at most 40 words, the dense list in the\n"
    "cross-encoder's order. A smaller sample: few questions are answered from the evidence (`used` above), and each\n"
    "fails under nearly every fault. whydunit was not run on it (it takes five model calls a failure)."
)


def _head(results: Results) -> list[str]:
    rows = [f"* {name}: {value}" for name, value in results.about.items()]
    used = [
        f"| `{p.setup.name}` | {p.kind} | {p.noise:g} | {p.trust.n_queries} | {p.trust.n_answered} "
        f"| {p.trust.n_earned} | {len(p.cases)} |"
        for p in results.parts
    ]
    return [
        "# Planted faults: how often blame lands on the fault",
        "",
        "Written by `bench_planted.py`; do not edit. [README](README.md) tells what is planted and how it is judged.",
        "",
        *rows,
        "",
        "Faults are planted only in questions that the healthy pipeline answers, with the evidence in every stage's",
        "output and still with every stage before the model repaired (`used`).",
        "",
        "| pipeline | planted | noise | questions | answered | used | failures |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *used,
        "",
    ]


def _bar_table(rows: Sequence[Held]) -> list[str]:
    lines = [
        "| case | failures | right (95 %) | bar | wrong | bar | no verdict | runs | bar | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        count, bar = row.count, row.bar
        low, high = count.interval()
        right = f"{_percent(count.part(count.right))} ({_percent(low)} to {_percent(high)})"
        told = [
            right if bar.right is not None else "–",
            _at_least(bar.right),
            _percent(row.wrong, 2),
            _at_most(bar.wrong),
            _percent(count.part(count.undecided)),
            _plain(count.runs_each),
            "–" if bar.runs is None else f"≤ {bar.runs:g}",
            "–" if not count.n or not row.bar.promises else "**missed**" if row.misses else "held",
        ]
        lines.append(f"| {bar.name} | {count.n} | {' | '.join(told)} |")
    return lines


def _misses(cases: Sequence[Case], bars: Sequence[Bar] = BARS) -> list[str]:
    lines: list[str] = []
    for bar in bars:
        found = held(bar, cases)
        if found.misses:
            lines.append(f"* {bar.name}: {', '.join(found.misses)}.")
            against = [c for c in cases if bar.which(c) and (not bar.on_model or c.verdict == "model")]
            lines += [f"  {line}" for line in [*_miss_lines(against), *_run_lines(found, against)]]
    return lines or ["No bar is."]


def _run_lines(found: Held, cases: Sequence[Case]) -> list[str]:
    """Why there are more runs than promised."""
    if not any(miss.startswith("runs") for miss in found.misses):
        return []
    more = sum(c.model_runs > TWO_PROMPTS for c in cases)
    return [
        f"* {more} of {len(cases)} failures took more than {TWO_PROMPTS} runs: more than one stage breaks its contract "
        "there, and each different prompt that their repairs come to is run once"
    ]


TWO_PROMPTS = 2
"""Prompts of a failure of which one stage is to blame: nothing repaired, and that stage."""


def _miss_lines(cases: Sequence[Case]) -> list[str]:
    lines = []
    for why, n in missed(cases).items():
        own = [c for c in cases if not c.right and why in missed([c])]
        by = ", ".join(f"{'+'.join(f)} {k}" for f, k in _commonest(own)[:4])
        lines.append(f"* {n} × {why} ({by})")
    return lines


def _commonest(cases: Sequence[Case]) -> list[tuple[tuple[str, ...], int]]:
    counts: dict[tuple[str, ...], int] = {}
    for case in cases:
        counts[case.faults] = counts.get(case.faults, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _method_table(cases: Sequence[Case]) -> list[str]:
    found = {bar.name: methods([c for c in cases if bar.which(c)]) for bar in WHOLE}
    names = [OURS, *(name for name in next(iter(found.values())) if name != OURS)]
    lines = [f"| case | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for case, counts in found.items():
        lines.append(
            f"| {case} | {' | '.join(_method(counts.get(name), 'pairs' in case) for name in names)} |"
        )
    calls = [
        _plain(c.runs_each if (c := found[bar.name].get(name)) else None)
        for bar in WHOLE[:1]
        for name in names
    ]
    lines.append(f"| model runs a failure, deterministic | {' | '.join(calls)} |")
    noisy = [_plain(c.runs_each if (c := found[WHOLE[4].name].get(name)) else None) for name in names]
    lines.append(f"| model runs a failure, noise 0.35 | {' | '.join(noisy)} |")
    return lines


def _method(count: Count | None, pairs: bool) -> str:
    if count is None or not count.n:
        return "–"
    both = f"{_percent(count.part(count.right))} / {_percent(count.part(count.wrong))}"
    return f"{both} ({_percent(count.part(count.one))})" if pairs else both


def _fault_table(cases: Sequence[Case]) -> list[str]:
    rows = _fault_rows(cases)
    names = list(methods([c for _, _, own in rows for c in own])) if rows else [OURS]
    others = names[1:]
    lines = [
        f"| fault | in the | noise | failures | right | wrong | none | runs | {' | '.join(others)} |",
        f"| --- | --- | --- | --- | --- | --- | --- | --- |{' --- |' * len(others)}",
    ]
    for name, noise, own in rows:
        count, told = counted(own), methods(own)
        theirs = [_percent(c.part(c.right)) if (c := told.get(other)) else "–" for other in others]
        lines.append(
            f"| {name} | {FAULTS[name].role} | {noise:g} | {count.n} | {_percent(count.part(count.right))} "
            f"| {count.wrong} | {count.undecided} | {_plain(count.runs_each)} | {' | '.join(theirs)} |"
        )
    return lines


def _setup_tables(results: Results) -> list[str]:
    lines: list[str] = []
    for name, own in _by_setup(results).items():
        if name != MODEL_SETUP:
            rows = [h for bar in BARS if (h := held(bar, own)).count.n]
            lines += [
                f"### `{name}.toml`",
                "",
                *_bar_table(rows),
                "",
                "Missed, and why:",
                "",
                *_misses(own),
                "",
            ]
    return lines


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _at_least(value: float | None) -> str:
    return "–" if value is None else f"≥ {value * 100:g}"


def _at_most(value: float | None) -> str:
    return "–" if value is None else f"≤ {value * 100:g}"
