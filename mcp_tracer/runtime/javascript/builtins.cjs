'use strict';
/** Built-in functions as they were when the runtime was loaded, and what is known of objects from their classes alone. */
const types = require('node:util').types;

const { getOwnPropertyDescriptor } = Object;
const call = Function.prototype.call;
/** @type {(map: Map<unknown, unknown>, each: (value: unknown, key: unknown) => void) => void} */
const mapForEach = call.bind(Map.prototype.forEach);
/** @type {(set: Set<unknown>, each: (value: unknown) => void) => void} */
const setForEach = call.bind(Set.prototype.forEach);
const mapSize = call.bind(/** @type {() => number} */ (getOwnPropertyDescriptor(Map.prototype, 'size')?.get));
const setSize = call.bind(/** @type {() => number} */ (getOwnPropertyDescriptor(Set.prototype, 'size')?.get));
const dateTime = call.bind(Date.prototype.getTime);
const dateText = call.bind(Date.prototype.toISOString);
const regexSource = call.bind(/** @type {() => string} */ (getOwnPropertyDescriptor(RegExp.prototype, 'source')?.get));
const urlText = call.bind(/** @type {() => string} */ (getOwnPropertyDescriptor(URL.prototype, 'href')?.get));
const slice = call.bind(String.prototype.slice);

// Large objects of Node: a word or two about them says more than their hundred fields, and costs a tenth.
/** @type {Record<string, string[]>} */
const TERSE = {
  __proto__: /** @type {any} */ (null),
  IncomingMessage: ['method', 'url', 'statusCode'],
  ServerResponse: ['statusCode'],
  ClientRequest: ['method', 'path'],
  Socket: [],
  TLSSocket: [],
  Server: [],
  Agent: [],
  Timeout: [],
  Immediate: [],
  AbortSignal: [],
  AbortController: [],
  DatabaseSync: [],
  StatementSync: [],
  Database: [],
  Statement: [],
  ChildProcess: ['pid', 'exitCode'],
  Worker: [],
  MessagePort: [],
  ReadStream: ['path'],
  WriteStream: ['path'],
};

/** @type {WeakMap<object, string>} the class name of a prototype */
const classNames = new WeakMap();

/** @param {object} prototype @returns {string} */
function className(prototype) {
  const known = classNames.get(prototype);
  if (known !== undefined) return known;
  const constructor = types.isProxy(prototype) ? undefined : getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  const own = typeof constructor === 'function' && !types.isProxy(constructor) ? ownText(constructor, 'name') : '';
  // The errors of Node's own system calls have a getter there.
  const parent = own === '' && !types.isProxy(prototype) ? Object.getPrototypeOf(prototype) : null;
  const name = own !== '' || parent === null ? own || 'Object' : className(parent);
  classNames.set(prototype, name);
  return name;
}

/** @param {object} value @param {string} name @returns {string} an own text property, read without running a getter */
function ownText(value, name) {
  const found = getOwnPropertyDescriptor(value, name)?.value;
  return typeof found === 'string' ? found : '';
}

module.exports = { TERSE, mapForEach, setForEach, mapSize, setSize, dateTime, dateText, regexSource, urlText, slice, className, ownText };
