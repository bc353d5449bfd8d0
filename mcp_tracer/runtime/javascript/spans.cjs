'use strict';
/**
 * Which span is current, and what starting, suspending, resuming and ending one means. A span's parent is the current span; where nothing runs it is
 * the request (or other root) whose asynchronous context this is, or else the function in whose text the callback stands.
 */
const { AsyncLocalStorage } = require('node:async_hooks');
const { now } = require('./clock.cjs');
const { Frame, GHOST, Ghost, Root } = require('./frame.cjs');
const { showNext } = require('./estimate.cjs');
const { Budget, governor } = require('./governor.cjs');
const { numberOf } = require('./numbers.cjs');
const { hasRoom } = require('./room.cjs');
const { setBrief } = require('./values.cjs');

/** @typedef {import('./recorder.cjs').Definition & {level: number}} Traced */
/** The span of the function around, in the text: 0 where there is none, false where that call passed. @typedef {Frame | Ghost | 0 | false} Outer */

/** What a call that is not recorded gets: level 0, so no probe does anything with it. */
const NONE = new Frame({ id: 0, defined: true, isSite: false, map: {}, budget: null }, null, new Root(false, { traceId: '' }), null, 0, 0);
const newest = new Frame(NONE.definition, null, NONE.root, null, 0, 0);
newest.older = newest.newer = newest;

/**
 * V8 copies functions of up to 460 bytes of bytecode into each caller that is hot: with entry and exit copied into each function of the program, compiling
 * took longer than running. So what instrumented text calls is made larger than that, by copies of this that are never made.
 * @type {never[]}
 */
const BULK = [];

const state = {
  /** @type {import('./recorder.cjs').Recorder | import('./lost.cjs').Lost | null} null while nothing is recorded */
  recorder: null,
  /** @type {AsyncLocalStorage<Frame> | null} the request of an asynchronous context; made when the first one comes */
  contexts: null,
  maxDepth: 50,
  sampleRate: 1,
  minDuration: 0,
  /** Where the process itself belongs: from TRACEPARENT. @type {{traceId?: string, parentSpanId?: string}} */
  remote: {},
  /** The functions with calls that were only counted since the last flush. @type {import('./recorder.cjs').Definition[]} */
  counted: [],
  dropped: 0,
  faults: 0,
  /** @type {never[]} */
  bulk: [],
  /** @type {(isRoot: boolean, time: number, mayFlush: boolean) => void} called after recorded spans that end later than `quietUntil` */
  onEnd: () => {},
  quietUntil: -1,
  /** @type {(error: unknown) => void} called when a record could not be written */
  onFailure: () => {},
};

/** What the beginning of a recorded span takes beside its parameters, ms. */
const COST_BEFORE = 0.0003;

/** A counted call of so many ms is recorded, and then one that takes so many times as long: however long a program runs, a function has few of these. */
const SLOW_MS = 1;
const SLOWER = 1.25;

/** @type {Frame | null} */
let current = null;
let roots = 0;

/** Work of ours broke off, maybe because the stack is full, as it may be here, too. @param {unknown} error */
function report(error) {
  try {
    setBrief(false);
    state.onFailure(error);
  } catch {
    // It is.
  }
}

/** @returns {Frame | null} the span that runs now */
const running = () => current;

/** @returns {Frame | null} the parent of what starts now outside of any function of the program */
const contextual = () => current ?? parentOf(0);

/** Start a span in the current one. @param {Traced} definition @param {Outer} outer @returns {Frame} NONE where it is not recorded */
function enter(definition, outer) {
  const level = definition.level;
  if (level === 0) return NONE;
  const previous = current;
  const parent = previous !== null ? previous : parentOf(outer);
  if (parent === null) return (current = begin(definition, null, newRoot({ type: 'call', name: definition.map.name, ...state.remote }), null, level));
  if (!parent.root.sampled) return NONE;
  return (current = begin(definition, parent, parent.root, previous, level));
}

