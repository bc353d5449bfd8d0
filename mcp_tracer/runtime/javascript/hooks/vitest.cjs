'use strict';
/** Vitest: each test is a trace, from its `beforeEach` to its `afterEach`. Its worker says in a global object which task runs. */
const { quietly } = require('../library.cjs');
const { beginTest, endTest, enter } = require('./test-root.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

/** @type {WeakSet<object>} */
const seen = new WeakSet();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} global */
function look(tracer, global) {
  const worker = global.__vitest_worker__;
  if (worker === undefined || worker === null || seen.has(worker)) return;
  seen.add(worker);
  /** @type {Map<any, Frame | null>} */
  const running = new Map();
  let { current } = worker;
  Object.defineProperty(worker, 'current', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set(task) {
      current = task;
      quietly(() => change(tracer, running, task));
    },
  });
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {Map<any, Frame | null>} running @param {any} task that runs now: a test, a suite, a file or nothing */
function change(tracer, running, task) {
  for (const [test, frame] of running) {
    const state = test.result?.state;
    if (state === 'run' || state === undefined || test === task) continue;
    running.delete(test);
    endTest(frame, state === 'fail' ? 'fail' : state === 'pass' ? 'pass' : 'skip', errorOf(test.result.errors?.[0]));
  }
  const isNew = task?.type === 'test' && !running.has(task);
  if (isNew) running.set(task, beginTest(tracer, task.file?.filepath, namesOf(task)));
  enter(running.get(task) ?? null);
  // The files are done: the worker is about to be killed.
  if (task === undefined) tracer.pause();
}

/** Errors are described for their way to another process. @param {any} described @returns {Error | undefined} one with the same class name, message and stack */
function errorOf(described) {
  if (described === undefined) return undefined;
  const name = typeof described.name === 'string' ? described.name : 'Error';
  const Type = { [name]: class extends Error {} }[name];
  const error = new Type(String(described.message));
  error.stack = String(described.stack ?? '');
  return error;
}

/** @param {any} test @returns {string[]} */
function namesOf(test) {
  const names = [];
  for (let one = test; one !== undefined && one !== null && one.type !== undefined && one.filepath === undefined; one = one.suite) names.unshift(one.name);
  return names;
}

module.exports = { look };
