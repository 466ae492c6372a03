"""Every kind has its words in every language, made of facts alone."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from core.messages import all_kinds, kind_named
from core.messages.writing import FOLDER, LOCALES, write
from tests.desk import NOW

FACTS: dict[str, dict[str, object]] = {name: dict(kind.sample) for name, kind in all_kinds().items()}
PARTNER: dict[str, object] = {"name": "Ana Silva", "zone": "Europe/Paris"}


@pytest.mark.parametrize("language", LOCALES)
def test_every_kind_has_its_words_and_all_words_a_kind(language: str) -> None:
    assert {path.stem for path in Path(FOLDER / language).glob("*.txt")} == set(all_kinds())


def test_a_language_is_a_folder_and_a_way_to_write_money() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name[0] != "_"} == set(LOCALES)


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("kind", sorted(all_kinds()))
def test_the_words_of_every_kind_are_whole(kind: str, language: str) -> None:
    own = PARTNER if kind_named(kind).audience == "partner" else {}
    subject, body = write(kind, FACTS[kind] | own, language=language)
    assert 10 < len(subject) < 100
    assert "\n" not in subject
    assert body.endswith(".\n")
    for left in ("{{", "{%", "None", "\n\n\n"):
        assert left not in body
    if own:
        assert "Ana Silva" in body


# The zone days are of, and what only some of the words of a kind speak of.
NOT_ALWAYS = {"zone", "currency", "method", "approvals_needed", "payouts"}


@pytest.mark.parametrize(
    ("kind", "fact"), [(kind, fact) for kind in FACTS for fact in FACTS[kind] if fact not in NOT_ALWAYS]
)
def test_words_that_miss_a_fact_are_not_written(kind: str, fact: str) -> None:
    facts = {name: value for name, value in (FACTS[kind] | PARTNER).items() if name != fact}
    with pytest.raises((UndefinedError, TypeError)):
        write(kind, facts)


@pytest.mark.parametrize(
    ("error_class", "says"),
    [
        ("account", "the account we pay you to"),
        ("instruction", "the details"),
        ("limits", "nothing for you to do"),
    ],
)
def test_what_failed_says_what_to_mend(error_class: str, says: str) -> None:
    facts = FACTS["payout_failed"] | PARTNER | {"error_class": error_class}
    assert says in write("payout_failed", facts)[1]


def test_a_day_is_the_programs_own_and_money_has_its_decimals() -> None:
    late = NOW.replace(hour=23, minute=30)
    facts = FACTS["payout_paid"] | PARTNER | {"paid_at": late, "currency": "JPY", "net_minor": 2_475}
    subject, body = write("payout_paid", facts, zone="Europe/Paris")
    assert subject == "You have been paid ¥2,475"
    assert "November 21, 2026" in body


def test_a_name_makes_no_line_of_its_own() -> None:
    facts = FACTS["payout_paid"] | {"name": "Ana\r\n\r\nYour password is needed"}
    body = write("payout_paid", facts)[1]
    assert body.splitlines()[0] == "Hello Ana Your password is needed,"
