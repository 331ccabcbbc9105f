"""Sections as HTML: a `<section>` to put into a page, or a page of its own that asks for nothing from
anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from diagnose.errors import visible
from diagnose.report import numbers
from diagnose.report.sections import Section

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid
#8885; } .r { text-align: right; font-variant-numeric: tabular-nums; } td { overflow-wrap: anywhere; }
"""


def html_page(sections: Iterable[Section], title: str) -> str:
    """A page on its own: no script, no request."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_safe(title)}</h1>\n{html_section(sections)}</main>\n</body>\n</html>\n"
    )


def html_section(sections: Iterable[Section]) -> str:
    """The sections as one `<section>`, headings of the second level."""
    return '<section id="comparison">\n' + "".join(_pieces(sections)) + "</section>\n"


def _pieces(sections: Iterable[Section]) -> Iterator[str]:
    for section in sections:
        if section.title:
            yield f"<h2>{_safe(section.title)}</h2>\n"
        for line in section.lines:
            text = _safe(line)
            yield f"<p>{text}</p>\n" if section.title else f"<p><strong>{text}</strong></p>\n"
        if section.rows:
            yield _table(section)
        if section.more:
            yield f"<p>… and {numbers.count(section.more)} more</p>\n"


def _table(section: Section) -> str:
    sides = [' class="r"' if side == "r" else "" for side in section.align]
    heads = "".join(f'<th scope="col"{s}>{_safe(h)}</th>' for h, s in zip(section.head, sides, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{s}>{_safe(c)}</td>" for c, s in zip(row, sides, strict=True)) + "</tr>\n"
        for row in section.rows
    )
    caption = _safe(section.title or "Comparison")
    return (
        f"<table>\n<caption hidden>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )


def _safe(text: str) -> str:
    return escape(" ".join(visible(text).split()))
