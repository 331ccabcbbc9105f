"""Traces straight from a running Phoenix or MLflow server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from diagnose.errors import DiagnoseError, StageFailed, UsageError, quoted
from diagnose.traces.documents import Document
from diagnose.traces.fetch import Fetcher
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import Problem, source_name

PAGE = 100
MAX_PAGES = 100_000
PHOENIX_KEYS = ("PHOENIX_API_KEY",)
MLFLOW_KEYS = ("MLFLOW_TRACKING_TOKEN",)
_UI_PROJECT = re.compile(r"^(?P<base>.*?)/projects/(?P<project>[^/]+)")
_UI_EXPERIMENT = re.compile(r"/experiments/(?P<experiment>\d+)")


class Address(NamedTuple):
    """A server, and the project or experiment that its URL names."""

    base: str
    project: str | None


def address_of(url: str) -> Address:
    """The server behind a URL: its base, or a page of its UI copied from the browser.

    >>> address_of("http://localhost:6006/projects/rag-demo/spans")
    Address(base='http://localhost:6006', project='rag-demo')
    >>> address_of("http://localhost:5000/#/experiments/1?tab=traces")
    Address(base='http://localhost:5000', project='1')
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise UsageError(f"expected the URL of a server, found {quoted(url)}")
    base = f"{parts.scheme}://{parts.netloc}"
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    named = query.get("project") or query.get("experiment")
    if found := _UI_EXPERIMENT.search(f"/{parts.fragment}" if parts.fragment else parts.path):
        return Address(base, named or found["experiment"])
    if found := _UI_PROJECT.match(parts.path):
        return Address(base + re.sub(r"/v1$", "", found["base"]), named or unquote(found["project"]))
    return Address(base + re.sub(r"/v1(/.*)?$", "", parts.path.rstrip("/")), named)


def documents_of_server(
    url: str, format: str, project: str | None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Document | Problem]:
    """The spans (Phoenix) or traces (MLflow) of a server, page by page.

    Without a project or experiment, of all of them. A page that fails ends the reading with a Problem, and what
    came before is kept; raises StageFailed where not even the first one comes.
    """
    address = address_of(url)
    name, named = source_name(address.base), project or address.project
    tool = format if format in ("phoenix", "mlflow") else tool_of(address.base)
    keys = PHOENIX_KEYS if tool == "phoenix" else MLFLOW_KEYS
    with Fetcher(address.base, keys, most_bytes=limits.answer_bytes) as fetcher:
        read = _phoenix if tool == "phoenix" else _mlflow
        n = 0
        try:
            for value in read(fetcher, named):
                n += 1
                yield Document(name, n, value)
        except DiagnoseError as error:
            if not n:
                raise
            yield Problem(name, None, "", "the rest of the traces", f"{error} (what came before is kept)")


def tool_of(base: str) -> str:
    """Which server answers at an address: `phoenix` or `mlflow`. Raises StageFailed where neither does."""
    with Fetcher(base, (*PHOENIX_KEYS, *MLFLOW_KEYS)) as fetcher:
        if (refusal := fetcher.refusal("/v1/projects?limit=1")) is None:
            return "phoenix"
        if fetcher.refusal("/api/2.0/mlflow/experiments/search?max_results=1") is None:
            return "mlflow"
    raise StageFailed(
        f"{base}: neither a Phoenix nor an MLflow server answers there (--format phoenix or --format mlflow says "
        f"which it should be); {refusal.removeprefix(base).lstrip(': ')}"
    )


