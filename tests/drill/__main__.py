"""The drill: everything that goes wrong with money, on purpose. `make drill`, or `python -m tests.drill --help`."""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from tests.drill import machine, planting, schedules
from tests.drill.report import Report, Scenario
from tests.drill.scenarios import SCENARIOS

ALL: dict[str, Scenario] = {"schedules": schedules.run, "machine": machine.run, **SCENARIOS}
BUGS = "bugs"


def main() -> int:
    """Run what is wanted and print what came of it; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--seed", type=int, help="draws the schedules; another one every time unless given")
    parser.add_argument("--only", metavar="NAME", choices=[*ALL, BUGS], help=", ".join([*ALL, BUGS]))
    parser.add_argument(
        "--quick", action="store_true", help="the small part that every run of the tests makes"
    )
    parser.add_argument("--no-bugs", action="store_true", help="plant no bugs")
    wanted = parser.parse_args()
    seed: int = random.SystemRandom().randrange(2**31) if wanted.seed is None else wanted.seed
    begun = time.monotonic()
    print(f"The drill, seed {seed}")
    failed = [
        name for name in ALL if wanted.only in {None, name} and not _run(name, seed, quick=wanted.quick)
    ]
    if wanted.only == BUGS or (wanted.only is None and not wanted.no_bugs and not failed):
        failed += _plant(prove_clean=wanted.only == BUGS)
    minutes, seconds = divmod(round(time.monotonic() - begun), 60)
    if failed:
        print(f"\nFAILED after {minutes} min {seconds} s: {', '.join(failed)}")
        return 1
    if wanted.only != BUGS:
        print("\nAfter every run both books agreed to the cent: 0 paid twice, 0 lost, 0 unapproved.")
    print(f"All done in {minutes} min {seconds} s.")
    return 0


def _run(name: str, seed: int, *, quick: bool) -> bool:
    try:
        report = ALL[name](seed, quick=quick)
    except Exception as fault:  # noqa: BLE001 - whatever broke, the others are run all the same
        print(f"  FAILED    {name}", flush=True)
        traceback.print_exception(fault)
        print(
            f"  replay: python -m tests.drill --only {name} --seed {seed}{' --quick' if quick else ''}",
            flush=True,
        )
        return False
    _tell(report)
    return True


def _tell(report: Report) -> None:
    figures = ", ".join(
        f"{figure:,} {name.replace('_', ' ')}" for name, figure in report.figures.items() if figure
    )
    print(f"  held      {report.name}: {report.runs:,} runs in {report.seconds:.0f} s: {figures}", flush=True)


def _plant(*, prove_clean: bool) -> list[str]:
    """Plant every bug; the copy without any must be green, or red says nothing."""
    planted = planting.bugs()
    print(f"\nPlanted bugs, {len(planted)} of them, each in a copy of its own:", flush=True)
    red = planting.clean() if prove_clean else ""
    if red:
        print(f"  ERROR     without any bug: {red}")
        return ["the copy without a bug"]
    wrong = planting.plant_all(lambda line: print(line, flush=True), planted)
    print(f"  {len(planted) - len(wrong)} of {len(planted)} caught", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
