"""Money: cents exactly, rounded half up, never through a float (P9)."""

from decimal import Decimal, Inexact, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller import cents
from flask_vtex_seller.money import MAX_INTEGER, require_cents, require_count

WHOLE_CENTS = st.integers(min_value=-(10**20), max_value=10**20)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("19.99", 1999), (20, 2000), (Decimal("0.1"), 10), ("0", 0), (" 19.99 ", 1999), ("-1.5", -150), ("1e2", 10000)],
)
def test_an_amount_in_currency_units_becomes_cents(amount: Any, expected: int) -> None:
    assert cents(amount) == expected


@pytest.mark.parametrize(
    ("amount", "expected"), [("0.005", 1), ("0.004999", 0), ("1.115", 112), ("2.345", 235), ("-0.005", -1)]
)
def test_half_a_cent_is_rounded_up(amount: str, expected: int) -> None:
    assert cents(amount) == expected


def test_cents_are_a_plain_int() -> None:
    assert type(cents(Decimal("19.99"))) is int


@pytest.mark.parametrize("amount", [19.99, 1.0, True, None, b"19.99", [], float("nan")])
def test_a_float_and_everything_else_that_is_no_exact_number_is_refused(amount: Any) -> None:
    with pytest.raises(TypeError, match=type(amount).__name__):
        cents(amount)


@pytest.mark.parametrize("amount", ["", "abc", "19,99", "R$ 1", "NaN", "sNaN", "Infinity", "-Infinity", "1e30"])
def test_what_is_no_finite_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"amount of money|NaN"):
        cents(amount)


@given(WHOLE_CENTS)
def test_every_whole_number_of_cents_survives_its_notation(number: int) -> None:
    assert cents(Decimal(number).scaleb(-2)) == number


@given(WHOLE_CENTS)
def test_text_and_decimal_of_the_same_amount_agree(number: int) -> None:
    amount = Decimal(number).scaleb(-2)
    assert cents(str(amount)) == cents(amount)


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=6))
def test_rounding_moves_an_amount_by_half_a_cent_at_most(amount: Decimal) -> None:
    assert abs(cents(amount) - amount * 100) <= Decimal("0.5")


@given(st.decimals(min_value=0, max_value=10**15, places=6), st.decimals(min_value=0, max_value=10**15, places=6))
def test_a_larger_amount_never_has_fewer_cents(one: Decimal, other: Decimal) -> None:
    smaller, larger = sorted((one, other))
    assert cents(smaller) <= cents(larger)


@given(st.decimals(min_value=0, max_value=10**15, places=6))
def test_the_sign_does_not_change_how_an_amount_is_rounded(amount: Decimal) -> None:
    assert cents(-amount) == -cents(amount)


def test_rounding_is_ours_whatever_the_shop_set_for_its_decimals() -> None:
    with localcontext(rounding="ROUND_DOWN"):
        assert cents("0.005") == 1


def test_zero_and_positive_integers_are_cents() -> None:
    require_cents("price", 0)
    require_cents("price", MAX_INTEGER)


def test_an_amount_that_the_wire_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="price must be at most 2147483647"):
        require_cents("price", MAX_INTEGER + 1)


def test_the_shops_own_decimal_context_changes_nothing() -> None:
    with localcontext(prec=4) as context:
        context.traps[Inexact] = True
        assert cents("12345.675") == 1234568


@pytest.mark.parametrize("value", [1.0, True, "1", None, Decimal(1)])
def test_an_amount_that_is_no_int_is_refused_with_its_name(value: object) -> None:
    with pytest.raises(TypeError, match=r"Offer\.price must be an int \(cents\), not " + type(value).__name__):
        require_cents("Offer.price", value)


def test_a_negative_amount_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"Offer\.price must not be negative, got -1"):
        require_cents("Offer.price", -1)


def test_a_count_is_spoken_of_in_units() -> None:
    with pytest.raises(TypeError, match=r"stock must be an int \(units\), not float"):
        require_count("stock", 1.5)
