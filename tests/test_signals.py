"""Signals: told after the commit, to every listener, whatever one of them makes of it."""

import logging
from typing import Any

import pytest
from blinker import Namespace

from flask_vtex_seller import order_placed
from flask_vtex_seller.signals import announce

from .shops import Shop, order_body


def test_every_receiver_gets_the_sender_and_the_data() -> None:
    signal, heard = Namespace().signal("test"), []

    def one(sender: object, **data: Any) -> None:
        heard.append(("one", sender, data))

    def two(sender: object, **data: Any) -> None:
        heard.append(("two", sender, data))

    with signal.connected_to(one), signal.connected_to(two):
        announce(signal, "app", order="order")
    assert sorted(heard) == [("one", "app", {"order": "order"}), ("two", "app", {"order": "order"})]


def test_a_receiver_of_another_sender_is_not_asked() -> None:
    signal, heard = Namespace().signal("test"), []

    def receiver(sender: object, **_: Any) -> None:
        heard.append(sender)

    with signal.connected_to(receiver, sender="other"):
        announce(signal, "app")
    assert not heard


def test_a_receiver_that_raises_does_not_keep_it_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    signal, heard = Namespace().signal("test"), []

    def bad(_: object) -> None:
        raise ValueError("maria@mail.example")

    def good(_: object) -> None:
        heard.append("good")

    def late(_: object) -> None:
        heard.append("late")

    with signal.connected_to(good), signal.connected_to(bad), signal.connected_to(late):
        announce(signal, "app")
    assert sorted(heard) == ["good", "late"]


def test_a_receiver_that_raises_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    signal = Namespace().signal("test")

    def bad(_: object) -> None:
        raise ValueError("maria@mail.example")

    with signal.connected_to(bad):
        announce(signal, "app")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "a receiver of test raised ValueError"
    assert record.exc_info is None


def test_a_listener_sees_the_committed_order_and_the_application(shop: Shop) -> None:
    heard: list[Any] = []

    def receiver(sender: object, **data: Any) -> None:
        heard.append((sender, data["order"].order_id, shop.order_ids()))

    with order_placed.connected_to(receiver, sender=shop.app):
        shop.call("/pvt/orders", [order_body()])
    assert heard == [(shop.app, "S-1", ["S-1"])]


def test_the_marketplace_gets_its_answer_whatever_a_listener_raises(shop: Shop) -> None:
    def bad(_: object, **__: Any) -> None:
        raise ValueError

    with order_placed.connected_to(bad, sender=shop.app):
        response = shop.call("/pvt/orders", [order_body()])
    assert response.status_code == 200
    assert shop.order_ids() == ["S-1"]
