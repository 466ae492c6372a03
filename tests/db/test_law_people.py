"""People and their marks: identity, app_user, action, import_file, change, batch."""

from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, proves, refused


def user_row(**different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "name": "ada",
        "password_hash": "hash",
        "roles": ["viewer"],
        "sessions_valid_after": b.NOW,
        "created_at": b.NOW,
        "created_by": "os:root",
    }
    return good | different


@bad_rows(
    "app_user",
    ("user_name_is_plain", {"name": "Ada"}),
    ("user_name_is_plain", {"name": "ada lovelace"}),
    ("user_name_is_plain", {"name": ""}),
    ("user_name_is_plain", {"name": "a" * 64}),
    ("declared_roles", {"roles": ["owner"]}),
    ("declared_roles", {"roles": ["viewer", "owner"]}),
    ("declared_roles", {"roles": []}),
)
def test_a_user_has_a_plain_name_and_declared_roles(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        b.insert(owner, "app_user", user_row(**different))
    b.insert(owner, "app_user", user_row())


@proves("app_user.user_name_once")
def test_two_people_never_share_a_user_name(owner: Connection) -> None:
    b.user(owner, "ada", "viewer")
    with refused(owner, "user_name_once"):
        b.user(owner, "ada", "admin")
    assert owner.execute(text("SELECT roles FROM app_user WHERE name = 'ada'")).scalar_one() == ["viewer"]


@bad_rows(
    "identity",
    ("blanked_is_blank", {"name": "Ana Silva"}),
    ("blanked_is_blank", {"email": "ana@example.com"}),
    ("blanked_is_blank", {"address": "Rua Augusta 1, Lisboa"}),
)
def test_a_blanked_identity_keeps_nothing(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        b.insert(owner, "identity", {"blanked_at": b.NOW} | different)
    b.insert(owner, "identity", {"blanked_at": b.NOW})
    b.insert(owner, "identity", different)


@proves("browser_session.browser_session_pkey")
def test_a_browser_is_one_persons_session_once(owner: Connection) -> None:
    b.user(owner, "ada", "viewer")
    ada = owner.execute(text("SELECT id FROM app_user WHERE name = 'ada'")).scalar_one()
    session = {"user_id": ada, "good_until": b.NOW, "last_seen_at": b.NOW}
    b.insert(owner, "browser_session", session)
    with refused(owner, "browser_session_pkey"):
        b.insert(owner, "browser_session", session)
    assert owner.execute(text("SELECT count(*) FROM browser_session")).scalar_one() == 1


@proves("action.action_pkey")
def test_one_click_decides_once(owner: Connection) -> None:
    click = {
        "id": "6a1f6c1e-6f0e-4b58-9d3b-0f0f0b3a2f11",
        "actor": "user:ann",
        "name": "approve",
        "at": b.NOW,
    }
    b.insert(owner, "action", click)
    with refused(owner, "action_pkey"):
        b.insert(owner, "action", click)
    assert owner.execute(text("SELECT count(*) FROM action")).scalar_one() == 1


def import_row(**different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "kind": "sales",
        "file_name": "march.csv",
        "sha256": b"digest",
        "counts": "{}",
        "made_by": "user:maker",
        "at": b.NOW,
    }
    return good | different


@bad_rows("import_file", ("declared_import", {"kind": "payouts"}))
def test_an_import_is_of_a_declared_kind(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        b.insert(owner, "import_file", import_row(**different))
    b.insert(owner, "import_file", import_row())


def change_row(**different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "subject": "partner",
        "subject_id": 1,
        "field": "tier",
        "old_value": "bronze",
        "new_value": "gold",
        "made_by": "user:maker",
        "at": b.NOW,
    }
    return good | different


@bad_rows(
    "change",
    ("declared_subject", {"subject": "payout"}),
    ("personal_values_stay_out", {"field": "name"}),
    ("personal_values_stay_out", {"field": "email", "old_value": None}),
    ("personal_values_stay_out", {"field": "address", "new_value": None}),
)
def test_a_change_is_kept_without_personal_values(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        b.insert(owner, "change", change_row(**different))
    b.insert(owner, "change", change_row())
    b.insert(owner, "change", change_row(field="email", old_value=None, new_value=None))


@bad_rows(
    "batch",
    ("declared_batch_decision", {"decision": "burn", "decided_by": "user:ann", "decided_at": b.NOW}),
    ("batch_decided_by_someone", {"decision": "approve"}),
    ("batch_decided_by_someone", {"decision": "approve", "decided_by": "user:ann"}),
    ("batch_decided_by_someone", {"decided_by": "user:ann", "decided_at": b.NOW}),
)
def test_a_batch_is_decided_by_someone_at_some_time(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    made = {"made_by": "user:ann", "made_at": b.NOW}
    with refused(owner, rule):
        b.insert(owner, "batch", made | different)
    b.insert(owner, "batch", made)
    b.insert(owner, "batch", made | {"decision": "approve", "decided_by": "user:ann", "decided_at": b.NOW})


@proves("batch_item.batch_item_pkey")
def test_a_payout_stands_in_a_batch_once(owner: Connection) -> None:
    partner = b.partner(owner, b.program(owner))
    payout = b.payout(owner, partner, [b.earning(owner, partner, 100_00)])
    batch = b.insert_returning_id(owner, "batch", {"made_by": "user:ann", "made_at": b.NOW})
    row = {"batch_id": batch, "payout_id": payout, "version": 1, "net_minor": 100_00}
    b.insert(owner, "batch_item", row)
    with refused(owner, "batch_item_pkey"):
        b.insert(owner, "batch_item", row)
