'use strict';
/** Turns what happened into records: definitions, spans, events, the run's end. It owns the spool and the numbers that stand in it. */
const { pack, take } = require('./pack.cjs');
const { toTicks } = require('./clock.cjs');
const { EXT, setBrief, writeValue } = require('./values.cjs');
const { isSecretName } = require('./redaction.cjs');
const { numberOf, recordedParent } = require('./numbers.cjs');
const { writeError, typeName } = require('./errors.cjs');

const KIND = { SPAN: 1, OPEN: 2, EVENT: 3, DEFINITION: 4, AGGREGATE: 5, RUN_END: 6 };
const CLASS = { FUNCTION: 1, SITE: 2, ERROR: 3, TRACE: 4, RUN: 5, THREAD: 6, FILE: 7 };
const FLAG = { ERROR: 1, SUSPENDED: 2, LEFT_OUT: 4, OPEN: 8, ESTIMATE: 16 };
const WIDE = 0xffffffff;
const TAG = { PARAMS: 0x50, RETURN: 0x52, ERROR: 0x45, ATTRIBUTES: 0x54, AGGREGATE: 0x41, VALUES: 0x56, WIDE: 0x57, SUSPENSION: 0x53 };
const MAX_ERROR_TYPES = 60000;

/**
 * A function or a site, as the table in an instrumented file says, or a library call. `defined` once its definition was written.
 * @typedef {{id: number, defined: boolean, isSite: boolean, map: Record<string, unknown>, budget: import('./governor.cjs').Budget | null}} Definition
 * @typedef {import('./frame.cjs').Frame} Frame
 */

class Recorder {
  /** @param {import('./spool.cjs').Spool} spool @param {string} root of the project */
  constructor(spool, root) {
    this.spool = spool;
    this.root = root;
    this.nextId = 1;
    this.nextTrace = 1;
    /** @type {Map<string, number>} */
    this.errorTypes = new Map();
    this.maxBytes = 10000;
  }

  /** @param {number} id @param {number} kind @param {Record<string, unknown>} map */
  define(id, kind, map) {
    pack.reset();
    pack.plain(map);
    const at = this.spool.reserve(pack.buffer, pack.end);
    this.spool.words.fill(0, at, at + 12);
    this.spool.words[at + 7] = id;
    this.spool.words[at + 8] = pack.end;
    this.spool.words[at + 10] = KIND.DEFINITION | (kind << 16);
    this.spool.commit(pack.end);
  }

  /** @param {Definition} definition */
  defineFunction(definition) {
    this.define(definition.id, definition.isSite ? CLASS.SITE : CLASS.FUNCTION, definition.map);
    definition.defined = true;
  }

  /** @param {unknown} error @returns {number} */
  errorType(error) {
    const name = typeName(error);
    const known = this.errorTypes.get(name);
    if (known !== undefined || this.errorTypes.size >= MAX_ERROR_TYPES) return known ?? 0;
    const id = this.errorTypes.size + 1;
    this.define(id, CLASS.ERROR, { name });
    this.errorTypes.set(name, id);
    return id;
  }

  /** @param {Frame} frame that has ended @param {number} end ms */
  span(frame, end) {
    // Of a call expression that left unseen what it failed with may not be known; and a request may fail without an exception.
    const errorId = frame.threw && !((frame.definition.isSite || !frame.keepsError) && (frame.error ?? null) === null) ? this.errorType(frame.error) : 0;
    if (!frame.definition.defined || frame.root.changed) this.announce(frame);
    const duration = toTicks(end - frame.start);
    const self = Math.max(0, duration - toTicks(frame.covered));
    pack.end = 0;
    this.payload(frame);
    if (frame.hasValue) this.returned(frame);
    let flags = frame.isBrief || frame.leavesOut ? FLAG.LEFT_OUT : 0;
    if (frame.isEstimate) flags |= FLAG.ESTIMATE;
    if (frame.threw) flags |= this.failure(frame);
    if (frame.resumes > 0) flags |= this.suspension(frame);
    const isWide = duration >= WIDE;
    if (isWide) this.pair(TAG.WIDE, duration, self);
    this.record(frame, KIND.SPAN, flags, errorId, isWide ? WIDE : duration, isWide ? WIDE : self);
  }

