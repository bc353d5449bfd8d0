'use strict';
/**
 * V8 compiles a function when it is called first, which takes 36 KiB of the stack: in calls that fail because the stack is full, probes could not begin.
 * So what runs where a call fails is compiled before, by calls of no program that are written to no file.
 */
const { FunctionDefinition, siteDefinition } = require('./definitions.cjs');
const { governor } = require('./governor.cjs');
const { Probes } = require('./probes.cjs');
const { Recorder } = require('./recorder.cjs');
const spans = require('./spans.cjs');

const { state } = spans;
/** @type {import('./definitions.cjs').Table} */
const TABLE = { file: '', sha256: '', level: 3, functions: [['', 0, 0, 'function', ['a'], 0, 3]], sites: [[0, 0, 0, '', 'call']], modules: [] };

/** Where records would go. */
const nowhere = { words: new Uint32Array(12), reserve: () => 0, commit() {}, flush() {} };

/** Before anything is recorded. */
function rehearse() {
  const { spent, taken, counted } = governor;
  const { quietUntil } = state;
  state.recorder = new Recorder(/** @type {any} */ (nowhere), '');
  state.quietUntil = Infinity;
  try {
    const definition = new FunctionDefinition(TABLE.file, TABLE.functions[0]);
    const probes = new Probes([definition], [siteDefinition(TABLE, TABLE.sites[0], definition)]);
    definition.budget.dark = 2;
    fail(probes);
    spans.report(new RangeError('Maximum call stack size exceeded'));
  } finally {
    state.recorder = null;
    state.quietUntil = quietUntil;
    state.counted.length = 0;
    Object.assign(governor, { spent, taken, counted });
  }
}

/** Calls that fail: one that is recorded, with one of its call expressions; one that was to be only counted; two without probes, one of them too deep; and one that is caught. @param {Probes} probes */
function fail(probes) {
  const error = new Error('');
  const outer = probes.e1(0, 0, '');
  probes.b(0, outer, ['']);
  probes.k(outer, error);
  const inner = probes.e1(0, 0, '');
  if (inner.level > 0) inner.isCounted = true;
  probes.b(0, inner, ['']);
  probes.t(error, false, 0, 0, ['']);
  const { maxDepth } = state;
  state.maxDepth = 0;
  probes.t(error, false, 0, 0, ['']);
  state.maxDepth = maxDepth;
  for (const frame of [inner, outer]) {
    probes.t(error, frame, 0, 0, ['']);
    probes.x(frame);
  }
  const counted = probes.e1(0, 0, '');
  counted.isCounted = true;
  probes.x(counted);
  spans.announceOpen(-1, () => {});
}

module.exports = { rehearse };
