"""How failures are replayed and judged: the options of `diagnose run` for how surely, at what cost, and where."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Metric = Annotated[str | None, typer.Option(help="Metric that judges answers; see `explain metrics`.")]
PassMark = Annotated[
    float | None, typer.Option("--pass", min=0.0, max=1.0, help="Score from which on a trace passes.")
]
Alpha = Annotated[
    float,
    typer.Option(min=0.0001, max=0.5, help="Probability of a wrong verdict that is borne, per failure."),
]
MaxCalls = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Model runs to spend over all failures; each judge gets as many counter-questions at most.",
    ),
]
MaxCallsPerTrace = Annotated[int, typer.Option(min=1, help="Model calls to spend on one failure.")]
FidelityFloor = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Refuse blame (exit 4) where a stage repeats less of its log.")
]
Passing = Annotated[
    int, typer.Option(min=0, help="Replay so many right answers under each repair too, for net gains.")
]
Probe = Annotated[
    bool,
    typer.Option(
        help="Run ablations that tell how a convicted model fails (1 to 4 model calls each; three times as many "
        "where it is not deterministic)."
    ),
]

Sample = Annotated[
    int | None,
    typer.Option(min=2, help="Replay so many failures, drawn by where the log loses the evidence and a tag."),
]
MaxCost = Annotated[
    float | None, typer.Option(min=0.0, help="Money for model runs, at what the log says that one costs.")
]
CounterCheck = Annotated[
    bool, typer.Option(help="Ask a model that judges two counter-questions a verdict: was it talked into it?")
]
VerdictOnly = Annotated[
    bool,
    typer.Option(
        "--verdict-only", help="Leave out prompts that cannot change a verdict; shares come as bounds."
    ),
]
Workarounds = Annotated[
    bool,
    typer.Option("--workarounds", help="Play the repairs of sound stages, too: what else would have helped."),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Processes of a local model (default: as CPUs and memory bear), or Ray actors."),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Where stage calls are made: on this machine, or on a Ray cluster."),
]
Address = Annotated[
    str | None,
    typer.Option(help="The Ray cluster to join: HOST:PORT of its head, or auto (default: one made here)."),
]
