'use strict';
/** crc32 as zlib computes it: zlib's own where Node has it (20.15, 22.2 and later), a table otherwise. */
const zlib = require('node:zlib');

const table = new Uint32Array(256);
for (let i = 0; i < 256; i++) {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  table[i] = value >>> 0;
}

/** @param {Uint8Array} bytes @param {number} before the checksum of what comes before @returns {number} */
function byTable(bytes, before) {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) value = table[(value ^ bytes[i]) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}

const native = /** @type {{crc32?: (bytes: Uint8Array, before: number) => number}} */ (/** @type {unknown} */ (zlib)).crc32;

module.exports = { crc32: native ?? byTable, byTable };
