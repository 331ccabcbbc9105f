"""Which components of a Haystack pipeline a stage is made of, and where each of their inputs comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnose.core.stage import Role
from diagnose.errors import UsageError, quoted
from diagnose.stages.named_inputs import NAMES, ROLE_WANTS, Fitting, Wanted, unnamed, wanted_of

ALONE = "component"
"""The name of a component that is in no pipeline."""


@dataclass(frozen=True)
class Sender:
    """An output of a component of the same stage; `conversion` is what Haystack does to it on the way."""

    component: str
    output: str
    conversion: Any = None


@dataclass(frozen=True)
class Socket:
    """An input of a component: `senders` within the stage, else what is `wanted` for it.

    `gathers`: it takes the values of all its senders, as a list of them (`wraps`) or one after another.
    """

    name: str
    kind: str
    mandatory: bool
    senders: tuple[Sender, ...] = ()
    wanted: Wanted | None = None
    gathers: bool = False
    wraps: bool = True


@dataclass(frozen=True)
class Part:
    """A component and its inputs."""

    name: str
    instance: Any
    sockets: tuple[Socket, ...]


@dataclass(frozen=True)
class Segment:
    """The components of a stage, in the order they are run."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Edge:
    sender: Sender
    receiver: str
    input: str
    kind: str


@dataclass(frozen=True)
class _Graph:
    """A pipeline. `given` says of components that stand for earlier stages what these have given; `elsewhere` is
    what earlier stages have given that no component stands for: the nearest value of that kind is theirs."""

    instances: Mapping[str, Any]
    edges: tuple[_Edge, ...]
    given: Mapping[str, Wanted]
    elsewhere: frozenset[Wanted] = frozenset()

    def into(self, name: str) -> list[_Edge]:
        return [edge for edge in self.edges if edge.receiver == name]

    def cut(self, edge: _Edge) -> Wanted | None:
        """What the edge carries that an earlier stage has given; None where its sender is this stage's own."""
        if (wanted := self.given.get(edge.sender.component)) is not None:
            return wanted
        kind, prompt = edge.kind, edge.sender.output == "prompt"
        carried: Wanted | None = None
        if "Document" in kind:
            carried = "passages"
        elif prompt or "ChatMessage" in kind:
            carried = "context"
        elif edge.input in NAMES["query"]:
            carried = "query"
        return carried if carried in self.elsewhere else None


GIVES: Mapping[Role, Wanted] = {
    "rewriter": "query",
    "retriever": "passages",
    "ranker": "passages",
    "compressor": "passages",
    "packer": "context",
    "model": "answer",
}


def segment_of(role: Role, target: Any, fitting: Fitting) -> Segment | None:
    """The components of a stage, or None where `target` is no component and no pipeline.

    A component of a pipeline brings those before it along, up to the components that are earlier stages of the
    pipeline file. Raises UsageError where the component cannot be told, is not there, or stands in a loop.
    """
    if hasattr(target, "__haystack_input__") and callable(getattr(target, "run", None)):
        graph = _Graph({ALONE: target}, (), {})
        return Segment((_part(ALONE, graph, role, fitting),))
    if not (callable(getattr(target, "get_component", None)) and hasattr(target, "graph")):
        return None
    graph = _graph(target, fitting)
    last = _named(role, fitting.component, graph)
    members: list[str] = []
    _walk(last, graph, members, ())
    return Segment(tuple(_part(name, graph, role, fitting) for name in _in_order(members, graph)))


def _graph(pipeline: Any, fitting: Fitting) -> _Graph:
    nodes = {name: about["instance"] for name, about in pipeline.graph.nodes(data=True)}
    edges = tuple(
        _Edge(
            Sender(sender, about["from_socket"].name, about.get("conversion_strategy")),
            receiver,
            about["to_socket"].name,
            _kind(about["from_socket"]),
        )
        for sender, receiver, about in pipeline.graph.edges(data=True)
    )
    bare = _Graph(nodes, edges, {})
    given = {_named(role, name, bare): GIVES[role] for role, name in fitting.before.items() if role in GIVES}
    return _Graph(nodes, edges, given, frozenset(GIVES[role] for role in fitting.elsewhere if role in GIVES))


def _named(role: Role, name: str | None, graph: _Graph) -> str:
    if name is None:
        return _component_for(role, graph)
    if name not in graph.instances:
        raise UsageError(
            f"component: the pipeline has no {quoted(name)}; it has {', '.join(graph.instances)}"
        )
    return name


