from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, text

from core import audit
from core.access import Actor, job_actor
from tests.desk import ADA, NOW


def record(conn: Connection, action: str = "payout.approved", **different: object) -> None:
    values: dict[str, object] = {"subject": "payout", "ids": [3, 1, 2], "actor": ADA, "now": NOW}
    audit.record(conn, action, **(values | different))  # type: ignore[arg-type]


def law_off(conn: Connection) -> None:
    conn.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))


class TestRecord:
    def test_keeps_who_did_what_to_which_by_which_way(self, conn: Connection) -> None:
        record(conn, details={"reason": "fine"})

        row = conn.execute(text("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")).one()
        assert (row.at, row.actor, row.channel, row.action) == (NOW, "user:ada", "cli", "payout.approved")
        assert (row.subject, row.ids, row.details) == ("payout", [1, 2, 3], {"reason": "fine"})

    def test_continues_the_chain_from_the_head_without_a_gap(self, conn: Connection) -> None:
        begin = conn.execute(audit.READ_HEAD).one()

        record(conn)
        record(conn, actor=job_actor("send"))

        rows = conn.execute(text("SELECT seq, prev_hash, hash FROM audit ORDER BY seq")).all()[-2:]
        assert [row.seq for row in rows] == [begin.seq + 1, begin.seq + 2]
        assert (rows[0].prev_hash, rows[1].prev_hash) == (begin.hash, rows[0].hash)
        assert tuple(conn.execute(audit.READ_HEAD).one()) == (rows[1].seq, rows[1].hash)

    @pytest.mark.parametrize(
        "details",
        [
            {},
            {"reason": 'Ünïcödé – 報酬 🏦 "quoted" \\ \t'},
            {"b": 1, "a": [True, None, {"z": 0, "y": -(2**62)}], "": ""},
            {"until": datetime(2026, 12, 1, tzinfo=UTC), "share": 0.1, "whole": 2.0},
        ],
    )
    @pytest.mark.parametrize(
        "now",
        [
            datetime(2026, 11, 20, 12, 0, 0, 1, tzinfo=UTC),
            datetime(2026, 11, 20, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
        ],
    )
    def test_writes_what_reads_back_to_the_same_hash(
        self, conn: Connection, details: dict[str, object], now: datetime
    ) -> None:
        record(conn, details=details, now=now, actor=Actor(name="user:zoë", channel="page"))

        assert audit.verify_chain(conn).broken_at is None


class TestVerifyChain:
    @pytest.fixture
    def chain(self, owner: Connection) -> Connection:
        for _ in range(5):
            record(owner, details={"reason": "x"})
        law_off(owner)
        return owner

    def test_holds_from_the_first_row_to_the_head(self, chain: Connection) -> None:
        found = audit.verify_chain(chain)

        assert (found.rows, found.broken_at) == (5, None)
        assert found.head == chain.execute(audit.READ_HEAD).one().hash.hex()

    def test_of_a_desk_where_nothing_happened_holds(self, conn: Connection) -> None:
        assert audit.verify_chain(conn) == audit.Chain(rows=0, head=audit.FIRST_HASH.hex(), broken_at=None)

    @pytest.mark.parametrize(
        ("broken", "at"),
        [
            ("UPDATE audit SET subject = 'user' WHERE seq = 1", 1),
            ("UPDATE audit SET channel = 'page' WHERE seq = 3", 3),
            ("UPDATE audit SET details = '{}' WHERE seq = 5", 5),
            ("DELETE FROM audit WHERE seq = 1", 1),
            ("DELETE FROM audit WHERE seq = 5", 5),
            ("DELETE FROM audit", 1),
            ("UPDATE audit SET seq = seq + 10 WHERE seq > 2", 3),
            ("INSERT INTO audit SELECT 6, at, actor, channel, action, subject, ids, details, hash, hash FROM audit LIMIT 1", 6),
            ("UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)", 6),
            ("UPDATE audit_head SET hash = 'x'", 6),
        ],
    )  # fmt: skip
    def test_names_the_first_row_that_does_not_fit(self, chain: Connection, broken: str, at: int) -> None:
        assert chain.execute(text(broken)).rowcount > 0

        assert audit.verify_chain(chain).broken_at == at

    def test_finds_two_rows_that_changed_places(self, chain: Connection) -> None:
        for move in ("SET seq = 99 WHERE seq = 2", "SET seq = 2 WHERE seq = 3", "SET seq = 3 WHERE seq = 99"):
            chain.execute(text(f"UPDATE audit {move}"))

        assert audit.verify_chain(chain).broken_at == 2

    def test_is_given_away_by_a_head_kept_elsewhere_when_history_was_rewritten_whole(
        self, chain: Connection
    ) -> None:
        kept = audit.verify_chain(chain).head
        chain.execute(text("DELETE FROM audit"))
        chain.execute(text("UPDATE audit_head SET seq = 0, hash = :first"), {"first": audit.FIRST_HASH})
        for _ in range(5):
            record(chain, details={"reason": "forged"})

        rewritten = audit.verify_chain(chain)

        assert rewritten.broken_at is None
        assert rewritten.head != kept
