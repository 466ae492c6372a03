"""Whether the platform's balance covers what a run is about to send."""

from __future__ import annotations

from core.providers import Provider


class Funds:
    """What the platform may still send in this run, by currency; asked once, then counted down. Never the guard: that
    is the provider's own refusal. A currency that has run short pauses, so that no large payout is overtaken for ever.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._left: dict[str, int | None] = {}

    def cover(self, currency: str, net_minor: int) -> bool:
        """Tell whether this much is there, and count it down."""
        if currency not in self._left:
            self._left[currency] = self._provider.balance_minor(currency)
        left = self._left[currency]
        if left is None:
            return True
        self._left[currency] = left - net_minor if net_minor <= left else 0
        return net_minor <= left

    def ran_short(self, currency: str) -> None:
        """Pause a currency for the rest of the run."""
        self._left[currency] = 0
