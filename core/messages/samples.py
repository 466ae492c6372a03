"""Believable values for the words of a test message."""

from __future__ import annotations

from datetime import UTC, datetime

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PARTNER: dict[str, object] = {"name": "Ana Silva", "zone": "Europe/Paris", "currency": "EUR"}
