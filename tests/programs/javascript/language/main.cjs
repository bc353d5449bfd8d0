#!/usr/bin/env node
'use strict';
// Corners of the language: the output must not change under instrumentation.
const vm = require('node:vm');
const results = {};
function check(name, work) {
  try {
    results[name] = work();
  } catch (error) {
    results[name] = `THROWN ${error.name} ${error.message}`;
  }
}

function usesArguments(a) { a = 9; return arguments.length + ':' + arguments[0] + ':' + a; }
function usesNewTarget() { return new.target === usesNewTarget; }
class Base { constructor() { this.name = new.target.name; } }
class Derived extends Base {
  #secret = 1;
  static { this.started = 5; }
  field = (n) => n + this.#secret;
  constructor(x) { const make = () => super(); make(); this.x = x; }
  method() { return super.toString === Object.prototype.toString; }
  static who() { return super.name; }
  get #hidden() { return this.#secret; }
  get shown() { return this.#hidden; }
  set shown(value) { this.#secret = value; }
  ['computed' + 1]() { return 'c'; }
  has(other) { return #secret in other; }
}
class Fake extends Base { constructor() { return { fake: 1 }; } }
function defaults(a, b = a + 1, { c = b } = {}, ...[d]) { return [a, b, c, d].join(); }
function defaultScope(a, f = () => a) { var a = 5; return f(); }
function* generator() { try { const x = yield 1; yield x * 2; } finally { results.finalized = true; } return 3; }
function* delegating() { const r = yield* generator(); return r; }
function bareYield() { return (function* () { const x = yield; return x; })(); }
function noSemicolons() {
  const a = 1
  const f = x => x
  const b = f(a)
  ;[b].forEach((x) => { results.asi = x })
  return a
}
function emptyReturn() {
  return
  1
}
const arrowObject = () => ({ a: 1 });
const arrowSequence = () => (1, 2);
const arrowChain = (a) => (b) => (c) => a + b + c;
const arrowComment = () => /* c */ ( // x
  [1, 2] // tail
);
const sequenceReturn = (a) => { return a, a + 1; };
const divides = (a, f) => a/f(2)/f(1);
const object = {
  get x() { return 1; },
  set x(value) { this._x = value; },
  async later() { return 3; },
  *items() { yield 4; },
  'quoted key'() { return 6; },
  7() { return 7; },
  __proto__: { inherited: 1 },
};
function labels() { outer: for (const i of [1, 2]) { for (;;) { if (i === 1) continue outer; break outer; } } return 'l'; }
function overriding() { try { return 1; } finally { return 2; } }
function catching() { try { throw new Error('a'); } catch { return 'c'; } finally { results.finallyRan = true; } }
function duplicate() { return inner(); function inner() { return 1; } }
function clashing(value) { function value() { return 'function'; } return typeof value; }
function switching(x) { switch (x) { case 1: return 'one'; case 2: { const y = 'two'; return y; } default: return 'other'; } }
function ownDirective() { 'use strict'; return this === undefined; }
function textOf() { return (function foo(a) { return a + 1; }).toString(); }
function inAnotherContext() { return vm.runInNewContext('(' + function (a) { return a * 2; } + ')(21)'); }
function names() { const f1 = function () {}; const f2 = () => {}; return [f1.name, f2.name, defaults.length, arrowChain.length, (async () => {}).constructor.name].join(); }
function lineOfError() { return new Error('x').stack.split('\n')[1].match(/:(\d+):\d+/)[1]; }
function optional(o) { return [o?.a, o?.f?.(1), o?.b.c.d(), delete o?.a, typeof o?.x]; }
function tagged(strings, ...values) { return strings.raw[0] + values.length; }
function usesTag() { return tagged`a${1}${2}`; }
function chained() { return [3, 1, 2].map((x) => x * 2).filter((x) => x > 2).sort((a, b) => a - b).join('-'); }
function spreads(...xs) { return Math.max(...xs, ...[1, 2]); }
function looped() { let sum = 0; for (let i = 0; i < 3; i++) sum += i; for (const k in { a: 1 }) sum += k.length; do sum++; while (sum < 10); if (sum) sum = -sum; else sum = 0; return sum; }
function closes() { let closed = 0; const it = { [Symbol.iterator]() { return { next: () => ({ value: 1, done: false }), return() { closed = 1; return {}; } }; } }; for (const x of it) break; return closed; }
function getterCount() { let calls = 0; const o = { get x() { calls++; return 1; } }; same(o); return calls; }
function same(x) { return x; }
function proxied() { const log = []; const p = new Proxy({}, { get: (t, k) => { log.push(String(k)); return undefined; }, ownKeys: () => { log.push('keys'); return []; } }); same(p); return log.length; }
function evaluated() { const q = 4; return eval('q + 1'); }
const recursive = function fact(n) { return n < 2 ? 1 : n * fact(n - 1); };
function assigned() { let a, b; a = b = 3; ({ a, ...b } = { a: 1, c: 2 }); [a] = [a + 1]; const o = {}; o.p = a; o.p += 2; o['q'] ??= 5; a++; return JSON.stringify([a, b, o]); }

check('arguments', () => usesArguments(1, 2));
check('newTarget', () => usesNewTarget() + ',' + new usesNewTarget().constructor.name);
check('derived', () => { const d = new Derived(3); d.shown = 8; return [d.name, d.x, d.method(), Derived.who(), d.shown, Derived.started, d.field(1), d.computed1(), d.has(d)].join(); });
check('fake', () => new Fake().fake);
check('defaults', () => defaults(1, undefined, undefined, 4) + defaultScope(1));
check('generator', () => { const i = generator(); return [i.next().value, i.next(5).value, i.return(8).value].join(); });
check('generatorThrow', () => { const i = generator(); i.next(); try { i.throw(new Error('z')); } catch (e) { return e.message; } });
check('delegating', () => [...delegating()].join());
check('bareYield', () => { const i = bareYield(); i.next(); return i.next(7).value; });
check('semicolons', () => [noSemicolons(), String(emptyReturn())]);
check('arrows', () => [arrowObject(), arrowSequence(), arrowChain(1)(2)(3), arrowComment(), sequenceReturn(1), divides(8, (x) => x)]);
check('object', () => { object.x = 3; return [object.x, object._x, [...object.items()], object['quoted key'](), object[7](), object.inherited]; });
for (const work of [labels, overriding, catching, duplicate, ownDirective, textOf, inAnotherContext, names, lineOfError, usesTag, chained, looped, closes, getterCount, proxied, evaluated, assigned]) check(work.name, work);
check('clashing', () => clashing(1));
check('switching', () => [switching(1), switching(2), switching(3)]);
check('optional', () => [optional(undefined), optional({ a: 1, f: (x) => x, b: { c: { d: () => 'd' } } })]);
check('spreads', () => spreads(5, 1));
check('recursive', () => recursive(5));
check('hoisted', () => hoisted());
check('own', () => class { static make() { return new this(); } }.make().constructor.name);
function hoisted() { return 'h'; }
console.log(JSON.stringify(results, null, 1));
process.exitCode = 3;
