"""How delivering goes, as a command and as a route for a monitor."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from flask_vtex_seller.outbox.health import STALE, Level
from flask_vtex_seller.outbox.limits import BREAKS_AFTER
from flask_vtex_seller.runners.leader import Leadership

from ..shops import ACME, TOKEN, Shop
from .box import DELIVERED, REFUSED, Box, invoice, make_box
from .test_limits import SILENT, throttled

HEALTH_TOKEN = "monitor-secret"


@pytest.fixture
def watched(new_shop: Callable[..., Shop]) -> Box:
    return make_box(
        new_shop,
        marketplaces={"acme": ACME, "resting": {**ACME, "paused": True}},
        VTEX_SELLER_HEALTH_TOKEN=HEALTH_TOKEN,
    )


def ask(box: Box, *, token: str | None = HEALTH_TOKEN, method: str = "GET", **headers: str) -> TestResponse:
    query = "" if token is None else f"?token={token}"
    with box.shop.app.test_client() as client:
        return client.open(f"/api/vtex/-/health{query}", method=method, headers=headers)


def status(box: Box) -> tuple[int, str]:
    result = box.shop.app.test_cli_runner().invoke(args=["vtex-seller", "status"])
    return result.exit_code, result.output


def break_host(box: Box) -> None:
    box.answer = lambda _: SILENT
    box.say(*(invoice(str(number), order=str(number)) for number in range(BREAKS_AFTER)))
    box.run()


def test_nothing_to_do_is_health(watched: Box) -> None:
    answer = ask(watched)
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert (answer.json["lastDrain"], answer.json["leader"]) == (None, None)
    nothing = {"pending": 0, "held": 0, "dead": 0, "dueSince": None, "hostsLeftAlone": [], "paused": False}
    assert answer.json["marketplaces"] == {"acme": nothing, "resting": {**nothing, "paused": True}}
    code, output = status(watched)
    assert code == 0
    assert "last drain   never" in output


def test_dead_letters_are_a_warning(watched: Box) -> None:
    watched.answer = lambda _: REFUSED
    watched.say(invoice("1"), invoice("2"))
    watched.run()
    answer = ask(watched)
    assert (answer.status_code, answer.json["status"]) == (200, "warn")
    assert answer.json["problems"] == ["acme: 1 dead letters"]
    assert status(watched)[0] == 0


def test_a_host_that_is_left_alone_is_a_failure(watched: Box) -> None:
    break_host(watched)
    answer = ask(watched)
    assert (answer.status_code, answer.json["status"]) == (503, "fail")
    assert answer.json["problems"] == ["acme: store fails and is left alone"]
    assert answer.json["marketplaces"]["acme"]["hostsLeftAlone"] == ["store"]
    code, output = status(watched)
    assert code == 1
    assert "✗ acme: store fails and is left alone" in output


def test_a_host_that_asked_to_be_left_alone_is_shown_and_no_failure(watched: Box) -> None:
    watched.answer = lambda _: throttled(120)
    watched.say(invoice("1"))
    watched.run()
    answer = ask(watched)
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert answer.json["marketplaces"]["acme"]["hostsLeftAlone"] == ["store"]
    assert "store left alone" in status(watched)[1]
    watched.clock.advance(120)
    assert ask(watched).json["marketplaces"]["acme"]["hostsLeftAlone"] == []


def test_a_message_that_nobody_sends_is_a_failure(watched: Box) -> None:
    watched.say(invoice("1"))
    watched.clock.advance((STALE - timedelta(seconds=1)).total_seconds())
    assert ask(watched).json["status"] == "ok"
    watched.clock.advance(1)
    assert ask(watched).json["problems"] == ["acme: a message has been due for 10 minutes"]
    watched.answer = lambda _: DELIVERED
    watched.run()
    assert ask(watched).json["status"] == "ok"


def test_what_waits_for_a_paused_marketplace_is_no_failure(watched: Box) -> None:
    watched.say(invoice("1", marketplace="resting"))
    watched.clock.advance(10 * STALE.total_seconds())
    answer = ask(watched)
    assert (answer.json["status"], answer.json["marketplaces"]["resting"]["pending"]) == ("ok", 1)


def test_what_waits_for_a_marketplace_that_is_not_configured_is_a_warning(watched: Box) -> None:
    watched.say(invoice("1", marketplace="gone"), invoice("2", marketplace="gone", order="2"))
    answer = ask(watched)
    assert (answer.status_code, answer.json["status"]) == (200, "warn")
    assert answer.json["problems"] == ["gone: 2 messages wait, but it is not configured"]
    assert "gone" not in answer.json["marketplaces"]
    code, output = status(watched)
    assert (code, "✗ gone: 2 messages wait, but it is not configured\n" in output) == (0, True)


def test_it_is_told_when_and_by_whom_was_drained_last(watched: Box) -> None:
    drain = watched.state.drain
    leadership = Leadership(drain.engine, drain.roles, clock=watched.clock, term=timedelta(seconds=15))
    leadership.hold()
    leadership.note_drain()
    watched.clock.advance(65)
    answer = ask(watched).json
    assert answer["lastDrain"] == "2026-03-04T15:45:02.130636+00:00"
    assert answer["leader"]["until"] == "2026-03-04T15:45:17.130636+00:00"
    output = status(watched)[1]
    assert "last drain   0:01:05 ago" in output
    assert f"leader       {answer['leader']['process']}, until" in output
    assert drain.health().level is Level.OK


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN, "\u00e9"])
def test_only_the_monitors_own_token_opens_the_route(watched: Box, token: str | None) -> None:
    """S5"""
    answer = ask(watched, token=token)
    assert (answer.status_code, answer.headers["x-vtex-error-code"]) == (401, "UNAUTHORIZED")


def test_the_token_may_come_as_a_bearer(watched: Box) -> None:
    assert ask(watched, token=None, Authorization=f"Bearer {HEALTH_TOKEN}").status_code == 200
    assert ask(watched, Authorization="Bearer wrong").status_code == 401


def test_a_slash_at_the_end_changes_nothing(watched: Box) -> None:
    with watched.shop.app.test_client() as client:
        assert client.get(f"/api/vtex/-/health/?token={HEALTH_TOKEN}").status_code == 200
        assert client.get("/api/vtex/-/health/").status_code == 401


def test_without_a_token_of_its_own_the_route_does_not_exist(new_shop: Callable[..., Shop]) -> None:
    box = make_box(new_shop)
    for token in (None, TOKEN, HEALTH_TOKEN):
        assert ask(box, token=token).status_code == 404


def test_the_monitors_token_opens_nothing_else(watched: Box) -> None:
    with watched.shop.app.test_client() as client:
        path = "/api/vtex/acme/pvt/orderForms/simulation"
        assert client.post(f"{path}?token={HEALTH_TOKEN}", json={}).status_code == 401


def test_nothing_is_written_by_looking(watched: Box) -> None:
    watched.say(invoice("1"))
    before = watched.rows()
    ask(watched)
    status(watched)
    assert watched.rows() == before
