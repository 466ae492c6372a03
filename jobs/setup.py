"""A database made ready: schema, preset programs, and in the demo its partners, people and history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

from core.refusals import Refusal
from core.settings import Settings

DATABASE_IS_EMPTY = text("SELECT NOT EXISTS (SELECT 1 FROM partner) AND NOT EXISTS (SELECT 1 FROM app_user)")


def migrate_and_install(owner: Engine, *, now: datetime) -> tuple[str, int]:
    """Bring the schema up to date and add missing preset programs; return the revision and how many were added."""
    from core.programs import install_presets
    from db.migrate import migrate

    revision = migrate(owner)
    with owner.begin() as conn:
        return revision, install_presets(conn, now=now)


def is_empty(owner: Engine) -> bool:
    """Tell whether nobody has put a partner or a person in yet."""
    with owner.connect() as conn:
        return bool(conn.execute(DATABASE_IS_EMPTY).scalar_one())


class DemoCutShort(Refusal):
    """Making the demo data was cut short last time: remove the data folder (or empty the database) and start again."""

    code = "demo_cut_short"


CUT_SHORT = text("""
    SELECT EXISTS (SELECT 1 FROM audit WHERE action = 'demo.begun')
       AND NOT EXISTS (SELECT 1 FROM audit WHERE action = 'demo.made')
""")


def load_demo(owner: Engine, settings: Settings, *, now: datetime) -> bool:
    """Fill an empty database with the demo; False when it was not empty, and nothing changed. Refuses DemoCutShort."""
    from db.demo import load

    if not is_empty(owner):
        with owner.connect() as conn:
            if conn.execute(CUT_SHORT).scalar_one():
                raise DemoCutShort
        return False
    load(owner, settings, now=now)
    return True
