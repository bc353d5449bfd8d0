// Only types that can be erased: Node runs this file as it is.
interface Order { id: number; lines: readonly { price: number; count: number }[] }
const total = (order: Order): number => order.lines.reduce((sum, line) => sum + line.price * line.count, 0);
async function load(id: number): Promise<Order | null> { await Promise.resolve(); return id > 0 ? { id, lines: [{ price: 2, count: 3 }] } : null; }
function isOrder(value: unknown): value is Order { return typeof value === 'object' && value !== null && 'id' in value; }
export async function main(ids: number[]): Promise<string> {
  const orders = (await Promise.all(ids.map(async (id) => load(id)))).filter((order) => order !== null);
  const sums: number[] = [];
  for (const order of orders) { if (isOrder(order)) sums.push(total(order)); }
  return `${sums.join()} ${new Error('x').stack!.split('\n')[1]!.match(/:(\d+):\d+/)![1]}`;
}
console.log(await main([1, 0, 2]));
const pipe = (value: number, ...steps: ((n: number) => number)[]): number => steps.reduce((n, step) => step(n), value);
const plus = (by: number) => (n: number): number => n + by;
function piped(): number { return pipe(1, plus(2), plus.length > 0 ? plus(3) : plus(4), plus(5),); }
console.log(piped());
