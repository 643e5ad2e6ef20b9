"""What the marketplace answers to the seller's calls about its catalog.

*Source:* catalog-skuseller OpenAPI, `POST …/changenotification/…`; suggestions OpenAPI; notificator OpenAPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalog import APPROVED, PENDING, Catalog, Sku
from .contracts import Verdict
from .incoming import Incoming
from .reply import Reply, error, json_reply
from .suggestion_rules import ERROR_NAMES, NOT_FOUND, NOT_PENDING


class Listing:
    """Answers the calls about the catalog of one seller that are as the contract has them.

    Not safe between threads: its owner holds a lock.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def notify_change(self, call: Incoming, verdict: Verdict) -> Reply:
        """Say whether the SKU is on sale here; the text for one that is not is published."""
        sku_id, seller_id = call.ids["sku_id"], call.ids["seller_id"]
        if self._catalog.sells(sku_id):
            return Reply(status=204, outcome="known")
        text = f"Seller StockKeepingUnit {sku_id} not found for this seller id {seller_id}"
        return Reply(status=404, content=text.encode(), media_type="text/plain", outcome="not known here")

    def notify_offer(self, call: Incoming, verdict: Verdict) -> Reply:
        """Take note of a new price or stock, and ask for it if the SKU is on sale here."""
        sku_id = call.ids["sku_id"]
        if self._catalog.sells(sku_id):
            return Reply(status=202, outcome="accepted, a simulation follows", index_sku=sku_id)
        return Reply(status=202, outcome="accepted; the SKU is not on sale here")

    def promise(self, call: Incoming, verdict: Verdict) -> Reply:
        """Take what the seller promises of SKUs that are on sale here."""
        unknown = [item["itemId"] for item in call.body if not self._catalog.sells(item["itemId"])]
        if unknown:
            message = "Invalid JSON or non-registered items."
            return json_reply(400, {"error": message}, outcome=f"not registered: {', '.join(unknown)}")
        return Reply(status=202, outcome=f"promises of {len(call.body)} items replaced")

    def suggest(self, call: Incoming, verdict: Verdict) -> Reply:
        """Take a suggestion, unless the SKU is approved already or blocked."""
        known = self._catalog.find(call.ids["sku_id"])
        if known is not None and known.state == APPROVED:
            return Reply(status=304, outcome="exists already")
        if known is not None and known.state != PENDING:
            return numbered_error(400, NOT_PENDING, f"the SKU is {known.state}")
        sku = self._catalog.suggest(call.ids["sku_id"], call.body, call.received_at)
        return Reply(status=200, outcome=f"{sku.state}, version {sku.version}")

    def read(self, call: Incoming, verdict: Verdict) -> Reply:
        """Return a suggestion as it stands."""
        sku = self._catalog.find(call.ids["sku_id"])
        if sku is None:
            return numbered_error(404, NOT_FOUND, "it was never suggested")
        return json_reply(200, _suggestion(sku, call.ids["seller_id"]), outcome=sku.state)


def numbered_error(status: int, code: int, message: str) -> Reply:
    """Return the refusal of a suggestion, with the published name of its number."""
    return error(status, code, f"{ERROR_NAMES[code]}: {message}", outcome=f"refused with error {code}: {message}")


def _suggestion(sku: Sku, seller_id: str) -> Mapping[str, Any]:
    """What this body looks like is not published; the keys are mentioned in the texts of the suggestions OpenAPI.

    All but `DenyReason`, which is a guess: sellers must not depend on it.
    """
    reason = {} if sku.reason is None else {"DenyReason": sku.reason}
    return {
        **reason,
        "SellerId": seller_id,
        "ItemId": sku.sku_id,
        "Status": sku.state.capitalize(),
        "latestVersionId": str(sku.version),
        "content": sku.content,
        "matches": [],
    }
