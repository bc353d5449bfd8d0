'use strict';
/** Loads the hook of a library when the program loads that library; the hooks on Node's own channels cost nothing until something is published. */
const process = require('node:process');
const Module = require('node:module');
const path = require('node:path');
const { plainly } = require('./load/plain.cjs');

/** @typedef {import('./tracer.cjs').Tracer} Tracer */

/** Which hook belongs to which module of Node or package; of a package, the file by which it is loaded. @type {Map<string, {hook: string, files: string[]}>} */
const LIBRARIES = new Map([
  ['node:sqlite', { hook: './hooks/node-sqlite.cjs', files: [] }],
  ['sqlite', { hook: './hooks/node-sqlite.cjs', files: [] }],
  ['better-sqlite3', { hook: './hooks/better-sqlite3.cjs', files: ['lib/index.js'] }],
  ['sqlite3', { hook: './hooks/sqlite3.cjs', files: ['lib/sqlite3.js'] }],
  ['pg', { hook: './hooks/pg.cjs', files: ['lib/index.js'] }],
  ['mysql2', { hook: './hooks/mysql2.cjs', files: ['index.js', 'promise.js'] }],
  ['@redis/client', { hook: './hooks/node-redis.cjs', files: ['dist/index.js'] }],
  ['ioredis', { hook: './hooks/ioredis.cjs', files: ['built/index.js'] }],
  ['node:http2', { hook: './hooks/http2.cjs', files: [] }],
  ['http2', { hook: './hooks/http2.cjs', files: [] }],
  ['node:test', { hook: './hooks/node-test.cjs', files: [] }],
  ['mocha', { hook: './hooks/mocha.cjs', files: ['index.js', 'lib/mocha.js', 'lib/cli/cli.js'] }],
  ['mongodb', { hook: './hooks/mongodb.cjs', files: ['lib/index.js'] }],
]);
const ALWAYS = ['./hooks/http-server.cjs', './hooks/http-client.cjs', './hooks/fetch.cjs', './hooks/child-process.cjs', './hooks/source-text.cjs'];
const JEST_HANDLERS = Symbol.for('EVENT_HANDLERS');
/** What was patched: a program may load several versions of a package. @type {WeakSet<object>} */
const patched = new WeakSet();

/** @param {Tracer} tracer */
function install(tracer) {
  for (const hook of ALWAYS) tracer.guard(() => plainly(() => require(hook)).install(tracer));
  patchLoaded(tracer);
  watchLoads(tracer);
}

/** Patch a module of Node that an instrumented file imports: imports of these cannot be seen. @param {string} name @param {Tracer} tracer */
function load(name, tracer) {
  if (LIBRARIES.has(name) && Module.isBuiltin(name)) patch(name, tracer, process.getBuiltinModule?.(name) ?? require(name), '');
}

/** Patch the packages that were loaded before the tracer: imports come before the code of the file that has them. @param {Tracer} tracer */
function patchLoaded(tracer) {
  for (const file of Object.keys(require.cache)) {
    const name = packageOf(file);
    if (name !== '' && require.cache[file]?.loaded === true) patch(name, tracer, require.cache[file].exports, file);
  }
}

/**
 * Look for what cannot be seen when it is loaded: modules of Node that are imported, and what runs tests, in a global object of its own. Called by each instrumented file.
 * @param {Tracer} tracer @param {any} global of the file
 */
function look(tracer, global) {
  const internal = /** @type {string[]} */ (/** @type {any} */ (process).moduleLoadList ?? []);
  if (internal.includes('NativeModule internal/test_runner/test')) load('node:test', tracer);
  if (internal.includes('NativeModule http2')) load('node:http2', tracer);
  if (global.__vitest_worker__ !== undefined) return plainly(() => require('./hooks/vitest.cjs')).look(tracer, global);
  if (global[JEST_HANDLERS] !== undefined) return plainly(() => require('./hooks/jest.cjs')).look(tracer, global);
  if (typeof global.it === 'function') patchLoaded(tracer);
}

/** @param {string} name @param {Tracer} tracer @param {any} library its exports @param {string} file from which it was loaded, '' for a module of Node */
function patch(name, tracer, library, file) {
  const entry = LIBRARIES.get(name);
  if (entry === undefined || library === null || (typeof library !== 'object' && typeof library !== 'function') || patched.has(library)) return;
  patched.add(library);
  const part = (/** @type {string} */ inner) => require.cache[path.join(file.slice(0, file.lastIndexOf('node_modules')), 'node_modules', name, inner)]?.exports;
  tracer.guard(() => plainly(() => require(entry.hook)).install(tracer, library, part));
}

/** See every `require`, and every `import` of a CommonJS package. @param {Tracer} tracer */
function watchLoads(tracer) {
  const owner = /** @type {{_load: (request: string, ...rest: unknown[]) => unknown, _resolveFilename: (request: string, ...rest: unknown[]) => string}} */ (
    /** @type {unknown} */ (Module)
  );
  const original = owner._load;
  owner._load = function (request, ...rest) {
    const exported = original.call(this, request, ...rest);
    if (typeof request === 'string' && LIBRARY.test(request)) tracer.guard(() => see(request, exported, () => owner._resolveFilename(request, ...rest)));
    return exported;
  };

  /** @param {string} request @param {unknown} exported @param {() => string} resolve */
  function see(request, exported, resolve) {
    if (Module.isBuiltin(request)) return patch(request, tracer, exported, '');
    const file = path.isAbsolute(request) ? request : resolve();
    const name = packageOf(file);
    if (name !== '') patch(name, tracer, exported, file);
  }
}

/** Names one of ours, bare or as a path. */
const LIBRARY = new RegExp(`(?:^|[\\\\/]node_modules[\\\\/])(?:${[...LIBRARIES.keys()].join('|')})(?:$|[\\\\/])`);

/** @param {string} file @returns {string} the package that is loaded by this file, '' where it is none of ours */
function packageOf(file) {
  const at = file.lastIndexOf('node_modules');
  if (at < 0) return '';
  const inner = file.slice(at + 13).replaceAll('\\', '/');
  const name = inner.split('/', inner.startsWith('@') ? 2 : 1).join('/');
  return LIBRARIES.get(name)?.files.includes(inner.slice(name.length + 1)) === true ? name : '';
}

module.exports = { install, load, look };
