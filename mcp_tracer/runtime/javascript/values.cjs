'use strict';
/**
 * Bounded previews of values, as docs/spool-format.md says. No code of the program runs: no getter, no Proxy trap, no toJSON, no iterator; built-ins
 * are read through functions that were captured when the runtime was loaded.
 */
const types = require('node:util').types;
const { pack } = require('./pack.cjs');
const builtins = require('./builtins.cjs');
const { className, ownText } = builtins;
const { hideInUrl, isSecretName, secretShape } = require('./redaction.cjs');

const MAX_DEPTH = 4;
const MAX_ITEMS = 20;
const MAX_TEXT = 1000;
const EXT = { TEXT: 1, ARRAY: 2, MAP: 3, OBJECT: 4, REDACTED: 5, BIGINT: 6, SEQUENCE: 7, UNDEFINED: 8, FUNCTION: 9, CYCLE: 10, BYTES: 11, DATE: 12, UNSEEN: 13 };
/** Stands for a value that probes cannot have: an argument that would have to be computed twice, what a bare statement gives. */
const UNSEEN = Symbol('not recorded');

const { getOwnPropertyDescriptor, getPrototypeOf, keys } = Object;
const { TERSE, mapForEach, setForEach, mapSize, setSize, dateTime, dateText, regexSource, urlText, slice } = builtins;

/** The containers around the value that is being written: the first `inside` of them. @type {object[]} */
const around = [];
let inside = 0;
/** Stands where a container stood: no value of the program must live longer because of us. */
const NOTHING = {};
let limit = 0;
/** Whether the values of a hot function are named only: type and size. */
let isBrief = false;

/** @param {boolean} brief */
function setBrief(brief) {
  isBrief = brief;
}

/** @param {unknown} value @param {number} maxBytes written for it at most, roughly: what lies beyond is named and not shown */
function writeValue(value, maxBytes) {
  limit = pack.end + maxBytes;
  inside = 0;
  write(value, isBrief ? 0 : MAX_DEPTH);
}

/** @param {unknown} value @param {number} depth that is left */
function write(value, depth) {
  switch (typeof value) {
    case 'number': return pack.number(value);
    case 'string': return writeText(value);
    case 'boolean': return pack.boolean(value);
    case 'undefined': return pack.emptyExtension(EXT.UNDEFINED);
    case 'bigint': return writeBigInt(value);
    case 'symbol': return value === UNSEEN ? pack.emptyExtension(EXT.UNSEEN) : writeNamed('symbol', value.description ?? '');
    case 'function': return writeFunction(value);
    default: return value === null ? pack.nil() : writeObject(/** @type {object} */ (value), depth);
  }
}

/** @param {string} value */
function writeText(value) {
  const shown = Math.min(MAX_TEXT, Math.max(0, limit - pack.end));
  if (value.length > shown) return writeCut(value, shown);
  const secret = secretShape(value);
  if (secret !== '') return pack.textExtension(EXT.REDACTED, secret);
  return pack.text(value);
}

/** Long texts that were written last, by length, as they were written: programs pass the same ones around. */
const MAX_REMEMBERED = 100000;
const cutTexts = new Array(64).fill('');
/** @type {Buffer[]} */
const cutBytes = new Array(64).fill(Buffer.alloc(0));

/** @param {string} value @param {number} shown characters of it */
function writeCut(value, shown) {
  const place = value.length & 63;
  const isKept = shown === MAX_TEXT && value.length <= MAX_REMEMBERED;
  if (isKept && cutTexts[place] === value) return pack.raw(cutBytes[place]);
  const from = pack.end;
  writePrefix(value, shown);
  if (!isKept) return undefined;
  cutTexts[place] = value;
  cutBytes[place] = Buffer.from(pack.buffer.subarray(from, pack.end));
  return undefined;
}

/** @param {string} value @param {number} shown */
function writePrefix(value, shown) {
  const seen = value.length > shown + 256 ? slice(value, 0, shown + 256) : value;
  const secret = secretShape(seen);
  if (secret !== '') return pack.textExtension(EXT.REDACTED, secret);
  const start = pack.openExtension(EXT.TEXT);
  pack.array(2);
  pack.number(value.length);
  pack.text(slice(value, 0, shown));
  return pack.closeExtension(start);
}