/** @param {Outer} outer @returns {Frame | null} */
function parentOf(outer) {
  const request = state.contexts === null ? undefined : state.contexts.getStore();
  const lexical = !outer || outer === NONE ? null : outer instanceof Ghost ? outer.parent : outer;
  if (request !== undefined && (lexical === null || lexical.root !== request.root)) return request;
  // A callback that starts itself again and again would sink deeper each time: it begins a new trace instead.
  return lexical !== null && lexical.depth + 2 >= state.maxDepth ? null : lexical;
}

/** @param {Record<string, unknown>} map @returns {Root} */
function newRoot(map) {
  return new Root(state.sampleRate >= 1 || Math.random() < state.sampleRate, map);
}

/** @param {import('./recorder.cjs').Definition} definition @param {Frame | null} parent @param {Root} root @param {Frame | null} previous @param {number} level @returns {Frame} */
function begin(definition, parent, root, previous, level) {
  const start = now();
  const frame = new Frame(definition, parent, root, previous, start, level);
  if (root.sampled) judge(frame, parent, root);
  if (parent !== null && parent.active++ === 0) parent.since = start;
  return frame;
}

/** The same for a span that does not become the current one: a flush finds it all the same. @param {import('./recorder.cjs').Definition} definition @param {Frame | null} parent @param {Root} root @returns {Frame} */
function beginAside(definition, parent, root) {
  const frame = begin(definition, parent, root, null, 2);
  list(frame);
  return frame;
}

/** Whether it is recorded, or only counted. @param {Frame} frame that begins @param {Frame | null} parent @param {Root} root */
function judge(frame, parent, root) {
  const { budget, isSite } = frame.definition;
  if (budget !== null && frame.depth > state.maxDepth) {
    frame.isCounted = true;
    if (budget.callers !== null) budget.takeLit(frame.start);
  } else if (budget !== null && governor.isOn) {
    frame.calls = budget.take(root.number, isSite && parent !== null && parent.isCounted, frame.start);
    frame.isCounted = frame.calls === 0;
  }
  if (frame.isCounted) {
    frame.calls = 1;
    frame.shown--;
    return;
  }
  if (parent === null) {
    root.number = ++roots;
    if (governor.dark.size > 0 && governor.verdict > 1) showNext();
  }
  numberOf(frame);
}

/** A call without probes of a function that holds no other: only where nothing runs must what it calls find another span. @param {Outer} outer @returns {Ghost | false} */
const pass = (outer) => (current !== null || !outer ? false : haunt(outer));

/** The same of a function in whose text others stand: they find the span above through what this gives. @param {Outer} outer @returns {Ghost | false} */
const shade = (outer) => (current === null ? haunt(outer) : current.shade !== null ? current.shade : (current.shade = new Ghost(current, null, GHOST.SHARED)));

