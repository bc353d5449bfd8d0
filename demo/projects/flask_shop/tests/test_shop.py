"""The shop through its HTTP interface, and pricing by itself."""

from shop import pricing


def test_lists_products(client):
    assert [product["sku"] for product in client.get("/products").json] == ["bag", "mug", "pin", "tee"]


def test_receipt_takes_the_coupon_off(client):
    receipt = client.get("/orders/1/receipt").json
    assert receipt["discount"] == 503
    assert receipt["total"] == "53.87"


def test_quotes_come_in_the_order_of_the_carriers(client):
    answer = client.get("/orders/2/shipping").json
    assert [quote["carrier"] for quote in answer["quotes"]] == ["snail", "rocket", "bike"]
    assert answer["cheapest"]["carrier"] == "snail"


def test_a_placed_order_can_be_read_back(client):
    placed = client.post("/orders", json={"customer": "alan", "items": [{"sku": "bag", "quantity": 2}]})
    assert placed.status_code == 201
    assert client.get(f"/orders/{placed.json['id']}/receipt").json["total"] == "44.62"


def test_an_unknown_product_is_not_found(client):
    answer = client.post("/orders", json={"customer": "alan", "items": [{"sku": "moon", "quantity": 1}]})
    assert (answer.status_code, answer.json) == (404, {"error": "no product 'moon'"})


def test_a_discount_is_spread_without_losing_a_cent():
    assert sum(pricing.allocate_discount(1000, [3333, 3333, 3334])) == 1000
