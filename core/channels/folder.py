"""A folder instead of a mail server: every letter becomes a file that a mail program opens. For the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.channels import BadAddress, Delivery, Letter, as_email


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Letters as .eml files, named by day and reference, readable by their owner alone."""

    folder: Path
    sender: tuple[str, str]

    def deliver(self, letter: Letter) -> Delivery:
        """Write the letter's file, whole or not at all; the same letter again replaces it."""
        try:
            content = as_email(letter, self.sender).as_bytes()
        except BadAddress:
            return Delivery(outcome="refused", words="The address is none that can be written to")
        path = self.folder / f"{letter.at:%Y-%m-%d}-{letter.ref}.eml"
        begun = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            begun.touch(mode=0o600)
            begun.write_bytes(content)
            begun.replace(path)
        except OSError as fault:
            return Delivery(
                outcome="later", words=f"The folder could not be written: {fault.strerror}", away=True
            )
        return Delivery(outcome="sent", words="Written into the demo's folder mail")

    def close(self) -> None:
        """Hold nothing open."""
