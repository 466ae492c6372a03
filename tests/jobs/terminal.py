"""A terminal: a command goes in, an exit code and a document come out."""

from collections.abc import Callable

SECRET = "correct horse battery staple"
NOW = "2026-11-20T12:00:00Z"

Run = Callable[..., tuple[int, object]]
