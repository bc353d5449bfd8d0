'use strict';
/** node:test: each test function is a trace. Its runner calls it in an AsyncResource, the only part of it that can be reached however `test` was imported. */
const { AsyncResource } = require('node:async_hooks');
const { className } = require('../builtins.cjs');
const { quietly } = require('../library.cjs');
const { beginTest, endTest, partOf } = require('./test-root.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

/** @param {import('../tracer.cjs').Tracer} tracer */
function install(tracer) {
  const prototype = /** @type {any} */ (AsyncResource.prototype);
  const { runInAsyncScope } = {
    /** @this {any} @param {any} fn @param {unknown} self @param {unknown[]} values */
    runInAsyncScope(fn, self, ...values) {
      const frame = className(Object.getPrototypeOf(this)) === 'Test' ? (quietly(() => begin(tracer, this, values)) ?? null) : null;
      if (frame === null) return Reflect.apply(original, this, arguments);
      return run(frame, this, () => Reflect.apply(original, this, [partOf(frame, fn), self, ...values]), values);
    },
  };
  const original = prototype.runInAsyncScope;
  prototype.runInAsyncScope = runInAsyncScope;
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} test @param {unknown[]} values its context, and `done` where it takes one @returns {Frame | null} */
function begin(tracer, test, values) {
  const own = values[0];
  if (typeof own !== 'object' || own === null || className(Object.getPrototypeOf(own)) !== 'TestContext') return null;
  const names = [];
  for (let one = test; one !== null && one !== undefined && one.parent !== null; one = one.parent) names.unshift(one.name);
  return names.length === 0 ? null : beginTest(tracer, test.loc?.file ?? test.entryFile ?? process.argv[1], names);
}

/** @param {Frame} frame @param {any} test @param {() => any} work @param {any[]} values */
function run(frame, test, work, values) {
  const done = values[1];
  const passed = () => quietly(() => endTest(frame, test.skipped || test.isSkipped ? 'skip' : 'pass'));
  const failed = (/** @type {unknown} */ error) => quietly(() => endTest(frame, 'fail', error));
  if (typeof done === 'function') {
    values[1] = {
      /** @this {unknown} @param {unknown} error */
      done(error) {
        if (error) failed(error);
        else passed();
        return Reflect.apply(done, this, arguments);
      },
    }.done;
  }
  try {
    const result = work();
    if (typeof done === 'function' && result === undefined) return result;
    if (typeof result?.then !== 'function') passed();
    else result.then(passed, failed);
    return result;
  } catch (error) {
    failed(error);
    throw error;
  }
}

module.exports = { install };
