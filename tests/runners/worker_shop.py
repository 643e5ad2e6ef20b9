"""The shop that a child process runs; the environment tells it where everything is."""

import json
import os

from flask import Flask

from ..marketplace.loopback import marketplace_at
from ..shops import Shop, make_shop


def environment(database_url: str, marketplace_url: str, **config: float) -> dict[str, str]:
    """What a child process needs to find the shop of a test."""
    # a proxy of this machine's has no business here
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    found = {"SHOP_DATABASE": database_url, "SHOP_MARKETPLACE": marketplace_url, "SHOP_CONFIG": json.dumps(config)}
    return {**inherited, **found, "PYTHONUNBUFFERED": "1"}


def the_shop() -> Shop:
    """The shop that the environment describes; its tables are there already, or are not."""
    return make_shop(
        os.environ["SHOP_DATABASE"],
        create_tables=False,
        marketplaces={"acme": marketplace_at(os.environ["SHOP_MARKETPLACE"])},
        **json.loads(os.environ["SHOP_CONFIG"]),
    )


def create_app() -> Flask:
    return the_shop().app
