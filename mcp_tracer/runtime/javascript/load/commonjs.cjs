'use strict';
/**
 * Files that `require` loads, by Node itself or by whoever took the place of its loader (tsx, ts-node, Babel): all of them read the file first, and
 * what they read is the instrumented text. No frame of ours stands in a stack trace: the hooks are done before the file's code runs.
 */
const { Buffer } = require('node:buffer');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { formOf, isChosen } = require('./forms.cjs');
const { withMapIfRead } = require('./mapping.cjs');

const owner = /** @type {any} */ (Module);
/** Files that were resolved and have not been read by a loader yet. @type {Set<string>} */
const waiting = new Set();
/** Modules whose file was read for them. @type {WeakSet<object>} */
const done = new WeakSet();
/** Modules whose compilation is waited for, each with what ends that. @type {WeakMap<object, () => void>} */
const watching = new WeakMap();
/** Tools with a module system of their own: their text gets a line that shows our hook what they export. @type {[file: RegExp, hook: string][]} */
const TOOLS = [[/[\\/]jest-runtime[\\/]build[\\/]index\.js$/, './jest.cjs']];
/** @type {typeof fs.readFileSync} */
let read;
let importsAreSeen = false;

function install() {
  const resolve = owner._resolveFilename;
  owner._resolveFilename = function _resolveFilename(/** @type {unknown[]} */ ...values) {
    const found = Reflect.apply(resolve, this, values);
    expect(found);
    return found;
  };
}

/** @param {unknown} found what a request was resolved to */
function expect(found) {
  try {
    if (typeof found !== 'string' || waiting.has(found) || !isAhead(owner._cache[found]) || !(isChosen(found) || hookFor(found) !== undefined)) return;
    if (found in owner._cache && !importsAreSeen) watchCompiling(owner._cache[found]);
    if (waiting.size === 0) watchReads();
    waiting.add(found);
  } catch {
    waiting.clear();
  }
}

/** @param {{loaded: boolean} | undefined} entry what Node's cache holds of a file: `import` enters it long before it is loaded @returns {boolean} whether its file is still to be read */
function isAhead(entry) {
  return entry === undefined || (!entry.loaded && !done.has(entry));
}

/** `import` has read the file to find its exports, and Node runs what was read then; other loaders read it again. @param {any} entry */
function watchCompiling(entry) {
  if (watching.has(entry)) return;
  const compile = entry._compile;
  const leave = () => {
    watching.delete(entry);
    if (compile === owner.prototype._compile) delete entry._compile;
    else entry._compile = compile;
  };
  entry._compile = function _compile(/** @type {unknown} */ content, /** @type {string} */ file, /** @type {unknown[]} */ ...rest) {
    leave();
    return compile.call(this, typeof content === 'string' ? handed(file, content) : content, file, ...rest);
  };
  watching.set(entry, leave);
}

/** @param {boolean} areSeen whether the hook on modules is asked for the CommonJS files that are imported */
function setImportsSeen(areSeen) {
  importsAreSeen = areSeen;
}

/** Stand before `fs.readFileSync` for as long as a file is waited for. */
function watchReads() {
  if (fs.readFileSync === watched) return;
  read = fs.readFileSync;
  const face = /** @type {any} */ (watched);
  for (const name of ['name', 'length']) Object.defineProperty(face, name, { value: /** @type {any} */ (read)[name], configurable: true });
  /** @type {any} */ (fs).readFileSync = watched;
}

/** @this {unknown} @param {any[]} values @returns {any} */
function watched(...values) {
  const content = Reflect.apply(read, this, values);
  const [file] = values;
  // A loader enters the module before it reads: others that read the file get what stands in it.
  const entry = waiting.has(file) ? owner._cache[file] : undefined;
  if (entry === undefined || !isAhead(entry)) return content;
  done.add(entry);
  watching.get(entry)?.();
  return handed(file, content);
}

/** @param {string | Buffer} content @param {string} hook @returns {string} */
function shown(content, hook) {
  return `${content}\n;try{require(${JSON.stringify(path.join(__dirname, hook))}).install(module.exports)}catch{}`;
}

/** @param {string} file @returns {string | undefined} */
function hookFor(file) {
  return TOOLS.find(([tool]) => tool.test(file))?.[1];
}

/** @param {string} file @param {string | Buffer} content @returns {string | Buffer} */
function handed(file, content) {
  waiting.delete(file);
  if (waiting.size === 0 && fs.readFileSync === watched) /** @type {any} */ (fs).readFileSync = read;
  try {
    const hook = hookFor(file);
    const form = hook === undefined ? formOf(file, content) : shown(content, hook);
    if (form === null) return content;
    const text = hook === undefined ? withMapIfRead(form, file, content) : form;
    return typeof content === 'string' ? text : Buffer.from(text);
  } catch {
    return content;
  }
}

module.exports = { install, setImportsSeen };