  /** @param {Frame} frame @returns {number} a flag */
  failure(frame) {
    if (!frame.keepsError) return FLAG.ERROR;
    pack.byte(TAG.ERROR);
    const isWhole = writeError(frame.error, this.root, frame.definition.budget, frame.start);
    return isWhole ? FLAG.ERROR : FLAG.ERROR | FLAG.LEFT_OUT;
  }

  /** @param {Frame} frame @returns {number} a flag */
  suspension(frame) {
    this.pair(TAG.SUSPENSION, toTicks(frame.suspended), frame.resumes);
    return FLAG.SUSPENDED;
  }

  /** @param {Frame} frame that has not ended */
  open(frame) {
    this.prepare(frame);
    this.payload(frame);
    this.record(frame, KIND.OPEN, FLAG.OPEN, 0, 0, 0);
  }

  /** @param {Frame} frame */
  prepare(frame) {
    this.announce(frame);
    pack.reset();
  }

  /** Definitions stand before their first use. @param {Frame} frame */
  announce(frame) {
    if (!frame.definition.defined) this.defineFunction(frame.definition);
    frame.root.announce(this);
  }

  /** What is known of a span from its start on. @param {Frame} frame */
  payload(frame) {
    if (frame.inline > 0 && !frame.isBrief) {
      pack.buffer[0] = TAG.PARAMS;
      pack.buffer[1] = 0x90 | frame.inline;
      pack.end = 2;
      writeShort(frame.a, this.maxBytes);
      if (frame.inline > 1) writeShort(frame.b, this.maxBytes);
      if (frame.inline > 2) writeShort(frame.c, this.maxBytes);
    } else if (frame.bytes !== null) take(frame.bytes, frame.from, frame.length);
    else if (frame.late !== null) this.late(frame, frame.late);
    else if (frame.inline > 0) this.late(frame, [frame.a, frame.b, frame.c].slice(0, frame.inline));
    if (frame.attributes !== null) {
      pack.byte(TAG.ATTRIBUTES);
      pack.plain(frame.attributes);
    }
  }

  /** The parameters of a call that was only to be counted, and failed: as they are by now. @param {Frame} frame @param {unknown[]} values */
  late(frame, values) {
    const names = /** @type {string[] | undefined} */ (frame.definition.map.params);
    const count = Math.min(values.length, names?.length ?? values.length);
    pack.byte(TAG.PARAMS);
    pack.array(count);
    setBrief(true);
    for (let i = 0; i < count; i++) writeParam(names?.[i] ?? '', values[i], this.maxBytes);
    setBrief(false);
  }

  /** @param {Frame} frame */
  returned(frame) {
    const { value } = frame;
    pack.buffer[pack.end++] = TAG.RETURN;
    if (typeof value !== 'object' || value === null) return writeShort(value, this.maxBytes);
    const budget = frame.definition.budget;
    if (frame.bytes === null && budget !== null && !budget.takeValues(frame.start)) frame.isBrief = true;
    setBrief(frame.isBrief);
    writeValue(value, this.maxBytes);
    setBrief(false);
  }

  /** The calls of a function that were counted and not recorded, since the last time. @param {Definition} definition @param {number} time ms */
  counted(definition, time) {
    const budget = /** @type {import('./governor.cjs').Budget} */ (definition.budget);
    this.aggregate(definition, time, 0, budget.count, [budget.total, budget.self, budget.min, budget.max], budget.errors);
    budget.clear();
  }

  /** Calls without probes, or for no calls what they took of a caller's own time. @param {Definition} definition @param {number} time @param {number} calls @param {number} total @param {number} self ms */
  estimated(definition, time, calls, total, self) {
    const mean = calls === 0 ? 0 : total / calls;
    this.aggregate(definition, time, FLAG.ESTIMATE, calls, [total, self, mean, mean], 0);
  }

  /** @param {Definition} definition @param {number} time @param {number} flags @param {number} calls @param {number[]} times total, self, least, most: ms @param {number} errors */
  aggregate(definition, time, flags, calls, times, errors) {
    if (!definition.defined) this.defineFunction(definition);
    pack.reset();
    pack.byte(TAG.AGGREGATE);
    pack.array(5);
    // Minus zero would not be an integer.
    for (const ms of times) pack.number(toTicks(ms) + 0);
    pack.number(errors);
    const at = this.spool.reserve(pack.buffer, pack.end);
    const tick = toTicks(time);
    this.spool.words.fill(0, at, at + 12);
    this.spool.words[at] = tick;
    this.spool.words[at + 1] = tick / 4294967296;
    this.spool.words[at + 7] = definition.id;
    this.spool.words[at + 8] = pack.end;
    this.spool.words[at + 10] = KIND.AGGREGATE | (flags << 8);
    this.spool.words[at + 11] = calls;
    this.spool.commit(pack.end);
  }

