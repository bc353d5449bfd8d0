'use strict';
/** Mocha: each test is a trace, with its `beforeEach` hooks. Its runner tells listeners; what it calls next runs in the context that they enter. */
const { ownerOf, quietly } = require('../library.cjs');
const { beginTest, endTest, enter } = require('./test-root.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

/** @type {WeakSet<Function>} */
const hooked = new WeakSet();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} _ @param {(file: string) => any} part gives what a file of the package exports */
function install(tracer, _, part) {
  const prototype = ownerOf(part('lib/runner.js').prototype, 'run');
  const original = prototype.run;
  if (hooked.has(original)) return;
  prototype.run = {
    /** @this {any} */
    run() {
      quietly(() => new Watcher(tracer, this));
      return Reflect.apply(original, this, arguments);
    },
  }.run;
  hooked.add(prototype.run);
}

class Watcher {
  /** The running test's span. @type {Frame | null} */
  frame = null;
  /** @type {unknown} what the running test, or a hook of it, failed with */
  error = undefined;

  /** @param {import('../tracer.cjs').Tracer} tracer @param {any} runner */
  constructor(tracer, runner) {
    /** @param {string} event @param {(test: any, error: any) => void} handle */
    const on = (event, handle) => runner.on(event, (/** @type {any} */ test, /** @type {any} */ error) => quietly(() => handle(test, error)));
    on('test', (test) => this.begin(tracer, test));
    on('fail', (_, error) => this.fail(error));
    on('retry', (_, error) => {
      this.fail(error);
      this.end(false);
    });
    on('test end', (test) => this.end(test.isPending()));
    // A `beforeEach` that fails ends the suite, without a word of the test.
    on('suite end', () => this.end(this.error === undefined));
  }

  /** @param {import('../tracer.cjs').Tracer} tracer @param {any} test */
  begin(tracer, test) {
    this.end(this.error === undefined);
    this.frame = beginTest(tracer, test.file, test.titlePath());
    enter(this.frame);
  }

  /** @param {unknown} error */
  fail(error) {
    if (this.frame !== null) this.error = error ?? new Error('the test failed');
  }

  /** @param {boolean} isSkipped */
  end(isSkipped) {
    if (this.frame === null) return;
    endTest(this.frame, isSkipped ? 'skip' : this.error === undefined ? 'pass' : 'fail', this.error);
    this.frame = null;
    this.error = undefined;
    enter(null);
  }
}

module.exports = { install };
