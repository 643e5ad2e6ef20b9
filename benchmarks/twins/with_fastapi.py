"""The same shop in FastAPI: pydantic models in and out; with a database, SQLAlchemy's asyncio session and entities.

Each line is quoted by itself, with delivery options of its own. With BENCHMARK_TUNED it does as ours does: one object
for the options that lines have in common, the same statement, rows for entities, no transaction.
"""

import json
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

import catalog
import sqlalchemy as sa
from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

TUNED = bool(os.environ.get("BENCHMARK_TUNED"))

Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=2000)]


class Item(BaseModel):
    id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
    seller: Id | None = None
    parentItemIndex: Count | None = None
    parentAssemblyBinding: Text | None = None


class Cart(BaseModel):
    items: Annotated[list[Item], Field(min_length=1, max_length=500)]
    postalCode: Text | None = None
    country: Text | None = None
    geoCoordinates: list[float] | None = None
    sc: Text | None = None


class Offering(BaseModel):
    type: str
    id: str
    name: str
    price: int


class AttachmentOffering(BaseModel):
    name: str
    required: bool
    schema_: Annotated[dict[str, object], Field(alias="schema")]


class QuotedItem(BaseModel):
    id: str
    requestIndex: int
    quantity: int
    seller: str
    merchantName: str | None
    price: int
    listPrice: int
    measurementUnit: str
    unitMultiplier: float | int
    priceValidUntil: str | None
    priceTags: list[str]
    offerings: list[Offering]
    attachmentOfferings: list[AttachmentOffering]


class Window(BaseModel):
    startDateUtc: str
    endDateUtc: str
    price: int


class PickupStore(BaseModel):
    isPickupStore: bool
    friendlyName: str
    address: dict[str, object]
    additionalInfo: str


class SlaOut(BaseModel):
    id: str
    name: str
    deliveryChannel: str
    price: int
    shippingEstimate: str
    availableDeliveryWindows: list[Window]
    pickupStoreInfo: PickupStore | None


class Channel(BaseModel):
    id: str
    stockBalance: int


class Logistics(BaseModel):
    itemIndex: int
    quantity: int
    stockBalance: int
    shipsTo: list[str]
    slas: list[SlaOut]
    deliveryChannels: list[Channel]


class Answer(BaseModel):
    country: str | None
    postalCode: str | None
    allowMultipleDeliveries: bool
    items: list[QuotedItem]
    logisticsInfo: list[Logistics]


class Base(DeclarativeBase):
    pass


class Sku(Base):
    __table__ = catalog.TABLE


app = FastAPI()
shelf = {row.id: row for row in catalog.rows()}
engine = create_async_engine(catalog.DATABASE) if catalog.DATABASE else None
sessions = async_sessionmaker(engine)
reading = engine and engine.execution_options(isolation_level="AUTOCOMMIT")
statement = engine and catalog.select_skus(engine.dialect.name)


async def database_session() -> AsyncIterator[AsyncSession | None]:
    if not catalog.DATABASE or TUNED:
        yield None
        return
    async with sessions() as session:
        yield session


async def find(sku_ids: list[str], session: AsyncSession | None) -> dict[str, Any]:
    if session:
        return {sku.id: sku for sku in await session.scalars(sa.select(Sku).where(Sku.id.in_(sku_ids)))}
    if not reading:
        return {sku_id: shelf[sku_id] for sku_id in sku_ids if sku_id in shelf}
    async with reading.connect() as connection:
        return {row.id: row for row in await connection.execute(statement, {"ids": json.dumps(sku_ids)})}


@app.post(catalog.PATH)
async def simulate(cart: Cart, session: Annotated[AsyncSession | None, Depends(database_session)]) -> Answer:
    found = await find(list(dict.fromkeys(item.id for item in cart.items)), session)
    has_address = bool(cart.postalCode and cart.country)
    shared = slas() if TUNED else None
    left = {sku_id: row.stock for sku_id, row in found.items()}
    items, logistics = [], []
    for index, item in enumerate(cart.items):
        row, stock = found.get(item.id), left.get(item.id, 0)
        quantity = min(item.quantity, stock)
        left[item.id] = stock - quantity
        items.append(_item(index, item, quantity, row))
        logistics.append(
            Logistics(
                itemIndex=index,
                quantity=quantity,
                stockBalance=stock,
                shipsTo=["BRA"],
                slas=(shared or slas()) if quantity and has_address else [],
                deliveryChannels=[Channel(id="delivery", stockBalance=stock)],
            )
        )
    return Answer(
        country=cart.country,
        postalCode=cart.postalCode,
        allowMultipleDeliveries=has_address,
        items=items,
        logisticsInfo=logistics if any(item.quantity for item in items) else [],
    )


def slas() -> list[SlaOut]:
    return [_sla(*sla) for sla in catalog.SLAS]


def _item(index: int, item: Item, quantity: int, row: Any) -> QuotedItem:
    return QuotedItem(
        id=item.id,
        requestIndex=index,
        quantity=quantity,
        seller=item.seller or "shop",
        merchantName=None,
        price=row.price if row else 0,
        listPrice=row.list_price if row else 0,
        measurementUnit="un",
        unitMultiplier=1,
        priceValidUntil=None,
        priceTags=[],
        offerings=[],
        attachmentOfferings=[],
    )


def _sla(id_: str, name: str, price: int, estimate: str) -> SlaOut:
    return SlaOut(
        id=id_,
        name=name,
        deliveryChannel="delivery",
        price=price,
        shippingEstimate=estimate,
        availableDeliveryWindows=[],
        pickupStoreInfo=None,
    )
