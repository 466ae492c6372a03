"""What the role of the desk's own processes cannot do, whatever code runs in them."""

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.db.law import commits, state
from tests.db.test_law_history import HISTORY


@pytest.fixture
def app(owner: Connection) -> Connection:
    """The owner's transaction with some money in it, now in the role of the desk's processes."""
    ana = b.partner(owner, b.program(owner))
    b.earning(owner, ana, 50)
    b.payout(owner, ana, [b.earning(owner, ana, 100)])
    b.hold(owner, ana)
    commits(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    return owner


def assert_not_permitted(conn: Connection, act: str) -> None:
    before = state(conn)
    with pytest.raises(DBAPIError) as caught, conn.begin_nested():
        conn.execute(text(act))
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege), caught.value
    assert state(conn) == before


@pytest.mark.parametrize(
    "act",
    [
        "ALTER TABLE earning DISABLE TRIGGER ALL",
        "ALTER TABLE payout DISABLE TRIGGER payout_edge",
        "ALTER TABLE ledger_transfer DISABLE TRIGGER USER",
        "DROP TRIGGER history ON earning",
        "DROP TABLE earning CASCADE",
        "ALTER TABLE payout DROP CONSTRAINT declared_status",
        "DROP INDEX earning_in_one_live_payout",
        "SET LOCAL session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION refuse(rule text, sentence text) RETURNS void LANGUAGE sql AS ''",
        "CREATE TABLE public.shadow (id int)",
        "CREATE TRIGGER mine BEFORE INSERT ON payout FOR EACH ROW EXECUTE FUNCTION refuse_edit()",
    ],
)
def test_the_app_cannot_switch_the_law_off(app: Connection, act: str) -> None:
    assert_not_permitted(app, act)


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("act", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"])
def test_the_app_cannot_edit_history(app: Connection, table: str, act: str) -> None:
    assert_not_permitted(app, act.format(table, HISTORY[table]))


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE partner_balance SET available = 1000000",
        "UPDATE partner_balance SET paid = 0",
        "INSERT INTO partner_balance (partner_id, released_to, available) VALUES (0, now(), 1000000)",
        "DELETE FROM partner_balance",
        "UPDATE payout_item SET live = false",
        "DELETE FROM payout_item",
        "UPDATE open_item SET amount_minor = 1000000",
        "UPDATE open_item SET partner_id = 1",
        "DELETE FROM payout",
        "DELETE FROM attempt",
        "DELETE FROM hold",
        "UPDATE job_run SET ok = true",
        "INSERT INTO payout_counter VALUES (1, 'paid', 'stripe', 'USD', 1, 1, 1)",
        "UPDATE daily_total SET amount_minor = 0",
        "DELETE FROM app_user",
    ],
)
def test_the_app_cannot_edit_balances_items_or_counters(app: Connection, act: str) -> None:
    assert_not_permitted(app, act)


FAKE_LEDGER = """
    CREATE TEMP TABLE fake (partner_id bigint, kind text, from_account text, to_account text, amount_minor bigint,
                            currency text) ON COMMIT DROP
"""


@pytest.mark.parametrize(
    "works", ["post_balances", "count_payouts", "items_follow_payout", "total_sales", "total_earnings"]
)
def test_the_app_cannot_hang_the_owners_triggers_on_a_table_of_its_own(app: Connection, works: str) -> None:
    app.execute(text(FAKE_LEDGER))
    hung = "CREATE TRIGGER mine AFTER INSERT ON fake REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
    assert_not_permitted(app, f"{hung} EXECUTE FUNCTION {works}()")


def test_the_app_cannot_shadow_the_tables_the_law_reads(app: Connection) -> None:
    payout = app.execute(text("SELECT max(id) FROM payout")).scalar_one()
    b.decision(app, payout)
    b.set_status(app, payout, "approved")
    b.set_status(app, payout, "processing")
    app.execute(text("CREATE TEMP TABLE approval ON COMMIT DROP AS SELECT * FROM public.approval"))
    app.execute(text("CREATE TEMP TABLE attempt ON COMMIT DROP AS SELECT * FROM public.attempt"))
    app.execute(text("INSERT INTO approval SELECT * FROM approval"))
    right = b.content_hash(app, payout)
    app.execute(text("CREATE TEMP TABLE payout ON COMMIT DROP AS SELECT * FROM public.payout"))
    app.execute(text("UPDATE pg_temp.payout SET amount_minor = 1"))
    assert b.content_hash(app, payout) == right


def test_the_app_can_do_its_work(app: Connection) -> None:
    program = b.program(app)
    ana = b.partner(app, program)
    paid = b.payout(app, ana, [b.earning(app, ana, 100)], fee_minor=10)
    back = b.payout(app, ana, [b.earning(app, ana, 70)])
    app.execute(text("SELECT partner_id FROM partner_balance WHERE partner_id = :id FOR UPDATE"), {"id": ana})
    app.execute(text("SELECT id FROM payout WHERE id = :id FOR UPDATE"), {"id": paid})
    b.approve(app, paid)
    b.claim(app, paid)
    b.pay(app, paid)
    b.end(app, back, "rejected")
    app.execute(text("UPDATE partner_balance SET released_to = released_to + interval '1 day'"))
    app.execute(text("SELECT fold_totals()"))
    commits(app)
    assert b.balance(app, ana) == b.Balance(held=0, available=70, reserved=0, paid=90, fees=10)
