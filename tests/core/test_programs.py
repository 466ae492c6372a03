"""Programs and their policies: presets installed once, the version in force, terms of one partner."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from core.presets import PRESETS
from core.programs import (
    NoPolicyInForce,
    UnknownPartner,
    UnknownProgram,
    current_policy,
    install_presets,
    partner_terms,
    program_by_code,
    programs,
)
from tests import builders as make
from tests.builders import DAY, NOW


def terms(**different: object) -> str:
    return json.dumps(
        {"commission": {"kind": "external"}, "approval": {"dual_above_minor": 100_000}} | different
    )


def test_the_presets_are_installed_where_missing_and_an_existing_program_is_never_touched(conn: Connection):
    install_presets(conn, now=NOW)
    conn.execute(text("UPDATE program SET code = 'former-' || code WHERE code <> 'creator'"))
    conn.execute(text("UPDATE program SET name = 'Ours', currency = 'USD' WHERE code = 'creator'"))
    policies = conn.execute(text("SELECT count(*) FROM policy")).scalar_one()
    assert install_presets(conn, now=NOW) == len(PRESETS) - 1
    assert install_presets(conn, now=NOW) == 0
    found = {program.code: program for program in programs(conn)}
    assert {preset.code for preset in PRESETS} <= set(found)
    assert (found["creator"].name, found["creator"].currency) == ("Ours", "USD")
    assert conn.execute(text("SELECT count(*) FROM policy")).scalar_one() == policies + len(PRESETS) - 1


def test_every_preset_reads_back_as_it_was_written(conn: Connection):
    install_presets(conn, now=NOW)
    for one in PRESETS:
        program = program_by_code(conn, one.code)
        assert program.currency == one.currency
        assert current_policy(conn, program.id, now=NOW).policy == one.policy


def test_the_highest_version_in_effect_holds(conn: Connection):
    program_id = make.program(conn, terms=terms(min_payout_minor=1))
    for version, minimum, effective_at in ((2, 2, NOW - DAY), (3, 3, NOW + DAY)):
        make.policy(
            conn,
            program_id,
            version=version,
            terms=terms(min_payout_minor=minimum),
            effective_at=effective_at,
        )
    at = {offset: current_policy(conn, program_id, now=NOW + offset * DAY) for offset in (-2, -1, 0, 1)}
    assert [at[offset].version for offset in (-2, -1, 0, 1)] == [1, 2, 2, 3]
    assert at[0].policy.min_payout_minor == 2


def test_what_is_not_there_is_refused_by_name(conn: Connection):
    with pytest.raises(UnknownProgram, match="no program nothing"):
        program_by_code(conn, "nothing")
    with pytest.raises(UnknownPartner):
        partner_terms(conn, 0, now=NOW)
    program_id = make.program(conn, terms=terms())
    with pytest.raises(NoPolicyInForce):
        current_policy(conn, program_id, now=NOW - timedelta(days=36_500))


def test_a_partners_own_terms_stand_over_the_tiers_and_these_over_the_programs(conn: Connection):
    tiers = {"gold": {"min_payout_minor": 200, "hold_days": 2}}
    program_id = make.program(conn, terms=terms(min_payout_minor=100, tiers=tiers))
    plain, gold, own = (make.partner(conn, program_id, tier=tier) for tier in (None, "gold", "gold"))
    make.own_terms(conn, own, {"min_payout_minor": 300})
    found = [partner_terms(conn, partner_id, now=NOW).policy for partner_id in (plain, gold, own)]
    assert [one.min_payout_minor for one in found] == [100, 200, 300]
    assert [one.hold.days for one in found] == [0, 2, 2]
