"""Passwords: how long they are, and how they are kept and compared."""

from __future__ import annotations

import bcrypt

from core.refusals import Refusal

# Length is what counts. 72 is where bcrypt stops reading: a longer one would be cut without a word.
MIN_BYTES, MAX_BYTES = 12, 72
ROUNDS = 12

# The hash of no password, at the same cost: a name nobody has takes as long to refuse as a wrong password.
NOBODY = b"$2b$12$Czqiz/aGJXqk4WBkC4ALS.AJuiF0QgPYq1pMH44oVLte98tXUYd/S"


class WeakPassword(Refusal):
    """A password has 12 to 72 bytes, of any characters; this one has {length}."""

    code = "weak_password"


def hash_password(password: str, *, rounds: int = ROUNDS) -> str:
    """Return the bcrypt hash of a password, refusing WeakPassword outside 12 to 72 bytes."""
    secret = password.encode()
    if not MIN_BYTES <= len(secret) <= MAX_BYTES:
        raise WeakPassword(length=len(secret))
    return bcrypt.hashpw(secret, bcrypt.gensalt(rounds)).decode()


def fits(password: str, password_hash: str | None) -> bool:
    """Tell whether the password belongs to the hash; None (nobody) takes as long and never fits."""
    secret = password.encode(errors="surrogatepass")
    known = password_hash is not None and len(secret) <= MAX_BYTES
    same = bcrypt.checkpw(secret[:MAX_BYTES], password_hash.encode() if password_hash is not None else NOBODY)
    return same and known
