"""Whatever a body holds, the answer is one of the error contract, and soon there. (S1)"""

import json
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import engine
from schemathesis.config import SchemathesisConfig

from flask_vtex_seller.web.openapi import make_document

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..shops import TOKEN, Shop
from .hostile import ENCODINGS, TEMPLATES, VALUES, Call, Raw, changed, dump, exploded, mutation, open_everything, paths
from .hostile import send as call_shop

KNOWN_KEYS = sorted(
    {key for path in TEMPLATES.values() for node in paths(path) for key in node if isinstance(key, str)}
)
MEGABYTE = 1024 * 1024


class Watch:
    """Sends calls and looks at each answer."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.seconds: list[float] = []
        self.statuses: dict[int, int] = {}

    def send(self, call: Call) -> Any:
        before, begun = exploded(self.shop), time.perf_counter()
        response = call_shop(self.shop, call)
        self.seconds.append(time.perf_counter() - begun)
        self.judge(response.status_code, response.headers, response.get_data(), call.method)
        if response.status_code == 500:
            assert response.json["error"]["code"] == "ORD008"
            assert exploded(self.shop) > before, "no function of the shop's raised"
        return response

    def judge(self, status: int, headers: Any, body: bytes, method: str) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        assert status < 501 or status == 503, (status, body)
        assert headers["Content-Type"] == "application/json"
        assert headers["Cache-Control"] == "no-store"
        if status >= 400:
            assert headers["x-vtex-error-code"]
        if body or (status >= 400 and method != "HEAD"):
            json.loads(body)

    @property
    def slow(self) -> float:
        """The 99th hundredth, in milliseconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)] * 1000


@pytest.fixture
def watch(new_shop: Callable[..., Shop]) -> Watch:
    return Watch(open_everything(new_shop))


def memory() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


# the corpus


@pytest.mark.parametrize("path", TEMPLATES)
def test_each_hostile_value_at_the_root_and_each_wrong_encoding_is_answered(watch: Watch, path: str) -> None:
    for value in VALUES:
        watch.send(Call(path, dump(value)))
    for encode in ENCODINGS:
        watch.send(Call(path, encode(dump(TEMPLATES[path]))))


def test_each_hostile_value_at_each_node_is_answered(watch: Watch, scale: Scale, rng: Random, figures: Figures) -> None:
    """A sample of all pairs of node and value."""
    values = [value for value in VALUES if scale.full or len(dump(value)) < 10_000]
    pairs = [(path, node, value) for path, body in TEMPLATES.items() for node in paths(body) for value in values]
    for path, node, value in rng.sample(pairs, scale(600, 8000)):
        watch.send(Call(path, dump(changed(TEMPLATES[path], node, value))))
    figures.note("S1", requests=len(watch.seconds), answers=watch.statuses, slowest_hundredth=f"{watch.slow:.0f} ms")
    assert {200, 400} <= watch.statuses.keys()
    assert watch.slow < 200


def test_calls_that_are_wrong_all_over_take_no_memory(
    watch: Watch, scale: Scale, rng: Random, figures: Figures
) -> None:
    for _ in range(scale(150, 500)):
        watch.send(mutation(rng))
    before = memory()
    for _ in range(scale(400, 5000)):
        watch.send(mutation(rng))
    grown = (memory() - before) / MEGABYTE
    figures.note("S1", requests=len(watch.seconds), answers=watch.statuses, memory_grown=f"{grown:.1f} MB")
    assert grown <= 20


# what Hypothesis thinks of


def _scalars() -> st.SearchStrategy[Any]:
    numbers = st.integers() | st.floats() | st.sampled_from(VALUES)
    return st.none() | st.booleans() | numbers | st.text(max_size=30) | st.binary(max_size=20).map(Raw)


