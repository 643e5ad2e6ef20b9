"""A shop in a process of its own whose delivery options never come for one address."""

import json
import os
import threading
from collections.abc import Iterable

from flask import Flask

from flask_vtex_seller import SimulationRequest, Sla

from ..shops import make_shop


def create_app() -> Flask:
    shop = make_shop(os.environ["SHOP_DATABASE"], **json.loads(os.environ["SHOP_CONFIG"]))

    def slas(request: SimulationRequest) -> Iterable[Sla]:
        if request.postal_code == "00000-000":
            threading.Event().wait()
        return [Sla(id="standard", name="Standard", price=990, shipping_estimate="5bd")]

    shop.slas = slas
    # what the hooks were asked is of no interest here, and must not fill the memory that is measured
    shop.app.teardown_request(lambda _: shop.asked.clear())
    return shop.app
