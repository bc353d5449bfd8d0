'use strict';
/** A test is the root of a trace, with its id `file::suite > name`, and the asynchronous context of all that it sets off. */
const { AsyncLocalStorage } = require('node:async_hooks');
const path = require('node:path');
const { endSpan, libraryDefinition } = require('../library.cjs');
const spans = require('../spans.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */
/** @typedef {import('../tracer.cjs').Tracer} Tracer */

const definition = libraryDefinition('', 'test', 'test');

/** @param {Tracer} tracer @param {unknown} file @param {unknown[]} names of the suites around it, outermost first, and its own @returns {Frame | null} */
function beginTest(tracer, file, names) {
  if (spans.state.recorder === null) return null;
  const id = `${relative(tracer.root, typeof file === 'string' ? file : '')}::${names.map(String).filter(Boolean).join(' > ')}`.slice(0, 2000);
  const root = spans.newRoot({ type: 'test', name: id, testId: id });
  const frame = spans.beginAside(definition, null, root);
  frame.attributes = { 'test.case.name': id };
  return frame;
}

/** @param {string} root of the project @param {string} file a path or a file: URL @returns {string} */
function relative(root, file) {
  const plain = file.startsWith('file://') ? decodeURI(file.slice(7)) : file;
  return plain.startsWith(root + path.sep) ? plain.slice(root.length + 1).split(path.sep).join('/') : plain;
}

/** @param {Frame | null} frame @param {'pass' | 'fail' | 'skip'} status @param {unknown} [error] */
function endTest(frame, status, error) {
  endSpan(frame, { 'test.case.result.status': status }, status === 'fail' ? (error ?? new Error('the test failed')) : undefined);
}

/** Run `work` as a part of the test, or outside of any for null. @template T @param {Frame | null} frame @param {() => T} work @returns {T} */
function within(frame, work) {
  spans.state.contexts ??= new AsyncLocalStorage();
  return frame === null ? spans.state.contexts.exit(work) : spans.state.contexts.run(frame, work);
}

/** What runs from here on is a part of the test, or of none. @param {Frame | null} frame */
function enter(frame) {
  spans.state.contexts ??= new AsyncLocalStorage();
  spans.state.contexts.enterWith(/** @type {Frame} */ (frame ?? undefined));
}

module.exports = { beginTest, endTest, within, enter };
