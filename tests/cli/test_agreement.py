"""A log with people's feedback: the report says how far the metric, or a judge, agrees with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.desks import command, logged

LIKES_SHORT = '''
def says_yes():
    """A judge that says yes to whatever it is asked with an even seed, and to short questions with any."""
    def judge(query, context, seed):
        return "Yes." if seed % 2 == 0 or len(query) < 10 else "No."
    return judge
'''


def marked(log: Path, wrong: int) -> int:
    """People's feedback on every answer: as the log's score has it, but for the first `wrong`. How many there are."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for i, line in enumerate(lines):
        right = line["outcome"]["score"] >= 0.5
        line["outcome"]["feedback"] = (1 if right else -1) * (-1 if i < wrong else 1)
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return len(lines)


def run(folder: Path, log: Path, *options: object) -> tuple[dict[str, Any], str]:
    done = command("run", log, "-p", folder / "pipeline.toml", "-o", folder / "out", *options)
    assert done.exit_code == 0, (done.stderr, done.exception)
    report: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text())
    return report, done.stdout


def test_the_metric_beside_peoples_marks(tmp_path: Path) -> None:
    log = logged(tmp_path)
    n = marked(log, wrong=3)
    report, said = run(tmp_path, log)
    found = report["agreement"]
    assert (found["metric"], found["n"]) == ("contains", n)
    assert found["agrees"] == (n - 3) / n
    assert found["low"] < found["agrees"] < found["high"]
    assert found["too_lenient"] + found["too_strict"] == 3
    sentence = f"contains agrees with people on {found['agrees']:.0%} of {n} answers"
    for text in (
        said,
        (tmp_path / "out" / "report.md").read_text(),
        (tmp_path / "out" / "report.html").read_text(),
    ):
        assert sentence in " ".join(text.split())


def test_a_judge_that_votes_twice_beside_peoples_marks(tmp_path: Path) -> None:
    log = logged(tmp_path, code=LIKES_SHORT)
    n = marked(log, wrong=2)
    pipeline = tmp_path / "pipeline.toml"
    score = '[score]\nmetric = "judge"\nrepeats = 2\npass = 0.75\n[score.model]\nuse = "own:says_yes"\n'
    text = pipeline.read_text()
    pipeline.write_text(text[: text.index("[score]")] + score if "[score]" in text else text + score)
    done = command("run", log, "-p", pipeline, "-o", tmp_path / "out", "--max-calls", 40)
    assert done.exit_code in (0, 6), (done.stderr, done.exception)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    found = report["agreement"]
    assert (found["metric"], found["n"]) == ("judge", n)
    # One vote of two for every answer: it fails all of them, and so agrees on those that people rejected.
    assert (found["too_lenient"], found["too_strict"] > 0) == (0, True)
    assert found["agrees"] == 1 - found["too_strict"] / n
    assert found["kappa"] == 0.0


def test_without_feedback_nothing_is_said(tmp_path: Path) -> None:
    report, said = run(tmp_path, logged(tmp_path))
    assert report["agreement"] is None
    assert "agrees with people" not in said


def test_marks_may_stand_in_the_file_of_labels(tmp_path: Path) -> None:
    """By id alone: they are of one answer, not of everybody's to the same question."""
    log = logged(tmp_path)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    rows = [("id", "question", "feedback")]
    rows += [(line["trace_id"], "", "1" if i else "-1") for i, line in enumerate(lines)]
    rows += [("elsewhere", lines[0]["query"]["text"], "1"), (lines[1]["trace_id"], "", "7")]
    (tmp_path / "marks.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    done = command("convert", log, "--gold", tmp_path / "marks.csv", "-o", tmp_path / "with.jsonl")
    assert done.exit_code == 0, done.stderr
    found = [
        json.loads(line)["outcome"]["feedback"] for line in (tmp_path / "with.jsonl").read_text().splitlines()
    ]
    assert found == [-1.0] + [1.0] * (len(lines) - 1)
    assert "feedback joined by id" in done.stderr
    report, _ = run(tmp_path, log, "--gold", tmp_path / "marks.csv")
    assert report["agreement"]["n"] == len(lines)
