'use strict';
/** What the hooks share: a span around one call of a library. The library's function is called exactly once, whatever we do. */
const { libraryDefinition } = require('./definitions.cjs');
const { now } = require('./clock.cjs');
const spans = require('./spans.cjs');

/** @typedef {import('./frame.cjs').Frame} Frame */
const { state } = spans;

/** A finished or running call that does not become the current span. @param {ReturnType<typeof libraryDefinition>} definition @param {Record<string, unknown>} attributes @param {Frame | null} parent @returns {Frame | null} null where nothing is recorded */
function startSpan(definition, attributes, parent) {
  if (state.recorder === null || (parent !== null && (!parent.root.sampled || parent.depth + 1 >= state.maxDepth))) return null;
  const root = parent === null ? spans.newRoot({ type: 'call', name: definition.map.name, ...state.remote }) : parent.root;
  const frame = spans.begin(definition, parent, root, null, 2);
  frame.attributes = attributes;
  return frame;
}

/** @param {Frame | null} frame @param {Record<string, unknown>} [attributes] known only now @param {unknown} [error] */
function endSpan(frame, attributes, error) {
  if (frame === null || frame.ended) return;
  if (attributes !== undefined) Object.assign(/** @type {object} */ (frame.attributes), attributes);
  if (error !== undefined) {
    frame.threw = true;
    frame.error = error;
  }
  spans.finish(frame, now());
}

/**
 * Replace `owner[name]` by a function that records a span around it.
 * @param {any} owner @param {string} name @param {(self: any, values: any[]) => Frame | null} start @param {(frame: Frame, result: any) => void} done
 */
function wrapMethod(owner, name, start, done) {
  const original = owner[name];
  if (typeof original !== 'function') return;
  const wrapper = {
    /** @this {unknown} @param {unknown[]} values */
    method(...values) {
      const frame = quietly(() => start(this, values)) ?? null;
      let result;
      try {
        result = original.apply(this, values);
      } catch (error) {
        quietly(() => endSpan(frame, undefined, error));
        throw error;
      }
      if (frame !== null) quietly(() => done(frame, result));
      return result;
    },
  }.method;
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
  owner[name] = wrapper;
}

/** @template T @param {() => T} work of ours: its faults are counted and end there @returns {T | undefined} */
function quietly(work) {
  try {
    return work();
  } catch {
    state.faults++;
    return undefined;
  }
}

module.exports = { startSpan, endSpan, wrapMethod, quietly, libraryDefinition };
