'use strict';
/** Loads the hook of a library when the program loads that library; the hooks on Node's own channels cost nothing until something is published. */
const Module = require('node:module');

/** @typedef {import('./tracer.cjs').Tracer} Tracer */

/** Which hook belongs to which module. @type {Map<string, string>} */
const LIBRARIES = new Map([
  ['node:sqlite', './hooks/node-sqlite.cjs'],
  ['sqlite', './hooks/node-sqlite.cjs'],
  ['better-sqlite3', './hooks/better-sqlite3.cjs'],
]);
const ALWAYS = ['./hooks/http-server.cjs', './hooks/http-client.cjs', './hooks/fetch.cjs', './hooks/child-process.cjs', './hooks/source-text.cjs'];
/** @type {Set<string>} */
const loaded = new Set();

/** @param {Tracer} tracer */
function install(tracer) {
  for (const hook of ALWAYS) tracer.guard(() => require(hook).install(tracer));
  watchLoads(tracer);
}

/** Patch a library that the program has loaded or is about to use. @param {string} name @param {Tracer} tracer @param {unknown} [exported] what `require` gave, where it is known */
function load(name, tracer, exported) {
  const hook = LIBRARIES.get(name);
  if (hook === undefined || loaded.has(hook)) return;
  const library = exported ?? present(name);
  if (library === undefined) return;
  loaded.add(hook);
  tracer.guard(() => require(hook).install(tracer, library));
}

/** @param {string} name @returns {unknown} a module of Node, or a package that is loaded already; undefined for others */
function present(name) {
  if (Module.isBuiltin(name)) return process.getBuiltinModule?.(name);
  const file = Object.keys(require.cache).find((one) => packageOf(one) === name);
  return file === undefined ? undefined : require.cache[file]?.exports;
}

/** See every `require`, and every `import` of a CommonJS package. @param {Tracer} tracer */
function watchLoads(tracer) {
  const owner = /** @type {{_load: (request: string, ...rest: unknown[]) => unknown}} */ (/** @type {unknown} */ (Module));
  const original = owner._load;
  owner._load = function (request, ...rest) {
    const exported = original.call(this, request, ...rest);
    const name = LIBRARIES.has(request) ? request : packageOf(request);
    if (name !== '') load(name, tracer, exported);
    return exported;
  };
}

/** @param {string} request a path that an import of a CommonJS package resolves to @returns {string} the package's name, '' where it is none of ours */
function packageOf(request) {
  if (typeof request !== 'string' || !request.includes('node_modules')) return '';
  const match = /[\\/]node_modules[\\/]([^\\/]+)[\\/]lib[\\/]index\.js$/.exec(request);
  return match !== null && LIBRARIES.has(match[1]) ? match[1] : '';
}

module.exports = { install, load };
