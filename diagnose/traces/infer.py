"""The spans of one query as a trace: which did what a stage does, read off the structure and not the kind alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from diagnose.core.artifact import Answer, Decision, Output, Passage, Passages, Query, Route, Text
from diagnose.core.stage import Role
from diagnose.core.trace import Gold, GoldPassage, Outcome, Provenance, Step, Trace
from diagnose.errors import quoted
from diagnose.traces.account import Account, count_name
from diagnose.traces.attributes import CONTENT_SWITCH
from diagnose.traces.decided import said_instead
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.judged import merged as merged_labels
from diagnose.traces.lines import Problem
from diagnose.traces.model_calls import Call, Calls, calls_of, summed
from diagnose.traces.packing import Packed, packed_by
from diagnose.traces.passage_flow import Flow, Held, flow_of, union
from diagnose.traces.passage_ids import PassageIds, TextOf
from diagnose.traces.said import QUERY_KEYS, last_user
from diagnose.traces.span import Labelled, Span
from diagnose.traces.tree import Forest, Node, forest_of
from diagnose.traces.units import units_of

IDS: dict[str, str] = {
    "id": "an attribute of their own",
    "output": "the span's output",
    "metadata": "their metadata",
    "text": "the digest of their text (the log gives none)",
}
"""Where passage ids come from, in words."""


def spans_to_traces(
    spans: Iterable[Span],
    account: Account,
    source: str,
    text_of: TextOf | None = None,
    judgements: dict[str, list[Judgement]] | None = None,
) -> Iterator[Trace | Problem]:
    """The traces in the spans of one trace id (several, where it ran a batch of queries), or why there is none.

    `text_of` gives a passage's text where the log has only its id, `judgements` are those of spans and
    traces that the log keeps apart, by id; those that are used are taken out.
    """
    forest = forest_of(spans, account)
    units = units_of(forest)
    if len(units) > 1:
        what = "traces that hold several queries, each with its own retrieval and answer: one trace each"
        account.note(what, forest.nodes[0].span.trace_id)
    for nodes, trace_id in units:
        unit = _Unit(forest, nodes, trace_id, account, text_of)
        found = unit.trace(source, judgements or {}, whole=len(units) == 1)
        account.n["left out" if isinstance(found, Problem) else "traces"] += 1
        yield found


class _Unit:
    """The spans of one query."""

    def __init__(
        self, forest: Forest, nodes: Sequence[Node], trace_id: str, account: Account, text_of: TextOf | None
    ) -> None:
        self.forest, self.nodes, self.trace_id, self.account = forest, nodes, trace_id, account
        self.tops = [node for node in nodes if node.parent is None or not _among(node.parent, nodes)]
        cited = chain.from_iterable((*(n.span.given or ()), *(n.span.cited or ())) for n in nodes)
        self.ids = PassageIds(cited, text_of)

    def trace(self, source: str, judgements: dict[str, list[Judgement]], whole: bool) -> Trace | Problem:
        """The trace, or why its spans make none."""
        account, said = self.account, self._said(whole)
        asked = frozenset(
            _plain(n.span.query) for n in self.nodes if n.span.kind == "retriever" and n.span.query
        )
        calls = calls_of(self.nodes, said, asked, account)
        flow = flow_of(self._upward(calls.answering), self.ids, account)
        query = self._query(calls.answering, flow, whole)
        steps = tuple(self._steps(query, flow, calls, said))
        became = {**flow.became, **calls.became}
        self._count(became)
        if query is None:
            return self._refused(source)
        self._note_ids(flow)
        error = next((n.span.error for n in self.tops if n.span.error), None) if not steps else None
        if error:
            account.note(
                "traces that ended in an error before any stage: kept as queries without steps", self.trace_id
            )
        elif not steps:
            what = "traces with a question and nothing else: kept as queries without steps"
            account.note(what if self.nodes else _unspanned(self.forest.whole), self.trace_id)
        labelled = self._labelled(judgements)
        gold, outcome = labels_of(labelled)
        tags = {k: v for s in (*(n.span for n in self.tops), *self.forest.whole) for k, v in s.tags.items()}
        original = self.nodes[0].span if self.nodes else self.forest.whole[0]
        for step in steps:
            account.stages[step.role] += 1
        return Trace(
            self.trace_id,
            query,
            steps,
            gold,
            outcome,
            {**tags, "error": error} if error else tags,
            Provenance(original.source, original.trace_id),
        )

    def _labelled(self, judgements: dict[str, list[Judgement]]) -> Labelled | None:
        spans = (*self.forest.whole, *(node.span for node in self.nodes))
        apart = [j for s in spans for j in judgements.pop(s.span_id, ())] if judgements else []
        apart += judgements.pop(spans[0].trace_id, [])
        return merged_labels(
            (*(s.labelled for s in spans), labelled_by(apart, self.account) if apart else None)
        )

    def _upward(self, answering: Call | None) -> Iterator[Node]:
        """The spans that can hold passages on their way to the model, inner before outer."""
        for node in sorted(self.nodes, key=lambda node: (node.leave, -node.enter)):
            if answering is None or not (
                node.holds(answering.outer)
                or (node.enter >= answering.outer.leave and node.span.kind not in ("retriever", "ranker"))
            ):
                yield node

    def _said(self, whole: bool) -> str | None:
        """The answer as the trace itself states it."""
        spans = [*(self.forest.whole if whole else ()), *(node.span for node in self.tops)]
        kinds = ("chain", "agent", "trace", "unknown", "tool")
        return next((span.text for span in spans if span.text and span.kind in kinds), None)

    def _query(self, call: Call | None, flow: Flow, whole: bool) -> Query | None:
        """The user's question: of the whole trace, else of its outermost span that has one."""
        spans = [*(self.forest.whole if whole else ()), *(node.span for node in self.nodes)]
        stages = ("retriever", "ranker", "compressor", "prompt", "model", "embedding", "tool", "evaluator")
        for span in spans:
            if span.query and span.kind not in stages:
                return Query(span.query, span.history)
        retrieved = [held.node.span.query for held in flow.retrieved if held.node.span.query]
        if retrieved:
            return Query(retrieved[0])
        for span in spans:
            for key in QUERY_KEYS[:6]:
                if found := span.variables.get(key):
                    return Query(found)
        said = last_user(call.prompt) if call else None
        return Query(said) if said else None

    def _steps(self, query: Query | None, flow: Flow, calls: Calls, said: str | None) -> Iterator[Step]:
        if (routed := self._own("router")) is not None:
            yield _step("router", Route(routed.span.text or ""), routed)
        if query is not None and (rewritten := self._rewritten(query, flow, calls)):
            yield rewritten
        if flow.retrieved:
            yield self._retrieved(flow)
        if flow.ranked:
            passages = union(flow.ranked)
            yield _step("ranker", Passages(_bare(passages)), flow.ranked[-1].node)
        if flow.compressed:
            yield _step("compressor", Passages(_bare(flow.compressed.passages)), flow.compressed.node)
        packed = packed_by(self.nodes, calls.answering, tuple(flow.everything())) if flow.retrieved else None
        if packed:
            yield self._packed(packed)
        elif flow.retrieved and calls.answering:
            self._note_unpacked(flow, calls.answering)
        if answered := self._answered(calls, said):
            yield answered
        if guarded := self._guarded(calls.answering, said):
            yield guarded

    def _guarded(self, call: Call | None, said: str | None) -> Step | None:
        """What the guards of the draft decided: the first that blocks it, else the first."""
        guards = [n for n in self.nodes if n.span.kind == "verifier" and n.span.accept is not None]
        if call is not None:
            # A guard around the model, or after it; one before has seen the question alone.
            of_draft = [n for n in guards if n.holds(call.outer) or n.enter >= call.outer.leave]
            if len(of_draft) < len(guards):
                self.account.note("guards before the model: of the question, no verifier step", self.trace_id)
            guards = of_draft
        node = next((n for n in guards if not n.span.accept), guards[0] if guards else None)
        if node is None:
            return None
        if node.span.accept:
            return _step("verifier", Decision(True), node)
        draft = call.text if call is not None else None
        instead = said if said is not None and said != draft else said_instead(node.span.text)
        return _step("verifier", Decision(False, instead), node)

    def _own(self, role: str) -> Node | None:
        return next((node for node in self.nodes if node.span.kind == role and node.span.text), None)

    def _rewritten(self, query: Query, flow: Flow, calls: Calls) -> Step | None:
        asked = {_plain(text): text for held in flow.retrieved if (text := held.node.span.query)}
        if (own := self._own("rewriter")) is not None:
            return _step("rewriter", Text(own.span.text or ""), own)
        if not asked or _plain(query.text) in asked or any(held.recovered for held in flow.retrieved):
            return None
        if len(asked) > 1:
            what = "several searches, none of them the user's own words: no rewriter step"
            self.account.note(what, self.trace_id)
            return None
        plain, text = next(iter(asked.items()))
        node = next((n for n in self.nodes if n.span.text and _plain(n.span.text) == plain), None)
        if node is None:
            what = "rewritten query taken from the retriever's input (no span put it out)"
            self.account.note(what, self.trace_id)
            return Step("rewriter", Text(text))
        return _step("rewriter", Text(text), node)

    def _retrieved(self, flow: Flow) -> Step:
        held = flow.retrieved
        if len(held) > 1:
            what = "several retrievers: their lists were merged rank by rank, each passage tagged with its finder"
            self.account.note(what, self.trace_id)
        passages = _as_fed(union(held), flow.ranked)
        step = _step("retriever", Passages(passages), held[0].node)
        names = dict.fromkeys(item.node.span.name for item in held)
        elapsed = [item.node.span.elapsed_s for item in held]
        if held[0].recovered:
            return Step("retriever", Passages(passages))
        return msgspec.structs.replace(
            step,
            name=" + ".join(names) or None,
            elapsed_s=sum(e for e in elapsed if e is not None)
            if any(e is not None for e in elapsed)
            else None,
            error=next((item.node.span.error for item in held if item.node.span.error), None),
        )

    def _packed(self, packed: Packed) -> Step:
        if packed.node is None:
            what = "packed context recovered from the model's prompt (no span put it together)"
            self.account.note(what, self.trace_id)
        if packed.n_cut:
            self.account.note("passages cut on the way into the context", self.trace_id, packed.n_cut)
        if packed.node is None or packed.node.span.kind == "model":
            return Step("packer", packed.context)
        return _step("packer", packed.context, packed.node)

    def _note_unpacked(self, flow: Flow, call: Call) -> None:
        if not call.prompt:
            what = "the model's prompt is not in the log: what it read is not known"
        elif not any(passage.text for passage in flow.everything()):
            what = "passages without text: what the model read of them is not known (give --corpus)"
        else:
            what = "none of the passages is in the model's prompt or in a text before it: no packer step"
        self.account.note(what, self.trace_id)

    def _answered(self, calls: Calls, said: str | None) -> Step | None:
        call = calls.answering
        if call is None:
            if said is None:
                return None
            if self.nodes:
                what = "no model call in the trace: its own output is the answer"
            else:
                what = _unspanned(self.forest.whole)
            self.account.note(what, self.trace_id)
            return Step("model", Answer(said))
        text = call.text
        if text is None or (said and said != text and said.strip() in text):
            text = said if said is not None else text
        inner, outer = call.inner.span, call.outer.span
        if text is None and not outer.error and not inner.error:
            what = f"the model's answer is not in the log{_hint((inner, outer))}"
            self.account.note(what, self.trace_id)
            return None
        finish = inner.finish_reason or outer.finish_reason
        step = _step("model", Answer(text or "", finish_reason=finish), call.outer)
        counted = [
            call,
            *(other for other in calls.others if calls.became.get(other.outer.enter) != "rewriter"),
        ]
        name = inner.model or outer.model or step.name
        return msgspec.structs.replace(
            step, name=name, usage=summed(counted), error=outer.error or inner.error
        )

    def _count(self, became: dict[int, str]) -> None:
        for node in self.nodes:
            span = node.span
            kind = span.label or "no kind"
            did = became.get(node.enter)
            if did is None and span.kind in ("chain", "agent", "prompt"):
                did = "structure"
            elif did is None and span.kind == "embedding":
                did = "passed over (vectors)"
            elif (
                did is None
                and span.kind in ("router", "rewriter", "verifier")
                and (span.text or span.accept is not None)
            ):
                did = span.kind
            if did is None:
                did = "not mapped"
                count_name(self.account.unmapped, span.name or kind)
            count_name(self.account.spans, f"{kind} > {did}")

    def _refused(self, source: str) -> Problem:
        spans = [node.span for node in self.nodes]
        names = ", ".join(dict.fromkeys(quoted(span.name, 40) for span in spans[:3]))
        more = f" and {len(spans) - 3} more" if len(spans) > 3 else ""
        stages = [span for span in spans if span.kind in ("retriever", "ranker", "model", "chain", "agent")]
        if not spans:
            found = f"a header without spans{_hint(self.forest.whole)}"
        elif stages:
            found = f"no text in {len(spans)} spans ({names}{more}){_hint(stages)}"
        else:
            found = f"{len(spans)} spans that are none of these ({names}{more})"
        return Problem(
            source, None, f"trace {self.trace_id[:80]}", "a question, a retriever or a model call", found
        )

    def _note_ids(self, flow: Flow) -> None:
        texts: dict[str, bool] = {}
        for held in (*flow.retrieved, *flow.ranked):
            for passage in held.passages:
                texts[passage.id] = texts.get(passage.id, False) or bool(passage.text)
        self.account.n["passages"] += len(texts)
        self.account.n["passages with text"] += sum(texts.values())
        for id_from, n in Counter([flow.ids.get(passage_id, "text") for passage_id in texts]).items():
            self.account.ids[IDS[id_from]] += n
        if self.ids.filled:
            self.account.note("passage texts filled in from the corpus", self.trace_id, self.ids.filled)
        if without := len(texts) - sum(texts.values()):
            spans = [held.node.span for held in flow.retrieved]
            what = f"passages without text: give --corpus, or{_hint(spans, ' ') or ' log their content'}"
            self.account.note(what, self.trace_id, without)


