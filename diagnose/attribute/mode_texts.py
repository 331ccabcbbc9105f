"""What every mode means, how it is detected, what a reviewer is shown, and what mends it."""

from __future__ import annotations

from typing import NamedTuple

from diagnose.core.entry import Entry
from diagnose.core.stage import Role


class _Mode(NamedTuple):
    definition: str
    detected: str
    evidence: str
    remedy: str


SOURCE = "docs/how-blame-is-computed.md, Modes"

_TEXTS: dict[tuple[Role, str], _Mode] = {
    ("router", "starved"): _Mode(
        "It chose a route too small for the query: a dearer declared route answers it.",
        "replay under the declared routes, with what is broken under all of them repaired: the chosen one fails, "
        "a dearer one scores full marks",
        "the score of each route beside its cost, the chosen one marked",
        "Send queries of this tier to the cheapest route that answers them (`diagnose budget` prints the "
        "route table), or raise the bar for the small route.",
    ),
    ("router", "wasteful"): _Mode(
        "It chose a dearer route than the query needs, and that cost the answer: a cheaper declared route gives it.",
        "replay under the declared routes, with what is broken under all of them repaired: the chosen one fails, "
        "a cheaper one scores full marks",
        "the score of each route beside its cost, the chosen one marked",
        "Send queries of this tier to the cheaper route (`diagnose budget` prints the route table and what "
        "it saves, also where the dearer route answers as well).",
    ),
    ("rewriter", "drifted"): _Mode(
        "Its query asks something else than the user did: the retriever finds less gold with it.",
        "contract broken, and more than a fifth of the user's content words are gone or none of the other "
        "modes applies",
        "the user's words, the reference query and the rewritten one, with the gold passages each of them "
        "finds",
        "Have it keep names, numbers and negations word for word; search with the user's own words too and "
        "merge both lists; lower its temperature.",
    ),
    ("rewriter", "dropped-context"): _Mode(
        "Its query lacks what the conversation settled before: a name, a date, what `it` stands for.",
        "contract broken, the query has a history, and nothing that belongs to neither query came in",
        "the turns of the conversation, the reference query and the rewritten one, with the gold each finds",
        "Give it more turns; ask it for a question that stands alone; check that the turns reach its "
        "prompt in order and uncut.",
    ),
    ("rewriter", "stale"): _Mode(
        "Its query has what the conversation, or its memory, held before: a name or a date that was since replaced.",
        "contract broken; words of neither the user nor the reference query came in, most of them from earlier "
        "turns or beside words of what was settled; and some of what was settled last is missing",
        "the turns of the conversation, the reference query and the rewritten one, with what is out of date marked",
        "Let the later of two remembered facts about one thing win; store facts with their date and drop what a "
        "later turn corrects; prefer the latest turns over memory.",
    ),
    ("rewriter", "intruding"): _Mode(
        "Its query has all that was asked, and beside it something that has nothing to do with it.",
        "contract broken (or a stage behind breaks its own with this query and not with the reference query); "
        "words of neither the user nor the reference query came in, and nothing of what was settled is missing",
        "the reference query and the rewritten one, the foreign words marked, and what the retriever finds with each",
        "Recall fewer facts, and none below a similarity; give facts to the model rather than to the search; keep "
        "memories of different users and topics apart.",
    ),
    ("retriever", "missed"): _Mode(
        "The corpus holds the evidence and its candidates do not (or not in front, without a ranker).",
        "contract broken, and none of empty, stale and duplicated applies",
        "the candidates with their scores, and the gold passage that is not among them",
        "Raise top_k and see at which rank the gold comes in; join lexical and dense search; look whether "
        "the gold passage was cut in two when the corpus was chunked, or shares no words with the query.",
    ),
    ("retriever", "stale"): _Mode(
        "It found the gold passage's id with another text, or a passage that the corpus does not hold: its index is "
        "not that of the corpus.",
        "a candidate has a gold passage's id and does not hold its evidence, and some gold is not found; or, where "
        "nothing answers the question, a candidate is none of the corpus",
        "the indexed text beside the corpus's text of the same id",
        "Rebuild the index, and update it whenever a passage changes; drop superseded versions from it.",
    ),
    ("retriever", "empty"): _Mode(
        "It gave no passage at all.",
        "its list is empty",
        "the query as the retriever got it",
        "Look for a filter that excludes everything, an index that failed to load, or a query in a "
        "language the analyser drops; search again without filters where nothing comes back.",
    ),
    ("retriever", "duplicated"): _Mode(
        "Copies of the same text fill its candidates, and the gold finds no room.",
        "30 % or more of the list repeats the text of an earlier passage, and some gold is not found",
        "the candidates, with those that repeat an earlier one marked",
        "Remove duplicates from the corpus before indexing, or from the candidates before they are cut to "
        "top_k.",
    ),
    ("ranker", "demoted"): _Mode(
        "It passes the gold on, but behind passages without evidence.",
        "contract broken, and none of no-op, inverted and cut applies",
        "its input and its output side by side, with the rank of the gold in each",
        "Try another ranker on this log (`diagnose compare`); keep the retriever's score as one of its "
        "inputs; check that it reads the whole passage and not only its first tokens.",
    ),
    ("ranker", "inverted"): _Mode(
        "Its order is the retriever's turned round: the worst come first.",
        "Kendall's tau between input and output is -0.5 or below",
        "its input and its output side by side, and the correlation",
        "Look for a sort in the wrong direction: a distance taken for a similarity, or ascending scores.",
    ),
    ("ranker", "no-op"): _Mode(
        "It passes on the head of its input as it came, gold further down.",
        "its output is the first passages of its input in the same order, the input has two or more, and its "
        "contract is broken",
        "its input and its output side by side",
        "Check that it runs at all: a time-out, an exception that falls back to the input, or scores that "
        "are all the same. If it does, it adds cost and no order: leave it out.",
    ),
    ("ranker", "cut"): _Mode(
        "It was given the gold and does not pass it on.",
        "some gold passage of its input is not in its output, and neither no-op nor inverted applies",
        "the rank of the gold in its input, and where its output ends",
        "Raise top_n, or lower its score threshold; `diagnose budget` says from which top_n on answers stay.",
    ),
    ("compressor", "lost"): _Mode(
        "What it kept of a gold passage no longer holds the evidence.",
        "no number, negation or name of the evidence was changed, and less than half of its word triples are left "
        "in the passage, or what is left stands there word for word",
        "the gold passage before and after, with the evidence marked",
        "Keep more sentences, and first those with names and numbers of the query; do not compress the first "
        "passages; choose extraction over summarising.",
    ),
    ("compressor", "distorted"): _Mode(
        "The evidence is still recognisable in what it kept, but a number, a negation or a name is another, or it is "
        "reworded.",
        "the sentence that stands for the evidence has another number or name, or one negation more or less; or half "
        "or more of the evidence's word triples are left, reworded, and still it is not held",
        "the gold passage before and after, with the words that changed",
        "Extract sentences rather than summarise them; tell a summariser to copy names, numbers and "
        "conditions; lower its temperature.",
    ),
    ("packer", "truncated"): _Mode(
        "A passage, down to the last gold one, is cut short in the context.",
        "only the beginning of the passage stands in the context's text",
        "the passage with its cut, and the room that was left in the budget",
        "Leave out the last whole passage rather than cut one; chunk smaller; or raise budget_tokens.",
    ),
    ("packer", "dropped"): _Mode(
        "It was given a gold passage and left it out, though the evidence fits the budget.",
        "a gold passage of its input is nowhere in the context's text, and the gold alone is within the "
        "budget",
        "its input in rank order, with what went into the context and what each passage measures",
        "Fill the context best first until it is full; skip a passage that is too long instead of stopping "
        "at it; check the limit on the number of passages.",
    ),
    ("packer", "duplicated"): _Mode(
        "A passage stands in the context twice, in the way of the gold or at its cost.",
        "a passage has two blocks in the text, down to the last gold one, or gold is missing beside one "
        "that has",
        "the context with its blocks, the repeated ones marked",
        "Remove duplicates by text (not by id) before packing; check that two retrieved lists are merged, "
        "not joined.",
    ),
    ("packer", "reordered"): _Mode(
        "Down to the last gold passage the context is not in rank order.",
        "the ranks of the blocks in the context's text do not rise",
        "the ranks of the passages in the order in which they stand in the context",
        "Pack best first; look for a set, a sort by id, date or length, or a `lost in the middle` "
        "rearrangement.",
    ),
    ("packer", "garbled"): _Mode(
        "Passages it claims to have packed cannot be read in the context, or not as they are spelled.",
        "a packed passage's words are not found in the text, or stand there otherwise spelled or spaced",
        "the passage beside what stands in the context instead",
        "Read the context as the model gets it: look for a template filled with the wrong field, an "
        "encoding, markup, or line ends and blanks that were squeezed out.",
    ),
    ("packer", "over-window"): _Mode(
        "The context is longer than the model's window, and what is over it is never read.",
        "tokens of the context > tokens of the model's window, counted with its own tokenizer",
        "both numbers, and which passages lie beyond the window",
        "Set budget_tokens to the window less the prompt and the answer, counted with the model's tokenizer.",
    ),
    ("packer", "budget"): _Mode(
        "The evidence alone is over the packer's budget: however well it is ranked, it cannot fit.",
        "tokens of the gold passages of its input > budget_tokens, where it would else be truncated or "
        "dropped",
        "what the evidence measures beside the budget and the model's window",
        "Raise budget_tokens for such queries (`diagnose budget` says for which), compress passages, or "
        "chunk smaller.",
    ),
    ("model", "ignored"): _Mode(
        "The evidence was in front of it and it did not use it: its answer is wrong with the gold passages alone, "
        "or as soon as anything, however irrelevant, stands beside them.",
        "wrong on the fair context, and on the gold-only context or with the other passages swapped for irrelevant "
        "ones; no other mode of the model applies",
        "the fair context with the evidence marked, its answer, the gold answers, its answer on gold only",
        "First read a few of these as a check on labels and scorer. Then change the prompt, take a stronger "
        "model, or fine-tune: this is the failure that it helps with.",
    ),
    ("model", "invented"): _Mode(
        "It answers a question that nothing answers, where the right answer is to abstain.",
        "the question is labelled unanswerable and the answer on the fair context does not abstain",
        "the fair context, its answer, and what it says without any context",
        "Tell it to abstain where the context does not answer, and show it one example; put a verifier behind it "
        "that checks drafts against the context; prefer a model that abstains.",
    ),
    ("model", "distracted"): _Mode(
        "It answers from the gold passages, alone or with irrelevant ones beside them, and not with the passages "
        "that it was given beside them.",
        "wrong on the fair context, right on the gold-only context and with the other passages swapped for "
        "irrelevant ones",
        "its answer on the fair context and on gold only, and the passage that its wrong answer stands in",
        "Pass on fewer passages (a smaller top_n, a score threshold); ask it to quote the passage it answers "
        "from. A better ranker does not help here, a shorter context does.",
    ),
    ("model", "position"): _Mode(
        "It answers from the same passages in another order: where the evidence stands decides.",
        "wrong on the fair context, right more often when its passages are shuffled",
        "its answers in rank order and shuffled, with the place of the evidence in each",
        "Pass on fewer passages; put the best ones where this model reads (first, or last before the "
        "question); repeat the question after the context.",
    ),
    ("model", "unstable"): _Mode(
        "With the same context it is right with some seeds and wrong with others.",
        "seen both right and wrong on the fair context",
        "the answers of the repeats, with their scores",
        "Set the temperature to 0; where it must vary, take the majority of several answers.",
    ),
    ("model", "over-abstained"): _Mode(
        "It declines to answer a question that its context answers.",
        "the question is answerable and the answer on the fair context is a refusal or blank",
        "the fair context with the evidence marked, and the refusal",
        "Soften the instruction to abstain; show it one example that is answered from a long context.",
    ),
    ("model", "cut-off"): _Mode(
        "Its answer ends where its tokens ran out.",
        "finish_reason is `length` on the fair context",
        "the end of the answer, and how many tokens it was allowed",
        "Raise max_tokens, or ask for the answer first and its reasons after it.",
    ),
    ("model", "closed-book"): _Mode(
        "It answers from memory, against what its context says.",
        "wrong on the fair context, and the same answer comes without any context",
        "its answer with and without the context, and the evidence it passed over",
        "Tell it to answer from the context only and to quote it; check that the context reaches its prompt; "
        "prefer a model that follows its context.",
    ),
    ("verifier", "false-reject"): _Mode(
        "It blocks a right draft.",
        "the scorer passes the fair draft, the verifier does not accept it, and what is said instead is wrong",
        "the draft, its score, the decision and what was said instead",
        "Loosen its threshold; show it the context that the model read; check it on labelled drafts.",
    ),
    ("verifier", "false-accept"): _Mode(
        "It lets a wrong draft through where an abstention would have scored more.",
        "the model is wrong on the fair context, the verifier accepts that draft, and the pipeline's abstention scores "
        "more: always where nothing answers the question, else where `abstention_worth` or `wrong_cost` says so",
        "the draft, its score and the decision",
        "Tighten its threshold; have it name the passage that supports the draft, and reject where there "
        "is none.",
    ),
}

MODES: dict[tuple[Role, str], Entry] = {
    (role, mode): Entry(
        name=mode,
        kind="mode",
        definition=text.definition,
        formula=text.detected,
        source=SOURCE,
        remedy=text.remedy,
        see=(role,),
        evidence=text.evidence,
        of=role,
    )
    for (role, mode), text in _TEXTS.items()
}
"""Every mode by role and name; `formula` is the rule that detects it."""
