"""The notify job's work on a desk of a test's own, through a real connection to a mail server on loopback."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text

from core.access import Actor
from core.channels import Channel
from core.channels.smtp import MailServer, Smtp
from core.links import MakeLink
from core.notifying import Post, notify_due
from core.policy_changes import policy_content
from core.programs import current_policy, program_by_code
from core.proposals import confirm, propose
from core.readers import Team
from core.runs import RunResult
from tests.desk import ADA, NOW, Desk
from tests.mail.server import FakeMail

AMY = Actor(name="user:amy", channel="page", roles=frozenset({"admin"}))
SENDER = ("Payouts", "payouts@example.com")
FINANCE = (("", "finance@example.com"), ("Bo", "bo@example.com"))


@dataclass
class Teller:
    """Runs the job, and reads what the outbox says."""

    desk: Desk
    mail: FakeMail
    server: MailServer | None = None  # None: the one that works
    team: Team = field(default_factory=lambda: Team(finance=FINANCE))
    others: dict[str, Channel] | None = None  # ways beside email

    def channel(self, *, step_s: float = 60.0, letter_s: float = 120.0) -> Channel:
        """A way to the server with this patience: more than any machine needs."""
        return Smtp(server=self.server or self.mail.at, sender=SENDER, step_s=step_s, letter_s=letter_s)

    def notify(
        self,
        now: datetime = NOW,
        *,
        channel: Channel | None = None,
        make_link: MakeLink | None = None,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> RunResult:
        """Deliver what is due."""
        ways = {"email": channel or self.channel()} | (self.others or {})
        post = Post(channels=ways, team=self.team, make_link=make_link)
        return notify_due(self.desk.engine, post, now=now, limit=limit, dry_run=dry_run)

    def program(self, code: str = "affiliate", *, now: datetime = NOW, **terms: object) -> None:
        """Change a program's terms by two people, as an administrator would."""
        with self.desk.engine.begin() as conn:
            known = program_by_code(conn, code)
            policy = current_policy(conn, known.id, now=now).policy
            content = policy_content(policy.model_dump(mode="json") | terms, None)
            proposal = propose(
                conn, "change_policy", ids=[known.id], content=content, why="agreed", actor=AMY, now=now
            )
            confirm(conn, proposal, actor=ADA, now=now)

    def told(self, *kinds: str) -> list[str]:
        """What was written down, as kind, partner's code, channel and recipient, the oldest first."""
        return [
            str(one)
            for one in self.desk.column("""
                SELECT concat_ws(' ', m.kind, p.code, m.channel, m.recipient) FROM message m
                  LEFT JOIN partner p ON p.id = m.partner_id ORDER BY m.id
            """)
            if not kinds or str(one).split()[0] in kinds
        ]

    def states(self) -> list[str]:
        """The states of all messages, the oldest first."""
        return [str(state) for state in self.desk.column("SELECT state FROM message ORDER BY id")]

    def log(self) -> list[tuple[str, str]]:
        """Outcome and words of every try, in order."""
        with self.desk.engine.connect() as conn:
            rows = conn.execute(text("SELECT outcome, words FROM delivery ORDER BY id")).all()
        return [(row.outcome, row.words) for row in rows]

    def subjects(self) -> list[str]:
        """What arrived."""
        return [str(one.message["Subject"]) for one in self.mail.accepted]
