"""Each check goes red when the books are broken on purpose, by somebody who owns the schema and switched the law off."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from core.access import job_actor
from core.corrections import correct_sale, reinstate_earning
from core.decisions import Wanted
from core.ending import cancel_payouts
from core.payment_handing import cancel_file
from core.proposals import refuse_proposal
from core.queueing import queue_due
from core.returns import book_return
from core.reversing import reverse_due
from core.verify import CHECKS, verify
from db.engine import app_role, make_engine
from tests.conftest import _clone
from tests.core.allowing import allow, creator
from tests.core.paying_by_file import (
    IBANS,
    approved_for,
    by_bank,
    file_of,
    mark,
    references,
    sent,
    with_files,
)
from tests.core.pulling_back import agreed_back, asked_back
from tests.core.test_overrides import agree, ask_beyond
from tests.desk import ADA, DAY, HOUR, MIA, NOW, Desk, Rail, declined, open_desk

LAW_OFF = text("""
    DO $$ DECLARE t text; BEGIN
        FOR t IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        LOOP EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', t); END LOOP;
    END $$
""")
EARN = """
    INSERT INTO earning (program_id, partner_id, kind, source_ref, amount_minor, occurred_at, release_at, made_by, corrects_id)
    SELECT program_id, partner_id, '{kind}', 'x', {amount}, occurred_at, release_at, made_by, {corrects}
      FROM earning WHERE kind = 'commission' ORDER BY id LIMIT 1
"""
PAY_TWICE = """
    INSERT INTO simulator_transfer (idem_key, params_hash, transfer_group, amount_minor, currency, destination, provider_ref, at)
    SELECT idem_key || 'x', params_hash, transfer_group, amount_minor, currency, destination, provider_ref || 'x', at
      FROM simulator_transfer WHERE provider_ref IS NOT NULL
"""
REVERSE_TWICE = """
    INSERT INTO reversal (payout_id, n, ref, idem_key, provider, params, params_hash, amount_minor, currency, proposal_id,
                          started_at)
    SELECT r.payout_id, 9, gen_random_uuid(), 'x', r.provider, r.params, r.params_hash, p.net_minor, r.currency,
           (SELECT id FROM proposal WHERE decision = 'refuse'), r.started_at
      FROM reversal r JOIN payout p ON p.id = r.payout_id WHERE r.state = 'succeeded'
