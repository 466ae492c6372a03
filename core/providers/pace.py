"""How fast a process may call a provider: one token bucket for all its threads, which a refusal for haste pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Pace:
    """A token bucket: `burst` calls at once, then `rate_per_s`; in no second more than both together."""

    def __init__(
        self,
        *,
        rate_per_s: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap_s = 1 / rate_per_s
        self._ahead_s = (burst - 1) * self._gap_s
        self._clock, self._sleep = clock, sleep
        self._free_at = 0.0  # when the bucket is full again
        self._paused_until = 0.0
        self._lock = Lock()

    def wait(self, until: float, *, yielding: bool = False) -> bool:
        """Wait for a turn and tell whether it came by `until`, on this bucket's clock; one that would not is not taken.

        A `yielding` call takes nothing of the burst: it waits until the bucket is full, behind all who wait now.
        """
        with self._lock:
            now = self._clock()
            ahead_s = 0.0 if yielding else self._ahead_s
            turn = max(now, self._free_at - ahead_s, self._paused_until)
            if turn > until:
                return False
            self._free_at = max(self._free_at, turn) + self._gap_s
        if turn > now:
            self._sleep(turn - now)
        return True

    def pause(self, for_s: float) -> None:
        """Let nobody call for this long."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + for_s)
