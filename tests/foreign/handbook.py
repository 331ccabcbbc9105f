"""A handbook and questions about it, for tiny pipelines in other people's frameworks.

Their rankers put the newest passages first and keep two: where a passage beside the point is newer than the one
with the answer, the ranker is to blame, and a replay has to find that out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A passage of the handbook."""

    id: str
    year: int
    text: str


PAGES = (
    Page("leave", 2024, "Parental leave lasts sixteen weeks and is paid in full."),
    Page("leave-old", 2018, "Parental leave was unpaid before the agreement of 2019."),
    Page("sick", 2023, "Sick leave is reported to the team lead before ten o'clock."),
    Page("bikes", 2021, "Bikes are kept in the cellar of the annex, behind the boiler room."),
    Page("bikes-lease", 2025, "A company bike is leased for three years through the portal."),
    Page("bikes-repair", 2026, "Bikes are repaired every other Monday in front of the canteen."),
    Page("trains", 2022, "Train tickets are booked through the travel desk at least one day ahead."),
    Page("trains-card", 2025, "The train card for commuters is renewed in January."),
    Page("trains-refund", 2026, "Refunds for late train rides go to the employee who booked."),
    Page("badge", 2026, "A lost badge is reported at the front desk, which blocks it at once."),
    Page("badge-new", 2025, "A new badge costs fifteen euros from the second loss on."),
    Page("parking", 2025, "Parking lots are assigned by lottery each March."),
)

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("How many weeks does parental leave last?", "sixteen weeks", "leave"),
    ("Where are bikes kept?", "the cellar of the annex", "bikes"),
    ("Through which desk are train tickets booked?", "the travel desk", "trains"),
    ("Where is a lost badge reported?", "the front desk", "badge"),
    ("How are parking lots assigned?", "by lottery", "parking"),
)
"""Question, answer, and the page that holds it."""

DEMOTED = ("bikes", "trains")
"""Pages that the newest-first ranker drops, since two newer ones are about the same things."""

QUESTION, CONTEXT = "Question: ", "Context:\n"
PROMPT = CONTEXT + "{context}\n\n" + QUESTION + "{question}"
"""What the tiny pipelines ask their model."""


def newest_first(years: list[int], keep: int = 2) -> list[int]:
    """The places of the newest entries of a list; equal years keep their order."""
    return sorted(range(len(years)), key=lambda i: -years[i])[:keep]


def best_by_bm25(query: str, k: int = 4) -> list[tuple[Page, float]]:
    """The pages that rank-bm25 scores best, with their scores."""
    from rank_bm25 import BM25Okapi

    def words(text: str) -> list[str]:
        return "".join(c if c.isalnum() else " " for c in text.lower()).split()

    scores = BM25Okapi([words(page.text) for page in PAGES]).get_scores(words(query))
    best = sorted(range(len(PAGES)), key=lambda i: -scores[i])[:k]
    return [(PAGES[i], float(scores[i])) for i in best]


def extracted(prompt: str) -> str:
    """The sentence of the prompt's context that answers its question best."""
    from diagnose.core.artifact import Context
    from diagnose.stages.extract import extract

    context, _, question = prompt.rpartition(QUESTION)
    answer = extract()(question.strip(), Context(context.partition(CONTEXT)[2].strip()))
    return answer.text
