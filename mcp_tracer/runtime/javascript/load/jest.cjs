'use strict';
/**
 * Jest's own module system: its transformer is given the instrumented text in the place of the file's, so that its cache, which goes by content, keeps both
 * apart; what it then counts of our probes is taken out of its coverage.
 */
const { withoutBlocks, withoutProbes } = require('./coverage.cjs');
const { formOf } = require('./forms.cjs');
const { withMap } = require('./mapping.cjs');

/** @type {WeakSet<object>} */
const patched = new WeakSet();
/** The texts that were handed out, for coverage. @type {Map<string, string>} */
const forms = new Map();

/** @param {any} exported by jest-runtime */
function install(exported) {
  const prototype = exported?.default?.prototype;
  if (prototype === undefined || patched.has(prototype)) return;
  patched.add(prototype);
  for (const name of ['transformFile', 'transformFileAsync']) {
    before(prototype, name, (/** @type {any} */ runtime) => patchTransformer(Object.getPrototypeOf(runtime._scriptTransformer)));
  }
  after(prototype, 'getAllCoverageInfoCopy', (/** @type {any} */ found) => cleaned(found));
  after(prototype, 'getAllV8CoverageInfoCopy', (/** @type {any} */ found) => found.map(cleanedBlocks));
}

/** @param {any} prototype of the transformer */
function patchTransformer(prototype) {
  if (patched.has(prototype)) return;
  patched.add(prototype);
  for (const name of ['transform', 'transformAsync']) {
    const original = prototype[name];
    if (typeof original !== 'function') continue;
    prototype[name] = function (/** @type {string} */ file, /** @type {unknown} */ options, /** @type {unknown} */ source, /** @type {unknown[]} */ ...rest) {
      return original.call(this, file, options, textFor(file, source), ...rest);
    };
  }
}

/** @param {string} file @param {unknown} source @returns {unknown} */
function textFor(file, source) {
  if (typeof source !== 'string') return source;
  try {
    const form = formOf(file, source);
    if (form === null) return source;
    forms.set(file, form);
    return withMap(form, file, source);
  } catch {
    return source;
  }
}

/** @param {any} found istanbul's coverage by file @returns {any} */
function cleaned(found) {
  if (found === null || typeof found !== 'object') return found;
  for (const [file, form] of forms) if (found[file] !== undefined) found[file] = withoutProbes(found[file], form);
  return found;
}

/** @param {any} entry what V8 counted in one file, and what the transformer made of it @returns {any} */
function cleanedBlocks(entry) {
  const code = entry.codeTransformResult?.code;
  if (typeof code !== 'string' || !forms.has(entry.result.url)) return entry;
  return { ...entry, result: { ...entry.result, functions: withoutBlocks(entry.result.functions, code) } };
}

/** @param {any} owner @param {string} name @param {(self: unknown) => void} work */
function before(owner, name, work) {
  const original = owner[name];
  if (typeof original !== 'function') return;
  owner[name] = function (/** @type {unknown[]} */ ...values) {
    try {
      work(this);
    } catch {
      // Tests run untraced.
    }
    return original.apply(this, values);
  };
}

/** @param {any} owner @param {string} name @param {(result: unknown) => unknown} work */
function after(owner, name, work) {
  const original = owner[name];
  if (typeof original !== 'function') return;
  owner[name] = function (/** @type {unknown[]} */ ...values) {
    const result = original.apply(this, values);
    try {
      return work(result);
    } catch {
      return result;
    }
  };
}

module.exports = { install };
