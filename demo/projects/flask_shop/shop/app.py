"""HTTP routes of the shop."""

import asyncio
import os

from flask import Flask, jsonify, request

from shop import pricing, shipping
from shop.store import Store, UnknownOrder, UnknownProduct


def create_app(database=None):
    app = Flask(__name__)
    store = Store(database or os.environ.get("SHOP_DATABASE", "shop.db"))
    store.create_schema()
    if store.is_empty():
        store.seed()

    @app.get("/health")
    def health():
        return jsonify(ok=True)

    @app.get("/products")
    def list_products():
        return jsonify([dict(row) for row in store.products()])

    @app.get("/orders")
    def list_orders():
        return jsonify([order_summary(store, order_id) for order_id in store.order_ids()])

    @app.get("/orders/<int:order_id>/receipt")
    def receipt(order_id):
        order = store.load_order(order_id)
        return jsonify(pricing.build_receipt(order))

    @app.get("/orders/<int:order_id>/shipping")
    def shipping_quotes(order_id):
        order = store.load_order(order_id)
        quotes = asyncio.run(shipping.collect_quotes(order))
        return jsonify(quotes=quotes, cheapest=min(quotes, key=lambda quote: quote["cents"]))

    @app.post("/orders")
    def create_order():
        body = request.get_json()
        order_id = store.place_order(body["customer"], body["items"], body.get("coupon"))
        return jsonify(order_summary(store, order_id)), 201

    @app.errorhandler(UnknownOrder)
    @app.errorhandler(UnknownProduct)
    def not_found(error):
        return jsonify(error=str(error)), 404

    return app


def order_summary(store, order_id):
    """One line of the order list. Loads the whole order, product by product, although only a sum is shown."""
    order = store.load_order(order_id)
    goods = sum(line.subtotal for line in order.lines)
    return {"id": order.id, "customer": order.customer, "items": len(order.lines), "goods": pricing.format_money(goods)}
