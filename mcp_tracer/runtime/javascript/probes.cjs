'use strict';
/**
 * What instrumented text calls: one object a file, `$mt_…`. Every probe takes the value that it passes through as its first argument, and none throws.
 * Probes: e0…en entry, r, ra and o return, t throw, x exit, p suspend, w resume, k catch and finally, ai for await, b and d call, v variables, u property, l line.
 */
const types = require('node:util').types;
const { keep, pack } = require('./pack.cjs');
const { now } = require('./clock.cjs');
const { TAG, writeParam } = require('./recorder.cjs');
const { setBrief, writeValue, UNSEEN } = require('./values.cjs');
const { governor } = require('./governor.cjs');
const { Cell, Variable } = require('./gates.cjs');
const quoting = require('./quoting.cjs');
const spans = require('./spans.cjs');

const { NONE, BULK, state } = spans;
/** @typedef {import('./frame.cjs').Frame} Frame */
/** @typedef {import('./frame.cjs').Ghost} Ghost */
/** @typedef {import('./spans.cjs').Outer} Outer */
/** @typedef {import('./definitions.cjs').FunctionDefinition} FunctionDefinition */
/** @typedef {import('./recorder.cjs').Definition} Definition */

/** Of one span; further events are counted, and the span says so. */
const MAX_EVENTS = 10000;
/** So many events that are only counted pass before one is looked at. */
const MOST_PASSED = 255;
/** @type {never[]} spread behind a call's arguments it adds nothing */
const NOTHING = [];

/** @param {unknown} value @returns {boolean} whether it can be kept as it is: nothing can change it */
const isPrimitive = (value) => (typeof value !== 'object' && typeof value !== 'function') || value === null;

/** Encode parameters at once: objects change later. @param {Frame} frame @param {FunctionDefinition} fn @param {unknown[]} values */
function keepValues(frame, fn, values) {
  try {
    const start = fn.budget.measures() ? now() : 0;
    const names = fn.names;
    const count = Math.min(values.length, names.length);
    pack.reset();
    pack.byte(TAG.PARAMS);
    pack.array(count);
    frame.isBrief = !fn.budget.takeValues(frame.start);
    setBrief(frame.isBrief);
    for (let i = 0; i < count; i++) writeParam(names[i], values[i], fn.maxBytes);
    setBrief(false);
    keep(frame);
    if (start > 0) frame.captured = now() - start;
  } catch (fault) {
    frame.leavesOut = true;
    try {
      spans.report(fault);
    } catch {
      // The stack is full.
    }
  }
}

/** @param {Frame} frame @param {Definition} site @param {unknown[]} values the arguments of a call expression */
function keepArguments(frame, site, values) {
  try {
    pack.reset();
    pack.byte(TAG.PARAMS);
    pack.array(values.length);
    for (const value of values) writeValue(value, state.recorder?.maxBytes ?? 0);
    keep(frame);
  } catch (fault) {
    frame.leavesOut = true;
    spans.report(fault);
  }
}

/** The call expression whose value was used last in a call without probes that nothing stands for. @type {Definition | null} */
let usedUnseen = null;

class Probes {
  /** @param {FunctionDefinition[]} functions @param {Definition[]} sites @param {(index: number, value: number) => number} [exchange] of the variables that count calls down; text of earlier versions has none */
  constructor(functions, sites, exchange) {
    this.functions = functions;
    this.sites = sites;
    /** Text of earlier versions counts down here how many calls of each function may pass without probes, and takes `n` for the span of such a call. */
    this.c = new Int32Array(exchange === undefined ? functions.length : 0);
    this.n = NONE;
    /** What stands in text for a value that it cannot give. */
    this.q = UNSEEN;
    for (const [i, fn] of functions.entries()) fn.budget.mayGoDark(fn, exchange === undefined ? new Cell(this.c, i) : new Variable(exchange, i));
    /** How many times each call expression, line and variable may be passed without being looked at. */
    this.s = new Int32Array(sites.length);
    for (const [i, site] of sites.entries()) mayPass(site, new Cell(this.s, i));
  }

  /** A call without probes. @param {Outer} outer @returns {Ghost | false} */
  h(outer) {
    return spans.pass(outer);
  }

  /** The same, of a function that holds others. @param {Outer} outer @returns {Ghost | false} */
  z(outer) {
    return spans.shade(outer);
  }