/** @param {bigint} value */
function writeBigInt(value) {
  const small = BigInt.asIntN(4096, value) === value;
  pack.textExtension(EXT.BIGINT, small ? String(value) : 'more than 4096 bits');
}

/** @param {string} name @param {string} [detail] safe text */
function writeNamed(name, detail) {
  const start = pack.openExtension(EXT.OBJECT);
  pack.array(detail === undefined ? 1 : 2);
  pack.text(slice(name, 0, 200));
  if (detail !== undefined) writeText(detail);
  pack.closeExtension(start);
}

/** @param {Function} value */
function writeFunction(value) {
  if (types.isProxy(value)) return writeNamed('Proxy');
  const prototype = getOwnPropertyDescriptor(value, 'prototype');
  const isClass = prototype !== undefined && prototype.writable === false && !types.isGeneratorFunction(value);
  const start = pack.openExtension(EXT.FUNCTION);
  pack.array(2);
  pack.text(isClass ? 'class' : 'function');
  pack.text(slice(ownText(value, 'name'), 0, 200));
  return pack.closeExtension(start);
}

/** @param {object} value @param {number} depth */
function writeObject(value, depth) {
  if (types.isProxy(value)) return writeNamed('Proxy');
  for (let i = 0; i < inside; i++) if (around[i] === value) return pack.emptyExtension(EXT.CYCLE);
  around[inside++] = value;
  if (Array.isArray(value)) writeArray(value, depth);
  else {
    const prototype = getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) writeFields(value, depth);
    else writeInstance(value, prototype, depth);
  }
  around[--inside] = NOTHING;
  return undefined;
}

/** @param {unknown[]} value @param {number} depth */
function writeArray(value, depth) {
  const total = value.length;
  const shown = depth <= 0 || pack.end > limit ? 0 : Math.min(total, MAX_ITEMS);
  if (shown === total) {
    pack.array(total);
    for (let i = 0; i < total; i++) writeElement(value, i, depth);
    return;
  }
  const start = pack.openExtension(EXT.ARRAY);
  pack.array(shown + 1);
  pack.number(total);
  for (let i = 0; i < shown; i++) writeElement(value, i, depth);
  pack.closeExtension(start);
}

/** An element may be an accessor or a hole that a prototype fills; the common case is neither. @param {unknown[]} value @param {number} i @param {number} depth */
function writeElement(value, i, depth) {
  const property = getOwnPropertyDescriptor(value, i);
  if (property === undefined) pack.emptyExtension(EXT.UNDEFINED);
  else if (property.get !== undefined || property.set !== undefined) writeNamed('getter');
  else write(property.value, depth - 1);
}

/** @param {object} value @param {number} depth */
function writeFields(value, depth) {
  const names = keys(value);
  const total = names.length;
  const shown = (depth <= 0 && total > 0) || pack.end > limit ? 0 : Math.min(total, MAX_ITEMS);
  if (shown === total) {
    pack.map(total);
    for (let i = 0; i < total; i++) writeField(value, names[i], depth);
    return;
  }
  const start = pack.openExtension(EXT.MAP);
  pack.array(1 + shown * 2);
  pack.number(total);
  for (let i = 0; i < shown; i++) writeField(value, names[i], depth);
  pack.closeExtension(start);
}

/** @param {object} value @param {string} name @param {number} depth */
function writeField(value, name, depth) {
  pack.text(name.length > 200 ? slice(name, 0, 200) : name);
  const property = getOwnPropertyDescriptor(value, name);
  if (property === undefined || property.get !== undefined || property.set !== undefined) return writeNamed('getter');
  const inner = property.value;
  if (inner !== null && inner !== undefined && typeof inner !== 'boolean' && isSecretName(name)) return pack.textExtension(EXT.REDACTED, 'name');
  return write(inner, depth - 1);
}

