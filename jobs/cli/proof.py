"""The password of the person who decides, asked on the terminal."""

from __future__ import annotations

import getpass
import sys

from sqlalchemy import Engine

from core.sign_in import SignInRefused, password_fits, record_failed_sign_in, record_sign_in
from jobs.clock import Clock


def ask_password(engine: Engine, name: str, *, clock: Clock) -> None:
    """Ask for a person's password; a wrong one counts towards their lock and refuses SignInRefused."""
    password = getpass.getpass(f"Password of {name}: ", stream=sys.stderr)
    with engine.begin() as conn:
        right = password_fits(conn, name, password, now=clock.now())
        if right:
            record_sign_in(conn, name, now=clock.now(), channel="cli")
        else:
            record_failed_sign_in(conn, name, now=clock.now())
    if not right:
        raise SignInRefused
