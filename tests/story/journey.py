"""A program's whole way, walked at the command line; after every step the books and the partner's own view agree.

Commands work as if it were `at`. What a provider answers is laid down by the test that needs another answer than yes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.desk import Balance, Desk

Run = Callable[..., tuple[int, Any]]
HEADS = {
    "partners": "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status",
    "customers": "customer_ref,name,referral_code,signed_up_at,status,cancelled_at",
    "sales": "program,partner_code,kind,source_ref,occurred_at,gross,currency,description",
}
STATEMENT_BALANCE = text("""
    SELECT coalesce(sum(CASE WHEN to_account IN ('held', 'available') THEN amount_minor ELSE 0 END
                      - CASE WHEN from_account IN ('held', 'available') THEN amount_minor ELSE 0 END), 0)::bigint
      FROM ledger_transfer l JOIN partner p ON p.id = l.partner_id WHERE p.code = :code
""")


@dataclass
class Journey:
    """The desk, its terminal, and the instant it is."""

    desk: Desk
    run: Run
    folder: Path
    at: datetime

    def do(self, *argv: str, at: datetime | None = None) -> Any:  # noqa: ANN401 (a document of any shape)
        """Run a command that is done, and return what it prints."""
        self.at = at or self.at
        code, document = self.run(*argv, now=self.at.isoformat())
        assert code == 0, document
        return document

    def refused(self, *argv: str, at: datetime | None = None) -> str:
        """Run a command that is refused, and return by which name."""
        self.at = at or self.at
        code, document = self.run(*argv, now=self.at.isoformat())
        assert code == 1, document
        return str(document["refused"] if "sentence" in document else document["refused"][0]["code"])

    def take_in(self, kind: str, *rows: str, at: datetime | None = None) -> Any:  # noqa: ANN401 (same)
        """Import a file of these rows; none of them is bad."""
        path = self.folder / f"{kind}.csv"
        path.write_text("\n".join([HEADS[kind], *rows, ""]), encoding="utf-8")
        result = self.do("import", kind, str(path), "--strict", at=at)
        assert result["refused"] == result["conflicts"] == 0
        return result

    def partner(
        self,
        program: str,
        code: str,
        *,
        tier: str = "",
        method: str = "stripe",
        joined_on: str = "2025-01-01",
        account: str | None = None,
    ) -> str:
        """Take in one partner with an account, and return the code."""
        self.at = max(self.at, datetime.fromisoformat(joined_on).replace(tzinfo=UTC))
        currency = "EUR" if program == "creator" else "USD"
        account = f"acct_{code}" if account is None else account
        row = (
            f"{program},{code},Ana Silva,{code.lower()}@example.com,{tier},US,{currency},{method},{account},"
            f"{joined_on},active"
        )
        assert self.take_in("partners", row)["added"] == 1
        return code

    def night(self, at: datetime) -> Any:  # noqa: ANN401 (same)
        """Run the jobs of one night in their order, and return what the queue run says."""
        self.do("accrue", at=at)
        self.do("release")
        return self.do("queue")

    def has(
        self, code: str, *, held: int = 0, available: int = 0, reserved: int = 0, paid: int = 0, fees: int = 0
    ) -> None:
        """Check the books, the partner's summary, their statement and every law; minor units."""
        books = Balance(held, available, reserved, paid, fees)
        assert self.desk.balance(code) == books
        seen = self.do("summary", code)
        assert {name: minor for name, minor in seen.items() if name.endswith("_minor")} == {
            "total_earnings_minor": sum(books),
            "total_paid_out_minor": paid + fees,
            "pending_payouts_minor": reserved,
            "available_balance_minor": available,
            "held_balance_minor": held,
            "minimum_payout_minor": seen["minimum_payout_minor"],
        }
        with self.desk.engine.connect() as conn:
            assert conn.execute(STATEMENT_BALANCE, {"code": code}).scalar_one() == held + available
        self.proved()

    def proved(self) -> None:
        """Check that every law of the books and the audit chain holds."""
        checks = self.do("verify")
        assert (checks["ok"], [check["found"] for check in checks["checks"] if check["found"]]) == (True, [])

    def payouts(self, code: str, status: str | None = None) -> list[dict[str, Any]]:
        """The partner's payouts, the newest first."""
        chosen = ("--status", status) if status else ()
        found: list[dict[str, Any]] = self.do("payouts", "--partner", code, *chosen)
        return found

    def pending(self, code: str) -> dict[str, Any]:
        """The one payout of the partner that waits for a person."""
        [payout] = self.payouts(code, "pending")
        return payout

    def approve(self, payout: int, *people: str) -> None:
        """Have these people approve a payout, one after the other; the last one's approval is enough."""
        *first, last = people or ("ada",)
        for person in first:
            assert self.do("approve", str(payout), "--as", person)["waiting"] == [payout]
        assert self.do("approve", str(payout), "--as", last)["done"] == [payout]

    def why(self, payout: int) -> list[tuple[str, str, int]]:
        """How a payout's amount comes about: line, how, minor units."""
        return [
            (row["line"], row["how"], row["amount_minor"]) for row in self.do("payout", str(payout))["why"]
        ]

    def skipped(self, run: Any) -> dict[str, int]:  # noqa: ANN401 (a document)
        """How many a queue run passed over, by reason."""
        return {row["reason"]: row["count"] for row in run["skipped"]}

    def reconciled(self, *, at: datetime) -> None:
        """Compare the provider's books with ours and find no difference."""
        self.do("reconcile", at=at)
        assert self.desk.column("SELECT kind FROM difference") == []