  /** @param {number} tag @param {number} first @param {number} second */
  pair(tag, first, second) {
    pack.byte(tag);
    pack.array(2);
    pack.number(first);
    pack.number(second);
  }

  /** @param {Frame} frame @param {number} kind @param {number} flags @param {number} errorId @param {number} duration @param {number} self */
  record(frame, kind, flags, errorId, duration, self) {
    const at = this.spool.reserve(pack.buffer, pack.end);
    const words = this.spool.words;
    const tick = toTicks(frame.start);
    words[at] = tick;
    words[at + 1] = tick / 4294967296;
    words[at + 2] = duration;
    words[at + 3] = self;
    let parent = frame.parent;
    if (parent !== null && parent.isCounted) parent = recordedParent(frame);
    words[at + 4] = numberOf(frame);
    words[at + 5] = parent === null ? 0 : numberOf(parent);
    words[at + 6] = frame.root.id;
    words[at + 7] = frame.definition.id;
    words[at + 8] = pack.end;
    words[at + 9] = Math.min(frame.shown, 65535);
    words[at + 10] = kind | (flags << 8) | (errorId << 16);
    words[at + 11] = frame.calls;
    this.spool.commit(pack.end);
  }

  /** An event inside a span. @param {Frame} frame @param {Definition} site @param {number} time ms @param {unknown[] | null} values in the order of the site's names */
  event(frame, site, time, values) {
    this.prepare(frame);
    if (!site.defined) this.defineFunction(site);
    pack.reset();
    if (values !== null) this.namedValues(/** @type {string[]} */ (site.map.names), values);
    const at = this.spool.reserve(pack.buffer, pack.end);
    const words = this.spool.words;
    const tick = toTicks(time);
    words.fill(0, at, at + 12);
    words[at] = tick;
    words[at + 1] = tick / 4294967296;
    words[at + 4] = frame.seq;
    words[at + 5] = ++frame.events;
    words[at + 6] = frame.root.id;
    words[at + 7] = site.id;
    words[at + 8] = pack.end;
    words[at + 10] = KIND.EVENT;
    words[at + 11] = 1;
    this.spool.commit(pack.end);
  }

  /** @param {string[]} names @param {unknown[]} values */
  namedValues(names, values) {
    pack.byte(TAG.VALUES);
    writeValues(names, values, this.maxBytes);
  }

  /** @param {{exitCode?: number, error?: string, dropped: number, faults: number, stopped?: string}} map @param {number} time ms */
  runEnd(map, time) {
    pack.reset();
    pack.plain(map);
    const at = this.spool.reserve(pack.buffer, pack.end);
    const tick = toTicks(time);
    this.spool.words.fill(0, at, at + 12);
    this.spool.words[at] = tick;
    this.spool.words[at + 1] = tick / 4294967296;
    this.spool.words[at + 8] = pack.end;
    this.spool.words[at + 10] = KIND.RUN_END;
    this.spool.commit(pack.end);
  }
}

/** A value that is most often a small number. @param {unknown} value @param {number} maxBytes */
function writeShort(value, maxBytes) {
  if (typeof value === 'number' && value > 0 && value < 128 && (value | 0) === value) pack.buffer[pack.end++] = value;
  else writeValue(value, maxBytes);
}

/** @param {string[]} names @param {unknown[]} values @param {number} maxBytes for each */
function writeValues(names, values, maxBytes) {
  pack.map(names.length);
  for (let i = 0; i < names.length; i++) {
    pack.text(names[i]);
    writeParam(names[i], values[i], maxBytes);
  }
}

/** @param {string} name @param {unknown} value @param {number} maxBytes */
function writeParam(name, value, maxBytes) {
  if (value !== null && value !== undefined && typeof value !== 'boolean' && isSecretName(name)) pack.textExtension(EXT.REDACTED, 'name');
  else writeValue(value, maxBytes);
}

module.exports = { Recorder, CLASS, TAG, writeParam };
