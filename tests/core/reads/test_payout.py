"""One payout's story adds up and tells who, when and what next."""

from typing import Any

from sqlalchemy import Connection, text

from core.guards import blocking_reasons
from core.reads.payout import customer_history, story, story_as_json
from tests.builders import DAY, NOW, approve, customer, decision, earning, hold, partner, payout, user
from tests.core.reads.desk import one_of_each, preset, queued, rows_by


def test_the_lines_add_up_to_the_net_and_say_how(conn: Connection):
    who = partner(conn, preset(conn), "WHY")
    items = [
        earning(conn, who, 1_200, kind="booking", gross_minor=10_000),
        earning(conn, who, 600, kind="booking", gross_minor=5_000),
        earning(conn, who, -300, kind="deduction", gross_minor=0),
        *(earning(conn, who, 500, kind="bounty") for _ in range(2)),
    ]
    told = story(conn, payout(conn, who, items, fee_minor=25), now=NOW, masked=False)
    assert told is not None
    assert told.why[["line", "how", "amount_minor", "part"]].to_numpy().tolist() == [
        ["2 bookings, 20 Feb", "12% of $150.00", 1_800, "items"],
        ["2 bounties, 20 Feb", "2 × $5.00", 1_000, "items"],
        [
            f"1 deduction ({rows_by(told.items, 'kind')['deduction']['source_ref']}), 20 Feb",
            "−$3.00",
            -300,
            "items",
        ],
        ["Gross", "", 2_500, "gross"],
        ["Fee", "$0.25, borne by the partner", -25, "fee"],
        ["Net", "what goes out by Stripe", 2_475, "net"],
    ]
    assert told.why.loc[told.why["part"] == "items", "amount_minor"].sum() == told.header.amount_minor
    assert told.items["amount_minor"].sum() == told.header.amount_minor


def test_an_approved_payout_on_hold_is_not_said_to_leave(conn: Connection):
    payout_id = queued(conn, "STAYS", 900)
    approve(conn, payout_id)
    owner = text("SELECT partner_id FROM payout WHERE id = :id")
    hold(conn, conn.execute(owner, {"id": payout_id}).scalar_one(), "dispute")
    told = story(conn, payout_id, now=NOW, masked=True)
    assert told is not None
    assert list(told.timeline.loc[told.timeline["state"] != "past", "what"]) == [
        "Approved, but stopped. On hold: a sale is disputed",
        "Sent once that is settled",
    ]


def test_a_fee_that_the_terms_of_today_do_not_give_names_only_its_policy(conn: Connection):
    told = story(conn, queued(conn, "FEE", 1_000, fee_minor=99), now=NOW, masked=False)
    assert told is not None
    assert told.why.set_index("part").loc["fee", "how"] == "as set by policy version 1"


def test_the_story_of_every_status_ends_with_where_it_stands(conn: Connection):
    made = one_of_each(conn)
    standing = {}
    for name, payout_id in made.items():
        told = story(conn, payout_id, now=NOW, masked=False)
        assert told is not None
        past = told.timeline[told.timeline["state"] == "past"]
        assert past["at"].is_monotonic_increasing
        assert "Queued by schedule" in set(past["what"])
        standing[name] = (
            list(told.timeline.loc[told.timeline["state"] != "past", "what"]) or past["what"].iloc[-1]
        )
    assert standing["ready"] == ["Waits for one approver", "Sent once approved"]
    assert standing["begun"] == ["Waits for one approver", "Sent once approved"]
    assert standing["aside"] == ["Set aside: asked", "Back in the review", "Sent once approved"]
    assert standing["approved"] == ["Approved, leaves next", "Paid by the provider"]
    assert standing["retrying"] == ["Refused for now (limits)", "Tried again"]
    assert standing["unknown"] == ["The provider gave no answer; nothing is sent twice", "Asked for again"]
    assert standing["paid"] == "Paid"


def test_who_made_it_or_approved_it_is_named_and_may_not_approve(conn: Connection):
    for name in ("ann", "bob", "max"):
        user(conn, name, "approver")
    user(conn, "gone", "approver", active=False)
    payout_id = queued(conn, "PEOPLE", 200_000, approvals_needed=2, origin="request", made_by="user:max")
    decision(conn, payout_id, "user:ann", reason="looks right")
    told = story(conn, payout_id, now=NOW, masked=False)
    assert told is not None
    answers = dict(zip(told.people["user"], told.people["answer"], strict=True))
    assert answers == {"ann": "approved", "bob": "may approve", "max": "no: asked for it"}
    assert "user:max" in told.makers
    assert told.header.approvals == 1
    assert told.notes[["who", "note", "about"]].to_numpy().tolist() == [
        ["user:ann", "looks right", "approve"]
    ]


def test_the_customers_behind_a_payout_show_their_whole_history(conn: Connection):
    who = partner(conn, preset(conn), "HIST")
    bought = customer(conn, who, signed_up_at=NOW - 70 * DAY, cancelled_at=NOW - 5 * DAY)
    earning(conn, who, 111, customer_id=bought)
    payout_id = payout(conn, who, [earning(conn, who, 500, customer_id=bought)])
    history = customer_history(conn, payout_id, now=NOW, masked=False)
    assert history[["name", "days_active", "earnings", "amount_minor"]].to_numpy().tolist() == [
        ["Ravi Nair", 65, 2, 611]
    ]
    assert customer_history(conn, payout_id, now=NOW, masked=True)["name"].isna().all()


def test_scripts_get_the_story_with_the_same_figures(conn: Connection):
    made = one_of_each(conn)
    told = story(conn, made["paid"], now=NOW, masked=False)
    assert told is not None
    document: dict[str, Any] = story_as_json(
        told, blocking_reasons(conn, [made["paid"]], now=NOW)[made["paid"]]
    )
    assert (document["id"], document["status"], document["net_minor"]) == (made["paid"], "paid", 9_975)
    (item,) = document["items"]
    assert item["amount_minor"] == 10_000
    assert [(row["kind"], row["from"], row["to"], row["amount_minor"]) for row in document["ledger"]] == [
        ("reserve", "available", "reserved", 10_000),
        ("settle", "reserved", "paid", 9_975),
        ("fee", "reserved", "fees", 25),
    ]
    (approval,) = document["approvals"]
    assert (approval["user"], approval["decision"]) == ("ann", "approve")
    (attempt,) = document["attempts"]
    assert (attempt["n"], attempt["state"], attempt["code"]) == (1, "succeeded", None)
    assert attempt["provider_ref"] == document["provider_ref"]
    assert document["blocking"] == []


def test_a_viewer_reads_the_story_without_a_person_and_a_stranger_id_has_none(conn: Connection):
    made = one_of_each(conn)
    told = story(conn, made["ready"], now=NOW, masked=True)
    assert told is not None
    assert (told.header.partner_name, told.header.partner_email, told.header.account) == (None, None, None)
    assert told.items["customer"].isna().all()
    assert (
        conn.execute(text("SELECT name FROM identity WHERE name = 'Partner ready'")).scalar_one()
        == "Partner ready"
    )
    assert story(conn, 10**12, now=NOW, masked=True) is None
