"""Discounts, tax and receipts. Money is in cents."""

COUPONS = {"WELCOME10": 10, "STAFF25": 25}
TAX_PERCENT = 19


def build_receipt(order, tax=True):
    """What the customer pays, line by line."""
    lines = [{"title": line.title, "quantity": line.quantity, "cents": line.subtotal} for line in order.lines]
    discount = discount_cents(order)
    shares = allocate_discount(discount, [line["cents"] for line in lines]) if order.coupon else [0] * len(lines)
    for line, share in zip(lines, shares, strict=True):
        line["discount"] = share
    net = sum(line["cents"] - line["discount"] for line in lines)
    tax_cents = tax_of(net) if tax else 0
    return {"order": order.id, "lines": lines, "discount": discount, "tax": tax_cents, "total": format_money(net + tax_cents)}


def discount_cents(order):
    percent = COUPONS.get(order.coupon, 0)
    return sum(line.subtotal for line in order.lines) * percent // 100


def allocate_discount(discount, amounts):
    """Spread a discount over the lines by their share of the whole; what rounding leaves goes to the last line."""
    whole = sum(amounts)
    shares = [discount * share_of(amount, whole) // 10_000 for amount in amounts]
    shares[-1] += discount - sum(shares)
    return shares


def share_of(amount, whole):
    """In hundredths of a percent. (An order of free samples has a whole of 0: the bug of this shop.)"""
    return amount * 10_000 // whole


def tax_of(cents):
    return round(cents * TAX_PERCENT / 100)


def format_money(cents):
    return f"{cents // 100}.{cents % 100:02d}"
