import Items, { seen } from './a.mjs';
const { readFile } = await import('node:fs/promises');
const loaded = await top();
async function top() { return (await readFile(new URL(import.meta.url), 'utf8')).includes('import.meta'); }
class Source { #p = 1; *sync(n) { for (let i = 0; i < n; i++) yield i; } async *later(n) { try { for (let i = 0; i < n; i++) { await null; yield this.square(i); } } finally { log.push('closed'); } } square(i) { return i * i; } }
const log = [];
async function consume() { let t = 0; for await (const x of new Source().later(4)) { t += x; if (x > 3) break; } for await (const y of [Promise.resolve(1), 2]) t += y; return t; }
async function fails() { try { await bad(); } catch (e) { throw new TypeError('outer', { cause: e }); } finally { log.push('finally'); } }
async function bad() { await null; throw new RangeError('inner'); }
async function order() { const out = []; const a = async () => { out.push('a1'); await null; out.push('a2'); return 'A'; }; const b = async () => { out.push('b1'); await null; out.push('b2'); }; const p = a().then(() => out.push('a3')); const q = b().then(() => out.push('b3')); const r = (async () => Promise.resolve())().then(() => out.push('c')); const s = (async () => { for await (const x of [1]) out.push('d' + x); })(); await Promise.all([p, q, r, s]); return out.join(); }
const thenable = { then(resolve) { resolve('ok'); } };
async function awaited() { const stack = await (async function outer1() { async function inner1() { await null; throw new Error('s'); } try { await inner1(); } catch (e) { return /async outer1/.test(e.stack); } })(); return [await thenable, stack, await (async () => 5)(), (await Promise.all([1, Promise.resolve(2)])).length]; }
console.log(seen, new Items(1, 2).first(), loaded, [...new Source().sync(3)], await consume(), log);
console.log(await fails().catch((e) => [e.message, e.cause.message]), await order(), await awaited());
