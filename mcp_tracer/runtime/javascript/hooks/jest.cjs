'use strict';
/** Jest (jest-circus): each test is a trace, from its `beforeEach` to its `afterEach`. Its runner tells handlers in the global object of the tests. */
const { quietly } = require('../library.cjs');
const { beginTest, endTest, enter } = require('./test-root.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

const HANDLERS = Symbol.for('EVENT_HANDLERS');
const EXPECT = Symbol.for('$$jest-matchers-object');
/** @type {WeakSet<object>} */
const seen = new WeakSet();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} global of the tests */
function look(tracer, global) {
  const handlers = global[HANDLERS];
  if (!Array.isArray(handlers) || seen.has(handlers)) return;
  seen.add(handlers);
  const watcher = new Watcher(tracer, global);
  handlers.push((/** @type {any} */ event) => quietly(() => watcher.handle(event)));
}

class Watcher {
  /** The running test's span. @type {Frame | null} */
  frame = null;
  /** The tests and hooks that the runner is about to call, with their functions. @type {Map<any, any>} */
  called = new Map();

  /** @param {import('../tracer.cjs').Tracer} tracer @param {any} global */
  constructor(tracer, global) {
    this.tracer = tracer;
    this.global = global;
  }

  /** @param {any} event of jest-circus */
  handle(event) {
    if (event.name === 'test_start') this.frame = beginTest(this.tracer, this.global[EXPECT]?.state?.testPath, namesOf(event.test));
    else if (event.name === 'test_done') this.end(event.test.errors.length > 0 ? 'fail' : 'pass', event.test.errors[0]);
    else if (event.name === 'test_skip' || event.name === 'test_todo') this.end('skip', undefined);
    else if (event.name === 'test_fn_start') this.carry(event.test);
    else if (event.name === 'hook_start') this.carry(event.hook);
    else if (/^(test_fn|hook)_(success|failure)$/.test(event.name)) this.putBack(event.test !== undefined && event.name.startsWith('test') ? event.test : event.hook);
  }

  /** The runner takes the function from the test or hook right before it calls it: what is called then runs in the context that is entered there. @param {any} called */
  carry(called) {
    if (this.called.has(called)) return;
    const { frame } = this;
    const { fn } = called;
    this.called.set(called, fn);
    const get = () => {
      quietly(() => enter(frame));
      return fn;
    };
    Object.defineProperty(called, 'fn', { configurable: true, enumerable: true, get });
  }

  /** @param {any} called */
  putBack(called) {
    if (!this.called.has(called)) return;
    Object.defineProperty(called, 'fn', { configurable: true, enumerable: true, writable: true, value: this.called.get(called) });
    this.called.delete(called);
  }

  /** @param {'pass' | 'fail' | 'skip'} status @param {any} error or a pair of it and where the test stands */
  end(status, error) {
    for (const called of [...this.called.keys()]) this.putBack(called);
    endTest(this.frame, status, Array.isArray(error) ? (error[0] ?? error[1]) : error);
    this.frame = null;
  }
}

/** @param {any} test @returns {string[]} */
function namesOf(test) {
  const names = [];
  for (let one = test; one !== undefined && one.parent !== undefined; one = one.parent) names.unshift(one.name);
  return names;
}

module.exports = { look };
