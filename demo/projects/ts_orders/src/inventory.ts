/** How much of each part is in the warehouse, and reservations. */

export class OutOfStockError extends Error {
  constructor(readonly part: string, readonly wanted: number, readonly available: number) {
    super(`${part}: ${wanted} wanted, ${available} left`);
    this.name = "OutOfStockError";
  }
}

export class Inventory {
  private stock = new Map<string, number>([
    ["bolt", 500],
    ["nut", 420],
    ["gear", 3],
  ]);

  async available(part: string): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return this.stock.get(part) ?? 0;
  }

  async reserve(part: string, quantity: number): Promise<number> {
    const available = await this.available(part);
    if (quantity > available) throw new OutOfStockError(part, quantity, available);
    this.stock.set(part, available - quantity);
    return available - quantity;
  }
}
