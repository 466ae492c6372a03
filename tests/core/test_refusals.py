import pickle

import pytest

from core.refusals import Refusal


class OverBalance(Refusal):
    """{asked} is more than
    the {available} available.
    """

    code = "over_balance"


class TestRefusal:
    def test_speaks_its_docstring_on_one_line_filled_with_its_figures(self) -> None:
        refusal = OverBalance(asked="25.00 USD", available="19.00 USD")

        assert refusal.sentence == "25.00 USD is more than the 19.00 USD available."
        assert str(refusal) == refusal.sentence
        assert refusal.code == "over_balance"

    def test_keeps_its_figures_for_whoever_decides_on_them(self) -> None:
        assert OverBalance(asked=2500, available=1900).figures == {"asked": 2500, "available": 1900}

    def test_speaks_a_sentence_passed_in_word_for_word(self) -> None:
        assert OverBalance("Braces {stay} as they are.").sentence == "Braces {stay} as they are."

    def test_does_not_expand_braces_inside_a_figure(self) -> None:
        assert (
            OverBalance(asked="{available}", available="1").sentence
            == "{available} is more than the 1 available."
        )

    def test_is_a_fault_when_a_figure_is_missing(self) -> None:
        with pytest.raises(KeyError, match="available"):
            OverBalance(asked="25.00 USD")

    def test_survives_a_pickle(self) -> None:
        refusal = pickle.loads(pickle.dumps(OverBalance(asked=2, available=1)))  # noqa: S301  # our own bytes

        assert (refusal.sentence, refusal.figures) == (
            "2 is more than the 1 available.",
            {"asked": 2, "available": 1},
        )


class TestDeclaringARefusal:
    def test_needs_a_sentence(self) -> None:
        with pytest.raises(TypeError, match="Wordless needs a code and a docstring"):

            class Wordless(Refusal):
                code = "wordless"

    def test_needs_a_code_of_its_own(self) -> None:
        with pytest.raises(TypeError, match="Codeless needs a code and a docstring"):

            class Codeless(OverBalance):
                """Said without a code."""
