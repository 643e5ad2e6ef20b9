"""The request of a fulfillment simulation on the wire; `answer_schemas` has the answer.

Source: external-seller-fulfillment OpenAPI, `/pvt/orderForms/simulation`.
"""

import logging

from marshmallow import fields, validate

from ..config import Marketplace
from ..errors import InvalidRequest
from ..offers import SimulationItem, SimulationRequest
from ..schema_loader import (
    Count,
    GeoCoordinates,
    Identifier,
    Lenient,
    LenientCount,
    OptionalText,
    WireSchema,
    entries,
    load,
)

_log = logging.getLogger(__name__)


class SimulationItemSchema(WireSchema):
    """`items[]` of the request."""

    makes = SimulationItem

    sku_id = Identifier(data_key="id", metadata={"description": "The shop's own id of the SKU."})
    quantity = LenientCount(minimum=1, required=True)
    seller_id = OptionalText(data_key="seller", max_length=128, metadata={"description": "Repeated in the answer."})
    parent_item_index = Lenient(Count(), data_key="parentItemIndex")
    parent_assembly_binding = Lenient(
        OptionalText(), data_key="parentAssemblyBinding", metadata={"aliases": ("parentAssembluBinding",)}
    )


class SimulationRequestSchema(WireSchema):
    """The request; postal code and country are absent, null or empty when there is no address."""

    items = fields.Nested(SimulationItemSchema, many=True, required=True, validate=validate.Length(min=1))
    postal_code = OptionalText(data_key="postalCode", metadata={"description": "With a country, an address."})
    country = OptionalText(metadata={"description": "With a postal code, an address."})
    geo_coordinates = GeoCoordinates(data_key="geoCoordinates", load_default=None)
    sales_channel = OptionalText(
        data_key="sc", metadata={"description": "Sales channel; the query's is taken if there is none here."}
    )


_REQUEST = SimulationRequestSchema()


def read_request(
    body: object, marketplace: Marketplace, *, sales_channel: str | None, max_items: int
) -> SimulationRequest:
    """Return the request that `body` holds.

    Args:
        sales_channel: of the query, for a body that names none; the configured one comes last.
        max_items: the most lines that are taken.

    Raises:
        InvalidRequest: names the field.
    """
    if entries(_REQUEST.given(body, "items")) > max_items:
        raise InvalidRequest(f"items: the cart has more than {max_items} lines", code="INVALID_FIELD")
    data = load(_REQUEST, body)
    place = data["geo_coordinates"]
    if bool(data["postal_code"]) is not bool(data["country"]):
        _log.info(
            "postal code and country come together; one alone is no address", extra={"marketplace": marketplace.name}
        )
    return SimulationRequest(
        marketplace=marketplace.name,
        items=tuple(data["items"]),
        postal_code=data["postal_code"],
        country=data["country"],
        geo_coordinates=place and marketplace.longitude_first(place),
        sales_channel=data["sales_channel"] or sales_channel or marketplace.sales_channel,
        raw=body,  # type: ignore[arg-type]
    )
