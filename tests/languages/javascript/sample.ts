import { EventEmitter } from 'node:events';
export type Shape = { kind: 'circle'; r: number } | { kind: 'square'; side: number };
export function make(flag: boolean): Shape { if (flag) { return { kind: 'circle', r: 1 }; } return { kind: 'square', side: 2 }; }
export const area = (s: Shape): number => { switch (s.kind) { case 'circle': return s.r ** 2; case 'square': return s.side ** 2; } };
export const lit = (): 'a' | 'b' => 'a';
export function curried(a: number): (b: number) => number { return (b) => a + b; }
export const handlers: Record<string, (x: number) => string> = { up: (x) => `${x}`, down(x) { return String(x); } };
export async function get(id: number): Promise<Shape | undefined> { const m = await load(id); if (!m) return undefined; return { kind: 'circle', r: m.r }; }
async function load(id: number): Promise<{ r: number } | null> { await Promise.resolve(); return id > 0 ? { r: id } : null; }
export function isString(x: unknown): x is string { return typeof x === 'string'; }
export function assertString(x: unknown): asserts x is string { if (typeof x !== 'string') throw new TypeError('no'); }
export function fail(message: string): never { throw new Error(message); }
export function useAll(x: unknown, y: string | null): number {
  assertString(x);
  const n = x.length;
  if (y === null) fail('null');
  const list = [1, null, 3].filter((v) => v !== null);
  const first: number = list[0] ?? 0;
  const out = [];
  for (const v of list) { out.push(v * 2); }
  if (isString(y) && y.length > 2) return y.length;
  let total: number;
  if (n > 1) { total = 1; } else { total = 2; }
  const o: { p?: number } = {};
  o.p = total; o.p += 1;
  const map: Map<string, number[]> = new Map();
  map.set('a', [1]);
  const set = new Set<string>(['a']);
  return first + out.length + total + (map.get('a')?.length ?? 0) + set.size;
}
export function* numbers(n: number): Generator<number, string, boolean> { for (let i = 0; i < n; i++) { const stop = yield i; if (stop) return 'stopped'; } return 'done'; }
export function* untyped(n: number) { yield n; yield* [1, 2]; }
export async function* agen(): AsyncGenerator<string> { for await (const x of [Promise.resolve('a')]) { yield x; } }
abstract class Base<T> { protected abstract readonly id: T; constructor(protected name: string) {} abstract run(): Promise<T>; get label(): string { return this.name; } set label(v: string) { this.name = v; } static of<K>(k: K): K { return k; } }
export class Derived extends Base<number> { readonly id: number; #x = 1; field = (n: number) => n + this.#x; constructor(private readonly extra: number, name = 'x') { super(name); this.id = extra; } override async run(): Promise<number> { return this.extra + (await Promise.all([1, Promise.resolve(2)]))[1]; } }
export class Emitter extends EventEmitter { private n = 0; constructor() { super(); this.on('x', (a: number) => { this.n += a; }); } total(): number { return this.n; } }
export function over(a: string): string; export function over(a: number): number; export function over(a: string | number): string | number { return a; }
export function generic<T extends { id: number }>(items: readonly T[], pick: (t: T) => boolean = () => true): T[] { return items.filter(pick).map((t) => ({ ...t })).sort((a, b) => a.id - b.id); }
export enum Color { Red, Green = 5 } export namespace NS { export function inner(a: number): number { return a + Color.Green; } }
export function neverEnd(s: Shape): string { switch (s.kind) { case 'circle': return 'c'; case 'square': return 's'; default: { const x: never = s; return x; } } }
export function tryIt(): number { try { return JSON.parse('1') as number; } catch (e) { if (e instanceof Error) return e.message.length; return 0; } finally { void 0; } }
export const tuple = (): [number, string] => [1, 'a'];
export const asConst = () => ({ a: 1, b: ['x'] }) as const;
export function reducer(xs: number[]): Record<string, number> { return xs.reduce((acc, x) => { acc[String(x)] = x; return acc; }, {} as Record<string, number>); }
export const nested = async (): Promise<number[]> => Promise.all([1, 2].map(async (x) => { const y = await load(x); return y?.r ?? 0; }));
export function overloadCb(cb: (err: Error | null, value?: string) => void): void { setTimeout(() => cb(null, 'x'), 1); }
export class Stack<T> { private items: T[] = []; push(...xs: T[]): this { this.items.push(...xs); return this; } pop(): T | undefined { return this.items.pop(); } *[Symbol.iterator](): IterableIterator<T> { for (const i of this.items) yield i; } }
export function withThis(this: { n: number }, k: number): number { return this.n + k; }
function guardUse(x: string | number): string { if (!isString(x)) return ''; return x.toUpperCase(); }
export const used = guardUse('a');
export function pad(a: string, ...rest: Array<string | undefined>): string { return [a, ...rest].filter((s): s is string => !!s).join(); }
export const lookup = (k: keyof typeof Color): number => Color[k];
export function evolve(): string { let x = null; let y; y = 5; x = 'a'; const z = []; z.push(y); return x + z.length; }
export const once = ((): number => { const a = make(true); return area(a); })();
export const Made = class { static #n = 0; static { this.#n = ((n: number) => n + 1)(this.#n); } };
declare class Source<T> { value: T; pipe<A>(a: Step<T, A>): Source<A>; pipe<A, B>(a: Step<T, A>, b: Step<A, B>): Source<B>; }
type Step<T, R> = (source: Source<T>) => Source<R>;
declare function take<T>(n: number): Step<T, T>; declare function or<T, D = T>(d: D): Step<T, T | D>;
export function firstOr<T, D>(d: D): Step<T, T | D> { return (source) => source.pipe(take(1), or(d)); }
export function either<T, D>(d: D, some: boolean): Step<T, T | D> { return (source) => source.pipe(take(1), some ? or(d) : or(d)); }
