"""Pages to print or to hand on: HTML that opens in any browser and needs nothing else, no script, picture or link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #16202c; background: #fff; max-width: 1080px; }
body { margin: 32px auto; padding: 0 24px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 28px 0 6px; } p { margin: 0 0 6px; color: #445; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; } th { text-align: left; color: #556; font-weight: 500; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid #dde3ea; vertical-align: top; overflow-wrap: anywhere; }
td.figure, th.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.hash { font-family: ui-monospace, monospace; font-size: 11px; }
.holds { color: #17643d; } .broken { color: #a4202f; font-weight: 600; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def page(title: str, body: Iterable[str]) -> bytes:
    """Return the whole page as UTF-8; `body` is HTML that is safe already."""
    lines = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n{lines}\n</body></html>\n"
    ).encode()


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    figures: Sequence[int] = (),
    hashes: Sequence[int] = (),
) -> str:
    """Return a table; truths read as a proof that holds or does not, the places in `figures` are aligned right."""

    def cell(place: int, value: object, tag: str) -> str:
        if isinstance(value, bool):
            return '<td class="holds">holds</td>' if value else '<td class="broken">DOES NOT HOLD</td>'
        kind = ' class="figure"' if place in figures else ' class="hash"' if place in hashes else ""
        return f"<{tag}{kind}>{escape(str(value))}</{tag}>"

    head = "".join(cell(place, heading, "th") for place, heading in enumerate(headings))
    lines = (
        "<tr>" + "".join(cell(place, value, "td") for place, value in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