def labels_of(labelled: Labelled | None) -> tuple[Gold | None, Outcome | None]:
    """A log's own labels as gold and outcome."""
    if labelled is None:
        return None, None
    gold = None
    if labelled.answers or labelled.passages:
        passages = tuple(GoldPassage(p.id, p.text or None) for p in labelled.passages)
        gold = Gold(answers=labelled.answers, passages=passages)
    judged = labelled.score is not None or labelled.feedback is not None
    return gold, Outcome(labelled.score, labelled.feedback) if judged else None


def _step(role: Role, output: Output, node: Node) -> Step:
    span = node.span
    return Step(role, output, name=span.name or None, elapsed_s=span.elapsed_s, error=span.error)


def _bare(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Passages without the tags that the retriever's step has already."""
    return tuple(msgspec.structs.replace(passage, tags=None) for passage in passages)


def _as_fed(passages: tuple[Passage, ...], ranked: Sequence[Held]) -> tuple[Passage, ...]:
    """Merged lists in the order in which the ranker was given them, where its input is the same passages."""
    given = [item.id or "" for item in (ranked[0].node.span.given or ())] if ranked else []
    by_id = {passage.id: passage for passage in passages}
    return tuple(by_id[name] for name in given) if given and set(given) == set(by_id) else passages


def _unspanned(whole: Sequence[Span]) -> str:
    return f"traces listed without their spans: question and answer only{_hint(whole)}"


def _hint(spans: Iterable[Span], start: str = ": ") -> str:
    switch = next((CONTENT_SWITCH[span.tool] for span in spans if span.tool in CONTENT_SWITCH), None)
    return f"{start}{switch}" if switch else ""


def _among(node: Node, nodes: Sequence[Node]) -> bool:
    return bool(nodes) and nodes[0].enter <= node.enter <= nodes[-1].enter


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