def _phoenix(fetcher: Fetcher, project: str | None) -> Iterator[Mapping[str, Any]]:
    # By id: a name may hold a slash.
    found = [item for item in _pages(fetcher, "/v1/projects", {}) if isinstance(item, Mapping)]
    chosen = [item for item in found if project in (None, item.get("name"), item.get("id"))]
    if not chosen:
        names = ", ".join(quoted(str(item.get("name")), 40) for item in found[:10])
        raise UsageError(f"{fetcher.base}: expected one of the projects {names}, found {quoted(project)}")
    for item in chosen:
        path = f"/v1/projects/{quote(str(item.get('id')), safe='')}"
        ids: list[str] = []
        for span in _pages(fetcher, f"{path}/spans", {}):
            if isinstance(span, Mapping):
                yield _in_project(span, str(item.get("name")))
                context = span.get("context")
                ids.append(str(context.get("span_id")) if isinstance(context, Mapping) else "")
            if len(ids) == PAGE:
                yield from _pages(fetcher, f"{path}/span_annotations", {"span_ids": ids})
                ids = []
        if ids:
            yield from _pages(fetcher, f"{path}/span_annotations", {"span_ids": ids})


def _in_project(span: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The span, its project beside the tags of a root."""
    attributes = span.get("attributes")
    if span.get("parent_id") or not isinstance(attributes, Mapping):
        return span
    return {**span, "attributes": {"metadata.project": name, **attributes}}


def _pages(fetcher: Fetcher, path: str, parameters: Mapping[str, Any]) -> Iterator[Any]:
    """The items of all pages; a cursor that comes again would go round for ever."""
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        asked = {"limit": PAGE, **parameters, **({"cursor": cursor} if cursor else {})}
        try:
            answer = fetcher.get(path, asked)
        except StageFailed as error:
            if path.endswith("/span_annotations") and "HTTP 404" in str(error):
                return  # an older server
            raise
        items = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(items, list):
            raise StageFailed(f"{fetcher.base}{path}: expected a list of data, found something else")
        yield from items
        cursor = answer.get("next_cursor")
        if not cursor:
            return
        if cursor in seen:
            raise StageFailed(f"{fetcher.base}{path}: the server gave the same page twice")
        seen.add(cursor)


def _mlflow(fetcher: Fetcher, experiment: str | None) -> Iterator[Mapping[str, Any]]:
    ids = [_experiment_id(fetcher, experiment)] if experiment else list(_experiments(fetcher))
    for name in ids:
        token: str | None = None
        for _ in range(MAX_PAGES):
            where = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": name}}]
            body = {"locations": where, "max_results": PAGE, **({"page_token": token} if token else {})}
            answer = fetcher.post("/api/3.0/mlflow/traces/search", body)
            found = answer.get("traces") if isinstance(answer, Mapping) else None
            for info in found or ():
                trace_id = str(info.get("trace_id", ""))
                whole = fetcher.get("/api/3.0/mlflow/traces/get", {"trace_id": trace_id})
                trace = whole.get("trace") if isinstance(whole, Mapping) else None
                yield (
                    {**trace, "info": {**info, **_info(trace)}}
                    if isinstance(trace, Mapping)
                    else {"info": info}
                )
            token = answer.get("next_page_token") if isinstance(answer, Mapping) else None
            if not token:
                break


def _info(trace: Mapping[str, Any]) -> Mapping[str, Any]:
    found = trace.get("trace_info") or trace.get("info")
    return found if isinstance(found, Mapping) else {}


def _experiment_id(fetcher: Fetcher, experiment: str) -> str:
    if experiment.isdigit():
        return experiment
    answer = fetcher.get("/api/2.0/mlflow/experiments/get-by-name", {"experiment_name": experiment})
    return str(answer["experiment"]["experiment_id"])


def _experiments(fetcher: Fetcher) -> Iterator[str]:
    token: str | None = None
    for _ in range(MAX_PAGES):
        asked = {"max_results": 1000, **({"page_token": token} if token else {})}
        answer = fetcher.get("/api/2.0/mlflow/experiments/search", asked)
        for item in (answer.get("experiments") or ()) if isinstance(answer, Mapping) else ():
            yield str(item.get("experiment_id"))
        token = answer.get("next_page_token") if isinstance(answer, Mapping) else None
        if not token:
            return
