'use strict';
/**
 * node:test: each test function is a trace. Its runner calls it in an AsyncResource, the only part of it that can be reached however `test` was imported:
 * as it looks for `runInAsyncScope`, the test begins, and the resource takes its context over. No frame of ours stands below the test's.
 */
const { AsyncResource } = require('node:async_hooks');
const process = require('node:process');
const { className } = require('../builtins.cjs');
const { quietly } = require('../library.cjs');
const { beginTest, endTest, enter, within } = require('./test-root.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

/** @type {WeakSet<object>} the tests that have begun */
const begun = new WeakSet();
const original = AsyncResource.prototype.runInAsyncScope;

/** @param {import('../tracer.cjs').Tracer} tracer */
function install(tracer) {
  Object.defineProperty(AsyncResource.prototype, 'runInAsyncScope', {
    configurable: true,
    /** @this {any} */
    get() {
      if (className(Object.getPrototypeOf(this)) === 'Test') quietly(() => begin(tracer, this));
      return original;
    },
    /** @this {any} @param {unknown} value */
    set(value) {
      Object.defineProperty(this, 'runInAsyncScope', { value, writable: true, configurable: true, enumerable: this !== AsyncResource.prototype });
    },
  });
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} test */
function begin(tracer, test) {
  if (begun.has(test) || typeof test.pass !== 'function' || typeof test.fail !== 'function') return;
  begun.add(test);
  const names = [];
  for (let one = test; one !== null && one !== undefined && one.parent !== null; one = one.parent) names.unshift(one.name);
  if (names.length === 0) return;
  const frame = beginTest(tracer, test.loc?.file ?? test.entryFile ?? process.argv[1], names);
  watch(test, 'pass', () => endTest(frame, test.skipped || test.isSkipped ? 'skip' : 'pass'));
  watch(test, 'fail', (error) => endTest(frame, 'fail', error?.cause ?? error));
  adopt(test, frame);
}

/** Hear of the test's end. @param {any} test @param {string} name of the method by which its runner ends it @param {(value: any) => void} ended */
function watch(test, name, ended) {
  const method = test[name];
  test[name] = {
    /** @this {unknown} @param {unknown} value */
    [name](value) {
      quietly(() => ended(value));
      return Reflect.apply(method, this, arguments);
    },
  }[name];
}

/** Make `frame` the context of all that runs in `resource`: it is kept in the resource itself, and in newer Nodes in a property of it. @param {any} resource @param {Frame | null} frame */
function adopt(resource, frame) {
  original.call(resource, () => enter(frame));
  within(frame, () => {
    const made = /** @type {any} */ (new AsyncResource('mcp-tracer'));
    for (const symbol of Object.getOwnPropertySymbols(made)) if (symbol.description === 'context_frame') resource[symbol] = made[symbol];
  });
}

module.exports = { install };