"""
BREAK: dict[str, list[str]] = {
    "balances equal the ledger": [
        "UPDATE partner_balance SET paid = paid + 1",
        "UPDATE partner_balance SET available = available - 1",
        "DELETE FROM ledger_transfer WHERE kind = 'settle'",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE kind = 'fee'",
    ],
    "held and available equal the open earnings": [
        "UPDATE open_item SET on_hold = NOT on_hold",
        "UPDATE open_item SET amount_minor = amount_minor + 1",
        "DELETE FROM open_item",
        "UPDATE partner_balance SET released_to = 'epoch'",
        "UPDATE partner_balance SET held = held + 1, available = available - 1",
    ],
    "reserved equals the live unpaid payouts": [
        "UPDATE payout SET status = 'approved' WHERE status = 'cancelled'",
        "UPDATE partner_balance SET reserved = reserved + 1",
        "UPDATE payout SET amount_minor = amount_minor + 1 WHERE status = 'pending'",
    ],
    "all a partner has equals all they earned": [
        EARN.format(kind="bonus", amount=1, corrects="NULL"),
        "UPDATE partner_balance SET fees = fees + 1",
    ],
    "a reinstatement puts back what its event took": [
        "UPDATE earning SET amount_minor = amount_minor + 1 WHERE kind = 'reinstate'",
        "UPDATE earning SET source_ref = 'dispute:dp_2' WHERE kind = 'reinstate'",
    ],
    "refunds stay within their sale": [
        "UPDATE sale_refund SET gross_minor = gross_minor + 10000",
    ],
    "what came back is an earning of its payout": [
        "UPDATE earning SET amount_minor = amount_minor + 1 WHERE kind = 'return'",
        "DELETE FROM ledger_transfer WHERE kind = 'return'",
        EARN.format(kind="return", amount=1, corrects="NULL"),
    ],
    "a payout is reversed when all of it came back": [
        "UPDATE payout SET status = 'paid' WHERE status = 'reversed'",
        "UPDATE payout SET status = 'reversed' WHERE status = 'paid'",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE kind = 'return'",
    ],
    "every earning is open, in one live payout, voided, or a closed carry": [
        "DELETE FROM earning WHERE kind = 'void'",
        "DELETE FROM open_item o USING earning e WHERE e.id = o.earning_id AND e.kind = 'booking'",
        "INSERT INTO open_item SELECT earning_id, 1, 1, now() FROM payout_item WHERE live AND amount_minor > 0 LIMIT 1",
    ],
    "closed carries come in pairs": [
        "DELETE FROM open_item o USING earning e WHERE e.id = o.earning_id AND e.kind = 'carry_in'",
        "DELETE FROM payout_item i USING earning e WHERE e.id = i.earning_id AND e.kind = 'carry_out' AND i.live",
    ],
    "a payout is the sum of its items": [
        "UPDATE payout_item SET amount_minor = amount_minor + 1",
        "UPDATE payout_item SET live = false WHERE live",
        "UPDATE payout_item i SET live = true FROM payout p WHERE p.id = i.payout_id AND p.status = 'failed'",
        "DELETE FROM payout_item",
    ],
    "a reservation ends exactly once": [
        "DELETE FROM ledger_transfer WHERE kind = 'reserve'",
        "DELETE FROM ledger_transfer WHERE kind = 'settle'",
        "DELETE FROM ledger_transfer WHERE kind = 'unreserve'",
        "UPDATE ledger_transfer SET kind = 'unreserve', to_account = 'available' WHERE kind = 'settle'",
    ],
    "a payment file is the sum of its attempts": [
        "UPDATE payment_file SET total_minor = total_minor + 1",
        "UPDATE payment_file SET payouts = payouts + 1",
        "UPDATE attempt SET params = jsonb_set(params, '{amount_minor}', '1') WHERE provider = 'file'",
        "DELETE FROM payment_file_line l USING payment_file f WHERE f.id = l.file_id AND f.state = 'cancelled'",
        "UPDATE attempt SET provider = 'stripe' WHERE provider = 'file' AND error_class IS DISTINCT FROM 'withdrawn'",
    ],
    "what left by file is in one file, and ended by its mark": [
        "DELETE FROM payment_file_line l USING payment_file f WHERE f.id = l.file_id AND f.state = 'cancelled'",
        "DELETE FROM payment_mark",
        "UPDATE payment_mark SET outcome = 'failed', error_class = 'account' WHERE outcome = 'paid'",
        "UPDATE attempt SET state = 'started', error_class = NULL WHERE error_class = 'withdrawn'",
    ],
    "nobody marked what they approved": [
        "UPDATE payment_mark SET marked_by = 'user:ada'",
        "UPDATE approval SET actor = marked_by FROM payment_mark m WHERE m.payout_id = approval.payout_id",
    ],
    "a payout's status and its attempts agree": [
        "UPDATE attempt SET state = 'unknown', provider_ref = NULL WHERE state = 'succeeded'",
        "UPDATE payout SET status = 'processing' WHERE status = 'pending'",
        "UPDATE payout SET status = 'approved' WHERE status = 'processing'",
        "UPDATE payout SET status = 'paid', processed_at = now() WHERE status = 'pending'",
    ],
    "nothing was sent unapproved": [
        "DELETE FROM approval",
        "UPDATE approval SET content_hash = 'another'",
        "UPDATE approval SET decision = 'reject', reason = 'x'",
        "UPDATE payout SET approvals_needed = 2",
    ],
    "no maker approved": [
        "UPDATE approval a SET actor = p.made_by FROM payout p WHERE p.id = a.payout_id",
        "UPDATE destination SET made_by = 'user:ada'",
        "UPDATE earning SET made_by = 'user:ada', import_id = NULL",
    ],
    "a new key only after a definite no": [
        "UPDATE attempt SET state = 'unknown' WHERE n = 1 AND payout_id IN (SELECT payout_id FROM attempt WHERE n = 2)",
    ],
    "corrections stay within their earning": [
        EARN.format(kind="clawback", amount=-100_01, corrects="id"),
        EARN.format(kind="reinstate", amount=1, corrects="id"),
    ],
    "reversals stay within their payout": [
        "UPDATE reversal SET amount_minor = amount_minor + 10000",
        REVERSE_TWICE,
    ],
    "a reversal that succeeded has its return, and the other way round": [
        "UPDATE reversal SET provider_ref = 'trr_x' WHERE state = 'succeeded'",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE kind = 'return'",
        "DELETE FROM ledger_transfer WHERE kind = 'return'",
        "UPDATE reversal SET state = 'declined', provider_ref = NULL WHERE state = 'succeeded'",
    ],
    "nothing was pulled back by one person": [
        "UPDATE proposal SET kind = 'start_sending'",
        "UPDATE proposal SET decision = NULL, decided_by = NULL, decided_at = NULL",
        "UPDATE proposal SET ids = ids || 1::bigint",
        "UPDATE reversal SET amount_minor = amount_minor - 1",
    ],
    "no rule was overridden by one person": [
        "UPDATE proposal SET kind = 'start_sending'",
        "UPDATE proposal SET decision = NULL, decided_by = NULL, decided_at = NULL",
        "UPDATE payout_override SET rules = '[]'",
        "UPDATE payout_override SET confirmed_by = 'user:zoe'",
    ],
    "the simulator took back what succeeded": [
        "DELETE FROM simulator_reversal",
        "UPDATE simulator_reversal SET amount_minor = amount_minor + 1",
        "UPDATE simulator_reversal SET reversal_ref = 'nobody''s'",
        "UPDATE reversal SET state = 'declined', provider_ref = NULL WHERE state = 'succeeded'",
    ],
    "policies approved what their versions allow": [
        "UPDATE approval SET actor = 'policy:creator:1' WHERE starts_with(actor, 'policy:')",
        "UPDATE approval SET actor = 'policy:creator:2' WHERE actor = 'user:ada'",
        "UPDATE policy SET terms = jsonb_set(terms, '{approval,auto_up_to_minor}', '1')",
    ],
    "a policy's day is what it approved": [
        "UPDATE policy_day SET amount_minor = amount_minor - 1",
        "UPDATE policy_day SET n = n - 1",
        "DELETE FROM policy_day",
        "UPDATE policy_day SET day = day - 1",
    ],
    "a partner's own terms are the last two people agreed on": [
        """UPDATE partner SET overrides = '{"hold_days": 0}'""",
        "DELETE FROM own_terms",
    ],
    "counters equal the payouts": [
        "UPDATE payout_counter SET n = n + 1",
        "UPDATE payout_counter SET amount_minor = amount_minor + 1",
        "DELETE FROM payout_counter",
        "UPDATE payout SET status = 'approved' WHERE status = 'pending'",
    ],
    "daily totals equal sales, earnings and payouts": [
        *[
            f"UPDATE daily_total SET amount_minor = amount_minor + 1 WHERE measure = '{measure}'"  # noqa: S608 - below
            for measure in ("revenue", "platform_fee", "earned", "paid", "payout_fee", "failed", "returned")
        ],
        "UPDATE daily_total SET day = day + 1",
        "UPDATE sale SET gross_minor = gross_minor + 1",
    ],
    "what is open by age equals the open items": [
        "UPDATE open_total SET amount_minor = amount_minor + 1",
        "UPDATE open_item SET on_hold = NOT on_hold",
        "DELETE FROM open_total",
    ],
    "the simulator holds one transfer per paid payout": [
        "DELETE FROM simulator_transfer",
        "UPDATE simulator_transfer SET amount_minor = amount_minor + 1",
        PAY_TWICE,
        "UPDATE simulator_transfer SET transfer_group = 'nobody''s'",
    ],
}


@pytest.fixture(scope="module")
def books(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database in which every kind of thing has happened, and the books balance."""
    for url in _clone(server_url, template):
        engine = make_engine(url, application_name="paydesk tests", role=app_role(url))
        live(open_desk(engine, tmp_path_factory.mktemp("books")))
        engine.dispose()
        yield url


