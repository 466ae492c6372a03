"""A folder instead of a mail server or a gateway: every letter becomes a file. For the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.channels import BadAddress, Delivery, Letter, as_email

WRITTEN = "Written into the demo's folder mail"


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Letters as .eml files that a mail program opens, named by day and reference, readable by their owner alone."""

    folder: Path
    sender: tuple[str, str]

    def deliver(self, letter: Letter) -> Delivery:
        """Write the letter's file, whole or not at all; the same letter again replaces it."""
        try:
            content = as_email(letter, self.sender).as_bytes()
        except BadAddress:
            return Delivery(outcome="refused", words="The address is none that can be written to")
        return _write(self.folder / f"{letter.at:%Y-%m-%d}-{letter.ref}.eml", content)

    def close(self) -> None:
        """Hold nothing open."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """SMS as text files: what a gateway would be handed, which is the subject alone."""

    folder: Path

    def deliver(self, letter: Letter) -> Delivery:
        """Write the note's file, whole or not at all; the same note again replaces it."""
        to = ", ".join(address for _, address in letter.to)
        path = self.folder / f"{letter.at:%Y-%m-%d}-{letter.ref}.sms.txt"
        return _write(path, f"To: {to}\n\n{letter.subject}\n".encode())

    def close(self) -> None:
        """Hold nothing open."""


def _write(path: Path, content: bytes) -> Delivery:
    begun = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        begun.touch(mode=0o600)
        begun.write_bytes(content)
        begun.replace(path)
    except OSError as fault:
        return Delivery(
            outcome="later", words=f"The folder could not be written: {fault.strerror}", away=True
        )
    return Delivery(outcome="sent", words=WRITTEN)