/** @param {object} value @param {object} prototype @param {number} depth */
function writeInstance(value, prototype, depth) {
  const name = className(prototype);
  if (types.isNativeError(value)) return writeNamed(name, ownText(value, 'message'));
  if (types.isDate(value)) return Number.isNaN(dateTime(value)) ? writeNamed(name, 'invalid') : pack.textExtension(EXT.DATE, dateText(value));
  if (types.isMap(value)) return writeMap(value, name, depth);
  if (types.isSet(value)) return writeSet(value, name, depth);
  if (types.isUint8Array(value)) return writeBytes(value);
  if (ArrayBuffer.isView(value)) return writeView(value, name);
  if (types.isRegExp(value)) return writeNamed(name, regexSource(value));
  if (types.isPromise(value)) return writeNamed(name);
  if (name === 'URL' && prototype === URL.prototype) return writeNamed(name, urlText(value));
  const terse = TERSE[name];
  const start = pack.openExtension(EXT.OBJECT);
  pack.array(2);
  pack.text(name);
  if (terse !== undefined) writeTerse(value, terse);
  else writeFields(value, Math.min(depth, MAX_DEPTH - 1));
  return pack.closeExtension(start);
}

/** @param {object} value @param {string[]} names */
function writeTerse(value, names) {
  const present = names.filter((name) => typeof getOwnPropertyDescriptor(value, name)?.value !== 'undefined');
  pack.map(present.length);
  for (const name of present) {
    const field = getOwnPropertyDescriptor(value, name)?.value;
    pack.text(name);
    if (typeof field === 'string') writeText(hideInUrl(field));
    else write(field, 0);
  }
}

/** @param {Map<unknown, unknown>} value @param {string} name @param {number} depth */
function writeMap(value, name, depth) {
  const total = mapSize(value);
  const shown = depth <= 0 || pack.end > limit ? 0 : Math.min(total, MAX_ITEMS);
  const outer = pack.openExtension(EXT.OBJECT);
  pack.array(2);
  pack.text(name);
  const start = shown < total ? pack.openExtension(EXT.MAP) : 0;
  if (shown < total) {
    pack.array(1 + shown * 2);
    pack.number(total);
  } else pack.map(total);
  let left = shown;
  mapForEach(value, (item, key) => {
    if (left-- <= 0) return;
    write(key, depth - 1);
    if (typeof key === 'string' && isSecretName(key)) pack.textExtension(EXT.REDACTED, 'name');
    else write(item, depth - 1);
  });
  if (shown < total) pack.closeExtension(start);
  pack.closeExtension(outer);
}

/** @param {Set<unknown>} value @param {string} name @param {number} depth */
function writeSet(value, name, depth) {
  const total = setSize(value);
  const shown = depth <= 0 || pack.end > limit ? 0 : Math.min(total, MAX_ITEMS);
  const start = pack.openExtension(EXT.SEQUENCE);
  pack.array(1 + (shown === 0 && total > 0 ? 1 : shown));
  pack.text(name);
  if (shown === 0 && total > 0) pack.number(total);
  let left = shown;
  setForEach(value, (item) => {
    if (left-- > 0) write(item, depth - 1);
  });
  pack.closeExtension(start);
}

/** @param {Uint8Array} value Buffers too */
function writeBytes(value) {
  const total = value.byteLength;
  const shown = Math.min(total, 64, Math.max(0, limit - pack.end));
  if (shown === total) return pack.bytes(value, total);
  const start = pack.openExtension(EXT.BYTES);
  pack.array(2);
  pack.number(total);
  pack.bytes(value, shown);
  return pack.closeExtension(start);
}

/** @param {ArrayBufferView} value @param {string} name */
function writeView(value, name) {
  const items = /** @type {Float64Array} */ (value);
  const total = types.isDataView(value) ? value.byteLength : items.length;
  const shown = !types.isDataView(value) && total <= MAX_ITEMS ? total : 0;
  const start = pack.openExtension(EXT.SEQUENCE);
  pack.array(1 + (shown === 0 ? 1 : shown));
  pack.text(name);
  if (shown === 0) pack.number(total);
  for (let i = 0; i < shown; i++) write(items[i], 0);
  pack.closeExtension(start);
}

module.exports = { writeValue, setBrief, EXT, UNSEEN };