def live(desk: Desk) -> None:
    """Payouts paid, failed, cancelled, pending, retrying and processing; money held, split and behind a hold."""
    desk.approved("PAID")
    desk.send()
    cancelled = desk.approved("CANCELLED")
    desk.decide(lambda c: cancel_payouts(c, [Wanted(id=cancelled)], actor=ADA, now=NOW, reason="x"))
    desk.approved("FAILED")
    desk.send(Rail(declined("account_restricted")))
    retrying = desk.approved("RETRYING")
    rail = Rail(*[declined("network_timeout")] * 2)
    desk.send(rail)
    desk.send(rail, NOW + HOUR)
    assert desk.status(retrying) == "retrying"
    processing = desk.approved("PROCESSING")
    desk.send(desk.simulator(silence=1))
    assert desk.status(processing) == "processing"
    desk.request(desk.funded("PENDING"), "25.00")
    desk.partner("CREATOR", program="creator")
    for day in (1, 9):
        desk.sale("CREATOR", "10.00", ref=f"b{day}", program="creator", kind="booking", at=NOW - day * DAY)
    desk.release()
    desk.own_terms("CREATOR", hold_days=3)
    allow(desk)
    creator(desk, "AUTO", "10.00")
    queue_due(desk.engine, now=NOW, run_id=1, partner="AUTO")
    desk.send()
    send_back(desk)
    pay_by_file(desk)
    assert desk.faults() == []


