'use strict';
/** Mocha: each test function is a trace. */
const { ownerOf, quietly } = require('../library.cjs');
const { beginTest, endTest, within } = require('./test-root.cjs');

/** @type {WeakSet<Function>} */
const hooked = new WeakSet();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} _ @param {(file: string) => any} part gives what a file of the package exports */
function install(tracer, _, part) {
  const prototype = ownerOf(part('lib/runnable.js').prototype, 'run');
  const original = prototype.run;
  if (hooked.has(original)) return;
  prototype.run = {
    /** @this {any} @param {any} done */
    run(done) {
      const frame = this.type === 'test' ? (quietly(() => beginTest(tracer, this.file, this.titlePath())) ?? null) : null;
      if (frame === null) return Reflect.apply(original, this, arguments);
      const finished = (/** @type {unknown[]} */ ...values) => {
        quietly(() => endTest(frame, this.pending ? 'skip' : values[0] ? 'fail' : 'pass', values[0]));
        return within(null, () => done(...values));
      };
      return within(frame, () => Reflect.apply(original, this, [finished]));
    },
  }.run;
  hooked.add(prototype.run);
}

module.exports = { install };
