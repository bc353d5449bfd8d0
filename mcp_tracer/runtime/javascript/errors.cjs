'use strict';
/** Exceptions as section E wants them: type, message, stack with the innermost frame last, cause. */
const { Buffer } = require('node:buffer');
const path = require('node:path');
const types = require('node:util').types;
const { pack } = require('./pack.cjs');
const { className, ownText } = require('./builtins.cjs');
const { secretShape } = require('./redaction.cjs');

const MAX_FRAMES = 16;
const MAX_CAUSES = 4;
const FRAME = /^\s*at (?:(.*?) \()?(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/]|node:)[^()]*?):(\d+)(?::\d+)?\)?$/;

/** @type {unknown} the exception that was written last: it usually passes through several functions */
let last;
let lastBytes = Buffer.alloc(0);
let lastIsWhole = false;

/** @param {unknown} error @returns {string} its class name, `string` and the like for thrown primitives */
function typeName(error) {
  if ((typeof error !== 'object' && typeof error !== 'function') || error === null) return error === null ? 'null' : typeof error;
  if (types.isProxy(error)) return 'Proxy';
  const prototype = Object.getPrototypeOf(error);
  return prototype === null ? 'Object' : className(prototype);
}

/**
 * V8 makes a stack's text only where it is asked for, which takes longer than all else here: beyond the first of each function in a second most are left out.
 * @param {unknown} error @param {string} root of the project: files below it are written relative to it
 * @param {import('./governor.cjs').Budget | null} budget of what failed @param {number} time ms @returns {boolean} whether it is written with its stack
 */
function writeError(error, root, budget, time) {
  const isKnown = last === error && lastBytes.length > 0 && typeof error === 'object';
  const isWhole = (isKnown && lastIsWhole) || budget === null || budget.takeStack(time);
  if (isKnown && isWhole === lastIsWhole) {
    pack.buffer.set(lastBytes, pack.end);
    pack.end += lastBytes.length;
    return isWhole;
  }
  const start = pack.end;
  pack.plain(describe(error, root, 0, isWhole));
  last = error;
  lastIsWhole = isWhole;
  lastBytes = Buffer.from(pack.buffer.subarray(start, pack.end));
  return isWhole;
}

/** @param {unknown} error @param {string} root @param {number} depth @param {boolean} isWhole @returns {Record<string, unknown>} */
function describe(error, root, depth, isWhole) {
  const isError = types.isNativeError(error) && !types.isProxy(error);
  const message = isError ? ownText(error, 'message') : typeof error === 'string' ? error : '';
  const cause = isError && depth < MAX_CAUSES ? Object.getOwnPropertyDescriptor(error, 'cause')?.value : undefined;
  return {
    type: typeName(error),
    message: secretShape(message) === '' ? message.slice(0, 2000) : '[redacted]',
    stack: isError && isWhole ? frames(error, root) : [],
    cause: cause === undefined || cause === null ? undefined : describe(cause, root, depth + 1, isWhole),
  };
}

/** @param {Error} error @param {string} root @returns {[string, number, string][]} innermost last */
function frames(error, root) {
  const found = /** @type {[string, number, string][]} */ ([]);
  for (const line of stackText(error).split('\n')) {
    const match = FRAME.exec(line);
    if (match === null || match[2].startsWith(__dirname)) continue;
    found.unshift([relative(match[2], root), Number(match[3]), match[1] ?? '']);
    if (found.length === MAX_FRAMES) break;
  }
  return found;
}

/** @param {Error} error @returns {string} V8's own stack text, '' where the program put a getter of its own there */
function stackText(error) {
  const property = Object.getOwnPropertyDescriptor(error, 'stack');
  if (property === undefined) return '';
  if (typeof property.value === 'string') return property.value;
  const isNative = property.get !== undefined && String(property.get).includes('[native code]');
  const text = isNative ? error.stack : '';
  return typeof text === 'string' ? text : '';
}

/** @param {string} file @param {string} root @returns {string} */
function relative(file, root) {
  return file.startsWith(root + path.sep) ? file.slice(root.length + 1).split(path.sep).join('/') : file;
}

module.exports = { writeError, typeName };
