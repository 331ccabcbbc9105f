"""Sections as HTML: a `<section>` to put into a page, or a page of its own that asks for nothing from
anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from diagnose.core.stage import ROLES
from diagnose.errors import visible
from diagnose.report import numbers
from diagnose.report.html.drawing import stage_class, style, style_policy
from diagnose.report.sections import Section


def html_page(sections: Iterable[Section], title: str, figure: str = "") -> str:
    """A page on its own, in the style of the report's: no script, no request. `figure` is a drawing of ours, in
    HTML, that comes after the headline."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{style_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(title)}</title>\n<style>{style()}</style>\n</head>\n<body>\n"
        f'<header class="bar-top"><p class="page">{_safe(title)}</p></header>\n'
        f'<main class="page">\n{html_section(sections, figure)}</main>\n</body>\n</html>\n'
    )


def html_section(sections: Iterable[Section], figure: str = "") -> str:
    """The sections as one `<section>`; the first sentence is its heading."""
    first, *others = sections
    body = "".join(_pieces([first])) + figure + "".join(_pieces(others))
    return f'<section id="comparison">\n{body}</section>\n'


def html_part(sections: Iterable[Section], name: str, heading: str, figure: str = "") -> str:
    """The sections as a part of a larger page, under a heading of its own; what they open with is a paragraph."""
    first, *others = sections
    opening = "".join(f'<p class="lead">{_safe(line)}</p>\n' for line in first.lines)
    body = opening + figure + "".join(_pieces(others, "h3"))
    head = f'<section id="{name}" aria-labelledby="{name}-h">\n<h2 id="{name}-h">{_safe(heading)}</h2>\n'
    return f"{head}{body}</section>\n"


def _pieces(sections: Iterable[Section], heading: str = "h2") -> Iterator[str]:
    for section in sections:
        if section.title:
            yield f'<div class="part">\n<{heading}>{_safe(section.title)}</{heading}>\n'
        if not section.title:
            yield from _opening(section.lines)
        else:
            yield from (f"<p>{_safe(line)}</p>\n" for line in section.lines)
        if section.rows:
            yield _table(section)
        if section.more:
            yield f'<p class="soft small">… and {numbers.count(section.more)} more</p>\n'
        if section.title:
            yield "</div>\n"


def _opening(lines: Iterable[str]) -> Iterator[str]:
    """The headline: its first sentence as the heading of the page, the others below it."""
    for line in lines:
        first, stop, rest = line.partition(". ")
        yield f"<h1>{_safe(first + stop.rstrip())}</h1>\n"
        if rest:
            yield f'<p class="lead">{_safe(rest)}</p>\n'


def _table(section: Section) -> str:
    sides = [' class="num"' if side == "r" else "" for side in section.align]
    heads = "".join(map(_head, section.head, sides))
    rows = "".join(
        "<tr>" + "".join(_cell(c, s) for c, s in zip(row, sides, strict=True)) + "</tr>\n"
        for row in section.rows
    )
    name = _safe(section.title or "Comparison")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>\n'
        f'<caption class="out">{name}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def _head(text: str, side: str) -> str:
    """A head; an empty one is a cell, of which nothing is read out."""
    return f'<th scope="col"{side}>{_safe(text)}</th>' if text else "<td></td>"


def _cell(text: str, side: str) -> str:
    """A cell; a stage has its colour, as everywhere."""
    coloured = f'<span class="name {stage_class(text)}">{text}</span>' if text in ROLES else _safe(text)
    return f"<td{side}>{coloured}</td>"


def _safe(text: str) -> str:
    return escape(" ".join(visible(text).split()))
