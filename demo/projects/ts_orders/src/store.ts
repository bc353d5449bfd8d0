/** An asynchronous store in memory. Each read takes as long as a round trip to a near database. */

export interface Line {
  part: string;
  quantity: number;
}

export interface Address {
  street: string;
  country: string;
}

export interface Customer {
  id: string;
  name: string;
  address?: Address;
}

export interface Order {
  id: string;
  customerId: string;
  lines: Line[];
}

export class NotFoundError extends Error {
  constructor(what: string, id: string) {
    super(`no ${what} ${id}`);
    this.name = "NotFoundError";
  }
}

const roundTrip = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Table<Row extends { id: string }> {
  private rows = new Map<string, Row>();

  constructor(
    private readonly what: string,
    rows: Row[],
    private readonly latencyMs = 2,
  ) {
    for (const row of rows) this.rows.set(row.id, row);
  }

  async find(id: string): Promise<Row> {
    await roundTrip(this.latencyMs);
    const row = this.rows.get(id);
    if (row === undefined) throw new NotFoundError(this.what, id);
    return structuredClone(row);
  }

  async ids(): Promise<string[]> {
    await roundTrip(this.latencyMs);
    return [...this.rows.keys()];
  }

  async save(row: Row): Promise<void> {
    await roundTrip(this.latencyMs);
    this.rows.set(row.id, structuredClone(row));
  }
}

export class Database {
  readonly customers = new Table<Customer>("customer", [
    { id: "c-1", name: "Ada", address: { street: "12 Analytical Way", country: "GB" } },
    { id: "c-2", name: "Grace", address: { street: "7 Compiler Street", country: "US" } },
    { id: "c-3", name: "Linus" },
  ]);
  readonly orders = new Table<Order>("order", [
    { id: "o-1", customerId: "c-1", lines: [{ part: "bolt", quantity: 40 }, { part: "nut", quantity: 40 }] },
    { id: "o-2", customerId: "c-2", lines: [{ part: "gear", quantity: 2 }] },
    { id: "o-3", customerId: "c-3", lines: [{ part: "nut", quantity: 5 }] },
  ]);
}
