'use strict';
/** Writes one spool file: chunks of records, as docs/spool-format.md says. Every method may throw where the disk fails; `tracer.cjs` handles that. */
const process = require('node:process');
const { Buffer } = require('node:buffer');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { SIZE: CHECKS_SIZE, writeChecks } = require('./checks.cjs');
const { crc32 } = require('./crc32.cjs');
const { startedAtNs } = require('./clock.cjs');
const { needRoom } = require('./room.cjs');

const HEADER_SIZE = 4096;
const SLOT_SIZE = 65536;
const CHUNK_HEADER_SIZE = 32;
const RECORD_SIZE = 48;
const CHUNK_MAGIC = 0x3143544d;
const OPEN = 1;
const SEALED = 2;
const MAX_PAYLOAD = 32 * SLOT_SIZE;
/** Of the slot in reserve its first and last so many bytes are written: records begin at the one end, payloads at the other. */
const BLOCK = Buffer.alloc(4096);
const SPAN = 1;
const AGGREGATE = 5;

class Spool {
  slots = 1;
  count = 0;
  top = CHUNK_HEADER_SIZE;
  bottom = SLOT_SIZE;
  writtenTop = CHUNK_HEADER_SIZE;
  writtenBottom = SLOT_SIZE;
  writtenCount = 0;
  position = HEADER_SIZE;
  spare = Buffer.from(new ArrayBuffer(SLOT_SIZE));
  chunk = this.spare;
  words = new Uint32Array(this.spare.buffer);

  /** @param {string} folder @param {string} runId 32 hex digits @param {number} limit of the file's size in bytes */
  constructor(folder, runId, limit) {
    this.limit = limit;
    this.file = path.join(folder, `${runId}.${process.pid}.spool`);
    fs.mkdirSync(folder, { recursive: true });
    const temporary = `${this.file}.${process.pid}.tmp`;
    this.descriptor = fs.openSync(temporary, 'wx', 0o600);
    fs.writeSync(this.descriptor, header(runId));
    fs.renameSync(temporary, this.file);
    this.beginChunk(1);
  }

  /** Begin a chunk, where the slot behind it can be kept for the end of the run. @param {number} slots */
  beginChunk(slots) {
    const behind = this.position + slots * SLOT_SIZE;
    if (behind + SLOT_SIZE > this.limit)
      throw Object.assign(new Error(`the spool file reached its limit of ${this.limit} bytes`), { code: 'EFBIG', syscall: 'write' });
    for (const at of [behind, behind + SLOT_SIZE - BLOCK.length]) writeAll(this.descriptor, BLOCK, 0, BLOCK.length, at);
    this.startChunk(slots);
  }

  /** @param {number} slots */
  startChunk(slots) {
    this.slots = slots;
    this.chunk = slots === 1 ? this.spare : Buffer.from(new ArrayBuffer(slots * SLOT_SIZE));
    this.words = new Uint32Array(this.chunk.buffer, 0, (slots * SLOT_SIZE) >> 2);
    this.words.fill(0, 0, CHUNK_HEADER_SIZE >> 2);
    this.words[0] = CHUNK_MAGIC;
    this.setState(OPEN);
    this.count = 0;
    this.top = CHUNK_HEADER_SIZE;
    this.bottom = slots * SLOT_SIZE;
    this.writtenTop = this.top;
    this.writtenBottom = this.bottom;
    this.writtenCount = 0;
  }

  /** @param {number} state */
  setState(state) {
    this.words[1] = state | (1 << 8) | (this.slots << 16);
  }

  /**
   * Make room for one record and copy its payload. The caller fills in the record with `words` from the returned index on, then calls `commit`.
   * @param {Uint8Array} payload @param {number} length of it @returns {number} index into `words`
   */
  reserve(payload, length) {
    if (this.bottom - this.top < RECORD_SIZE + CHECKS_SIZE + length) this.nextChunk(RECORD_SIZE + CHECKS_SIZE + length);
    const at = this.bottom - length;
    const chunk = this.chunk;
    if (length < 64) for (let i = 0; i < length; i++) chunk[at + i] = payload[i];
    else chunk.set(payload.subarray(0, length), at);
    return this.top >> 2;
  }

  /** Count the record that was filled in after `reserve`: what breaks off before leaves nothing behind. @param {number} length of its payload */
  commit(length) {
    this.bottom -= length;
    this.top += RECORD_SIZE;
    this.count++;
  }

