"""A partner's second method: kept by two people for the day the first one fails, and never switched to by itself.

A backup is what changing the destination would ask for, written down beforehand. Using it is proposing just that change,
which another person confirms like any other, with its hold and all that follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.partner_edits import FORGET_EMAIL, copy_of, moves_money, payee_of
from core.refusals import Refusal
from core.requests import lock_payee
from core.second_person import Content, Kind, Proposal

NEED_ACCOUNT = frozenset({"stripe", "stripe_instant"})


class NoBackup(Refusal):
    """{partner} has no backup to change to."""

    code = "no_backup"


class SameBackup(Refusal):
    """{partner} has this backup already."""

    code = "nothing_changed"


class BackupGoesNowhere(Refusal):
    """A backup by {method} needs its account."""

    code = "incomplete"


class BackupIsInUse(Refusal):
    """The money of {partner} goes there already: a backup is another way."""

    code = "backup_in_use"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A partner's backup: `asked` is the content of the proposal that would change to it."""

    method: str
    asked: Mapping[str, Any]
    made_by: str
    at: datetime

    @property
    def goes_to(self) -> str | None:
        """The account it names; None where it names an address."""
        account = self.asked.get("account")
        return None if account is None else str(account)


NEWEST = text("""
    SELECT method, asked, made_by, at FROM backup_method WHERE partner_id = :partner_id ORDER BY id DESC LIMIT 1
""")


def backup_of(conn: Connection, partner_id: int) -> Backup | None:
    """Return the backup a partner has now."""
    row = conn.execute(NEWEST, {"partner_id": partner_id}).mappings().one_or_none()
    return None if row is None or row["method"] is None else Backup(**row)


def backup_content(asked: Content | None) -> Content:
    """Return what a proposal of kind `set_backup` asks for: a content of `change_destination`, or None for no backup."""
    return {"asked": {"method": None} if asked is None else dict(asked)}


CODE = text("SELECT code FROM partner WHERE id = :id")


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    (partner_id,) = ids
    code = conn.execute(CODE, {"id": partner_id}).scalar_one_or_none()
    if code is None:
        return None
    lock_payee(conn, partner_id)
    wanted = asked["asked"]
    if wanted["method"] in NEED_ACCOUNT and not wanted.get("account"):
        raise BackupGoesNowhere(method=str(wanted["method"]).replace("_", " "))
    if wanted["method"] is not None and not moves_money(conn, partner_id, wanted):
        raise BackupIsInUse(partner=code)
    now = backup_of(conn, partner_id)
    if (dict(now.asked) if now else {"method": None}) == wanted:
        raise SameBackup(partner=code)
    content = {"partner": code, "asked": wanted, "was_method": now.method if now else None}
    payee = payee_of(conn, partner_id, wanted)
    return content if payee is None else content | {"shown": payee.shown}


ADD = text("""
    INSERT INTO backup_method (partner_id, method, asked, proposal_id, made_by, at)
    SELECT :partner_id, :method, content -> 'asked', id, made_by, :now FROM proposal WHERE id = :proposal_id
""")


def _keep(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    (partner_id,) = proposal.ids
    method = proposal.content["asked"]["method"]
    values = {"partner_id": partner_id, "method": method, "proposal_id": proposal.id, "now": now}
    before = backup_of(conn, partner_id)
    if before is not None and before.asked.get("identity_id") is not None:
        conn.execute(FORGET_EMAIL, {"id": before.asked["identity_id"], "now": now})
    conn.execute(ADD, values)
    details = {
        "method": method,
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
        "why": proposal.why,
    }
    audit.record(
        conn,
        "partner.backup_changed",
        subject="partner",
        ids=[partner_id],
        actor=actor,
        now=now,
        details=details,
    )


def _about(content: Content) -> str:
    asked = content["asked"]
    if asked["method"] is None:
        return f"{content['partner']}: none any more"
    method = str(asked["method"]).replace("_", " ")
    account = asked.get("account") or content.get("shown")
    return f"{content['partner']}: {method}" + (f", {account}" if account else "")


SET_BACKUP = Kind(
    right="change destinations",
    subject="partner",
    sentence="Keep a backup method",
    content_now=_content_now,
    carry_out=_keep,
    about=_about,
    then="Two people agreed. It is proposed when the first method fails, and never used by itself.",
)


def content_of_backup(conn: Connection, partner_id: int) -> Content:
    """Return what a proposal of kind `change_destination` asks for to change to the backup. Refuses NoBackup."""
    backup = backup_of(conn, partner_id)
    if backup is None:
        raise NoBackup(partner=conn.execute(CODE, {"id": partner_id}).scalar_one())
    return copy_of(conn, backup.asked)
