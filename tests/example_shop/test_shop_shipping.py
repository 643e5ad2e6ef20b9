import pytest

from example_shop import shipping

CAPITALS = {
    "São Paulo": (-46.63, -23.55, shipping.SAO_PAULO),
    "Campinas": (-47.06, -22.90, shipping.SP_STATE),
    "Ribeirão Preto": (-47.81, -21.18, shipping.SP_STATE),
    "Rio de Janeiro": (-43.20, -22.91, shipping.SOUTHEAST),
    "Belo Horizonte": (-43.94, -19.92, shipping.SOUTHEAST),
    "Vitória": (-40.31, -20.32, shipping.SOUTHEAST),
    "Curitiba": (-49.27, -25.43, shipping.SOUTH),
    "Porto Alegre": (-51.23, -30.03, shipping.SOUTH),
    "Brasília": (-47.93, -15.78, shipping.CENTER_WEST),
    "Cuiabá": (-56.10, -15.60, shipping.CENTER_WEST),
    "Salvador": (-38.50, -12.97, shipping.NORTHEAST),
    "Recife": (-34.88, -8.05, shipping.NORTHEAST),
    "Fortaleza": (-38.54, -3.72, shipping.NORTHEAST),
    "Belém": (-48.50, -1.46, shipping.NORTH),
    "Manaus": (-60.02, -3.12, None),
    "Rio Branco": (-67.81, -9.97, None),
    "Lisbon": (-9.14, 38.72, None),
}


@pytest.mark.parametrize(
    ("postal_code", "region"),
    [
        ("01310-100", shipping.SAO_PAULO),
        ("01310100", shipping.SAO_PAULO),
        ("13010-111", shipping.SP_STATE),
        ("20040-020", shipping.SOUTHEAST),
        ("30140-071", shipping.SOUTHEAST),
        ("40020-000", shipping.NORTHEAST),
        ("60060-440", shipping.NORTHEAST),
        ("66010-000", shipping.NORTH),
        ("69005-040", None),
        ("70040-010", shipping.CENTER_WEST),
        ("80010-000", shipping.SOUTH),
        ("90010-150", shipping.SOUTH),
        ("1310", None),
        ("0131O-100", None),
        ("", None),
    ],
)
def test_a_postal_code_lies_in_one_region(postal_code: str, region: shipping.Region | None) -> None:
    assert shipping.region_of(postal_code) is region


@pytest.mark.parametrize("city", CAPITALS)
def test_a_point_lies_in_the_region_of_its_city(city: str) -> None:
    longitude, latitude, region = CAPITALS[city]
    assert shipping.region_at(longitude, latitude) is region


def test_a_place_is_found_by_the_best_of_what_is_known() -> None:
    in_recife = (-34.88, -8.05)
    assert shipping.locate("BRA", "01310-100", in_recife) is shipping.SAO_PAULO
    assert shipping.locate(None, None, in_recife) is shipping.NORTHEAST
    assert shipping.locate("ARG", "01310-100", None) is None
    assert shipping.locate("BRA", None, None) is None


def test_each_started_kilogram_above_the_first_is_charged() -> None:
    service = shipping.SAO_PAULO.services[0]
    assert [service.price(grams) for grams in (1, 1000, 1001, 2000, 2001)] == [990, 990, 1140, 1140, 1290]


def test_a_cart_costs_the_sum_of_its_parcels() -> None:
    standard, express, pickup = shipping.quote(shipping.SAO_PAULO, {"PAN-22": 2350, "CANDLE": 340})
    assert (standard.price_by_sku, standard.total_cents) == ({"PAN-22": 1290, "CANDLE": 990}, 2280)
    assert (express.code, express.business_days) == ("express", 1)
    assert (pickup.total_cents, pickup.pickup) == (0, shipping.COUNTER)


def test_remote_regions_have_no_express() -> None:
    assert [option.code for option in shipping.quote(shipping.NORTH, {"CANDLE": 340})] == ["standard"]


def test_nothing_is_offered_where_nobody_delivers_or_for_nothing() -> None:
    assert shipping.quote(None, {"CANDLE": 340}) == ()
    assert shipping.quote(shipping.SOUTH, {}) == ()


def test_the_counter_lies_where_its_address_says() -> None:
    assert shipping.region_of(shipping.COUNTER.postal_code) is shipping.SAO_PAULO
    assert shipping.region_at(*shipping.COUNTER.geo_coordinates) is shipping.SAO_PAULO
