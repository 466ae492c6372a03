"""The colours of charts by what they mean, one palette a theme, as in .streamlit/config.toml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme by what they mean, as in .streamlit/config.toml."""

    ink: str
    grid: str
    blue: str
    amber: str
    violet: str
    green: str
    red: str
    orange: str
    teal: str
    gray: str


LIGHT = Palette(
    ink="#5B6673",
    grid="#E9ECF0",
    blue="#2E6FC7",
    amber="#B5860C",
    violet="#6D51C4",
    green="#1E8A5B",
    red="#C22F3D",
    orange="#D2691E",
    teal="#3C97A8",
    gray="#8793A1",
)
DARK = Palette(
    ink="#9AA6B3",
    grid="#232A34",
    blue="#5B96EA",
    amber="#D9B23C",
    violet="#9A82EA",
    green="#45B584",
    red="#EC6A75",
    orange="#E58A45",
    teal="#57B3C4",
    gray="#8A96A4",
)

# One table for badge, pill and bar: the colour of a status.
STATUS_COLOUR = {
    "pending": "amber",
    "approved": "blue",
    "processing": "violet",
    "retrying": "orange",
    "paid": "green",
    "reversed": "red",
    "failed": "red",
    "rejected": "gray",
    "cancelled": "gray",
}


def palette(theme: str | None) -> Palette:
    """Return the colours of the theme the browser shows; anything but `dark` is light."""
    return DARK if theme == "dark" else LIGHT
