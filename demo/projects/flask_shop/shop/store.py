"""Orders in SQLite. Every call opens its own connection, so that threads of the server never share one."""

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field

SCHEMA = """
CREATE TABLE IF NOT EXISTS product(sku TEXT PRIMARY KEY, title TEXT, cents INTEGER, grams INTEGER);
CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY, customer TEXT, coupon TEXT);
CREATE TABLE IF NOT EXISTS line(order_id INTEGER, sku TEXT, quantity INTEGER);
"""

PRODUCTS = [
    ("mug", "Enamel mug", 1290, 340),
    ("tee", "T-shirt", 2450, 180),
    ("pin", "Sticker, free sample", 0, 5),
    ("bag", "Canvas bag", 1875, 260),
]

ORDERS = [
    ("ada", "WELCOME10", [("mug", 2), ("tee", 1)]),
    ("grace", None, [("bag", 1), ("mug", 4), ("pin", 1)]),
    ("linus", "WELCOME10", [("pin", 3)]),
]


class UnknownOrder(LookupError):
    """No order has this id."""


class UnknownProduct(LookupError):
    """Nothing is sold under this number."""


@dataclass
class Line:
    sku: str
    title: str
    quantity: int
    cents: int
    grams: int

    @property
    def subtotal(self):
        return self.quantity * self.cents


@dataclass
class Order:
    id: int
    customer: str
    coupon: str | None
    lines: list[Line] = field(default_factory=list)


class Store:
    def __init__(self, path):
        self.path = str(path)

    @contextmanager
    def connection(self):
        connection = sqlite3.connect(self.path)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def create_schema(self):
        with self.connection() as connection:
            connection.executescript(SCHEMA)

    def is_empty(self):
        with self.connection() as connection:
            return connection.execute("SELECT count(*) FROM product").fetchone()[0] == 0

    def seed(self):
        with self.connection() as connection:
            connection.executemany("INSERT INTO product VALUES (?, ?, ?, ?)", PRODUCTS)
        for customer, coupon, items in ORDERS:
            self.place_order(customer, [{"sku": sku, "quantity": quantity} for sku, quantity in items], coupon)

    def products(self):
        with self.connection() as connection:
            return connection.execute("SELECT * FROM product ORDER BY sku").fetchall()

    def order_ids(self):
        with self.connection() as connection:
            return [row["id"] for row in connection.execute("SELECT id FROM orders ORDER BY id")]

    def load_order(self, order_id):
        with self.connection() as connection:
            row = connection.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
            if row is None:
                raise UnknownOrder(f"no order {order_id}")
            order = Order(row["id"], row["customer"], row["coupon"])
            lines = connection.execute("SELECT sku, quantity FROM line WHERE order_id = ?", (order_id,)).fetchall()
            for line in lines:
                product = self.find_product(connection, line["sku"])
                order.lines.append(Line(line["sku"], product["title"], line["quantity"], product["cents"], product["grams"]))
        return order

    def find_product(self, connection, sku):
        row = connection.execute("SELECT * FROM product WHERE sku = ?", (sku,)).fetchone()
        if row is None:
            raise UnknownProduct(f"no product {sku!r}")
        return row

    def place_order(self, customer, items, coupon=None):
        with self.connection() as connection:
            for item in items:
                self.find_product(connection, item["sku"])
            order_id = connection.execute("INSERT INTO orders(customer, coupon) VALUES (?, ?)", (customer, coupon)).lastrowid
            rows = [(order_id, item["sku"], item["quantity"]) for item in items]
            connection.executemany("INSERT INTO line VALUES (?, ?, ?)", rows)
        return order_id
