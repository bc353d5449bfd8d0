/** Prices in cents. */

import type { Line } from "./store.ts";

const PRICES: Record<string, number> = { bolt: 12, nut: 7, gear: 1850 };
const REBATES = [
  { from: 50, percent: 10 },
  { from: 20, percent: 5 },
];

export const priceOf = (part: string): number => PRICES[part] ?? 0;

export const rebatePercent = (quantity: number): number => REBATES.find((rebate) => quantity >= rebate.from)?.percent ?? 0;

export function lineTotal(line: Line): number {
  const gross = priceOf(line.part) * line.quantity;
  return gross - Math.floor((gross * rebatePercent(line.quantity)) / 100);
}

export function orderTotal(lines: Line[]): number {
  return lines.map((line) => lineTotal(line)).reduce((sum, cents) => sum + cents, 0);
}
