#!/usr/bin/env node
/** overloads, parameter properties, decorators, enums, namespaces, JSX */
function ov(a: string): string; function ov(a: number): number; function ov(a: any): any { return a }
abstract class A { abstract m(): void; declare x: number; constructor(protected readonly y: number, private z = 3) {} get v(): number { return this.y + this.z } static #c = 0; static inc = () => ++A.#c }
class B2<T> extends A { own = this.y + 1; constructor(public p: number) { const q = p * 2; super(q); this.own++; } m() {} override get v() { return super.v * 2 } async *it<U>(this: B2<T>, ...xs: U[]): AsyncGenerator<U> { for (const x of xs) yield x } }
const marks: string[] = [];
function dec(value: any, context: any) { marks.push(String(context.kind)); return value }
@dec class C1 { @dec p() { return 1 } }
enum E { X = f1(), Y = 2 } function f1() { return 7 }
namespace NS { export function inner(a: number) { return a + 1 } export const k = inner(1) }
declare function ext(a: number): void;
type Fn = (a: number) => void; interface I { m(a: string): void }
const gen = <T,>(x: T): T => x, asserted = (<T,>(v: unknown) => v as T)<number>(5)!;
const React = { createElement: (t: any, p: any, ...c: any[]): any => ({ t: typeof t === 'function' ? t(p ?? {}) : t, c }) }
const Comp = ({ n, children }: { n: number; children?: any }) => <div title={`n${n}`} onClick={() => f1()}>{[1, 2].map(i => <b key={i}>{i}</b>)}{children}</div>
function guard(x: unknown): x is string { return typeof x === 'string' } function asrt(x: unknown): asserts x { if (!x) throw new Error('no') }
const r: (a: number) => (b: number) => number = (a): (b: number) => number => (b) => a + b
async function all() { const o: any[] = []; for await (const x of new B2<number>(1).it(1, 2)) o.push(x); const z = await Promise.resolve(3) as any; return [...o, z satisfies number] }
console.log(ov(3), new B2<string>(2).v, new B2(4).own, new C1().p(), marks.join(), E.X, E.Y, NS.k, gen(1), r(1)(2), guard('a'), asserted, A.inc(), JSON.stringify(<Comp n={1} />), asrt(1))
all().then((v) => console.log(v, new Error('line').stack!.split('\n')[1]!.match(/:(\d+):\d+/)![1]))
