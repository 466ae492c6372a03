"""What a person's eyes would measure on a page: contrast of every text, and what has no name for who cannot see it."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Not text to be read: Streamlit's own, whose ink no option of its theme reaches.
STREAMLITS_OWN = frozenset({"kbd"})
RULES = [
    "image-alt",
    "button-name",
    "link-name",
    "label",
    "select-name",
    "aria-input-field-name",
    "svg-img-alt",
]
# WCAG 2.2, 1.4.3: 4.5, large text and icons 3; what cannot be used is exempt. Grounds are laid over each other as drawn.
# A heat map's ground is a picture that the page does not tell; the chart chooses each label's ink by its own cell.
LOW = """() => {
  const parse = text => { const m = text.match(/[\\d.]+/g).map(Number);
    return {r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1}; };
  const over = (top, under) => ({r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a), a: 1});
  const light = c => { const f = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b); };
  const above = element => { const all = []; for (let e = element; e; e = e.parentElement) all.unshift(e); return all; };
  const ground = element => above(element).map(e => getComputedStyle(e).backgroundColor).filter(c => c.startsWith('rgb'))
    .map(parse).reduce((under, top) => over(top, under), {r: 255, g: 255, b: 255, a: 1});
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = node.textContent.trim(), element = node.parentElement;
    if (!text || !element || !element.checkVisibility({checkVisibilityCSS: true})) continue;
    if (element.closest('script, style, noscript, canvas, [disabled], [aria-disabled=true], .heatmap-label')) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const faint = above(element).reduce((all, e) => all * Number(getComputedStyle(e).opacity), 1);
    if (box.width < 2 || box.height < 2 || faint < 0.05) continue;
    const own = parse(element.namespaceURI.endsWith('svg') ? style.fill : style.color), under = ground(element);
    const ink = over({...own, a: own.a * faint}, under);
    const [high, low] = [light(ink), light(under)].sort((a, b) => b - a), ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize), icon = style.fontFamily.includes('Material');
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen += 1;
    if (ratio < (icon || large ? 3 : 4.5))
      found.push([element.tagName.toLowerCase(), text.slice(0, 40), Math.round(ratio * 100) / 100]);
  }
  return {seen, found};
}"""


def low_contrast(page: Page) -> list[str]:
    """Every text below the bar, with its ratio; a page without any text is a fault too."""
    told: dict[str, Any] = page.evaluate(LOW)
    if not told["seen"]:
        return ["no text at all"]
    return sorted({f"{text!r} {ratio}" for tag, text, ratio in told["found"] if tag not in STREAMLITS_OWN})


def nameless(page: Page) -> list[str]:
    """Every control, link and picture that has no name for who cannot see it."""
    result = Axe().run(page, options={"runOnly": {"type": "rule", "values": RULES}})
    return [
        f"{one['id']}: {node['html'][:160]}" for one in result.response["violations"] for node in one["nodes"]
    ]
