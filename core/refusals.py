"""The family of refusals: a rule said no. A refusal was anticipated, is safe to show, and changed nothing.

Every concrete refusal stands beside its rule; its docstring is the sentence a person reads. Anything that is
raised and is no refusal is a fault of ours.
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """This cannot be done."""

    code: ClassVar[str] = "refused"

    def __init_subclass__(cls) -> None:
        # Without either of its own a refusal would silently speak with its parent's voice.
        if not cls.__dict__.get("__doc__") or "code" not in cls.__dict__:
            message = f"{cls.__name__} needs a code and a docstring, which is its sentence"
            raise TypeError(message)

    def __init__(self, sentence: str | None = None, /, **figures: object) -> None:
        """Speak the docstring, each `{name}` filled from the figures, or a sentence passed in as it is.

        Refuses with KeyError a docstring that names a figure which is not given.
        """
        # The words of a refusal may wrap in the source, never on the screen.
        self.sentence = (
            " ".join((self.__doc__ or "").split()).format_map(figures) if sentence is None else sentence
        )
        self.figures = figures
        super().__init__(self.sentence)
