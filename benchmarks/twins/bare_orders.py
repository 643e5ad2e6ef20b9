"""The least that Flask can do about orders: read the body, do what the shop's hook does, commit, answer with it.

With BENCHMARK_HEARD it also runs, in the same transaction, the statements that `ours_orders` wrote down for the
order `orders.RECORDED`: straight through the driver, so that nothing but the database's work is in them.
"""

import json
import os
from pathlib import Path

import orders
import orjson
from flask import Response, request

app = orders.create_app()
heard = os.environ.get("BENCHMARK_HEARD")
STATEMENTS = {
    verb: [(statement, json.dumps(parameters)) for statement, parameters in said["statements"]]
    for verb, said in (json.loads(Path(heard).read_bytes()) if heard else {}).items()
}


def repeat(verb: str, id_: str) -> None:
    """Run the statements for the order."""
    if verb not in STATEMENTS:
        return
    cursor = orders.db.session.connection().connection.cursor()
    for statement, parameters in STATEMENTS[verb]:
        cursor.execute(statement, orjson.loads(parameters.replace(orders.RECORDED, id_)))
        if cursor.description:
            cursor.fetchall()
    cursor.close()


def answered() -> Response:
    orders.db.session.commit()
    return Response(request.get_data(), mimetype="application/json")


@app.post(orders.VERBS["placement"])
def place() -> Response:
    (order,) = orjson.loads(request.get_data())
    orders.place(order["marketplaceOrderId"], [(item["id"], item["quantity"]) for item in order["items"]])
    repeat("placement", order["marketplaceOrderId"])
    return answered()


@app.post("/pvt/orders/<order_id>/fulfill")
def release(order_id: str) -> Response:
    id_ = orjson.loads(request.get_data())["marketplaceOrderId"]
    orders.release(order_id)
    repeat("authorization", id_)
    return answered()


@app.post("/pvt/orders/<order_id>/cancel")
def cancel(order_id: str) -> Response:
    id_ = orjson.loads(request.get_data())["marketplaceOrderId"]
    orders.cancel(order_id)
    repeat("cancellation", id_)
    return answered()
