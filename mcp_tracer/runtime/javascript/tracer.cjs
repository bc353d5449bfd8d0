'use strict';
/**
 * The tracer inside a Node program. Instrumented files find it by themselves and call `file(table)`; `node --require`/`--import` of this file loads it early.
 * It writes `<project>/.ai-agents/logging/spool/<runId>.<pid>.spool` (docs/spool-format.md). A fault of ours never reaches the program.
 */
const process = require('node:process');
const path = require('node:path');
const { getEnvironmentData, isMainThread, setEnvironmentData, threadId } = require('node:worker_threads');
const { now } = require('./clock.cjs');
const { Recorder, CLASS } = require('./recorder.cjs');
const { SettingsReader } = require('./settings.cjs');
const { Lost } = require('./lost.cjs');
const { Spool, spanId } = require('./spool.cjs');
const { FunctionDefinition, siteDefinition } = require('./definitions.cjs');
const { Probes } = require('./probes.cjs');
const { rehearse } = require('./rehearsal.cjs');
const { restOf } = require('./gates.cjs');
const { hasRoom, isOverflow } = require('./room.cjs');
const { describeRun, newRunId, parseTraceparent } = require('./run.cjs');
const { configure, governor } = require('./governor.cjs');
const { estimate, relax, settlePassing } = require('./estimate.cjs');
const spans = require('./spans.cjs');

/** @typedef {import('./definitions.cjs').Table} Table */

const ROOT = path.resolve(__dirname, '..', '..', '..', '..');
const ROOT_PAUSE_MS = 50;
const SPAN_PAUSE_MS = 250;
const LONG_LOOP_MS = 500;
const OPEN_AFTER_MS = 100;
const MOST_RUNNING = 64;
const { state } = spans;
const RUN_KEY = 'mcp-tracer.run';
const timers = { setImmediate, setTimeout, setInterval };

class Tracer {
  constructor() {
    this.root = ROOT;
    this.runId = newRunId();
    this.reader = new SettingsReader(ROOT);
    /** @type {FunctionDefinition[]} */
    this.functions = [];
    /** Called with the settings when they are read. @type {((settings: import('./settings.cjs').Settings) => void)[]} */
    this.listeners = [];
    this.isFull = false;
    this.exiting = false;
    this.lastFlush = now();
    this.lastRefresh = now();
    this.flushPlanned = false;
    this.uncaught = '';
    state.remote = parseTraceparent(process.env.TRACEPARENT);
    state.onEnd = (isRoot, time, mayFlush) => this.afterSpan(isRoot, time, mayFlush);
    state.onFailure = (error) => this.fail(error);
  }

  /** Read the settings and begin to record, if they say so. */
  start() {
    this.reader.refresh();
    this.applySettings();
    process.on('exit', (code) => this.end(code));
    process.on('uncaughtExceptionMonitor', (error) => {
      this.uncaught = String(error instanceof Error ? `${error.name}: ${error.message}` : typeof error).slice(0, 500);
      this.flush(true);
    });
    timers.setInterval(() => this.tick(), Math.min(this.settings.flushInterval, 5000)).unref();
  }

  get settings() {
    return this.reader.settings;
  }

  /** Called once by each instrumented file. @param {Table} table @param {object} [global] of the file: test runners have one for each file of tests @param {(index: number, value: number) => number} [exchange] of the variables in its text that count down @returns {Probes} */
  file(table, global = globalThis, exchange) {
    this.guard(() => hooks.look(this, global));
    const functions = table.functions.map((row) => new FunctionDefinition(table.file, row));
    this.configure(functions);
    this.functions.push(...functions);
    this.govern(governor.level, functions);
    const sites = table.sites.map((row) => siteDefinition(table, row, functions[row[0]]));
    if (state.recorder !== null) this.guard(() => state.recorder?.define(this.nextFile(), CLASS.FILE, { path: table.file, sha256: table.sha256 }));
    for (const name of table.modules) hooks.load(name, this);
    return new Probes(functions, sites, exchange);
  }

  /** @param {number} level @param {FunctionDefinition[]} functions the budget is that of the highest level among them and `level` */
  govern(level, functions) {
    configure(this.settings.budget, functions.reduce((highest, fn) => Math.max(highest, fn.level), level), this.settings.exactCounts);
  }

  nextFile() {
    return (this.files = (this.files ?? 0) + 1);
  }

  isOn() {
    return this.settings.enabled && this.settings.storeTraces;
  }

  /** @param {FunctionDefinition[]} functions */
  configure(functions) {
    for (const fn of functions) {
      fn.configure(this.settings, this.isOn());
      if (this.isFull) fn.onlyCount();
    }
  }

  applySettings() {
    const settings = this.settings;
    state.maxDepth = this.isFull ? -1 : settings.maxDepth;
    state.sampleRate = settings.sampleRate;
    state.minDuration = settings.minDuration;
    if (this.isOn() && state.recorder === null) this.open();
    if (state.recorder !== null) state.recorder.maxBytes = Math.min(settings.maxCaptureSize, 50000);
    this.configure(this.functions);
    for (const one of governor.dark) one.light();
    this.govern(0, this.functions);
    for (const listener of this.listeners) listener(settings);
  }

  /** Create the spool file; the run's definition comes first. */
  open() {
    this.guard(() => {
      const spool = new Spool(path.join(ROOT, '.ai-agents', 'logging', 'spool'), this.runId, this.settings.spoolBytes);
      const recorder = new Recorder(spool, ROOT);
      recorder.define(1, CLASS.RUN, describeRun(this.runId, ROOT, isMainThread ? process.env.MCP_TRACER_RUN : getEnvironmentData(RUN_KEY)));
      if (!isMainThread) recorder.define(0, CLASS.THREAD, { name: `worker ${threadId}` });
      spool.flush();
      state.recorder = recorder;
      if (isMainThread) setEnvironmentData(RUN_KEY, this.runId);
    });
  }

