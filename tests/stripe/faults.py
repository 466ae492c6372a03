"""What the fake does wrong when told to, and to which request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Literal

GATE_S = 60
Kind = Literal[
    "refuse",  # the connection ends before the request is read
    "drop_before",  # the request is read and forgotten
    "drop_after",  # executed and remembered; nobody is told
    "delay_before",  # waits `seconds` before executing, the key in flight
    "delay_after",  # executed, then waits before answering
    "half_body",  # executed; the answer breaks off in the middle
    "html",  # executed; answered 200 with a page
    "empty",  # executed; answered 200 with nothing
    "edit",  # executed; the answer says `values` instead, and not what `without` names
    "alter",  # executed with `values` instead of what was asked
    "error",  # answered `status`, not executed; remembered under the key if `kept`
    "error_after",  # executed, but answered and remembered as `status`
    "page",  # answered `status` with a page of a proxy in between, not executed
]


@dataclass
class Gate:
    """Where a request is held until a test lets it go on."""

    arrived: Event = field(default_factory=Event)
    opened: Event = field(default_factory=Event)


@dataclass(kw_only=True)
class Fault:
    """One fault; `times` None: for every request that fits."""

    kind: Kind
    method: str = "POST"
    path: str = "/v1/transfers"
    times: int | None = 1
    key: str | None = None
    seconds: float = 0
    gate: Gate | None = None  # of a delay: instead of seconds
    status: int = 500
    type: str = "api_error"
    code: str | None = None
    message: str = "An unknown error occurred"
    kept: bool = True
    values: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def fits(self, method: str, path: str, key: str | None) -> bool:
        """Whether this request is one to go wrong."""
        return (self.method, self.path) == (method, path) and self.key in {None, key}

    def delay(self) -> None:
        """Wait as long as told, or until the gate is opened."""
        if self.gate is not None:
            self.gate.arrived.set()
            self.gate.opened.wait(GATE_S)
        time.sleep(self.seconds)

    @property
    def error(self) -> dict[str, Any]:
        """The body of an `error`."""
        error = {"type": self.type, "message": self.message}
        return {"error": error if self.code is None else error | {"code": self.code}}


class Faults:
    """The faults still to come, first in, first out."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str, key: str | None) -> Fault | None:
        """Return the fault of this request and count it."""
        with self._lock:
            fault = next((one for one in self._waiting if one.fits(method, path, key)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
            return fault
