"""The scenarios of crashes by name, in the order in which they are run."""

from __future__ import annotations

from tests.drill import (
    acknowledgements,
    kills,
    outage,
    postgres,
    races,
    restore,
    schedulers,
    unknowns,
    zombies,
)
from tests.drill.report import Scenario

SCENARIOS: dict[str, Scenario] = {
    "kills": kills.run,
    "zombies": zombies.run,
    "schedulers": schedulers.run,
    "acknowledgements": acknowledgements.run,
    "postgres": postgres.run,
    "outage": outage.run,
    "races": races.run,
    "restore": restore.run,
    "unknowns": unknowns.run,
}