/** The same of a function that can be suspended. @param {Outer} outer @returns {Ghost | false} */
function haunt(outer) {
  if (outer === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  const previous = current;
  const parent = previous !== null ? previous : parentOf(outer);
  if (parent === null) return false;
  const ghost = new Ghost(parent, previous, GHOST.RUNS);
  current = parent;
  return ghost;
}

/**
 * End the span of a function: its last probe. The stack may be nearly full here: until the span is no longer current and its parent knows that it has
 * ended, nothing needs more of it than `enter` did in the same place.
 * @param {Frame | Ghost} span
 */
function exit(span) {
  if (span === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  if (span instanceof Ghost) return leave(span);
  const frame = span;
  if (frame === NONE || frame.ended) return undefined;
  if (frame.suspendedAt < 0) current = frame.previous;
  frame.previous = null;
  const end = now();
  if (frame.call !== null) endCalls(frame, end, undefined, false);
  if (frame.suspendedAt >= 0) stopWaiting(frame, end);
  return frame.awaited === null || frame.threw ? finish(frame, end) : waitFor(frame, frame.awaited, end);
}

/** @param {Ghost} ghost */
function leave(ghost) {
  if (ghost.state === GHOST.RUNS) {
    current = ghost.previous;
    ghost.state = GHOST.RESTS;
    ghost.previous = null;
  }
}

/** @param {Frame} frame @param {number} end */
function finish(frame, end) {
  frame.ended = true;
  if (frame.active > 0) frame.covered += end - frame.since;
  const parent = frame.parent;
  if (parent !== null && --parent.active === 0 && !parent.ended) parent.covered += end - parent.since;
  if (frame.threw && parent !== null && parent.definition.isSite && !parent.ended) parent.error = frame.error;
  try {
    if (frame.older !== null) unlist(frame);
    if (frame.threw && frame.depth <= state.maxDepth) promote(frame);
    else if (frame.isCounted && end - frame.start > SLOW_MS) keepSlow(frame, end - frame.start);
    if (frame.isCounted) count(frame, end - frame.start);
    else if (frame.root.sampled && state.recorder !== null) {
      if (end - frame.start < state.minDuration) state.dropped++;
      else if (frame.threw && (governor.dark.size > 0 || !hasRoom())) return defer(frame, end);
      else write(frame, end);
    }
  } catch (fault) {
    if (frame.threw || frame.isCounted) failing.push({ frame, end });
    else state.dropped += Math.max(frame.calls, 1);
    try {
      report(fault);
    } catch {
      // The stack is full.
    }
    return undefined;
  }
  return forget(frame);
}

/** A callback's closure may keep this frame alive: the values must not live as long. @param {Frame} frame */
function forget(frame) {
  frame.a = frame.b = frame.c = frame.value = frame.error = frame.bytes = frame.late = frame.awaited = frame.attributes = null;
}

/** A call that fails is recorded, with the calls above it up to the nearest recorded one. @param {Frame} frame */
function promote(frame) {
  let height = 0;
  let above = frame.parent;
  for (; above !== null && above.isCounted && !above.ended; above = above.parent) height++;
  const top = above === null ? 0 : above.shown + 1;
  for (let one = frame; height >= 0; one = /** @type {Frame} */ (one.parent)) {
    if (one.isCounted) {
      const budget = /** @type {Budget} */ (one.definition.budget);
      if (budget.since > 0) budget.since--;
      one.isCounted = false;
      one.isBrief = true;
    }
    one.shown = top + height--;
  }
}

/** The slowest call of each function is there: one that was to be only counted, and took longer than the last one kept for that, is recorded likewise. @param {Frame} frame @param {number} duration ms */
function keepSlow(frame, duration) {
  const budget = /** @type {Budget} */ (frame.definition.budget);
  if (duration <= budget.slow || frame.depth > state.maxDepth) return;
  budget.slow = duration * SLOWER;
  promote(frame);
}

/** @param {Frame} frame of a hot function, that was not recorded @param {number} duration ms */
function count(frame, duration) {
  const budget = /** @type {Budget} */ (frame.definition.budget);
  const self = Math.max(0, duration - frame.covered);
  if (budget.gate !== null || budget.owner !== null) budget.learn(duration, self, frame.parent, frame.calls);
  budget.add(duration, self, frame.threw);
  if (budget.count === 1) state.counted.push(frame.definition);
}

/** The calls that one exception has passed through and that are not written yet, innermost first: calls without probes among those above are known only as it passes them. @type {{frame: Frame, end: number}[]} */
const failing = [];

/**
 * A call without probes failed: it is recorded, as long as such calls are on average.
 * @param {import('./definitions.cjs').FunctionDefinition} definition @param {Outer} outer @param {Frame | Ghost | false} span @param {unknown} error @param {unknown[]} values
 */
function fail(definition, outer, span, error, values) {
  try {
    if (definition.level > 0 && state.recorder !== null && hasRoom()) recordFailed(definition, outer, span, error, values);
  } catch (fault) {
    report(fault);
  }
}

/** @param {import('./definitions.cjs').FunctionDefinition} definition @param {Outer} outer @param {Frame | Ghost | false} span @param {unknown} error @param {unknown[]} values */
function recordFailed(definition, outer, span, error, values) {
  const parent = span instanceof Ghost ? span.parent : current !== null ? current : parentOf(outer);
  const root = parent === null ? newRoot({ type: 'call', name: definition.map.name, ...state.remote }) : parent.root;
  if (!root.sampled) return;
  if (parent !== null && parent.depth >= state.maxDepth) return countFailed(definition);
  const end = now();
  const frame = new Frame(definition, parent, root, null, end - definition.budget.typical().total, definition.level);
  numberOf(frame);
  frame.threw = frame.isEstimate = frame.isBrief = frame.ended = true;
  frame.error = error;
  frame.keepsError = definition.keepsErrors && definition.level > 1;
  frame.late = definition.keepsParams ? values : null;
  if (parent !== null && parent.isCounted && !parent.ended) promote(parent);
  definition.budget.failed();
  const inner = failing.at(-1)?.frame;
  if (inner !== undefined && inner.error === error && inner.parent === parent) inner.parent = frame;
  defer(frame, end);
}

/** The same of one that is deeper than calls are recorded. @param {import('./definitions.cjs').FunctionDefinition} definition */
function countFailed(definition) {
  const { budget } = definition;
  budget.failed();
  countEstimate(definition);
}

/** A flush in the middle of many such calls has told them already. @param {import('./recorder.cjs').Definition} definition */
function countEstimate(definition) {
  const budget = /** @type {Budget} */ (definition.budget);
  if (budget.dark < 0) {
    budget.dark++;
    return;
  }
  const { total, self } = budget.typical();
  budget.add(total, self, true);
  if (budget.count === 1) state.counted.push(definition);
}

/** @param {Frame} frame that failed @param {number} end */
function defer(frame, end) {
  const inner = failing.at(-1)?.frame;
  if (inner !== undefined && (inner.error !== frame.error || inner.parent !== frame)) writeFailing();
  // A flush right now would write it before its callers are known.
  wrote(frame, end, false);
  failing.push({ frame, end });
}

/** Write the calls that failed: now it is known which of them called which. Where the stack is nearly full they wait for one that returns further up. */
function writeFailing() {
  if (!hasRoom()) return;
  for (const { frame, end } of failing.splice(0).reverse()) {
    try {
      writeFailed(frame, end);
    } catch (fault) {
      state.dropped++;
      report(fault);
    }
  }
}

/** @param {Frame} frame @param {number} end */
function writeFailed(frame, end) {
  const above = frame.parent;
  if (above !== null) frame.root = above.root;
  frame.depth = above === null ? 0 : above.depth + 1;
  frame.shown = above === null ? 0 : above.shown + 1;
  if (!frame.isCounted && (frame.depth <= state.maxDepth || frame.definition.budget === null)) write(frame, end);
  else if (frame.isEstimate) countEstimate(frame.definition);
  else count(frame, end - frame.start);
  forget(frame);
}

/** @param {Frame} frame @param {number} end */
function write(frame, end) {
  let broken = null;
  if (failing.length > 0) writeFailing();
  try {
    const { budget } = frame.definition;
    const measures = governor.isOn && budget !== null && !frame.threw && budget.measures();
    const begun = governor.isOn && frame.threw ? now() : 0;
    state.recorder?.span(frame, end);
    if (measures) budget.measured(now() - end + frame.captured + COST_BEFORE);
    else if (begun > 0) governor.spent += now() - begun;
    if (budget !== null && !frame.isEstimate) {
      const self = Math.max(0, end - frame.start - frame.covered);
      budget.own += self - frame.told;
      if (budget.gate !== null || budget.owner !== null) budget.learn(end - frame.start, self, frame.parent, frame.calls);
    }
  } catch (error) {
    state.dropped += Math.max(frame.calls, 1);
    broken = error;
  }
  if (broken === null && end < state.quietUntil) return;
  try {
    if (broken !== null) report(broken);
    wrote(frame, end, true);
  } catch {
    // The stack is full.
  }
}

/** @param {Frame} frame @param {number} end @param {boolean} mayFlush */
function wrote(frame, end, mayFlush) {
  try {
    if (end >= state.quietUntil) state.onEnd(frame.parent === null, end, mayFlush);
  } catch (error) {
    report(error);
  }
}

/** Note a span that is open and not on the stack, until a flush has seen it or it ends. @param {Frame} frame */
function list(frame) {
  if (frame.older !== null || frame.isSeen || frame.isCounted) return;
  const last = /** @type {Frame} */ (newest.older);
  frame.older = last;
  frame.newer = newest;
  last.newer = newest.older = frame;
}

/** @param {Frame} frame that a flush has seen, or that has ended */
function unlist(frame) {
  if (frame.older === null || frame.newer === null) return;
  frame.older.newer = frame.newer;
  frame.newer.older = frame.older;
  frame.older = frame.newer = null;
}

/** Give every span that is open and started before `time` to `each`, once in its life, parents first. @param {number} time ms @param {(frame: Frame) => void} each */
function announceOpen(time, each) {
  writeFailing();
  const due = openOnes().filter((frame) => frame.start <= time && frame.root.sampled && !frame.isCounted);
  for (const frame of due.sort((a, b) => a.start - b.start || a.depth - b.depth)) {
    unlist(frame);
    if (!frame.isSeen) each(frame);
    frame.isSeen = true;
  }
}

/** @returns {Frame[]} the spans on the stack, those beside it that no flush has seen yet, and their call expressions */
function openOnes() {
  const found = /** @type {Frame[]} */ ([]);
  for (let frame = current; frame !== null; frame = frame.previous) found.push(frame);
  for (let frame = /** @type {Frame} */ (newest.newer); frame !== newest; frame = /** @type {Frame} */ (frame.newer)) found.push(frame);
  for (let i = 0; i < found.length; i++) for (let call = found[i].call; call !== null; call = call.call) found.push(call);
  return found;
}

/** @param {number} time ms @returns {Map<import('./recorder.cjs').Definition, number>} the self time until then of what runs now */
function runningOwn(time) {
  const own = new Map();
  for (const frame of new Set(openOnes())) own.set(frame.definition, (own.get(frame.definition) ?? 0) + ownUntil(frame, time) - frame.told);
  return own;
}

/** The function gives up control: await or yield. @param {Frame | Ghost} span */
function suspend(span) {
  if (span === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  if (span instanceof Ghost) return leave(span);
  const frame = span;
  if (frame === NONE || frame.suspendedAt >= 0) return undefined;
  startWaiting(frame, now());
  current = frame.previous;
  frame.previous = null;
  list(frame);
  return undefined;
}

/** The function goes on. @param {Frame | Ghost} span */
function resume(span) {
  if (span === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  if (span instanceof Ghost) {
    if (span.state !== GHOST.RESTS) return;
    span.state = GHOST.RUNS;
    span.previous = current;
    current = span.parent;
  } else if (span !== NONE && span.suspendedAt >= 0) {
    stopWaiting(span, now());
    span.previous = current;
    current = span;
  }
}

/** @param {Frame} frame @param {number} time */
function startWaiting(frame, time) {
  if (frame.definition.budget !== null && !frame.isCounted) tellOwn(frame, frame.definition.budget, time);
  if (frame.active++ === 0) frame.since = time;
  frame.suspendedAt = time;
}

/** It may be long until it ends: what it took until now is known. @param {Frame} frame @param {Budget} budget @param {number} time */
function tellOwn(frame, budget, time) {
  const own = ownUntil(frame, time);
  budget.own += own - frame.told;
  frame.told = own;
}

/** @param {Frame} frame that has not ended @param {number} time @returns {number} its self time until then */
const ownUntil = (frame, time) => Math.max(0, time - frame.start - frame.covered - (frame.active > 0 ? time - frame.since : 0));

/** @param {Frame} frame @param {number} time */
function stopWaiting(frame, time) {
  frame.suspended += time - frame.suspendedAt;
  frame.suspendedAt = -1;
  frame.resumes++;
  if (--frame.active === 0) frame.covered += time - frame.since;
}

const then = /** @type {(promise: Promise<unknown>, done: (value: unknown) => void, failed: (error: unknown) => void) => void} */ (
  Function.prototype.call.bind(Promise.prototype.then)
);

/** An async function that returned a promise ends when that one settles. The promise is consumed by the function's own, so this hides no rejection. @param {Frame} frame @param {Promise<unknown>} promise @param {number} time */
function waitFor(frame, promise, time) {
  startWaiting(frame, time);
  list(frame);
  const settle = (/** @type {boolean} */ threw, /** @type {unknown} */ result) => {
    const end = now();
    stopWaiting(frame, end);
    frame.threw = threw;
    if (threw) frame.error = result;
    else frame.value = result;
    frame.hasValue = !threw;
    finish(frame, end);
  };
  then(promise, (value) => settle(false, value), (error) => settle(true, error));
}

/** Start the span of a call expression in the body of `frame`. @param {import('./recorder.cjs').Definition} site @param {Frame} frame @returns {Frame} NONE where it is not recorded */
function beginCall(site, frame) {
  if (frame === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  if (!frame.root.sampled || frame.depth + 1 > state.maxDepth) return NONE;
  const call = begin(site, frame, frame.root, frame, frame.level);
  call.call = frame.call;
  frame.call = call;
  current = call;
  return call;
}

/** @param {Frame} frame @param {import('./recorder.cjs').Definition} site @param {unknown} value @param {boolean} keeps whether the value is recorded */
function endCall(frame, site, value, keeps) {
  if (frame === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  const call = frame.call;
  if (call === null || call.definition !== site) return;
  frame.call = call.call;
  if (frame.suspendedAt < 0) current = frame;
  call.hasValue = keeps;
  call.value = value;
  finish(call, now());
}

/** The calls of `frame` that have not ended threw. @param {Frame} frame @param {number} end @param {unknown} error @param {boolean} known whether `error` is what they threw */
function endCalls(frame, end, error, known) {
  while (frame.call !== null) {
    const call = frame.call;
    frame.call = call.call;
    call.threw = true;
    // What a `catch` without a name has caught is that with which the call it made failed.
    if (known) call.error = error;
    else if (frame.threw) call.error = frame.error;
    call.keepsError = known || frame.threw;
    finish(call, end);
  }
}

/** The function goes on behind a throw, in its own catch or finally. @param {Frame | Ghost} span @param {unknown} error @param {boolean} known */
function recover(span, error, known) {
  if (span === undefined) state.bulk = [
      ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK, ...BULK];
  if (span instanceof Ghost) {
    resume(span);
    current = span.parent;
    return;
  }
  const frame = span;
  if (frame === NONE || frame.ended) return;
  if (frame.suspendedAt >= 0) resume(frame);
  else current = frame;
  if (frame.call !== null) endCalls(frame, now(), error, known);
}

governor.calibrate = () => {
  const definition = { id: 0, defined: true, isSite: false, map: {}, budget: new Budget() };
  definition.budget.period = definition.budget.slow = Infinity;
  definition.budget.count = 1;
  const parent = new Frame(NONE.definition, null, new Root(true, { traceId: '' }), null, 0, 0);
  const saved = governor.counted;
  let best = Infinity;
  for (let round = 0; round < 6; round++) {
    const start = now();
    for (let i = 0; i < 50; i++) finish(begin(definition, parent, parent.root, null, 2), now());
    best = Math.min(best, (now() - start) / 50);
  }
  governor.counted = saved;
  governor.clockCost = definition.budget.min;
  return best;
};

module.exports = { NONE, BULK, state, running, contextual, enter, pass, shade, haunt, report, fail, exit, beginAside, finish, newRoot, suspend, resume, beginCall, endCall, recover, announceOpen, runningOwn };
