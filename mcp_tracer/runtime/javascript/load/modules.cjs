'use strict';
/**
 * ES modules, with or without types. Newer versions of Node let us see each source in the program's own thread; earlier ones, and
 * loaders that work on the hooks thread, want our hook there, before theirs: they are handed the instrumented text.
 */
const process = require('node:process');
const Module = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { setImportsSeen } = require('./commonjs.cjs');
const { formOf, mayBeModules } = require('./forms.cjs');
const { withMapIfRead } = require('./mapping.cjs');

const owner = /** @type {any} */ (Module);
const PACKAGE_MANAGERS = /[\\/](npm|npx|pnpm|pnpx|yarn|yarnpkg|corepack)(-cli)?(\.[cm]?js)?$/;
/** What stands on the hooks thread. It must come up whatever became of our files: else the program would not start. */
const THREAD = `data:text/javascript,${encodeURIComponent(`
let own;
try {
  own = await import(${JSON.stringify(pathToFileURL(path.join(__dirname, 'thread.mjs')).href)});
} catch {}
export function initialize(data) {
  own?.initialize(data);
}
export function load(url, context, nextLoad) {
  return own === undefined ? nextLoad(url, context) : own.load(url, context, nextLoad);
}
`)}`;

function install() {
  const register = owner.register;
  if (!hasSoundHooks() || namesLoader()) {
    if (typeof register === 'function' && isWorthThread()) standOnThread(register);
    return;
  }
  const hooks = owner.registerHooks({ load });
  setImportsSeen(true);
  if (typeof register === 'function') precede(register, hooks);
}

/** @returns {boolean} In Node 22 their mere presence takes `require.cache` from CommonJS files that are imported; 24.11 was seen to do right. */
function hasSoundHooks() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return typeof owner.registerHooks === 'function' && (major > 24 || (major === 24 && minor >= 11));
}

/** The thread costs as much as the start of Node itself: not for package managers, nor where it would have nothing to do. */
function isWorthThread() {
  return mayBeModules() && !PACKAGE_MANAGERS.test(process.argv[1] ?? '');
}

/** @param {(...values: unknown[]) => unknown} register */
function standOnThread(register) {
  const needsSources = new Int32Array(new SharedArrayBuffer(4));
  register.call(Module, THREAD, { data: needsSources });
  const { registerHooks } = owner;
  if (typeof registerHooks !== 'function') return;
  // Hooks of the program in its own thread: beside one on the hooks thread, Node wants the source of CommonJS files, too.
  owner.registerHooks = {
    /** @this {unknown} @param {unknown[]} values */
    registerHooks(...values) {
      Atomics.store(needsSources, 0, 1);
      return Reflect.apply(registerHooks, this, values);
    },
  }.registerHooks;
  owner.syncBuiltinESMExports();
}

/** Hooks that the program preloads are for its own thread: on the one that we have started, they fail where ours would. */
function keepThread() {
  if (typeof owner.registerHooks === 'function' && !hasSoundHooks()) owner.registerHooks = () => ({ deregister() {} });
}

/** @returns {boolean} whether the program was started with a loader for the hooks thread */
function namesLoader() {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((words) => /(^|\s)--(experimental-)?loader\b/.test(words));
}

/**
 * A loader of the program's for the hooks thread: ours goes there before it. Both kinds of hooks in one process fail in some versions of Node.
 * @param {(...values: unknown[]) => unknown} register @param {{deregister: () => void}} hooks
 */
function precede(register, hooks) {
  owner.register = {
    /** @this {unknown} @param {unknown[]} values */
    register(...values) {
      owner.register = register;
      owner.syncBuiltinESMExports();
      try {
        hooks.deregister();
        setImportsSeen(false);
        standOnThread(register);
      } catch {
        // The program's own loader goes on without ours.
      }
      return Reflect.apply(register, this, values);
    },
  }.register;
  owner.syncBuiltinESMExports();
}

/** @param {string} url @param {object} context @param {(url: string, context: object) => {format: string, source: unknown}} nextLoad */
function load(url, context, nextLoad) {
  return instrumented(url, nextLoad(url, context));
}

/** Where Node gives no source of a CommonJS file it will read that itself, and is seen there. @template {{format: string, source: unknown}} T @param {string} url @param {T} loaded @returns {T} */
function instrumented(url, loaded) {
  const { source } = loaded;
  if (!url.startsWith('file:') || (typeof source !== 'string' && !(source instanceof Uint8Array))) return loaded;
  try {
    const file = fileURLToPath(url);
    const form = formOf(file, source);
    return form === null ? loaded : { ...loaded, source: withMapIfRead(form, file, source) };
  } catch {
    return loaded;
  }
}

module.exports = { install, instrumented, keepThread };