def pay_by_file(desk: Desk) -> None:
    """Files of bank transfers: one marked paid and failed, one handed in, one cancelled."""
    with_files(desk)
    codes = [by_bank(desk, f"BANK{n}", iban) for n, iban in enumerate((*IBANS, IBANS[0]))]
    first, second, third, fourth = approved_for(desk, *codes)
    marked = sent(desk, file_of(desk, first, second))
    paid, failed = references(desk, marked)
    mark(desk, paid, "paid")
    mark(desk, failed, "failed")
    sent(desk, file_of(desk, third))
    withdrawn = file_of(desk, fourth)
    desk.decide(lambda c: cancel_file(c, withdrawn, why="wrong day", actor=MIA, now=NOW))


def send_back(desk: Desk) -> None:
    """An earning voided, one clawed back and put back, a service refunded, a payout come back whole and one in part."""
    for code in ("VOIDED", "DISPUTED"):
        desk.funded(code)
    events = [
        ("sale-VOIDED", "refund:re_1", 100_00),
        ("sale-DISPUTED", "dispute:dp_1", 40_00),
        ("sale-CANCELLED", "refund:re_2", 10_00),
    ]
    for sale, event, gross_minor in events:
        refund(desk, "affiliate", sale, event, gross_minor)
    by = {"by_event_ref": "dispute:dp_1:won", "reason": "won", "actor": SYNC, "now": NOW}
    desk.decide(lambda c: reinstate_earning(c, "dispute:dp_1", **by))  # type: ignore[arg-type]
    desk.partner("BARBER", program="barber")
    desk.sale("BARBER", "100.00", ref="cut", program="barber", kind="service", at=NOW - 40 * DAY)
    refund(desk, "barber", "cut", "refund:re_3", 30_00)
    for code, amount_minor in (("REVERSED", 24_75), ("BACK", 1_00)):
        payout = desk.approved(code)
        desk.send()
        come_back(desk, payout, f"trr_{code}", amount_minor)
    desk.funded("BEYOND", "60.00", program="reseller", tier="reseller")
    agree(desk, ask_beyond(desk, "BEYOND", "60.00"))
    for code in ("PULLED", "PULLING"):
        payout = desk.approved(code)
        desk.send()
        agreed_back(desk, payout, "10.00")
        if code == "PULLED":
            reverse_due(desk.engine, desk.simulator(), now=NOW)
            refuse(desk, asked_back(desk, payout, "1.00"))


