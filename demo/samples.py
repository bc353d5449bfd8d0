"""The two sample projects: how they are run, and what a trace of them must show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROJECTS = Path(__file__).resolve().parent / "projects"


@dataclass(frozen=True)
class Sample:
    """One project. `{python}`, `{node}` and `{port}` are filled in. `parents` are (parent, child) pairs of function names."""

    name: str
    folder: Path
    language: str
    test: tuple[str, ...]
    serve: tuple[str, ...]
    requests: tuple[tuple[str, str, str, int], ...]
    first_file: str
    functions_file: str
    functions: tuple[str, ...]
    one_function: str
    exclude: tuple[str, ...]
    request: str
    request_function: str
    request_parents: tuple[tuple[str, str], ...]
    await_function: str
    await_parents: tuple[tuple[str, str], ...]
    error: str
    error_function: str
    error_path: tuple[str, ...]
    slow: tuple[str, ...]


FLASK_SHOP = Sample(
    name="flask_shop",
    folder=PROJECTS / "flask_shop",
    language="python",
    test=("{python}", "-m", "pytest", "-q"),
    serve=("{python}", "-m", "flask", "--app", "shop.app", "run", "--port", "{port}"),
    requests=(
        ("GET", "/products", "", 200),
        ("GET", "/orders", "", 200),
        ("GET", "/orders/1/receipt", "", 200),
        ("GET", "/orders/2/shipping", "", 200),
        ("POST", "/orders", '{"customer": "alan", "items": [{"sku": "bag", "quantity": 2}], "coupon": "WELCOME10"}', 201),
        ("GET", "/orders/3/receipt", "", 500),
    ),
    first_file="shop/store.py",
    functions_file="shop/pricing.py",
    functions=("build_receipt", "allocate_discount"),
    one_function="share_of",
    exclude=("tests/*",),
    request="/orders/1/receipt",
    request_function="receipt",
    request_parents=(
        ("create_app.receipt", "Store.load_order"),
        ("Store.load_order", "Store.find_product"),
        ("create_app.receipt", "build_receipt"),
        ("build_receipt", "discount_cents"),
        ("build_receipt", "allocate_discount"),
        ("allocate_discount", "share_of"),
    ),
    await_function="collect_quotes",
    await_parents=(
        ("create_app.shipping_quotes", "collect_quotes"),
        ("collect_quotes", "total_grams"),
        ("collect_quotes", "ask_carrier"),
        ("ask_carrier", "quote_cents"),
    ),
    error="ZeroDivisionError",
    error_function="share_of",
    error_path=("create_app.receipt", "build_receipt", "allocate_discount", "share_of"),
    slow=("ask_carrier", "collect_quotes"),
)

TS_ORDERS = Sample(
    name="ts_orders",
    folder=PROJECTS / "ts_orders",
    language="typescript",
    test=("npm", "test", "--silent"),
    serve=("{node}", "--import", "tsx", "src/server.ts"),
    requests=(
        ("GET", "/orders/o-1", "", 200),
        ("GET", "/orders", "", 200),
        ("POST", "/orders", '{"customerId": "c-2", "lines": [{"part": "bolt", "quantity": 60}]}', 201),
        ("POST", "/orders", '{"customerId": "c-1", "lines": [{"part": "gear", "quantity": 9}]}', 409),
        ("GET", "/orders/o-3/label", "", 500),
    ),
    first_file="src/store.ts",
    functions_file="src/orders.ts",
    functions=("OrderService.view", "OrderService.place"),
    one_function="shippingZone",
    exclude=("tests/*", "*.test.ts"),
    request="/orders/o-1",
    request_function="OrderService.view",
    request_parents=(
        ("answer", "route"),
        ("route", "OrderService.view"),
        ("OrderService.view", "Table.find"),
        ("OrderService.view", "OrderService.viewLine"),
        ("OrderService.view", "orderTotal"),
    ),
    await_function="OrderService.place",
    await_parents=(
        ("route", "OrderService.place"),
        ("OrderService.place", "Inventory.reserve"),
        ("Inventory.reserve", "Inventory.available"),
        ("OrderService.place", "Table.save"),
        ("OrderService.place", "OrderService.view"),
        ("OrderService.view", "OrderService.viewLine"),
        ("OrderService.viewLine", "lineTotal"),
        ("lineTotal", "priceOf"),
    ),
    error="TypeError",
    error_function="shippingZone",
    error_path=("answer", "route", "OrderService.label", "shippingZone"),
    slow=("Table.find", "OrderService.list"),
)

SAMPLES = {sample.name: sample for sample in (FLASK_SHOP, TS_ORDERS)}
