import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { createApp } from "../src/app.ts";
import { orderTotal, rebatePercent } from "../src/pricing.ts";

const server = createApp();
let base = "";

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

const get = async (path: string) => {
  const response = await fetch(base + path);
  return { status: response.status, body: (await response.json()) as any };
};

const place = async (customerId: string, part: string, quantity: number) => {
  const body = JSON.stringify({ customerId, lines: [{ part, quantity }] });
  const response = await fetch(`${base}/orders`, { method: "POST", body });
  return { status: response.status, body: (await response.json()) as any };
};

test("an order is shown with customer, stock and total", async () => {
  const { status, body } = await get("/orders/o-1");
  assert.equal(status, 200);
  assert.equal(body.customer, "Ada");
  assert.deepEqual(body.lines[0], { part: "bolt", quantity: 40, cents: 456, inStock: 500 });
  assert.equal(body.totalCents, 722);
});

test("an unknown order is not found", async () => {
  assert.deepEqual(await get("/orders/o-99"), { status: 404, body: { error: "no order o-99" } });
});

test("placing an order takes its parts from the stock", async () => {
  const { status, body } = await place("c-2", "bolt", 60);
  assert.equal(status, 201);
  assert.equal(body.lines[0].inStock, 440);
});

test("more than is left cannot be ordered", async () => {
  assert.deepEqual(await place("c-1", "gear", 9), { status: 409, body: { error: "gear: 9 wanted, 3 left" } });
});

test("rebates grow with the quantity", () => {
  assert.deepEqual([5, 20, 50].map(rebatePercent), [0, 5, 10]);
  assert.equal(orderTotal([{ part: "gear", quantity: 2 }]), 3700);
});
