"""What comes out of every real log kept beside the repository, as the table of docs/importing.md.

python benchmarks/logs/shown.py            prints the table
python benchmarks/logs/shown.py --write    puts it into docs/importing.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from diagnose.core.trace import Gold, Trace
from diagnose.errors import BadInput
from diagnose.traces.account import Account, AccountSummary
from diagnose.traces.labels import Labels
from diagnose.traces.lines import Problem
from diagnose.traces.read import read_log

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT.parent / "shared" / "data" / "trace_samples"
PAGE = ROOT / "docs" / "importing.md"
GOLD = {"what is the capital of france?": "Paris", "what is the capital of germany?": "Berlin"}
"""Labels joined to every log by its question."""
HEAD = (
    "file",
    "traces",
    "stages recovered",
    "passages (with text)",
    "labels joined",
    "what was lost, and what was inferred",
)
TABLE = re.compile(r"(?<=<!-- real logs -->\n).*?(?=<!-- end -->)", re.DOTALL)
ELSEWHERE = re.compile(r"(: |, or | ?\()(export|give|set|unset|no span).*$")
"""The part of a note that says what to do about it."""


def table() -> str:
    """The table, a row for each file."""
    files = sorted(file for file in LOGS.rglob("*") if file.is_file() and file.suffix != ".md")
    rows = [HEAD, ("---",) * len(HEAD), *(row_of(file) for file in files)]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def row_of(file: Path) -> tuple[str, ...]:
    """What one file gives."""
    account = Account()
    labels = Labels(by_query={question: Gold((answer,)) for question, answer in GOLD.items()})
    try:
        found = list(read_log(file, gold=labels, account=account))
    except BadInput as error:
        found = [Problem(file.name, None, "", "", str(error))]
    n_traces = sum(isinstance(item, Trace) for item in found)
    summary = account.summary()
    stages = ", ".join(f"{role} {n}" for role, n in summary.stages.items())
    passages = f"{summary.n_passages} ({summary.n_passages_with_text})" if summary.n_passages else ""
    joined = summary.labels.get("joined by question", 0)
    lost = "; ".join(_lost(summary, [item for item in found if isinstance(item, Problem)])) or "nothing"
    name = str(file.relative_to(LOGS))
    return f"`{name}`", str(n_traces), stages, passages, str(joined or ""), lost


def _lost(summary: AccountSummary, problems: list[Problem]) -> list[str]:
    told = [ELSEWHERE.sub("", problem.found) for problem in problems[:1]]
    if len(problems) > 1:
        told = [f"{told[0]} ({len(problems)})"]
    notes = [noted for noted in summary.notes if not noted.what.startswith("labels whose question")]
    return told + [f"{ELSEWHERE.sub('', noted.what)} ({noted.n})" for noted in notes]


def main() -> None:
    if "--write" in sys.argv:
        PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(table())


if __name__ == "__main__":
    main()