  /** The same, of a function that can be suspended. @param {Outer} outer @returns {Ghost | false} */
  g(outer) {
    return spans.haunt(outer);
  }

  /** @param {number} i @param {Outer} outer */
  e0(i, outer) {
    if (i < 0) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
    return spans.enter(this.functions[i], outer);
  }

  /** @param {number} i @param {Outer} outer @param {unknown} a */
  e1(i, outer, a) {
    if (i < 0) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
    const fn = this.functions[i];
    const frame = spans.enter(fn, outer);
    if (frame.level > 1 && fn.keepsParams) {
      if (frame.isCounted || (fn.isPlain && isPrimitive(a))) {
        frame.inline = 1;
        frame.a = a;
      } else keepValues(frame, fn, [a]);
    }
    return frame;
  }

  /** @param {number} i @param {Outer} outer @param {unknown} a @param {unknown} b */
  e2(i, outer, a, b) {
    if (i < 0) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
    const fn = this.functions[i];
    const frame = spans.enter(fn, outer);
    if (frame.level > 1 && fn.keepsParams) {
      if (frame.isCounted || (fn.isPlain && isPrimitive(a) && isPrimitive(b))) {
        frame.inline = 2;
        frame.a = a;
        frame.b = b;
      } else keepValues(frame, fn, [a, b]);
    }
    return frame;
  }

  /** @param {number} i @param {Outer} outer @param {unknown} a @param {unknown} b @param {unknown} c */
  e3(i, outer, a, b, c) {
    if (i < 0) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
    const fn = this.functions[i];
    const frame = spans.enter(fn, outer);
    if (frame.level > 1 && fn.keepsParams) {
      if (frame.isCounted || (fn.isPlain && isPrimitive(a) && isPrimitive(b) && isPrimitive(c))) {
        frame.inline = 3;
        frame.a = a;
        frame.b = b;
        frame.c = c;
      } else keepValues(frame, fn, [a, b, c]);
    }
    return frame;
  }

  /** @param {number} i @param {Outer} outer @param {unknown[]} values */
  en(i, outer, values) {
    if (i < 0) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
    const fn = this.functions[i];
    const frame = spans.enter(fn, outer);
    if (frame.level > 1 && fn.keepsParams) {
      if (frame.isCounted) frame.late = values;
      else keepValues(frame, fn, values);
    }
    return frame;
  }

  /** @template T @param {T} value @param {Frame | false} frame @returns {T} */
  r(value, frame) {
    if (frame !== false && frame.level > 1) {
      frame.value = value;
      frame.hasValue = /** @type {FunctionDefinition} */ (frame.definition).keepsReturn;
    }
    return value;
  }

  /** What a return is assigned to where a call around it would undo a type that TypeScript infers. @param {Frame | false} frame @returns {{v: unknown}} */
  o(frame) {
    return frame || NONE;
  }

  /** The return of an async function: a promise that it returns is waited for. @template T @param {T} value @param {Frame | false} frame @returns {T} */
  ra(value, frame) {
    if (frame === false || frame.level === 0) return value;
    if (/** @type {FunctionDefinition} */ (frame.definition).tracksAsync && isPlainPromise(value)) frame.awaited = value;
    else this.r(value, frame);
    return value;
  }

  /** @template T @param {T} error @param {Frame | false} frame @param {number} [i] @param {Outer} [outer] @param {unknown[]} [values] for calls without probes @returns {T} */
  t(error, frame, i, outer = 0, values = NOTHING) {
    // Small, as the stack may be nearly full: the program gets its own error all the same.
    try {
      this.threw(error, frame, i, outer, values);
    } catch {
      // It is full.
    }
    return error;
  }

