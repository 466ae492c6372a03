"""Tells partners and the finance team what the outbox holds for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.readers import Team
from core.runs import RunResult
from core.settings import Settings
from jobs.job import Job, Orders

RUN_S = 45.0  # of the minute until the next one

if TYPE_CHECKING:
    from core.channels import Channel
    from core.links import MakeLink


def run_once(orders: Orders) -> RunResult:
    """Deliver every message that is due; without a mail server letters wait, and the heartbeat says so.

    A run ends after a while although more is due: a slow gateway keeps no letter from the next run.
    """
    from core.notifying import Post, notify_due
    from core.outbox import NOT_SET_UP

    settings = orders.settings
    channels, until = make_channels(settings), time.monotonic() + RUN_S
    team = Team(
        finance=settings.notify_finance,
        approvers=settings.notify_approvers,
        operators=settings.notify_operators,
        language=settings.notify_language,
    )
    result = notify_due(
        orders.engine,
        Post(channels=channels, team=team, make_link=make_link(settings)),
        now=orders.now,
        limit=orders.limit,
        dry_run=orders.dry_run,
        stopping=lambda: orders.stopping() or time.monotonic() > until,
    )
    if "email" not in channels:
        result.details["note"] = NOT_SET_UP
    return result


def make_channels(settings: Settings) -> dict[str, Channel]:
    """Return the ways out that the settings name by channel; in the demo letters and SMS go into a folder."""
    from core.channels.folder import Folder, Notes
    from core.channels.smtp import Smtp

    found: dict[str, Channel] = {}
    folder, sender = settings.data_dir / "mail", settings.notify_from
    if settings.env == "demo":
        found["sms"] = Notes(folder=folder)
    if sender is not None and settings.notify_smtp is not None:
        found["email"] = Smtp(server=settings.notify_smtp, sender=sender)
    elif sender is not None and settings.env == "demo":
        found["email"] = Folder(folder=folder, sender=sender)
    urls = {"sms": settings.notify_sms_url, "chat": settings.notify_chat_url}
    for name, url in urls.items():
        if url is not None:
            from core.channels.gateway import Gateway

            found[name] = Gateway(url=url)
    return found


def make_link(settings: Settings) -> MakeLink | None:
    """Return what makes onboarding links; None: the simulator has no accounts, or nobody could be led back."""
    from jobs.provider import stripe_rail_of

    rail, public_url = stripe_rail_of(settings), settings.public_url
    if rail is None or public_url is None:
        return None
    from core.providers.stripe_onboarding import onboarding_links

    return onboarding_links(rail.ask, public_url=public_url)


JOB = Job(
    name="notify",
    sentence="tell partners and the finance team what happened",
    run_once=run_once,
    every_s=60,
    options=frozenset({"limit"}),
)
