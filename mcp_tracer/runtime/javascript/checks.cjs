'use strict';
/** The table of checks that a sealed chunk has (docs/spool-format.md): damage then costs a sixteenth of the chunk's records, not all. */
const { crc32 } = require('./crc32.cjs');

const GROUPS = 16;
const SIZE = 192;
const ENTRY = 12;
const CHUNK_HEADER_SIZE = 32;
const RECORD_SIZE = 48;

/**
 * Put the table below the payload. Each checksum goes on from the one before.
 * @param {Buffer} chunk @param {Uint32Array} words the same @param {number} count records @param {number} bottom where the payload begins
 * @returns {number} the last checksum: of all records and payload
 */
function writeChecks(chunk, words, count, bottom) {
  const table = bottom - SIZE;
  const step = Math.max(1, Math.ceil(count / GROUPS));
  let crc = 0;
  let bytes = 0;
  for (let group = 0; group < GROUPS; group++) {
    const first = Math.min(count, group * step);
    const stop = Math.min(count, first + step);
    for (let i = first; i < stop; i++) bytes += words[(CHUNK_HEADER_SIZE + i * RECORD_SIZE + 32) >> 2];
    crc = crc32(chunk.subarray(CHUNK_HEADER_SIZE + first * RECORD_SIZE, CHUNK_HEADER_SIZE + stop * RECORD_SIZE), crc);
    chunk.writeUInt32LE(crc, table + group * ENTRY);
    chunk.writeUInt32LE(bytes, table + group * ENTRY + 4);
  }
  let begin = bottom;
  for (let group = GROUPS - 1; group >= 0; group--) {
    const end = chunk.length - (group > 0 ? chunk.readUInt32LE(table + (group - 1) * ENTRY + 4) : 0);
    crc = crc32(chunk.subarray(begin, end), crc);
    chunk.writeUInt32LE(crc, table + group * ENTRY + 8);
    begin = end;
  }
  return crc;
}

module.exports = { writeChecks, SIZE };