  /** @param {unknown} error @param {Frame | false} frame @param {number | undefined} i @param {Outer} outer @param {unknown[]} values */
  threw(error, frame, i, outer, values) {
    if (outer === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
    this.restore(error, frame);
    if (frame === false || frame.level === 0) {
      if (i !== undefined && this.functions[i].budget.gate !== null) spans.fail(this.functions[i], outer, frame, error, values);
    } else {
      frame.threw = true;
      frame.error = error;
      frame.hasValue = false;
      frame.keepsError = /** @type {FunctionDefinition} */ (frame.definition).keepsErrors && frame.level > 1;
    }
  }

  /** @param {unknown} error @param {Frame | false} frame where it is caught */
  restore(error, frame) {
    try {
      if (typeof error === 'object') quoting.restore(error, String((frame === false ? usedUnseen : frame.used)?.map.name ?? ''));
    } catch (fault) {
      spans.report(fault);
    }
  }

  /** @param {Frame | false} frame */
  x(frame) {
    if (frame === false || frame === NONE) return;
    try {
      spans.exit(frame);
    } catch {
      if (frame.level > 0 && !(/** @type {Frame} */ (frame).ended)) state.dropped++; // the stack is full
    }
  }

  /** @template T @param {T} value @param {Frame | false} frame @param {number} [site] of an await that is recorded as a child @returns {T} */
  p(value, frame, site) {
    if (frame === false || frame === NONE) return value;
    if (site !== undefined && frame.level > 2 && /** @type {FunctionDefinition} */ (frame.definition).tracksAsync && !this.passes(site, frame)) spans.beginCall(this.sites[site], frame);
    spans.suspend(frame);
    return value;
  }

  /** @template T @param {T} value @param {Frame | false} frame @param {number} [site] of the call that was awaited @returns {T} */
  w(value, frame, site) {
    if (frame === false || frame === NONE) return value;
    spans.resume(frame);
    if (site !== undefined && frame.level !== 0 && frame.call !== null) this.d(value, frame, site);
    return value;
  }

  /** @param {Frame | false} frame @param {unknown} [error] */
  k(frame, error) {
    try {
      if (error !== undefined) this.restore(error, frame);
      if (frame !== false) spans.recover(frame, error, arguments.length > 1);
    } catch {
      // The stack is full.
    }
  }

  /** @param {number} site @param {Frame | false} frame @param {unknown[]} [values] the arguments, where they could be read twice @param {number} [callee] the call expression whose value is called @returns {never[]} */
  b(site, frame, values, callee) {
    if (callee !== undefined) this.uses(callee, frame);
    if (frame !== false && frame.level > 2 && !this.passes(site, frame)) {
      const call = spans.beginCall(this.sites[site], frame);
      if (call.level > 2 && values !== undefined && /** @type {FunctionDefinition} */ (frame.definition).keepsParams) {
        if (call.isCounted) call.late = values;
        else keepArguments(call, call.definition, values);
      }
    }
    return NOTHING;
  }

  /** @template T @param {T} value @param {Frame | false} frame @param {number} site @returns {T} */
  d(value, frame, site) {
    this.uses(site, frame);
    if (frame !== false && frame.call !== null) spans.endCall(frame, this.sites[site], value, value !== UNSEEN && /** @type {FunctionDefinition} */ (frame.definition).keepsReturn);
    return value;
  }

  /** Its value is used next: an error's message may quote it. @param {number} site @param {Frame | false} frame */
  uses(site, frame) {
    if (frame === false) usedUnseen = this.sites[site];
    else frame.used = this.sites[site];
  }

  /** @param {number} site @param {Frame | false} frame @param {unknown[]} values */
  v(site, frame, values) {
    if (frame !== false && frame.level > 3 && !(frame.isQuiet && this.skips(site))) record(frame, this.sites[site], values);
  }

  /** @template T @param {T} value @param {number} site @param {Frame | false} frame @param {number} [step] what `++` or `--` behind it adds @returns {T} */
  u(value, site, frame, step) {
    if (frame !== false && frame.level > 3 && !(frame.isQuiet && this.skips(site))) record(frame, this.sites[site], [step === undefined ? value : stepped(value, step)]);
    return value;
  }

  /** @param {number} site @param {Frame | false} frame */
  l(site, frame) {
    if (frame !== false && frame.level > 4 && !(frame.isQuiet && this.skips(site))) record(frame, this.sites[site], null);
  }

  /** @param {number} site @returns {boolean} whether it is passed without being looked at */
  skips(site) {
    if (this.s[site] <= 0) return false;
    this.s[site]--;
    return true;
  }

  /** The same of a call expression. @param {number} site @param {Frame} frame @returns {boolean} */
  passes(site, frame) {
    return frame.root.sampled && frame.depth < state.maxDepth && this.skips(site);
  }

  /** @template T @param {T} iterated of a `for await` @param {Frame | false} frame @returns {T} */
  ai(iterated, frame) {
    return frame === false || frame === NONE ? iterated : /** @type {T} */ (suspending(iterated, frame));
  }
}

/** @param {Definition} site @param {Cell} cell */
function mayPass(site, cell) {
  const budget = /** @type {import('./governor.cjs').Budget} */ (site.budget);
  if (site.map.kind === 'call') budget.mayGoDark(site, cell);
  else budget.mayBePassed(site, cell);
}

/** @param {Frame} frame @param {Definition} site @param {unknown[] | null} values null for a line */
function record(frame, site, values) {
  const recorder = state.recorder;
  const fn = /** @type {FunctionDefinition} */ (frame.definition);
  if (recorder === null || !frame.root.sampled || (values !== null && !fn.keepsVariable(/** @type {string[]} */ (site.map.names)))) return;
  const budget = /** @type {import('./governor.cjs').Budget} */ (site.budget);
  budget.known++;
  if (frame.isCounted) {
    frame.isQuiet = true;
    return countEvent(site, budget, MOST_PASSED);
  }
  if (isLeftOut(frame, budget)) {
    frame.leavesOut = true;
    return countEvent(site, budget, frame.events >= MAX_EVENTS ? MOST_PASSED : budget.takeRest());
  }
  try {
    const time = now();
    recorder.event(frame, site, time, values);
    if (governor.isOn && budget.measures()) budget.measured(now() - time);
  } catch (fault) {
    frame.leavesOut = true;
    spans.report(fault);
  }
}

/** @param {Frame} frame that is recorded @param {import('./governor.cjs').Budget} budget of the line, checkpoint or variable @returns {boolean} whether it is only counted */
function isLeftOut(frame, budget) {
  if (frame.events >= governor.wholeEvents && !frame.isQuiet) {
    frame.isQuiet = true;
    frame.leavesOut = governor.passing.size > 0;
  }
  if (frame.events >= MAX_EVENTS) return true;
  if (!governor.isOn) return false;
  if (frame.isQuiet) return budget.take(0, false, 0) === 0;
  governor.spent += budget.cost;
  return false;
}

/** A line, checkpoint or variable that is only counted. @param {Definition} site @param {import('./governor.cjs').Budget} budget of it @param {number} more times that it may be passed before it is looked at again */
function countEvent(site, budget, more) {
  if (budget.count === 0) state.counted.push(site);
  budget.add(0, 0, false);
  budget.pass(more);
}

/** @param {unknown} value the number before @param {number} step @returns {unknown} */
const stepped = (value, step) => (typeof value === 'bigint' ? value + BigInt(step) : typeof value === 'number' ? value + step : value);

/** @param {unknown} value @returns {value is Promise<unknown>} a native promise whose `then` is the built-in one */
function isPlainPromise(value) {
  return types.isPromise(value) && Object.getPrototypeOf(value) === Promise.prototype && Object.getOwnPropertyNames(value).length === 0;
}

/** The iterable of a `for await` that gives the current span back at each step. It makes no promise of its own, so nothing is delayed. @param {any} iterated @param {Frame} frame */
function suspending(iterated, frame) {
  if (iterated === null || iterated === undefined) return iterated;
  const asyncMethod = iterated[Symbol.asyncIterator];
  const isAsync = asyncMethod !== undefined && asyncMethod !== null;
  const method = isAsync ? asyncMethod : iterated[Symbol.iterator];
  if (typeof method !== 'function') return iterated;
  return isAsync ? new AsyncSteps(iterated, method, frame) : new Steps(iterated, method, frame);
}

/** Both the iterable and its iterator: the loop asks for it once. */
class Stepping {
  /** @param {any} iterated @param {Function} method @param {Frame} frame */
  constructor(iterated, method, frame) {
    this.iterated = iterated;
    this.method = method;
    this.frame = frame;
    this.step = method;
  }

  start() {
    this.iterated = this.method.call(this.iterated);
    this.step = this.iterated.next;
    return this;
  }

  next() {
    const result = this.step.call(this.iterated);
    spans.suspend(this.frame);
    return result;
  }

  get return() {
    const method = this.iterated.return;
    if (method === undefined || method === null) return method;
    return (/** @type {unknown[]} */ ...values) => {
      const result = method.apply(this.iterated, values);
      spans.suspend(this.frame);
      return result;
    };
  }

  get throw() {
    return this.iterated.throw;
  }
}

class AsyncSteps extends Stepping {
  [Symbol.asyncIterator]() {
    return this.start();
  }
}

class Steps extends Stepping {
  [Symbol.iterator]() {
    return this.start();
  }
}

module.exports = { Probes };
