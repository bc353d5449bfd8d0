/** Routes: from a request to a status and a JSON body. */

import { createServer, type IncomingMessage, type Server } from "node:http";
import { Inventory, OutOfStockError } from "./inventory.ts";
import { OrderService } from "./orders.ts";
import { Database, NotFoundError } from "./store.ts";

type Answer = { status: number; body: unknown };

async function readBody(request: IncomingMessage): Promise<any> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

async function route(service: OrderService, request: IncomingMessage): Promise<Answer> {
  const [, resource, id, action] = new URL(request.url ?? "/", "http://localhost").pathname.split("/");
  if (resource === "health") return { status: 200, body: { ok: true } };
  if (resource !== "orders") return { status: 404, body: { error: "no such page" } };
  if (request.method === "POST") {
    const { customerId, lines } = await readBody(request);
    return { status: 201, body: await service.place(customerId, lines) };
  }
  if (id === undefined) return { status: 200, body: await service.list() };
  if (action === "label") return { status: 200, body: await service.label(id) };
  return { status: 200, body: await service.view(id) };
}

const statusOf = (error: unknown): number => {
  if (error instanceof NotFoundError) return 404;
  return error instanceof OutOfStockError ? 409 : 500;
};

export async function answer(service: OrderService, request: IncomingMessage): Promise<Answer> {
  try {
    return await route(service, request);
  } catch (error) {
    return { status: statusOf(error), body: { error: (error as Error).message } };
  }
}

export function createApp(): Server {
  const service = new OrderService(new Database(), new Inventory());
  return createServer((request, response) => {
    answer(service, request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
  });
}