  /** @param {boolean} isRoot @param {number} time ms @param {boolean} mayFlush at once */
  afterSpan(isRoot, time, mayFlush) {
    if (!hasRoom()) return;
    if (this.exiting || (mayFlush && time - this.lastFlush > LONG_LOOP_MS)) this.flush(this.exiting, this.exiting ? 0 : MOST_RUNNING);
    else if (!this.flushPlanned) {
      const soon = () => {
        this.flushPlanned = false;
        this.flush(false);
      };
      if (isRoot && time - this.lastFlush > ROOT_PAUSE_MS) timers.setImmediate(soon).unref();
      else timers.setTimeout(soon, isRoot ? ROOT_PAUSE_MS : SPAN_PAUSE_MS).unref();
      this.flushPlanned = true;
      state.quietUntil = this.lastFlush + LONG_LOOP_MS;
    }
  }

  /** Write what is recorded, and the spans that are open. @param {boolean} last whether all open ones are written, not only those that have lasted @param {number} [running] calls of each function that may be running unseen, at most */
  flush(last, running = 0) {
    const time = now();
    const before = this.lastFlush;
    this.lastFlush = time;
    state.quietUntil = this.flushPlanned && !this.exiting ? time + LONG_LOOP_MS : -1;
    const recorder = state.recorder;
    if (recorder === null) return;
    this.guard(() => {
      spans.announceOpen(last ? time : time - OPEN_AFTER_MS, (frame) => recorder.open(frame));
      settlePassing((definition) => state.counted.push(definition));
      relax();
      for (; state.counted.length > 0; state.counted.shift()) recorder.counted(state.counted[0], time);
      if (governor.dark.size > 0)
        estimate(time - before, running, spans.runningOwn(time), (definition, calls, total, self) => this.guard(() => state.recorder?.estimated(definition, time, calls, total, self), calls));
      for (const fn of this.functions) if (fn.budget.gate !== null) restOf(fn.budget.gate);
      recorder.spool.flush();
      governor.spent += now() - time;
    });
    if (time - this.lastRefresh >= this.settings.flushInterval) this.refresh();
  }

  tick() {
    this.flush(false);
    this.refresh();
  }

  refresh() {
    this.lastRefresh = now();
    this.guard(() => {
      if (this.reader.refresh()) this.applySettings();
    });
  }

  /** Write all there is, and the run's end as of now: nothing more may follow, as where Vitest kills its workers. @param {number} [exitCode] */
  pause(exitCode) {
    this.flush(true);
    if (this.isFull) this.flush(true); // what was counted when it turned out to be so
    const error = this.uncaught === '' ? undefined : this.uncaught;
    for (let tries = 0; tries < 2 && !this.writeEnd(exitCode, error); tries++);
  }

  /** @param {number} [exitCode] @param {string} [error] @returns {boolean} whether it is written; else it turned out that there is no room */
  writeEnd(exitCode, error) {
    const { recorder, dropped, faults } = state;
    this.guard(() => {
      recorder?.runEnd({ exitCode, error, dropped, faults }, now());
      recorder?.spool.flush();
    });
    return state.recorder === recorder;
  }

  /** @param {number} exitCode */
  end(exitCode) {
    this.exiting = true;
    state.quietUntil = -1;
    this.pause(exitCode);
    this.guard(() => state.recorder?.spool.end());
  }

  /** @param {() => void} work whose failure ends the tracing, not the program @param {number} [calls] that are lost with it */
  guard(work, calls = 0) {
    try {
      work();
    } catch (error) {
      state.dropped += calls;
      this.fail(error);
    }
  }

  /** @param {unknown} error The disk's errors have a code and stop the tracing; that the program's stack was full is nobody's fault; others are ours and are counted. */
  fail(error) {
    if (isOverflow(error)) return;
    if (process.env.MCP_TRACER_DEBUG) process.stderr.write(`mcp-tracer: fault: ${error instanceof Error ? error.stack : typeof error}\n`);
    if (!isOfDisk(error)) {
      state.faults++;
      return;
    }
    if (this.isFull) return;
    this.isFull = true;
    if (state.recorder instanceof Recorder) state.recorder = new Lost(state.recorder, state, error.message);
    state.maxDepth = -1;
    for (const fn of this.functions) fn.onlyCount();
    process.stderr.write(`mcp-tracer: tracing stopped, the program goes on: ${error.message}\n`);
  }

  /** @returns {string | undefined} the W3C traceparent of what runs now */
  traceparent() {
    let frame = spans.contextual();
    while (frame !== null && frame.isCounted) frame = frame.parent;
    if (frame === null || !frame.root.sampled) return undefined;
    return `00-${frame.root.map.traceId}-${spanId(frame.seq)}-01`;
  }
}

/** @param {unknown} error @returns {error is NodeJS.ErrnoException} */
function isOfDisk(error) {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

const tracer = new Tracer();
const hooks = require('./hooks.cjs');
tracer.guard(rehearse);
tracer.guard(() => tracer.start());
tracer.guard(() => hooks.install(tracer));
Object.defineProperty(globalThis, '__mcpTracer', { value: { file: tracer.file.bind(tracer) }, enumerable: false, configurable: true, writable: true });

module.exports = { file: tracer.file.bind(tracer), tracer, Tracer };
