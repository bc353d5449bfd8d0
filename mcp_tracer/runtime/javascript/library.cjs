'use strict';
/** What the hooks share: a span around one call of a library. The library's function is called exactly once, whatever we do. */
const { libraryDefinition } = require('./definitions.cjs');
const { now } = require('./clock.cjs');
const { typeName } = require('./errors.cjs');
const spans = require('./spans.cjs');

/** @typedef {import('./frame.cjs').Frame} Frame */
const { state } = spans;
/** What `wrapMethod` made: a package may be loaded by several of its files. @type {WeakSet<Function>} */
const wrappers = new WeakSet();

/** A finished or running call that does not become the current span. @param {ReturnType<typeof libraryDefinition>} definition @param {Record<string, unknown>} attributes @param {Frame | null} parent @returns {Frame | null} null where nothing is recorded */
function startSpan(definition, attributes, parent) {
  if (state.recorder === null || (parent !== null && (!parent.root.sampled || parent.depth + 1 > state.maxDepth))) return null;
  const root = parent === null ? spans.newRoot({ type: 'call', name: definition.map.name, ...state.remote }) : parent.root;
  const frame = spans.beginAside(definition, parent, root);
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
    Object.assign(/** @type {object} */ (frame.attributes), { 'error.type': typeName(error) });
  }
  spans.finish(frame, now());
}

/**
 * Replace `owner[name]` by a function that records a span around it. `start` may exchange a callback among `values`; `done` may give another result.
 * @param {any} owner @param {string} name @param {(self: any, values: any[]) => Frame | null} start @param {(frame: Frame, result: any, self: any) => unknown} done
 */
function wrapMethod(owner, name, start, done) {
  const original = owner[name];
  if (typeof original !== 'function' || wrappers.has(original)) return;
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
      return frame === null ? result : (quietly(() => done(frame, result, this)) ?? result);
    },
  }.method;
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
  wrappers.add(wrapper);
  owner[name] = wrapper;
}

/**
 * The promise of a library's call, which ends `frame` as it settles. What it is rejected with stays unhandled where nobody handles it.
 * @param {Frame} frame @param {any} promise @param {(result: any) => Record<string, unknown> | undefined} outcome attributes of the result
 * @returns {unknown}
 */
function endWith(frame, promise, outcome) {
  if (promise === null || typeof promise !== 'object' || typeof promise.then !== 'function') return endSpan(frame);
  const settled = (/** @type {unknown} */ value) => {
    quietly(() => endSpan(frame, quietly(() => outcome(value))));
    return value;
  };
  return promise.then(settled, (/** @type {unknown} */ error) => {
    quietly(() => endSpan(frame, undefined, error));
    throw error;
  });
}

/**
 * Exchange the callback `values[index]` for one that ends the span that `begun` gives; it is called as before, with the same `this`.
 * @param {any[]} values @param {number} index @param {() => Frame | null} begun @param {(results: any[], self: any) => Record<string, unknown> | undefined} outcome
 */
function endInCallback(values, index, begun, outcome) {
  const callback = values[index];
  values[index] = {
    /** @this {unknown} @param {unknown} error @param {unknown[]} results */
    callback(error, ...results) {
      quietly(() => endSpan(begun(), error ? undefined : quietly(() => outcome(results, this)), error || undefined));
      return Reflect.apply(callback, this, arguments);
    },
  }.callback;
}

/** @param {any[]} values @returns {number} the index of the last function among them, -1 where there is none */
function callbackAt(values) {
  let index = values.length - 1;
  while (index >= 0 && typeof values[index] !== 'function') index--;
  return index;
}

/** @param {any} prototype @param {string} name @returns {any} where on the prototype chain the method stands */
function ownerOf(prototype, name) {
  let owner = prototype;
  while (owner !== null && owner !== undefined && !Object.prototype.hasOwnProperty.call(owner, name)) owner = Object.getPrototypeOf(owner);
  if (owner === null || owner === undefined) throw new TypeError(`no ${name}: an unknown version`);
  return owner;
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

module.exports = { startSpan, endSpan, endWith, endInCallback, callbackAt, ownerOf, wrapMethod, quietly, libraryDefinition };
