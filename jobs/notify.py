"""Tells partners and the finance team what the outbox holds for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.runs import RunResult
from core.settings import Settings
from jobs.job import Job, Orders

if TYPE_CHECKING:
    from core.channels import Channel
    from core.links import MakeLink


def run_once(orders: Orders) -> RunResult:
    """Deliver every message that is due; without a mail server they wait, and the heartbeat says so."""
    from core.notifying import Post, notify_due
    from core.outbox import NOT_SET_UP

    channel, settings = make_channel(orders.settings), orders.settings
    if channel is None:
        return RunResult(details={"note": NOT_SET_UP})
    return notify_due(
        orders.engine,
        Post(channel=channel, finance=settings.notify_finance, make_link=make_link(settings)),
        now=orders.now,
        limit=orders.limit,
        dry_run=orders.dry_run,
        stopping=orders.stopping,
    )


def make_channel(settings: Settings) -> Channel | None:
    """Return the way out that the settings name: a mail server, in the demo a folder, else none."""
    from core.channels.folder import Folder
    from core.channels.smtp import Smtp

    if settings.notify_from is None:
        return None
    if settings.notify_smtp is not None:
        return Smtp(server=settings.notify_smtp, sender=settings.notify_from)
    if settings.env == "demo":
        return Folder(folder=settings.data_dir / "mail", sender=settings.notify_from)
    return None


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
