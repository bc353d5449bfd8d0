'use strict';
/** MessagePack into one reused buffer: numbers, texts, heads of containers and extension types. `pack.end` is where the next byte goes. */

const { Buffer } = require('node:buffer');
const CAPACITY = 1 << 20;
const buffer = Buffer.alloc(CAPACITY);
const view = new DataView(buffer.buffer, buffer.byteOffset, CAPACITY);
const MAX_INLINE_TEXT = 48;

const pack = {
  buffer,
  end: 0,

  /** Start over. */
  reset() {
    pack.end = 0;
  },

  /** @param {number} value */
  byte(value) {
    buffer[pack.end++] = value;
  },

  nil() {
    buffer[pack.end++] = 0xc0;
  },

  /** @param {boolean} value */
  boolean(value) {
    buffer[pack.end++] = value ? 0xc3 : 0xc2;
  },

  /** @param {number} value an integer as int, everything else (and -0) as float64 */
  number(value) {
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 128) {
        buffer[pack.end++] = value;
      } else if (value >= -32 && value < 0) {
        buffer[pack.end++] = value & 0xff;
      } else {
        buffer[pack.end] = 0xd2;
        view.setInt32(pack.end + 1, value);
        pack.end += 5;
      }
    } else if (Number.isSafeInteger(value) && value !== 0) {
      buffer[pack.end] = 0xd3;
      view.setInt32(pack.end + 1, Math.floor(value / 4294967296));
      view.setUint32(pack.end + 5, value >>> 0);
      pack.end += 9;
    } else {
      buffer[pack.end] = 0xcb;
      view.setFloat64(pack.end + 1, value);
      pack.end += 9;
    }
  },

  /** @param {string} value */
  text(value) {
    const length = value.length;
    if (length <= MAX_INLINE_TEXT && asciiText(value, length)) return;
    const start = pack.end + (length < 21000 ? 3 : 5);
    const bytes = buffer.write(value, start, 'utf8');
    if (length < 21000) {
      buffer[pack.end] = 0xda;
      view.setUint16(pack.end + 1, bytes);
    } else {
      buffer[pack.end] = 0xdb;
      view.setUint32(pack.end + 1, bytes);
    }
    pack.end = start + bytes;
  },

  /** @param {number} count of items */
  array(count) {
    if (count < 16) {
      buffer[pack.end++] = 0x90 | count;
    } else {
      buffer[pack.end] = 0xdc;
      view.setUint16(pack.end + 1, count);
      pack.end += 3;
    }
  },

  /** @param {number} count of pairs */
  map(count) {
    if (count < 16) {
      buffer[pack.end++] = 0x80 | count;
    } else {
      buffer[pack.end] = 0xde;
      view.setUint16(pack.end + 1, count);
      pack.end += 3;
    }
  },

  /** @param {Uint8Array} bytes @param {number} length of them to write */
  bytes(bytes, length) {
    buffer[pack.end] = 0xc6;
    view.setUint32(pack.end + 1, length);
    buffer.set(bytes.subarray(0, length), pack.end + 5);
    pack.end += 5 + length;
  },

  /** @param {Uint8Array} bytes that were packed before */
  raw(bytes) {
    buffer.set(bytes, pack.end);
    pack.end += bytes.length;
  },

  /** @param {number} type @returns {number} to be passed to `closeExtension` when the body is written */
  openExtension(type) {
    buffer[pack.end] = 0xc9;
    buffer[pack.end + 5] = type;
    pack.end += 6;
    return pack.end;
  },

  /** @param {number} start as `openExtension` gave it */
  closeExtension(start) {
    view.setUint32(start - 5, pack.end - start);
  },

  /** @param {number} type @param {string} value raw text, not MessagePack */
  textExtension(type, value) {
    const start = pack.openExtension(type);
    pack.end += buffer.write(value, pack.end, 'utf8');
    pack.closeExtension(start);
  },

  /** @param {number} type with an empty body */
  emptyExtension(type) {
    buffer[pack.end] = 0xc7;
    buffer[pack.end + 1] = 0;
    buffer[pack.end + 2] = type;
    pack.end += 3;
  },

  /** @param {Record<string, unknown>} value of which what is undefined stays out */
  fields(value) {
    const keys = Object.keys(value);
    let count = 0;
    for (let i = 0; i < keys.length; i++) if (value[keys[i]] !== undefined) count++;
    pack.map(count);
    for (let i = 0; i < keys.length; i++) {
      const item = value[keys[i]];
      if (item === undefined) continue;
      pack.text(keys[i]);
      pack.plain(item);
    }
  },

  /** @param {unknown} value our own plain data: texts, numbers, booleans, nil, arrays, objects */
  plain(value) {
    if (typeof value === 'string') pack.text(value);
    else if (typeof value === 'number') pack.number(value);
    else if (typeof value === 'boolean') pack.boolean(value);
    else if (Array.isArray(value)) {
      pack.array(value.length);
      for (const item of value) pack.plain(item);
    } else if (value !== null && typeof value === 'object') {
      pack.fields(/** @type {Record<string, unknown>} */ (value));
    } else pack.nil();
  },
};

/** @param {string} value @param {number} length @returns {boolean} false where a character is beyond ASCII; then nothing counts as written */
function asciiText(value, length) {
  let at = pack.end;
  if (length < 32) buffer[at++] = 0xa0 | length;
  else {
    buffer[at++] = 0xd9;
    buffer[at++] = length;
  }
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 127) return false;
    buffer[at++] = code;
  }
  pack.end = at;
  return true;
}

/** Where parameters wait for the end of their calls: a view of its own for each would take longer to make than to fill. */
const SHELF = 8192;
let shelf = new Uint8Array(SHELF);
let used = 0;

/** Keep what is packed. @param {import('./frame.cjs').Frame} frame */
function keep(frame) {
  const length = pack.end;
  if (length > SHELF / 4) return keepLong(frame, length);
  if (used + length > SHELF) {
    shelf = new Uint8Array(SHELF);
    used = 0;
  }
  for (let i = 0; i < length; i++) shelf[used + i] = buffer[i];
  frame.bytes = shelf;
  frame.from = used;
  frame.length = length;
  used += length;
  return undefined;
}

/** @param {import('./frame.cjs').Frame} frame @param {number} length */
function keepLong(frame, length) {
  frame.bytes = new Uint8Array(buffer.subarray(0, length));
  frame.from = 0;
  frame.length = length;
}

/** Pack what is kept, first of all. @param {Uint8Array} bytes @param {number} from @param {number} length */
function take(bytes, from, length) {
  if (length > SHELF / 4) buffer.set(bytes, 0);
  else for (let i = 0; i < length; i++) buffer[i] = bytes[from + i];
  pack.end = length;
}

module.exports = { pack, keep, take, CAPACITY };
