"""The fixtures where a shop's tests have no fixture `app`."""

import pytest

from flask_vtex_seller.testing import VtexMarketplace


def test_without_an_application_the_remedy_is_named(vtex_marketplace: VtexMarketplace) -> None:
    with pytest.raises(RuntimeError, match=r"a fixture `app`, or vtex_marketplace\.use\(app\)"):
        vtex_marketplace.simulate(("apple", 1))
