"""Secrets of demo and test, made once into the data folder; production brings its own."""

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

BYTES = 48


def made_secret(data_dir: Path, name: str) -> str:
    """The secret kept under `name`, made at the first call, in a file of mode 600; many processes get one secret."""
    folder = data_dir.expanduser().resolve() / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = folder / name
    if not kept.exists():
        with tempfile.NamedTemporaryFile("w", dir=folder) as draft:  # mode 600
            draft.write(secrets.token_urlsafe(BYTES))
            draft.flush()
            with suppress(FileExistsError):
                kept.hardlink_to(draft.name)  # whole or not at all, and the first one stays
    return kept.read_text()
