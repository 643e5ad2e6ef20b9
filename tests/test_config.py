"""Settings: what is read, what is refused, and that secrets stay secret."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_vtex_seller import ConfigurationError
from flask_vtex_seller.config import Marketplace, Secret, Settings

MINIMAL: dict[str, Any] = {"account": "acmemarket", "seller_id": "fruitshop", "app_key": "key", "app_token": "s3cret"}


def settings(**config: Any) -> Settings:
    return Settings.from_config(config)


def acme(**changes: Any) -> Marketplace:
    return settings(VTEX_SELLER_MARKETPLACES={"acme": {**MINIMAL, **changes}}).marketplaces["acme"]


def revealed(marketplace: Marketplace) -> list[str]:
    return [token.reveal() for token in marketplace.inbound_tokens]


# what is read


def test_no_marketplace_is_fine() -> None:
    assert settings() == Settings(marketplaces={}, url_prefix="/api/vtex")


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_an_empty_set_of_marketplaces_is_none(nothing: Any) -> None:
    assert not settings(VTEX_SELLER_MARKETPLACES=nothing).marketplaces


def test_keys_of_others_are_not_ours_to_judge() -> None:
    assert not settings(SECRET_KEY="x", VTEX_OTHER=1).marketplaces


def test_a_marketplace_of_the_required_keys_gets_the_defaults() -> None:
    marketplace = acme()
    assert marketplace.name == "acme"
    assert marketplace.base_url == "https://acmemarket.vtexcommercestable.com.br"
    assert marketplace.suggestions_url == "https://api.vtex.com/acmemarket"
    assert marketplace.route_family == "oms"
    assert marketplace.merchant_name is None
    assert marketplace.sales_channel is None
    assert marketplace.ships_to == ("BRA",)
    assert (marketplace.unavailable, marketplace.max_stock, marketplace.geo_order) == ("empty", None, "lon,lat")
    assert (marketplace.check_orders, marketplace.price_tolerance_cents) == (True, 1)
    assert marketplace.simulation_by_get is False
    assert marketplace.inbound_tokens == ()
    assert (marketplace.paused, marketplace.local) == (False, False)
    assert (marketplace.catalog, marketplace.price, marketplace.inventory, marketplace.orders) == (True,) * 4
    assert marketplace.catalog_route == "catalog_system"
    assert marketplace.notificator_prefix == "/api/notificator"
    assert marketplace.agreement_path.startswith("/api/order-system/orders/{marketplace_order_id}/")
    assert ".myvtex.com" in marketplace.services_hosts


def test_every_optional_key_is_read() -> None:
    marketplace = acme(
        inbound_tokens=["a", "b"],
        base_url="https://market.example/",
        suggestions_url="https://suggest.example/x/",
        route_family="protocol",
        merchant_name="fruit",
        sales_channel=2,
        ships_to=["BRA", "ARG"],
        unavailable="zeros",
        max_stock=25,
        geo_order="lat,lon",
        simulation_by_get=True,
        check_orders=False,
        price_tolerance_cents=0,
        paused=True,
        catalog=False,
        price=False,
        inventory=False,
        orders=False,
        services_hosts=".Orders.example, oms.example",
        catalog_route="sku-binding",
        notificator_prefix="/notificator/",
        agreement_path="/x/{change_id}/{marketplace_order_id}?accountName={account}",
        local=True,
    )
    assert revealed(marketplace) == ["a", "b"]
    assert marketplace.base_url == "https://market.example"
    assert marketplace.suggestions_url == "https://suggest.example/x"
    assert (marketplace.route_family, marketplace.merchant_name, marketplace.sales_channel) == (
        "protocol",
        "fruit",
        "2",
    )
    assert marketplace.ships_to == ("BRA", "ARG")
    assert (marketplace.unavailable, marketplace.max_stock, marketplace.geo_order) == ("zeros", 25, "lat,lon")
    assert (marketplace.check_orders, marketplace.price_tolerance_cents) == (False, 0)
    assert marketplace.simulation_by_get is True
    assert (marketplace.paused, marketplace.local) == (True, True)
    assert (marketplace.catalog, marketplace.price, marketplace.inventory, marketplace.orders) == (False,) * 4
    assert marketplace.services_hosts == (".orders.example", "oms.example")
    assert marketplace.catalog_route == "sku-binding"
    assert marketplace.notificator_prefix == "/notificator"
    assert marketplace.agreement_path == "/x/{change_id}/{marketplace_order_id}?accountName={account}"


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("one", ["one"]),
        ("one,two", ["one", "two"]),
        (" one , two ,", ["one", "two"]),
        (("one", 2), ["one", "2"]),
        (123, ["123"]),
        ("", []),
        ([], []),
        ([""], []),
        (None, []),
    ],
)
def test_inbound_tokens_are_a_list_or_a_comma_string(tokens: Any, expected: list[str]) -> None:
    """P72."""
    assert revealed(acme(inbound_tokens=tokens)) == expected


def test_ships_to_may_be_a_comma_string() -> None:
    assert acme(ships_to="BRA, ARG").ships_to == ("BRA", "ARG")


def test_several_marketplaces_keep_their_names() -> None:
    both = settings(VTEX_SELLER_MARKETPLACES={"acme": MINIMAL, "other_2": MINIMAL}).marketplaces
    assert [(name, marketplace.name) for name, marketplace in both.items()] == [
        ("acme", "acme"),
        ("other_2", "other_2"),
    ]


def test_settings_cannot_be_changed() -> None:
    read = settings(VTEX_SELLER_MARKETPLACES={"acme": MINIMAL})
    with pytest.raises(TypeError):
        read.marketplaces["other"] = acme()  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.url_prefix = "/x"  # type: ignore[misc]


# what is refused


@pytest.mark.parametrize("key", ["account", "seller_id", "app_key", "app_token"])
@pytest.mark.parametrize("nothing", [None, "", "absent"])
def test_a_missing_key_is_named(key: str, nothing: str | None) -> None:
    raw = {**MINIMAL, key: nothing}
    if nothing == "absent":
        del raw[key]
    with pytest.raises(ConfigurationError, match=rf"VTEX_SELLER_MARKETPLACES\['acme'\] lacks {key}$"):
        settings(VTEX_SELLER_MARKETPLACES={"acme": raw})


def test_all_missing_keys_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match="lacks account, seller_id, app_key, app_token"):
        settings(VTEX_SELLER_MARKETPLACES={"acme": {}})


def test_an_unknown_setting_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"VTEX_SELLER_MARKETPLACE is no setting.*VTEX_SELLER_MARKETPLACES"):
        settings(VTEX_SELLER_MARKETPLACE={})


def test_unknown_keys_of_a_marketplace_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"\['acme'\] has unknown keys: 1, apptoken"):
        acme(apptoken="x", **{"1": 2})


@pytest.mark.parametrize("marketplaces", [["acme"], "acme", 1, True])
def test_marketplaces_must_be_a_dict(marketplaces: Any) -> None:
    with pytest.raises(ConfigurationError, match="VTEX_SELLER_MARKETPLACES must be a dict"):
        settings(VTEX_SELLER_MARKETPLACES=marketplaces)


@pytest.mark.parametrize("raw", [None, "x", [], 1])
def test_a_marketplace_must_be_a_dict(raw: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"VTEX_SELLER_MARKETPLACES\['acme'\] must be a dict with the keys"):
        settings(VTEX_SELLER_MARKETPLACES={"acme": raw})


@pytest.mark.parametrize("name", ["", "a/b", "a b", "ação", "-a", "a" * 65, "a\n", 1, None])
def test_a_marketplaces_name_must_fit_a_path(name: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"VTEX_SELLER_MARKETPLACES\[.*name has letters"):
        settings(VTEX_SELLER_MARKETPLACES={name: MINIMAL})


TEXT_KEYS = [
    "account",
    "seller_id",
    "app_key",
    "app_token",
    "merchant_name",
    "sales_channel",
    "base_url",
    "suggestions_url",
    "route_family",
    "inbound_tokens",
    "ships_to",
    "placement_answer",
    "evaluation_answer",
    "date_layout",
]


@pytest.mark.parametrize("key", TEXT_KEYS)
@pytest.mark.parametrize("value", [True, {"a": 1}, b"bytes", object()])
def test_a_text_of_another_type_is_refused_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"\['acme'\]\['{key}'\] must be a string"):
        acme(**{key: value})


@pytest.mark.parametrize("key", TEXT_KEYS)
def test_a_float_is_refused_with_the_advice_to_quote_and_without_its_value(key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\['acme'\]\['{key}'\] .*quote it") as caught:
        acme(**{key: 98765.25})
    assert "98765" not in str(caught.value)


def test_a_float_inside_a_list_of_tokens_is_refused_too() -> None:
    with pytest.raises(ConfigurationError, match=r"\['inbound_tokens'\] .*quote it"):
        acme(inbound_tokens=["one", 1.5])


@pytest.mark.parametrize(
    "key",
    [
        "paused",
        "catalog",
        "price",
        "inventory",
        "orders",
        "local",
        "simulation_by_get",
        "check_orders",
        "order_modifications",
    ],
)
@pytest.mark.parametrize("value", ["true", "False", 1, 0, None])
def test_a_flag_is_true_or_false(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"\['acme'\]\['{key}'\] must be true or false"):
        acme(**{key: value})


@pytest.mark.parametrize("account", ["a.b", "a/b", "evil.example#", "a b", "a@b", "-a", "ação"])
def test_an_account_that_would_change_the_host_is_refused(account: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\['account'\] must be the marketplace's account name"):
        acme(account=account)


@pytest.mark.parametrize("seller_id", ["x" * 51, "fruit shop"])
def test_a_seller_id_is_short_and_without_a_space(seller_id: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\['seller_id'\] has at most 50 characters and no space"):
        acme(seller_id=seller_id)


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        ("route_family", ("oms", "protocol")),
        ("placement_answer", ("mirror", "array")),
        ("evaluation_answer", ("empty", "object")),
        ("date_layout", ("iso", "legacy")),
    ],
)
def test_a_choice_is_one_of_two_and_the_first_by_default(key: str, choices: tuple[str, str]) -> None:
    assert [getattr(acme(**{key: value}), key) for value in choices] == list(choices)
    assert getattr(acme(), key) == choices[0]
    with pytest.raises(ConfigurationError, match=rf"\['{key}'\] must be one of {', '.join(choices)}"):
        acme(**{key: "other"})


@pytest.mark.parametrize("days", [1.5, 30, 3650])
def test_a_reservation_is_a_number_of_days(days: float) -> None:
    assert acme(reservation_days=days).reservation_days == days


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_number_of_days_a_reservation_never_ends(nothing: Any) -> None:
    assert acme(reservation_days=nothing).reservation_days is None


@pytest.mark.parametrize("days", [0, -1, True, "8d", 3651, float("nan"), float("inf"), [1]])
def test_another_number_of_days_is_refused(days: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"\['reservation_days'\] must be a positive number, at most 3650"):
        acme(reservation_days=days)


@pytest.mark.parametrize(("key", "choices"), [("unavailable", "empty, zeros"), ("geo_order", "lon,lat, lat,lon")])
def test_a_choice_is_one_of_those_that_there_are(key: str, choices: str) -> None:
    """Row 19 and row 22."""
    with pytest.raises(ConfigurationError, match=rf"\['{key}'\] must be one of {choices}"):
        acme(**{key: "other"})


@pytest.mark.parametrize("key", ["max_stock", "price_tolerance_cents"])
@pytest.mark.parametrize("value", [-1, 1.5, True, "5", [], 2**31])
def test_a_count_of_a_marketplace_is_a_whole_number(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"\['acme'\]\['{key}'\] must be a whole number"):
        acme(**{key: value})


@pytest.mark.parametrize("key", ["VTEX_SELLER_MAX_ITEMS", "VTEX_SELLER_MAX_BODY_BYTES"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5", None, 2**31])
def test_a_limit_is_a_positive_whole_number(key: str, value: Any) -> None:
    """P23."""
    with pytest.raises(ConfigurationError, match=f"{key} must be a positive whole number"):
        settings(**{key: value})


@pytest.mark.parametrize("ships_to", ["BR", ["BRA", "br"]])
def test_ships_to_holds_three_letter_codes(ships_to: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"\['ships_to'\] .*ISO alpha-3"):
        acme(ships_to=ships_to)


# addresses


@pytest.mark.parametrize("key", ["base_url", "suggestions_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://market.example",
        "ftp://market.example",
        "market.example",
        "https://",
        "https:market",
        "javascript:1",
        "//x",
    ],
)
def test_an_address_is_https(key: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\['{key}'\] must be an https URL"):
        acme(**{key: url})


@pytest.mark.parametrize(
    "url",
    [
        "https://market.example?an=x",
        "https://market.example/#x",
        "https://me@market.example",
        "https://:pw@market.example",
    ],
)
def test_an_address_has_no_query_fragment_or_user(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\['base_url'\] must have no query, fragment or user"):
        acme(base_url=url)


@pytest.mark.parametrize("url", ["http://localhost:5001", "http://127.0.0.1:5001", "http://[::1]:5001"])
def test_plain_http_is_for_this_machine_and_local_only(url: str) -> None:
    assert acme(base_url=url, suggestions_url=url, local=True).base_url == url
    with pytest.raises(ConfigurationError, match="local = true"):
        acme(base_url=url)


@pytest.mark.parametrize("url", ["http://market.example", "http://localhost.evil.example", "http://10.0.0.1"])
def test_local_does_not_allow_plain_http_to_another_machine(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https URL"):
        acme(base_url=url, local=True)


def test_an_address_that_cannot_be_parsed_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigurationError, match=r"\['base_url'\]"):
        acme(base_url="https://[::1")


# the prefix


@pytest.mark.parametrize(("given", "read"), [("/x", "/x"), ("/x/y/", "/x/y"), ("/api/vtex//", "/api/vtex")])
def test_the_prefix_is_free(given: str, read: str) -> None:
    assert settings(VTEX_SELLER_URL_PREFIX=given).url_prefix == read


@pytest.mark.parametrize("prefix", ["", "/", "//", "api/vtex", "/a b", "/<x>", "/a?b", "/a#b", None, 1, b"/x"])
def test_a_prefix_that_is_no_path_is_refused(prefix: Any) -> None:
    with pytest.raises(ConfigurationError, match="VTEX_SELLER_URL_PREFIX must be a path"):
        settings(VTEX_SELLER_URL_PREFIX=prefix)


# the environment


def from_environment(monkeypatch: pytest.MonkeyPatch, **keys: str) -> Marketplace:
    defaults = {"account": "acmemarket", "seller_id": "fruitshop", "app_key": "key", "app_token": "token"}
    for key, value in {**defaults, **keys}.items():
        monkeypatch.setenv(f"FLASK_VTEX_SELLER_MARKETPLACES__acme__{key}", value)
    app = Flask("fruitshop")
    app.config.from_prefixed_env()
    return Settings.from_config(app.config).marketplaces["acme"]


def test_the_environment_needs_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    marketplace = from_environment(monkeypatch, inbound_tokens="one,two", paused="true", ships_to='["BRA", "ARG"]')
    assert marketplace.account == "acmemarket"
    assert marketplace.app_token.reveal() == "token"
    assert revealed(marketplace) == ["one", "two"]
    assert marketplace.paused is True
    assert marketplace.ships_to == ("BRA", "ARG")


def test_digits_from_the_environment_become_a_string_again(monkeypatch: pytest.MonkeyPatch) -> None:
    marketplace = from_environment(
        monkeypatch, app_key="123456", app_token="777", inbound_tokens="42", seller_id="9", sales_channel="1"
    )
    assert marketplace.app_key == "123456"
    assert marketplace.app_token.reveal() == "777"
    assert revealed(marketplace) == ["42"]
    assert (marketplace.seller_id, marketplace.sales_channel) == ("9", "1")


def test_leading_zeros_survive_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_environment(monkeypatch, app_key="00123").app_key == "00123"


@pytest.mark.parametrize("written", ["1.50", "12e5", "1e400", "NaN"])
def test_a_decimal_from_the_environment_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\['app_key'\] .*quote it"):
        from_environment(monkeypatch, app_key=written)


def test_the_advice_to_quote_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_environment(monkeypatch, app_key='"1.50"').app_key == "1.50"


def test_the_prefix_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_VTEX_SELLER_URL_PREFIX", "/sell")
    app = Flask("fruitshop")
    app.config.from_prefixed_env()
    assert Settings.from_config(app.config).url_prefix == "/sell"


# secrets


def test_secrets_are_never_in_a_repr() -> None:
    """P80."""
    marketplace = acme(app_token="hush-hush", inbound_tokens=["psst", "quiet"])
    everything = settings(VTEX_SELLER_MARKETPLACES={"acme": {**MINIMAL, "app_token": "hush-hush"}})
    for shown in (repr(marketplace), str(marketplace), repr(everything), str(dataclasses.asdict(marketplace))):
        assert not any(secret in shown for secret in ("hush-hush", "psst", "quiet"))


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hush")
    assert secret.reveal() == "hush"
    assert "hush" not in f"{secret} {secret!r} {secret!s} {[secret]}"


@pytest.mark.parametrize("key", ["app_token", "inbound_tokens"])
@pytest.mark.parametrize("value", [{"hush": "hush"}, b"hush", 4242.5])
def test_a_complaint_about_a_secret_does_not_quote_it(key: str, value: Any) -> None:
    """P80."""
    with pytest.raises(ConfigurationError) as caught:
        acme(**{key: value})
    assert "hush" not in str(caught.value)
    assert "4242" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://x:abc", "https://x:99999999", "https://a b", "https://[::1"])
def test_an_address_that_nothing_can_be_sent_to_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is no URL"):
        acme(base_url=address)


@pytest.mark.parametrize("prefix", ["//x", "/a\n", "/", "", "/a?b", "/a/<b>", "relative", 7])
def test_a_prefix_that_no_path_can_have_is_refused(prefix: object) -> None:
    with pytest.raises(ConfigurationError, match="VTEX_SELLER_URL_PREFIX"):
        Settings.from_config({"VTEX_SELLER_URL_PREFIX": prefix})


@pytest.mark.parametrize(
    "url", ["proxy.example:3128", "ftp://proxy.example", "http://", "http://p.example/x", "http://[::1"]
)
def test_a_proxy_is_an_address_of_a_proxy(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\['proxy'\]"):
        acme(proxy=url)


def test_a_proxys_password_is_never_in_a_repr() -> None:
    marketplace = acme(proxy="http://shop:hush@proxy.example:3128")
    assert marketplace.proxy is not None
    assert marketplace.proxy.reveal() == "http://shop:hush@proxy.example:3128"
    assert "hush" not in repr(marketplace)


def test_a_bundle_of_certificates_is_a_file(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert acme(ca_bundle=str(bundle)).ca_bundle == str(bundle)
    for wrong in (tmp_path, tmp_path / "none.pem"):
        with pytest.raises(ConfigurationError, match=r"\['ca_bundle'\] must name a file"):
            acme(ca_bundle=str(wrong))


@pytest.mark.parametrize("key", ["app_key", "app_token"])
class TestCredentials:
    @pytest.mark.parametrize("written", ["s3cret\n", " s3cret", "s3cret\r\n\t"])
    def test_what_a_file_leaves_around_one_is_no_part_of_it(self, key: str, written: str) -> None:
        found = getattr(acme(**{key: written}), key)
        assert (found if key == "app_key" else found.reveal()) == "s3cret"

    @pytest.mark.parametrize("written", ["t€k", "two\nlines", "a\0b", "ünïcode", "   ", "\n"])
    def test_one_that_no_header_takes_is_refused_and_not_shown(self, key: str, written: str) -> None:
        with pytest.raises(ConfigurationError, match=rf"\['acme'\]\['{key}'\] must be printable ASCII") as caught:
            acme(**{key: written})
        assert not written.strip() or written.strip() not in str(caught.value)
