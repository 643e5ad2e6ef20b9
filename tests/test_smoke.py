from .shops import Shop, order_body


def test_smoke(shop: Shop) -> None:
    assert shop.simulate(("apple", 1)).status_code == 200
    assert shop.call("/pvt/orders", [order_body()]).json[0]["orderId"] == "S-1"
    assert shop.order_ids() == ["S-1"]