def _walk(name: str, graph: _Graph, members: list[str], above: tuple[str, ...]) -> None:
    """Adds a component to the members of a stage, and those that it takes its inputs from."""
    if name in above:
        loop = " > ".join((*above[above.index(name) :], name))
        raise UsageError(f"component: {loop} is a loop, which cannot be cut into stages")
    if name in members:
        return
    for edge in graph.into(name):
        if graph.cut(edge) is None:
            _walk(edge.sender.component, graph, members, (*above, name))
    members.append(name)


def _in_order(members: list[str], graph: _Graph) -> list[str]:
    """The members as Haystack runs them: those that have all their inputs by name, then those that have them now, …"""
    order: list[str] = []
    while len(order) < len(members):
        waiting = sorted(name for name in members if name not in order)
        senders = {
            name: {e.sender.component for e in graph.into(name) if graph.cut(e) is None} for name in waiting
        }
        order += [name for name in waiting if senders[name] <= set(order)]
    return order


def _part(name: str, graph: _Graph, role: Role, fitting: Fitting) -> Part:
    instance = graph.instances[name]
    strange: list[str] = []
    sockets: list[Socket] = []
    for socket in instance.__haystack_input__._sockets_dict.values():
        edges = [edge for edge in graph.into(name) if edge.input == socket.name]
        inner = tuple(edge.sender for edge in edges if graph.cut(edge) is None)
        wanted = next((cut for edge in edges if (cut := graph.cut(edge)) is not None), None)
        if not edges:
            wanted = _from_outside(socket, role, fitting)
            if wanted is None and socket.is_mandatory:
                strange.append(socket.name)
        gathers = bool(socket.is_variadic)
        wraps = bool(getattr(socket, "wrap_input_in_list", True))
        sockets.append(Socket(socket.name, _kind(socket), socket.is_mandatory, inner, wanted, gathers, wraps))
    if strange:
        raise unnamed(strange, role, f"{type(instance).__name__} ({name})")
    return Part(name, instance, tuple(sockets))


def _from_outside(socket: Any, role: Role, fitting: Fitting) -> Wanted | None:
    """What an input that nothing is connected to stands for."""
    wanted = wanted_of(socket.name, role, fitting)
    if socket.name in fitting.inputs:
        return wanted
    if wanted == "context" and not socket.is_mandatory:
        return None
    if (
        wanted is None
        and socket.is_mandatory
        and "context" in ROLE_WANTS[role]
        and "ChatMessage" in _kind(socket)
    ):
        return "context"
    return wanted


def _component_for(role: Role, graph: _Graph) -> str:
    """The only component of a pipeline that looks like a stage of this role."""
    found = [name for name, instance in graph.instances.items() if _looks_like(role, instance)]
    if len(found) != 1:
        several = f"several could be ({', '.join(found)})" if found else "none looks like one"
        raise UsageError(
            f"component: missing; which of {', '.join(graph.instances)} is the {role}? {several}: say "
            'component = "NAME" in its table'
        )
    return found[0]


def _looks_like(role: Role, instance: Any) -> bool:
    given = {s.name: _kind(s) for s in instance.__haystack_input__._sockets_dict.values()}
    gives = {s.name: _kind(s) for s in instance.__haystack_output__._sockets_dict.values()}
    takes_documents, gives_documents = _any_document(given), _any_document(gives)
    match role:
        case "retriever":
            return gives_documents and not takes_documents
        case "ranker":
            asks = any(name in given for name in NAMES["query"])
            return (
                gives_documents and takes_documents and (asks or type(instance).__name__.endswith("Ranker"))
            )
        case "packer":
            return list(gives) == ["prompt"]
        case "model":
            return "replies" in gives
        case _:
            return False


def _any_document(kinds: Mapping[str, str]) -> bool:
    return any(kind.startswith("list[Document") for kind in kinds.values())


def _kind(socket: Any) -> str:
    """A socket's type as text, without the modules of its classes."""
    kind = socket.type
    plain = isinstance(kind, type) and not getattr(kind, "__args__", None)
    return "".join(_short(kind.__name__ if plain else str(kind)))


def _short(text: str) -> Iterable[str]:
    word = ""
    for letter in text:
        if letter.isalnum() or letter in "._":
            word += letter
        else:
            yield word.rpartition(".")[2]
            yield letter
            word = ""
    yield word.rpartition(".")[2]
