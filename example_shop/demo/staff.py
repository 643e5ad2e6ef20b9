"""Somebody in the shop's office, in front of its admin pages."""

import re

from flask import Flask

from ..security import ADMIN_USER


class Staff:
    """Fills in the forms of the admin pages, as a browser would send them."""

    def __init__(self, shop: Flask) -> None:
        self._client = shop.test_client()
        self._auth = (ADMIN_USER, str(shop.config["SHOP_ADMIN_PASSWORD"]))

    def save_product(self, code: str, *, price: str, stock: int) -> None:
        """Save one line of the page of products.

        Raises:
            LookupError: the page has no such product, or did not take it.
        """
        path = "/admin/products/"
        form = self._open(path).partition(f'action="{path}{code}"')[2]
        sent = {"stock_seen": _hidden(form, "stock_seen"), "price": price, "stock": str(stock)}
        self._send(f"{path}{code}", _hidden(form, "csrf_token"), sent)

    def move_order(self, number: str, step: str, **fields: str) -> None:
        """Press a button of an order's page.

        Raises:
            LookupError: there is no such order, or it cannot take that step.
        """
        path = f"/admin/orders/{number}"
        self._send(f"{path}/{step}", _hidden(self._open(path), "csrf_token"), fields)

    def _open(self, path: str) -> str:
        answer = self._client.get(path, auth=self._auth)
        if answer.status_code != 200:
            raise LookupError(f"{path} answered {answer.status_code}")
        return answer.text

    def _send(self, path: str, token: str, fields: dict[str, str]) -> None:
        form = {**fields, "csrf_token": token}
        answer = self._client.post(path, data=form, auth=self._auth, follow_redirects=True)
        refused = re.search(r"(Nothing was changed[^<]*|[^<>]* is not saved[^<]*)", answer.text)
        if answer.status_code != 200 or refused:
            raise LookupError(refused.group(1) if refused else f"{path} answered {answer.status_code}")


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    if found is None:
        raise LookupError(f"the page has no field {name}")
    return found.group(1)
