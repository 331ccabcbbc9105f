"""Templates to text. Everything of others is escaped by Jinja; nothing is ever marked as safe."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from diagnose.core.stage import ROLES
from diagnose.report import numbers, phrases
from diagnose.report.foreign import flat, listed
from diagnose.report.palette import DARK_PAGE, LIGHT_PAGE, NO_STAGE, STAGE_COLOURS


def drawn(template: str, **values: object) -> str:
    """The template of that name with these values in it."""
    return _template(template).render(values)


@lru_cache(maxsize=32)
def _template(name: str) -> Template:
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("diagnose.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        foreign=flat,
        listed=listed,
        stage_class=stage_class,
        coded=coded,
        percent=numbers.percent,
        score=numbers.score,
        gain=numbers.gain,
        amount=numbers.amount,
        count=numbers.count,
    )
    environment.globals.update(
        n=numbers, phrases=phrases, STAGES=STAGE_COLOURS, OTHER=NO_STAGE, LIGHT=LIGHT_PAGE, DARK=DARK_PAGE
    )
    return environment


def stage_class(name: str) -> str:
    """The class that colours a stage, or what is no stage's."""
    return f"s-{name}" if name in ROLES else "s-none"


def coded(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, with whether each stood between backticks.

    >>> coded("see `diagnose budget` first")
    [('see ', False), ('diagnose budget', True), (' first', False)]
    """
    return [(piece, i % 2 == 1) for i, piece in enumerate(text.split("`")) if piece]


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet, with the colour of every role."""
    return drawn("style.css.j2")


def script(name: str) -> str:
    """A script as it stands between its tags."""
    return drawn(name)


@lru_cache(maxsize=1)
def policy() -> str:
    """The Content-Security-Policy: no request, and no script or style but our own, by their digests."""
    scripts = " ".join(_digest(script(name)) for name in ("mark.js", "page.js"))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_digest(style())}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@lru_cache(maxsize=1)
def style_policy() -> str:
    """The Content-Security-Policy of a page without scripts."""
    return f"default-src 'none'; style-src {_digest(style())}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