  /** @param {number} bytes that the next record needs */
  nextChunk(bytes) {
    if (bytes > MAX_PAYLOAD) throw new RangeError('a record is larger than the spool allows');
    needRoom();
    this.seal();
    this.beginChunk(Math.ceil((bytes + CHUNK_HEADER_SIZE) / SLOT_SIZE));
  }

  /** Write what was committed since the last flush: records, payload, and only then the count. */
  flush() {
    if (this.top === this.writtenTop) return;
    this.write(this.writtenTop, this.top);
    this.write(this.bottom, this.writtenBottom);
    this.writtenTop = this.top;
    this.writtenBottom = this.bottom;
    this.writeHead();
    this.writtenCount = this.count;
  }

  writeHead() {
    this.words[2] = this.count;
    this.words[3] = this.chunk.length - this.bottom;
    this.write(0, CHUNK_HEADER_SIZE);
  }

  /** Finish the chunk: its checksums, then its state. Where no flush came in between, all of it goes out in one piece. */
  seal() {
    if (this.count === 0) return;
    const isWritten = this.writtenTop !== CHUNK_HEADER_SIZE;
    if (isWritten) this.flush();
    this.words[4] = writeChecks(this.chunk, this.words, this.count, this.bottom);
    this.words[5] = crc32(this.chunk.subarray(this.bottom - CHECKS_SIZE, this.bottom), 0);
    if (!isWritten) this.write(CHUNK_HEADER_SIZE, this.chunk.length);
    else this.writeTable();
    this.setState(SEALED);
    this.writeHead();
    this.position += this.chunk.length;
    this.count = this.writtenCount = 0;
  }

  /** On a full disk the chunk does without. */
  writeTable() {
    try {
      this.write(this.bottom - CHECKS_SIZE, this.bottom);
    } catch {
      this.words[5] = 0;
    }
  }

  /** Nothing more can be written: forget what is not. @returns {number} the calls that these records are of */
  giveUp() {
    let calls = 0;
    for (let at = this.writtenTop; this.count > 0 && at < this.top; at += RECORD_SIZE) {
      const kind = this.words[(at >> 2) + 10] & 0xff;
      if (kind === SPAN || kind === AGGREGATE) calls += this.words[(at >> 2) + 11];
    }
    this.top = this.writtenTop;
    this.bottom = this.writtenBottom;
    this.count = this.writtenCount;
    return calls;
  }

  /** After `giveUp`: begin the slot in reserve. */
  lastRoom() {
    this.seal();
    this.startChunk(1);
  }

  /** Seal what is open and give back what is in reserve: hardly anything follows. */
  end() {
    this.seal();
    this.startChunk(1);
    fs.ftruncateSync(this.descriptor, this.position);
  }

  /** @param {number} from @param {number} to offsets in the chunk */
  write(from, to) {
    writeAll(this.descriptor, this.chunk, from, to, this.position);
  }

  close() {
    fs.closeSync(this.descriptor);
  }
}

/** @param {number} descriptor @param {Buffer} bytes @param {number} from @param {number} to @param {number} position in the file of the bytes' first */
function writeAll(descriptor, bytes, from, to, position) {
  let at = from;
  while (at < to) at += fs.writeSync(descriptor, bytes, at, to - at, position + at);
}

/** @param {string} runId @returns {Buffer} */
function header(runId) {
  const bytes = Buffer.alloc(HEADER_SIZE);
  bytes.write('MTSPOOL\x01', 0, 'latin1');
  bytes.writeUInt16LE(1, 8);
  bytes.writeUInt16LE(2, 10);
  bytes.writeUInt32LE(SLOT_SIZE, 12);
  bytes.writeBigUInt64LE(startedAtNs, 16);
  bytes.writeDoubleLE(1, 32);
  bytes.writeBigUInt64LE(spanSalt, 40);
  bytes.write(runId, 48, 'hex');
  bytes.writeUInt32LE(process.pid, 64);
  bytes.writeUInt32LE(process.ppid, 68);
  bytes.writeBigUInt64LE(processStart(), 72);
  return bytes;
}

const spanSalt = (crypto.randomBytes(8).readBigUInt64LE() >> 1n) | 1n;

/** @returns {bigint} field 22 of /proc/self/stat, 0 where there is none */
function processStart() {
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'latin1');
    return BigInt(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return 0n;
  }
}

/** @param {number} seq @returns {string} 16 hex digits */
function spanId(seq) {
  return BigInt.asUintN(64, spanSalt + BigInt(seq)).toString(16).padStart(16, '0');
}

module.exports = { Spool, spanId };
