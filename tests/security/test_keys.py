"""Keys of the shop's seal what is stored of people: set late, rotated, lost, shared by nobody (S7)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import event, update

from flask_vtex_seller import ConfigurationError
from flask_vtex_seller.config import Secret
from flask_vtex_seller.outbox.message import UNREADABLE, Message, MessageState
from flask_vtex_seller.vault import Vault

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..marketplace.loopback import Loopback, loopback
from ..outbox.box import BUSY, DELIVERED, Box, invoice, make_box
from ..shops import Shop
from .canaries import EMAIL, KEY, NAME, OLD_KEY, SHOPS_EMAIL, body, leaks, life

BODY = {"embeddedInvoice": f"<xNome>{NAME}</xNome>", "email": EMAIL}


def box_with(new_shop: Callable[..., Shop], *keys: str) -> Box:
    return make_box(new_shop, VTEX_SELLER_ENCRYPTION_KEYS=list(keys))


def messages(box: Box, limit: int = 100) -> list[Message]:
    """What the shop reads, the oldest first."""
    with box.shop.app.app_context():
        return box.state.outbox.page(limit=limit)[::-1]


def rotate(box: Box) -> tuple[int, str]:
    result = box.shop.app.test_cli_runner().invoke(args=["vtex-seller", "rotate-keys"])
    return result.exit_code, result.output


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


# with a key


def test_a_body_and_an_answer_are_sealed_and_read_as_they_were(new_shop: Callable[..., Shop]) -> None:
    box = box_with(new_shop, KEY)
    box.say(invoice("1", body=BODY))
    box.answer = lambda _: replace(BUSY, excerpt=f"no such {NAME}")
    box.run()
    assert leaks(str(box.rows())) == []
    assert box.bodies == [BODY]
    (message,) = messages(box)
    assert (message.body, message.last_excerpt) == (BODY, f"no such {NAME}")


def test_no_two_rows_show_that_they_say_the_same(new_shop: Callable[..., Shop]) -> None:
    box = box_with(new_shop, KEY)
    box.say(invoice("1", body=BODY), invoice("2", body=BODY))
    assert len({row.body for row in box.rows()}) == 2


def test_what_was_written_before_there_was_a_key_is_read_and_sent(new_shop: Callable[..., Shop]) -> None:
    box_with(new_shop).say(invoice("1", body=BODY))
    box = box_with(new_shop, KEY)
    assert [message.body for message in messages(box)] == [BODY]
    assert box.run().delivered == 1
    assert box.bodies == [BODY]


def test_two_applications_of_one_database_have_keys_of_their_own(new_shop: Callable[..., Shop]) -> None:
    one, other = box_with(new_shop, KEY), box_with(new_shop, OLD_KEY)
    one.say(invoice("1", body=BODY))
    assert messages(other)[0].body is UNREADABLE
    assert messages(one)[0].body == BODY


def test_an_answer_that_looks_sealed_is_only_an_answer(new_shop: Callable[..., Shop]) -> None:
    box = box_with(new_shop)
    box.say(invoice("1"))
    box.answer = lambda _: replace(DELIVERED, excerpt="sealed:gAAAAA")
    box.run()
    assert messages(box)[0].last_excerpt == " sealed:gAAAAA"


def test_a_text_that_only_begins_like_a_sealed_one_is_unreadable_and_no_error() -> None:
    """One such row would end every attempt to take messages."""
    assert Vault([Secret(KEY)]).open("sealed:é") is None


# without the right one


@pytest.mark.parametrize("keys", [(), (OLD_KEY,)], ids=["no key", "another key"])
def test_a_message_that_no_key_opens_waits_and_holds_up_no_other_lane(
    new_shop: Callable[..., Shop], keys: tuple[str, ...]
) -> None:
    box_with(new_shop, KEY).say(invoice("1", order="A", body=BODY))
    box = box_with(new_shop, *keys)
    box.say(invoice("2", order="B"))
    report = box.run()
    assert (report.delivered, report.failed, box.names) == (1, 1, ["2"])
    assert box.rows()[0].last_reason == "cannot be read: no key of VTEX_SELLER_ENCRYPTION_KEYS opens it"
    whole = box_with(new_shop, *keys, KEY)
    whole.clock.advance(3600)
    assert whole.run().delivered == 1
    assert whole.bodies == [BODY]


def test_a_message_that_no_key_opens_can_be_shown_and_discarded(new_shop: Callable[..., Shop]) -> None:
    box_with(new_shop, KEY).say(invoice("1", body=BODY))
    runner = box_with(new_shop).shop.app.test_cli_runner()
    shown = runner.invoke(args=["vtex-seller", "outbox", "show", "1"])
    assert "no key of VTEX_SELLER_ENCRYPTION_KEYS opens it" in shown.output
    assert runner.invoke(args=["vtex-seller", "outbox", "discard", "1", "--reason", "x", "--yes"]).exit_code == 0


def test_an_order_whose_address_no_key_opens_is_an_order_without_one(
    new_shop: Callable[..., Shop], server: Loopback
) -> None:
    with life(new_shop, server, VTEX_SELLER_ENCRYPTION_KEYS=[KEY]) as lived:
        assert lived.call("/pvt/orders", [body("C-01")]).get_json()[0]["followUpEmail"] == SHOPS_EMAIL
    with life(new_shop, server) as keyless, keyless.shop.app.app_context():
        assert keyless.shop.seller.order("S-1").follow_up_email == ""


# rotation


def test_every_row_is_rotated_and_none_is_unreadable(
    new_shop: Callable[..., Shop], scale: Scale, figures: Figures
) -> None:
    rows = scale(300, 10_000)
    before = box_with(new_shop, OLD_KEY)
    before.say(*(invoice(str(number), order=str(number), body={**BODY, "n": number}) for number in range(rows)))
    exit_code, output = rotate(box_with(new_shop, KEY, OLD_KEY))
    assert exit_code == 0
    assert f"{rows} texts were sealed with the first key; 0 are unreadable" in output
    read = messages(box_with(new_shop, KEY), rows)
    numbers = [message.body["n"] for message in read if message.body is not UNREADABLE]
    figures.note("S7", rotated=rows, unreadable=rows - len(numbers))
    assert numbers == list(range(rows))


def test_a_rotation_that_was_cut_off_goes_on_where_it_was(new_shop: Callable[..., Shop]) -> None:
    box_with(new_shop, OLD_KEY).say(*(invoice(str(n), order=str(n), body=BODY) for n in range(250)))
    box, pages = box_with(new_shop, KEY, OLD_KEY), []

    def cut_off(_: object) -> None:
        pages.append(1)
        if len(pages) == 2:
            raise KeyboardInterrupt

    event.listen(box.state.drain.engine, "commit", cut_off)
    with pytest.raises(KeyboardInterrupt):
        box.state.personal_data.seal_anew()
    event.remove(box.state.drain.engine, "commit", cut_off)
    assert box.state.personal_data.seal_anew() == (150, 0)
    assert box.state.personal_data.seal_anew() == (0, 0)


def test_what_was_never_sealed_is_sealed_by_a_rotation_orders_included(
    new_shop: Callable[..., Shop], server: Loopback
) -> None:
    with life(new_shop, server) as lived:
        lived.call("/pvt/orders", [body("C-01")])
        lived.call("/pvt/orders/S-1/fulfill", {})
        lived.say("cancel_order", "S-1", reason=NAME)
    with life(new_shop, server, VTEX_SELLER_ENCRYPTION_KEYS=KEY) as lived:
        assert "2 texts were sealed" in lived.command("rotate-keys").output
        assert leaks(lived.dump()) == []
        with lived.shop.app.app_context():
            assert lived.shop.seller.order("S-1").follow_up_email == SHOPS_EMAIL


def test_a_rotation_tells_what_no_key_opens_and_leaves_it(new_shop: Callable[..., Shop]) -> None:
    box_with(new_shop, OLD_KEY).say(invoice("1", body=BODY))
    box = box_with(new_shop, KEY)
    stored = box.rows()[0].body
    exit_code, output = rotate(box)
    assert (exit_code, box.rows()[0].body) == (1, stored)
    assert "1 are unreadable" in output


def test_what_is_written_during_a_rotation_is_not_overwritten(new_shop: Callable[..., Shop]) -> None:
    box_with(new_shop, OLD_KEY).say(invoice("1", body=BODY))
    box = box_with(new_shop, KEY, OLD_KEY)
    personal, drain = box.state.personal_data, box.state.drain
    (page,) = personal._pages(personal._in_messages, names=("body", "last_excerpt"))
    with drain.engine.begin() as connection:
        connection.execute(update(drain.table).values(body=None, state=MessageState.DELIVERED.value))
        personal._in_messages.seal_anew(connection, page)
    assert box.rows()[0].body is None


def test_a_rotation_without_a_key_says_so(new_shop: Callable[..., Shop]) -> None:
    exit_code, output = rotate(box_with(new_shop))
    assert exit_code == 1
    assert "set VTEX_SELLER_ENCRYPTION_KEYS" in output


# configuration


def test_a_key_that_is_none_is_refused_by_its_place_and_not_shown(new_shop: Callable[..., Shop]) -> None:
    with pytest.raises(ConfigurationError, match="key 2 of VTEX_SELLER_ENCRYPTION_KEYS") as caught:
        new_shop(VTEX_SELLER_ENCRYPTION_KEYS=f"{KEY},no-key-at-all")
    assert "no-key-at-all" not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("value", [{"a": KEY}, 1.5, True, [None]])
def test_what_is_no_list_of_keys_is_refused(new_shop: Callable[..., Shop], value: object) -> None:
    with pytest.raises(ConfigurationError, match="VTEX_SELLER_ENCRYPTION_KEYS"):
        new_shop(VTEX_SELLER_ENCRYPTION_KEYS=value)


@pytest.mark.parametrize("nothing", [None, "", [], " , "])
def test_no_keys_seal_nothing(new_shop: Callable[..., Shop], nothing: object) -> None:
    assert not new_shop(VTEX_SELLER_ENCRYPTION_KEYS=nothing).app.extensions["vtex_seller"].drain.vault.has_keys


def test_a_repr_shows_no_key(new_shop: Callable[..., Shop]) -> None:
    state = box_with(new_shop, KEY).state
    shown = repr([state.settings, state, state.drain, state.drain.vault, vars(state.drain.vault)])
    assert KEY not in shown


def test_a_key_without_the_extra_names_the_extra(
    new_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(ConfigurationError, match=r"flask-vtex-seller\[encryption\]"):
        box_with(new_shop, KEY)


def test_without_a_key_cryptography_is_not_imported() -> None:
    probe = (
        "import sys; from flask_vtex_seller.vault import Vault; Vault().open(Vault().seal('x')); "
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False, timeout=60).returncode == 0