def _values() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(KNOWN_KEYS) | st.text(max_size=8)
    return st.recursive(
        _scalars(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=12,
    )


@st.composite
def calls(draw: st.DrawFn) -> Call:
    path = draw(st.sampled_from(list(TEMPLATES)))
    body = draw(_values())
    if draw(st.booleans()):
        body = changed(TEMPLATES[path], draw(st.sampled_from(list(paths(TEMPLATES[path])))), body)
    query = draw(st.sampled_from(["", "sc=1", "sc=%00", "sc=" + "x" * 200, "sc=%ff%fe", "sc=1&sc=2", "%F0%28=%80"]))
    return Call(path, dump(body), query=query)


def test_whatever_hypothesis_thinks_of_is_answered(watch: Watch, scale: Scale, seed: int, figures: Figures) -> None:
    @hypothesis.seed(seed)
    @settings(
        max_examples=scale(100, 3000),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(calls())
    def run(call: Call) -> None:
        watch.send(call)

    run()
    figures.note("S1", requests=len(watch.seconds), answers=watch.statuses)
    assert len(watch.seconds) >= scale(100, 3000)


# what schemathesis makes of our own document


PHASES = ("coverage", "fuzzing", "examples", "stateful")
"""Of schemathesis. Our document has neither examples nor links, which the last two are about."""


def test_what_our_own_document_describes_and_what_it_forbids_is_answered(
    watch: Watch, scale: Scale, seed: int, figures: Figures
) -> None:
    """Boundaries and broken rules of every field, and what is drawn; of the simulation's cart in the short form."""
    app = watch.shop.app
    document = make_document(app.extensions["vtex_seller"].settings, base_url="http://localhost", marketplace="acme")
    troubles: list[Any] = []
    for path, phase in product(scale(["/pvt/orderForms/simulation"], document["paths"]), scale(PHASES[:1], PHASES[:2])):
        config = {
            "seed": seed,
            "headers": {"X-VTEX-API-AppToken": TOKEN},
            "generation": {"max-examples": 400, "no-shrink": True, "database": "none"},
            "phases": {name: {"enabled": name == phase} for name in PHASES},
            "checks": {"enabled": False},
            "workers": 1,
            "continue-on-failure": True,
        }
        schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
        troubles += _troubles(watch, schema.include(path=path))
    figures.note("S1", requests=sum(watch.statuses.values()), answers=watch.statuses)
    assert troubles == []
    assert sum(watch.statuses.values()) >= scale(300, 3000)
    assert {200, 400, 405} <= watch.statuses.keys()


def _troubles(watch: Watch, schema: Any, most: int = 1000) -> list[Any]:
    """Send what schemathesis makes of a schema, and return what kept it from going on.

    Args:
        most: the requests after which it is told to stop: it combines an order's fields without an end.
    """
    begun = sum(watch.statuses.values())

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if sum(watch.statuses.values()) - begun >= most:
            events.stop()
        told: list[Any] = []
        body = b"".join(watch.shop.app.wsgi_app(environ, lambda status, headers, *_: told.append((status, headers))))
        status, headers = told[0]
        watch.judge(int(status[:3]), dict(headers), body, environ["REQUEST_METHOD"])
        assert not status.startswith("5"), body
        start(status, headers)
        return [body]

    schema.app = app
    events = engine.from_schema(schema).execute()
    return [event for event in events if type(event).__name__ in ("NonFatalError", "FatalError")]


# what is said of it in the documentation


def test_of_a_key_that_stands_twice_the_last_counts(watch: Watch) -> None:
    """In the order that the shop gets and in the echo alike: else what is checked were not what is kept."""
    watch.shop.call("/pvt/orders", [TEMPLATES["/pvt/orders"][0] | {"marketplaceOrderId": "other-01"}])
    once = dump(TEMPLATES["/pvt/orders"])
    twice = once.replace(b'"quantity":1', b'"quantity":-1,"quantity":1').replace(
        b'"openTextField":null', b'"a":1,"a":2'
    )
    assert twice.count(b'"quantity"') > once.count(b'"quantity"')
    (echo,) = watch.send(Call("/pvt/orders", twice)).json
    assert (echo["items"][0]["quantity"], echo["a"]) == (1, 2)
    refused = once.replace(b'"quantity":1', b'"quantity":1,"quantity":-1')
    assert watch.send(Call("/pvt/orders", refused)).status_code == 400


def test_what_could_be_read_but_not_written_is_refused(watch: Watch) -> None:
    """The echo of an order holds all that the order held: JSON is read to a depth at which it cannot be written."""
    (order,) = TEMPLATES["/pvt/orders"]
    for depth, status in ((60, 200), (65, 400), (300, 400), (900, 400)):
        deep = Raw(b"[" * depth + b"]" * depth)
        body = dump([{**order, "marketplaceOrderId": f"{depth}-01", "customData": deep}])
        assert watch.send(Call("/pvt/orders", body)).status_code == status