def refuse(desk: Desk, proposal: int) -> None:
    desk.decide(lambda c: refuse_proposal(c, proposal, note="no", actor=ADA, now=NOW))


SYNC = job_actor("sync")
PROGRAM = "SELECT id FROM program WHERE code = :code"


def refund(desk: Desk, program: str, sale: str, event: str, gross_minor: int) -> None:
    program_id = desk.scalar(PROGRAM, code=program)
    why = {"event_ref": event, "reason": "refunded", "actor": SYNC, "now": NOW}
    desk.decide(lambda c: correct_sale(c, program_id, sale, gross_minor=gross_minor, **why))  # type: ignore[arg-type]


def come_back(desk: Desk, payout: int, event: str, amount_minor: int) -> None:
    why = {"event_ref": event, "reason": "account closed", "actor": SYNC, "now": NOW}
    desk.decide(lambda c: book_return(c, payout, amount_minor=amount_minor, **why))  # type: ignore[arg-type]


@pytest.fixture
def owner(books: str) -> Iterator[Connection]:
    """The schema's owner with every trigger off, in a transaction that is undone."""
    engine: Engine = make_engine(books, application_name="paydesk tests", pool_size=1)
    with engine.connect() as conn, conn.begin() as transaction:
        conn.execute(LAW_OFF)
        yield conn
        transaction.rollback()
    engine.dispose()


def red(conn: Connection) -> dict[str, int]:
    checks, _ = verify(conn)
    return {check.name: check.found for check in checks if not check.ok}


def test_no_check_is_without_a_way_to_break_it() -> None:
    assert set(BREAK) == set(CHECKS)


def test_books_in_which_everything_has_happened_are_green(owner: Connection) -> None:
    assert red(owner) == {}
    statuses = set(owner.execute(text("SELECT status FROM payout")).scalars())
    assert statuses == {
        "paid",
        "reversed",
        "approved",
        "cancelled",
        "failed",
        "retrying",
        "processing",
        "pending",
    }


@pytest.mark.parametrize(("check", "broken"), [(check, sql) for check, all_ in BREAK.items() for sql in all_])
def test_a_check_goes_red_when_its_law_is_broken(owner: Connection, check: str, broken: str) -> None:
    assert owner.execute(text(broken)).rowcount > 0

    assert red(owner).get(check, 0) > 0


def test_a_check_counts_the_rows_that_break_it(owner: Connection) -> None:
    owner.execute(text("UPDATE partner_balance SET fees = fees + 1"))

    partners = owner.execute(text("SELECT count(*) FROM partner")).scalar_one()
    assert red(owner)["balances equal the ledger"] == partners > 1


@pytest.mark.parametrize(
    "broken",
    [
        'UPDATE audit SET details = details || \'{"reason": "better"}\' WHERE seq = 7',
        "UPDATE audit SET actor = 'user:eve' WHERE seq = 7",
        "UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 7",
        "UPDATE audit SET ids = ids || 1::bigint WHERE seq = 7",
        "UPDATE audit SET prev_hash = 'x' WHERE seq = 7",
        "UPDATE audit SET hash = 'x' WHERE seq = 7",
        "DELETE FROM audit WHERE seq = 7",
    ],
)
def test_the_audit_chain_names_the_row_that_was_changed_or_taken_out(owner: Connection, broken: str) -> None:
    assert owner.execute(text(broken)).rowcount == 1

    checks, _ = verify(owner)

    chain = checks[-1]
    assert (chain.name, chain.ok, chain.found) == ("the audit chain holds", False, 1)
    assert chain.detail == "row 7 is not as it was written"
    assert all(check.ok for check in checks[:-1])


def test_the_head_it_prints_is_the_one_that_the_next_act_builds_on(owner: Connection) -> None:
    _, head = verify(owner)

    assert owner.execute(text("SELECT encode(hash, 'hex') FROM audit_head")).scalar() == head
