"""The vault: encrypts the details that money is paid to, so that a copy of the database is no list of bank accounts.

One random key, kept in the database, encrypts the details and makes their fingerprints; it is itself encrypted under
PAYDESK_SECRETS_KEY, which is not in the database. So a new PAYDESK_SECRETS_KEY encrypts one row again (`rewrap`) and leaves
every fingerprint as it was: nobody's destination looks changed. What is sealed is bound to whom it belongs to, so that a row
moved under another partner's name does not open.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, text

from core.refusals import Refusal

KEY_BYTES, NONCE_BYTES = 32, 12


class NoSecretsKey(Refusal):
    """Details cannot be kept or read here: PAYDESK_SECRETS_KEY is not set for this process."""

    code = "no_secrets_key"


class WrongSecretsKey(Refusal):
    """Details cannot be read: PAYDESK_SECRETS_KEY is not the one they were kept under. Name the old one too, after a comma."""

    code = "wrong_secrets_key"


class SealBroken(Refusal):
    """Details are not as they were kept: somebody changed them in the database. Nothing is paid to them."""

    code = "seal_broken"


@dataclass(frozen=True, kw_only=True)
class Vault:
    """What seals and opens details; it never shows its keys."""

    _sealing: AESGCM
    _marking: bytes

    def __repr__(self) -> str:
        return "Vault()"

    def seal(self, content: Mapping[str, str], *, bound_to: tuple[str, ...]) -> bytes:
        """Return the content encrypted, so that it opens only where it is bound to the same."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, _bytes(content), _bytes(bound_to))

    def open(self, sealed: bytes, *, bound_to: tuple[str, ...]) -> dict[str, str]:
        """Return what was sealed. Refuses SealBroken."""
        try:
            plain = self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bytes(bound_to))
        except (InvalidTag, ValueError) as fault:
            raise SealBroken from fault
        content: dict[str, str] = json.loads(plain)
        return content

    def fingerprint(self, *words: str) -> bytes:
        """Return what is equal for equal words and tells nothing of them to somebody without the key."""
        return hmac.digest(self._marking, _bytes(words), "sha256")


def _bytes(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


_held: list[MultiFernet] = []


def hold_key(written: str | None) -> None:
    """Let this process use PAYDESK_SECRETS_KEY: the new one first, old ones after commas. The edge reads it, never core."""
    _held.clear()
    if written:
        _held.append(MultiFernet([_wrapping(part.strip()) for part in written.split(",")]))


def holds_key() -> bool:
    """Tell whether this process was let use a secret."""
    return bool(_held)


def _wrapping(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(secret.encode(), b"paydesk data key")))


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret)


READ_KEY = text("SELECT sealed FROM data_key")
ADD_KEY = text("INSERT INTO data_key (sealed, made_at) VALUES (:sealed, :now) ON CONFLICT DO NOTHING")


def open_vault(conn: Connection, *, now: datetime) -> Vault:
    """Return the vault, made at the first use. Refuses NoSecretsKey, WrongSecretsKey."""
    key = _data_key(conn, now=now)
    return Vault(_sealing=AESGCM(_derived(key, b"seal")), _marking=_derived(key, b"fingerprint"))


def _data_key(conn: Connection, *, now: datetime) -> bytes:
    if not _held:
        raise NoSecretsKey
    (keys,) = _held
    sealed = conn.execute(READ_KEY).scalar()
    if sealed is None:
        conn.execute(ADD_KEY, {"sealed": keys.encrypt(secrets.token_bytes(KEY_BYTES)), "now": now})
        sealed = conn.execute(READ_KEY).scalar_one()  # the first one's, of two processes
    try:
        return keys.decrypt(bytes(sealed))
    except InvalidToken as fault:
        raise WrongSecretsKey from fault


LOCK_KEY = text("SELECT sealed FROM data_key FOR UPDATE")
REWRAP = text("UPDATE data_key SET sealed = :sealed")


def rewrap(owner: Connection) -> bool:
    """Encrypt the vault's key under the first PAYDESK_SECRETS_KEY, so that the others can go; False: nothing is kept yet.

    It takes the owner of the schema. Refuses NoSecretsKey, WrongSecretsKey.
    """
    if not _held:
        raise NoSecretsKey
    (keys,) = _held
    sealed = owner.execute(LOCK_KEY).scalar()
    if sealed is None:
        return False
    try:
        owner.execute(REWRAP, {"sealed": keys.rotate(bytes(sealed))})
    except InvalidToken as fault:
        raise WrongSecretsKey from fault
    return True
