"""Quotes of several carriers, asked at the same time."""

import asyncio

CARRIERS = {
    "snail": {"base": 350, "per_kilo": 120, "delay_s": 0.02},
    "rocket": {"base": 990, "per_kilo": 310, "delay_s": 0.005},
    "bike": {"base": 500, "per_kilo": 200, "delay_s": 0.01},
}


async def collect_quotes(order):
    """One quote a carrier, in the order of the list."""
    grams = total_grams(order)
    return await asyncio.gather(*(ask_carrier(name, grams) for name in CARRIERS))


async def ask_carrier(name, grams):
    """A carrier's answer takes its time."""
    carrier = CARRIERS[name]
    await asyncio.sleep(carrier["delay_s"])
    return {"carrier": name, "cents": quote_cents(carrier, grams)}


def total_grams(order):
    return sum(line.quantity * line.grams for line in order.lines)


def quote_cents(carrier, grams):
    kilos = -(-grams // 1000)
    return carrier["base"] + carrier["per_kilo"] * kilos
