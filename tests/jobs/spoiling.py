"""Webhooks as Stripe never sends them, each from the dice it is given."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.core.events.witness import HAPPENED
from tests.desk import NOW
from tests.stripe.posting import sign

PLATFORM = "whsec_of_the_platform"
AT = int(NOW.timestamp())


def event(**different: object) -> dict[str, Any]:
    """An event as Stripe posts it."""
    told: dict[str, Any] = {
        "id": "evt_1",
        "object": "event",
        "type": HAPPENED,
        "created": AT,
        "livemode": False,
        "data": {"object": {"id": "tr_1", "object": "transfer", "email": "ana@example.com"}},
    }
    return told | different


def body_of(told: object) -> str:
    return json.dumps(told)


Spoil = Callable[[random.Random], tuple[bytes, str | None]]


def signed(body: str, at: int = AT, secret: str = PLATFORM) -> tuple[bytes, str]:
    return body.encode(), sign(body, secret, at)


def changed_after_signing(dice: random.Random) -> tuple[bytes, str]:
    body, signature = signed(body_of(event()))
    place = dice.randrange(len(body))
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :], signature


def truncated(dice: random.Random) -> tuple[bytes, str]:
    body, signature = signed(body_of(event()))
    return body[: dice.randrange(len(body))], signature


def truncated_before_signing(dice: random.Random) -> tuple[bytes, str]:
    body = body_of(event())
    return signed(body[: dice.randrange(len(body))])


def bad_signature(dice: random.Random) -> tuple[bytes, str]:
    body, _ = signed(body_of(event()))
    return body, f"t={AT},v1={dice.randbytes(32).hex()}"


def signature_twice(_dice: random.Random) -> tuple[bytes, str]:
    body, signature = signed(body_of(event()))
    return body, f"{signature},{signature.partition(',')[2]}"


def two_wrong_signatures(dice: random.Random) -> tuple[bytes, str]:
    body, _ = signed(body_of(event()))
    return body, f"t={AT},v1={dice.randbytes(32).hex()},v1={dice.randbytes(32).hex()}"


def two_times(dice: random.Random) -> tuple[bytes, str]:
    body, signature = signed(body_of(event()))
    return body, dice.choice([f"t={AT - 10_000},{signature}", f"{signature},t={AT + 10_000}"])


def header_of_nothing(dice: random.Random) -> tuple[bytes, str | None]:
    body, signature = signed(body_of(event()))
    time, _, value = signature.partition(",")
    headers = [
        None,
        "",
        ",",
        "=",
        "t=",
        "v1=",
        time,
        value,
        f"{time},",
        f"{time},v1",
        f"{time},v0={value[3:]}",
    ]
    headers += [
        "t=now,v1=x",
        f"t=\t{AT},{value}",
        f"t=-{AT},{value}",
        f"{signature}," + "x" * 5_000,
        "t=²,v1=é",
    ]
    headers += [f"t={'9' * 4_000},{value}", f"t={AT}.0,{value}", f"t={AT},v1=\u00e9", signature.upper()]
    return body, dice.choice(headers)


def old(dice: random.Random) -> tuple[bytes, str]:
    return signed(body_of(event()), AT - dice.randint(301, 10**8))


def of_the_future(dice: random.Random) -> tuple[bytes, str]:
    return signed(body_of(event()), AT + dice.randint(301, 10**9))


def other_secret(dice: random.Random) -> tuple[bytes, str]:
    secrets = [f"whsec_{dice.randbytes(12).hex()}", PLATFORM.upper(), PLATFORM[:-1], "x"]
    return signed(body_of(event()), secret=dice.choice(secrets))


def with_a_bom(_dice: random.Random) -> tuple[bytes, str]:
    return signed("\ufeff" + body_of(event()))


def other_encoding(dice: random.Random) -> tuple[bytes, str]:
    body = body_of(event())
    return body.encode(dice.choice(["utf-16", "utf-32", "utf-16-le"])), sign(body, PLATFORM, AT)


def not_text(dice: random.Random) -> tuple[bytes, str]:
    _, signature = signed(body_of(event()))
    return b"\xff\xfe" + dice.randbytes(dice.randint(0, 500)), signature


def no_json(dice: random.Random) -> tuple[bytes, str]:
    deep = "[" * 50_000
    shapes = ["", " ", "null", "[]", "{}", "1", '"event"', "nonsense", "{'id': 1}", deep, '{"a":' * 20_000]
    return signed(dice.choice(shapes))


STRANGE: list[Any] = [
    None,
    1,
    1.5,
    True,
    [],
    {},
    "",
    " ",
    "\x00",
    "evt 1",
    "x" * 300,
    "\ud800",
    "evt_1\n",
    "é",
]


def wrong_type(dice: random.Random) -> tuple[bytes, str]:
    name = dice.choice(["id", "object", "type", "created", "livemode", "data", "account"])
    fine: dict[str, set[object]] = {"account": {None}, "livemode": {True}, "created": {1}}
    good = fine.get(name, set())
    values = [
        one for one in STRANGE if not (isinstance(one, int | None) and any(one is each for each in good))
    ]
    return signed(body_of(event(**{name: dice.choice(values)})))


def wrong_object(dice: random.Random) -> tuple[bytes, str]:
    about: Any = dice.choice([None, [], "tr_1", 7, {}, *({"id": one} for one in STRANGE)])
    if about == {"id": "evt 1"} or not isinstance(about, dict):
        return signed(body_of(event(data={"object": about})))
    return signed(body_of(event(data={"object": about | {"object": 7}})))


def missing_part(dice: random.Random) -> tuple[bytes, str]:
    told = event()
    del told[dice.choice(sorted(told))]
    return signed(body_of(told))


def thin(_dice: random.Random) -> tuple[bytes, str]:
    told = {
        "id": "evt_test_65",
        "object": "v2.core.event",
        "type": "v2.core.account.updated",
        "livemode": False,
    }
    return signed(body_of(told | {"created": "2026-11-20T12:00:00.000Z", "related_object": {"id": "acct_1"}}))


def an_envelope(dice: random.Random) -> tuple[bytes, str]:
    return signed(
        body_of(dice.choice([{"detail": event()}, {"specversion": "1.0", "data": event()}, [event()]]))
    )


def strange_time(dice: random.Random) -> tuple[bytes, str]:
    return signed(body_of(event(created=dice.choice([-1, 2**32, 10**30, 1e9, "1700000000", float("nan")]))))


SPOILS: list[tuple[str, Spoil]] = [
    (spoil.__name__, spoil)
    for spoil in (
        changed_after_signing,
        truncated,
        truncated_before_signing,
        bad_signature,
        signature_twice,
        two_wrong_signatures,
        two_times,
        header_of_nothing,
        old,
        of_the_future,
        other_secret,
        with_a_bom,
        other_encoding,
        not_text,
        no_json,
        wrong_type,
        wrong_object,
        missing_part,
        thin,
        an_envelope,
        strange_time,
    )
]
