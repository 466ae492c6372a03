"""What the models of a policy share: frozen, nothing unknown in them, and the types of their figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.money import LIMIT_MINOR


class Record(BaseModel):
    """A frozen set of named figures; an unknown name is refused, so a misspelt term never counts as unset."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _no_float(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("write a percentage as text, like '0.25': a float does not hold it exactly")  # noqa: TRY004  # pydantic collects ValueError
    return value


Pct = Annotated[Decimal, BeforeValidator(_no_float), Field(ge=0, le=100, decimal_places=4)]
AmountMinor = Annotated[int, Field(strict=True, ge=0, le=LIMIT_MINOR)]
Days = Annotated[int, Field(strict=True, ge=0, le=3660)]
