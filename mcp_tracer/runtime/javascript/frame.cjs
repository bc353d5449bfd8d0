'use strict';
/** A span while it runs, and the root that the spans of one trace share. Plain objects: creating one is on the path of every traced call. */
const crypto = require('node:crypto');
const { CLASS } = require('./recorder.cjs');

/** @typedef {import('./recorder.cjs').Definition} Definition */
/** @typedef {import('./recorder.cjs').Recorder} Recorder */

const traceHigh = crypto.randomBytes(10).toString('hex');
let traceCount = 0;

/** What the spans of one trace have in common. `map` is its definition; `changed` when it must be written (again). */
class Root {
  /** @param {boolean} sampled @param {Record<string, unknown>} map without an id: a new one is made */
  constructor(sampled, map) {
    this.id = 0;
    /** Counts the roots that are recorded; 0 while this one is only counted. */
    this.number = 0;
    this.sampled = sampled;
    this.changed = true;
    /** @type {Record<string, unknown>} */
    this.map = map;
    if (map.traceId === undefined) map.traceId = traceHigh + (++traceCount).toString(16).padStart(12, '0');
  }

  /** Write the trace's definition before its first span, and again where more is known. @param {Recorder} recorder */
  announce(recorder) {
    if (!this.changed) return;
    if (this.id === 0) this.id = recorder.nextTrace++;
    recorder.define(this.id, CLASS.TRACE, this.map);
    this.changed = false;
  }
}

/** A span that has started. Times in ms. */
class Frame {
  /** @param {Definition} definition @param {Frame | null} parent @param {Root} root @param {Frame | null} previous @param {number} start @param {number} level */
  constructor(definition, parent, root, previous, start, level) {
    this.definition = definition;
    this.parent = parent;
    this.root = root;
    /** The span that was current before this one: it is again when this one ends or is suspended. @type {Frame | null} */
    this.previous = previous;
    /** Given when it is first written or named as a parent. */
    this.seq = 0;
    /** @type {number} */
    this.depth = parent === null ? 0 : parent.depth + 1;
    /** The depth among recorded spans: of a call that is only counted, that of the nearest one above it. @type {number} */
    this.shown = parent === null ? 0 : parent.shown + 1;
    this.level = level;
    this.start = start;
    /** How many children run, the suspension counted as one; since when any does; and the time covered by them so far. */
    this.active = 0;
    this.since = 0;
    this.covered = 0;
    this.suspendedAt = -1;
    this.suspended = 0;
    /** Of its self time what its function knows before it ends: until it was suspended last. */
    this.told = 0;
    this.resumes = 0;
    /** Parameters: up to three primitives as they are, or everything encoded at once, because objects change. */
    this.inline = 0;
    /** @type {unknown} */
    this.a = undefined;
    /** @type {unknown} */
    this.b = undefined;
    /** @type {unknown} */
    this.c = undefined;
    /** These, encoded: where they stand (pack.cjs). @type {Uint8Array | null} */
    this.bytes = null;
    this.from = 0;
    this.length = 0;
    /** @type {Record<string, unknown> | null} */
    this.attributes = null;
    /** ms that encoding its parameters took, where that is measured. */
    this.captured = 0;
    this.hasValue = false;
    /** @type {unknown} */
    this.value = undefined;
    this.threw = false;
    this.keepsError = true;
    /** @type {unknown} */
    this.error = undefined;
    /** A promise that was returned and that this span waits for. @type {Promise<unknown> | null} */
    this.awaited = null;
    /** The innermost call expression of this function that has started and not ended. @type {Frame | null} */
    this.call = null;
    /** The call expression whose value was used last. @type {Definition | null} */
    this.used = null;
    this.events = 0;
    /** Counted, not recorded: a call of a hot function. Its children hang on the nearest recorded span. It is recorded after all if it fails. */
    this.isCounted = false;
    /** The parameters of such a call, more than three of them: encoded only if it fails. @type {unknown[] | null} */
    this.late = null;
    /** How many calls it stands for. */
    this.calls = 1;
    this.isBrief = false;
    /** Some of its lines, checkpoints or variables are only counted. */
    this.leavesOut = false;
    /** Its lines, checkpoints and variables may pass without being looked at. */
    this.isQuiet = false;
    /** Its times are those that such calls take on average. */
    this.isEstimate = false;
    this.ended = false;
    /** A flush has seen it open. */
    this.isSeen = false;
    /** What stands for the calls without probes that it makes, one for all that cannot be suspended. @type {Ghost | null} */
    this.shade = null;
    /** Spans that are not on the stack and that no flush has seen yet. @type {Frame | null} */
    this.older = null;
    /** @type {Frame | null} */
    this.newer = null;
  }

  get v() {
    return this.value;
  }

  /** What its function returns. @param {unknown} value */
  set v(value) {
    if (this.level <= 1) return;
    this.value = value;
    this.hasValue = /** @type {{keepsReturn?: boolean}} */ (this.definition).keepsReturn === true;
  }
}

/** What a ghost does: it has set the current span and will give it back, it is suspended or has ended, or it stands for many calls and does nothing. */
const GHOST = { RUNS: 0, RESTS: 1, SHARED: 2 };

/** Stands for a call without probes where what it calls or sets off must find the span above. Its level is 0: probes do nothing else with it. */
class Ghost {
  /** @param {Frame} parent the nearest span above @param {Frame | null} previous @param {number} state of GHOST */
  constructor(parent, previous, state) {
    this.level = 0;
    this.parent = parent;
    /** @type {Frame | null} */
    this.previous = previous;
    this.state = state;
    /** @type {Definition | null} */
    this.used = null;
  }

  get root() {
    return this.parent.root;
  }

  /** As a span has them: no call expression of it is recorded. @returns {Frame | null} */
  get call() {
    return null;
  }
}

/** V8 compiles for the kinds of values that it has seen in a field, and again for others: show it what comes, once. */
function showKinds() {
  const frame = new Frame(/** @type {any} */ ({}), null, new Root(false, { traceId: '' }), null, 0.5, 1);
  for (const value of [1, 'text', {}, undefined]) {
    frame.a = frame.b = frame.c = frame.value = frame.error = value;
  }
  frame.since = frame.covered = frame.suspendedAt = frame.suspended = frame.told = frame.captured = 0.5;
  frame.bytes = new Uint8Array(0);
  frame.attributes = {};
  frame.late = [];
  frame.awaited = Promise.resolve();
  frame.shade = new Ghost(frame, null, GHOST.SHARED);
  frame.parent = frame.previous = frame.call = frame.older = frame.newer = frame;
  frame.seq = frame.depth = frame.events = frame.resumes = frame.active = 2;
}

showKinds();

module.exports = { Frame, GHOST, Ghost, Root };
