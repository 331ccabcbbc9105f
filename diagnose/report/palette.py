"""One colour per role, the same in the terminal and on the page; never the only carrier of a meaning."""

from __future__ import annotations

from typing import NamedTuple

from diagnose.core.stage import Role


class StageColour(NamedTuple):
    """Fill and text colours of a role: hex on a light page, hex on a dark page, and a rich style.

    `light` has a contrast of at least 4.5:1 on white, `dark` on `DARK_PAGE`; `terminal` has it on black and
    white alike, since a terminal does not tell its background.
    """

    light: str
    dark: str
    terminal: str


LIGHT_PAGE = "#ffffff"
DARK_PAGE = "#16181d"

# Told apart in any pair by at least 8 (OKLab × 100) in normal sight and with red, green or blue
# cones missing, and by at least 12 among the four roles that nearly every pipeline has.
STAGE_COLOURS: dict[Role, StageColour] = {
    "router": StageColour("#33404c", "#afc4d9", "#63778c"),
    "rewriter": StageColour("#3b1854", "#a06ec7", "#8763bf"),
    "retriever": StageColour("#1c4a9b", "#7aa9ff", "#2e76cc"),
    "ranker": StageColour("#008383", "#9feed2", "#008573"),
    "compressor": StageColour("#717b00", "#6e993e", "#627f17"),
    "packer": StageColour("#724000", "#f1b34d", "#af6300"),
    "model": StageColour("#4f0815", "#c9618b", "#c24e67"),
    "verifier": StageColour("#615855", "#afa592", "#867262"),
}
"""Colours by role, in pipeline order."""

NO_STAGE = StageColour("#5b6570", "#9aa4af", "#70777f")
"""For verdicts that are no stage's: findings and `undecided`."""


def stage_colour(name: str) -> StageColour:
    """The colour of a role, or `NO_STAGE` for any other name."""
    return next((colour for role, colour in STAGE_COLOURS.items() if role == name), NO_STAGE)
