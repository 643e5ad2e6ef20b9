// The same shop in Express, its bodies checked by zod, its catalog in memory.
"use strict";
const express = require("express");
const { z } = require("zod");

const count = (least) => z.number().int().min(least).max(2 ** 31 - 1);
const text = z.string().max(2000).nullish();
const Cart = z.object({
  items: z
    .array(
      z.object({
        id: z.string().min(1).max(128),
        quantity: count(1),
        seller: z.string().max(128).nullish(),
        parentItemIndex: count(0).nullish(),
        parentAssemblyBinding: text,
      })
    )
    .min(1)
    .max(500),
  postalCode: text,
  country: text,
  geoCoordinates: z.array(z.number()).nullish(),
  sc: text,
});
const { path, port, rows, slas } = JSON.parse(process.env.BENCHMARK_SHOP);
const shelf = new Map(rows.map(([id, price, listPrice, stock]) => [id, { price, listPrice, stock }]));
const options = slas.map(([id, name, price, shippingEstimate]) => ({
  id,
  name,
  deliveryChannel: "delivery",
  price,
  shippingEstimate,
  availableDeliveryWindows: [],
  pickupStoreInfo: null,
}));

const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "1mb" }));
app.post(path, (request, response) => {
  const read = Cart.safeParse(request.body);
  if (!read.success) return response.status(400).json({ error: read.error.issues });
  const cart = read.data;
  const hasAddress = Boolean(cart.postalCode && cart.country);
  const left = new Map();
  const items = [];
  const logisticsInfo = [];
  cart.items.forEach((item, index) => {
    const offer = shelf.get(item.id);
    const stock = left.has(item.id) ? left.get(item.id) : offer ? offer.stock : 0;
    const quantity = Math.min(item.quantity, stock);
    left.set(item.id, stock - quantity);
    items.push({
      id: item.id,
      requestIndex: index,
      quantity,
      seller: item.seller || "shop",
      merchantName: null,
      price: offer ? offer.price : 0,
      listPrice: offer ? offer.listPrice : 0,
      measurementUnit: "un",
      unitMultiplier: 1,
      priceValidUntil: null,
      priceTags: [],
      offerings: [],
      attachmentOfferings: [],
    });
    logisticsInfo.push({
      itemIndex: index,
      quantity,
      stockBalance: stock,
      shipsTo: ["BRA"],
      slas: quantity && hasAddress ? options : [],
      deliveryChannels: [{ id: "delivery", stockBalance: stock }],
    });
  });
  response.json({
    country: cart.country ?? null,
    postalCode: cart.postalCode ?? null,
    allowMultipleDeliveries: hasAddress,
    items,
    logisticsInfo: items.some((item) => item.quantity) ? logisticsInfo : [],
  });
});
app.listen(port, "127.0.0.1");
