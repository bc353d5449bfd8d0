'use strict';
/**
 * Keeps the time that tracing takes within TRACING_OVERHEAD_BUDGET, and every count exact (docs/decisions/0009). The first calls of a function are
 * recorded whole. Then it is asked what recording took lately and how much time the program had for itself; beyond the budget one call in `period` is
 * recorded and the others are counted (kind 5 records). What fails is recorded all the same, and so are the first calls in each trace.
 * Objects have a smaller budget: beyond it they are named by type and size, and the span says so.
 */
const process = require('node:process');
const { now } = require('./clock.cjs');

const FIRST_LOOK = 100;
const WHOLE_CALLS = 1000;
const SAMPLES = 64;
const FIRST_CALLS = 4;
const MOST = 1024;
const WINDOW_MS = 5;
const VALUES_WINDOW_MS = 1000;
const WHOLE_VALUES = 200;
const VALUES_ONE_IN = 64;
/** What recording a call takes until it is measured, ms. */
const FIRST_COST = 0.001;
/** By level: the upper bounds of the promise. */
const BUDGETS = [0, 0.05, 0.15, 0.3, 0.5, 1];
const SLOTS = 8;
const everyCall = process.env.MCP_TRACER_EVERY_CALL === '1';

const governor = {
  isOn: !everyCall,
  /** What tracing may take, as a part of the program's own time; null for the bound of the level in force. @type {number | null} */
  budget: null,
  /** The highest level in force. */
  level: 0,
  /** ms spent on recording, and calls that were only counted. */
  spent: 0,
  counted: 0,
  /** ms that counting one call takes: measured before the first is counted. */
  countingCost: 0,
  /** @type {() => number} */
  calibrate: () => 0,
  /** How many times what the last window recorded the budget had room for. */
  verdict: 2,
  firstCalls: FIRST_CALLS,
  window: { number: 0, cpu: 0, spent: 0, counted: 0 },
  /** The functions that were looked at. @type {Set<Budget>} */
  looked: new Set(),
};

let askedAt = -Infinity;
let cpuSeen = 0;

/** Asking takes as long as many calls: once in a millisecond is enough. @returns {number} ms of CPU time of this process */
function cpuTime() {
  const time = now();
  if (time - askedAt < 1) return cpuSeen;
  const { user, system } = process.cpuUsage();
  askedAt = time;
  return (cpuSeen = (user + system) / 1000);
}

/** @param {number | 'auto' | 'off'} budget @param {number} level the highest in force */
function configure(budget, level) {
  governor.isOn = budget !== 'off' && !everyCall;
  governor.budget = typeof budget === 'number' ? budget : null;
  governor.level = level;
  if (governor.isOn) return;
  for (const one of governor.looked) one.period = 1;
  governor.looked.clear();
}

/** @returns {number} */
const fraction = () => governor.budget ?? BUDGETS[Math.min(governor.level, 5)];

/** End the window where it has lasted, and judge it. @param {number} cpu */
function look(cpu) {
  const { window } = governor;
  const elapsed = cpu - window.cpu;
  if (elapsed < WINDOW_MS) return;
  const recording = governor.spent - window.spent;
  const counting = (governor.counted - window.counted) * governor.countingCost;
  const own = Math.max(elapsed - recording - counting, elapsed * 0.02);
  governor.verdict = recording > 0 ? (fraction() * own - counting) / recording : 2;
  governor.firstCalls = governor.verdict > 0.5 ? FIRST_CALLS : 1;
  governor.window = { number: window.number + 1, cpu, spent: governor.spent, counted: governor.counted };
}

/** What one function or site may record, and its calls that were only counted since the last flush. Times in ms. */
class Budget {
  constructor() {
    this.period = 1;
    this.since = 0;
    this.left = FIRST_LOOK;
    this.given = FIRST_LOOK;
    this.cost = FIRST_COST;
    /** Of the last decision: its window, CPU time, and the calls recorded since. */
    this.decidedIn = -1;
    this.decidedAt = 0;
    this.recorded = 0;
    /** Of the last traces that came: number, and calls of this function in it. @type {Float64Array | null} */
    this.first = null;
    this.valuesSince = 0;
    this.values = 0;
    this.count = this.total = this.self = this.max = this.errors = 0;
    this.min = Infinity;
  }

  /**
   * Whether this call is recorded: 0 for no, else how many calls it stands for.
   * @param {number} trace the trace's number, 0 where its root is only counted @param {boolean} inner made by a call that is only counted, from its own body
   * @returns {number}
   */
  take(trace, inner) {
    let calls = 1;
    if (inner) return 0;
    if (this.period > 1 && !this.isFirst(trace)) {
      if (++this.since < this.period) return 0;
      calls = this.since;
      this.since = 0;
    }
    governor.spent += this.cost;
    if (--this.left <= 0) this.review();
    return calls;
  }

  /** @param {number} trace @returns {boolean} whether it is among the first calls in its trace */
  isFirst(trace) {
    if (trace === 0) return false;
    const slots = (this.first ??= new Float64Array(2 * SLOTS));
    const at = 2 * (trace % SLOTS);
    if (slots[at] > trace) return false;
    if (slots[at] < trace) slots[at + 1] = 0;
    slots[at] = trace;
    return ++slots[at + 1] <= governor.firstCalls;
  }

  /** It has recorded the calls that it may: let the budget decide about the next. */
  review() {
    if (!governor.isOn) {
      this.left = this.given = WHOLE_CALLS;
      return;
    }
    if (governor.countingCost === 0) governor.countingCost = governor.calibrate();
    const cpu = cpuTime();
    look(cpu);
    governor.looked.add(this);
    this.recorded += this.given - Math.max(this.left, 0);
    if (this.decidedIn !== governor.window.number) {
      this.change((this.recorded * this.cost) / Math.max(cpu - this.decidedAt, 0.001));
      this.decidedIn = governor.window.number;
      this.decidedAt = cpu;
      this.recorded = 0;
    }
    this.left = this.given = this.period === 1 ? WHOLE_CALLS : SAMPLES;
  }

  /** Record more or fewer calls, as the last window wants it. A function with a small share of the time stays as it is. @param {number} share */
  change(share) {
    const { verdict } = governor;
    if (verdict < 1 && share > fraction() / 500) this.period = Math.min(MOST, Math.floor(this.period / Math.max(verdict, 1 / 64)) + 1);
    else if (verdict > 1.2 && this.period > 1) this.period = Math.max(1, Math.floor(this.period / Math.min(verdict, 2)));
  }

  /** Whether what recording the next call takes is measured. @returns {boolean} */
  measures() {
    return (this.left & 15) === 0 || this.cost > 0.02;
  }

  /** Recording took so long; what the scheduler did in between is no cost of ours. @param {number} took ms */
  measured(took) {
    governor.spent += took - this.cost;
    this.cost = (7 * this.cost + Math.min(took, 9 * this.cost)) / 8;
  }

  /** @param {number} time ms @returns {boolean} whether the objects among a call's values are shown */
  takeValues(time) {
    if (time - this.valuesSince > VALUES_WINDOW_MS) {
      this.valuesSince = time;
      this.values = 0;
    }
    return ++this.values <= WHOLE_VALUES || !governor.isOn || this.values % VALUES_ONE_IN === 0;
  }

  /** A call that was only counted has ended. @param {number} duration @param {number} self @param {boolean} failed */
  add(duration, self, failed) {
    if (failed) this.errors++;
    governor.counted++;
    this.count++;
    this.total += duration;
    this.self += self;
    if (duration < this.min) this.min = duration;
    if (duration > this.max) this.max = duration;
  }

  /** Forget the counted calls: they are written. */
  clear() {
    this.count = this.total = this.self = this.max = this.errors = 0;
    this.min = Infinity;
  }
}

/** At each flush: functions that are called less often by now are recorded more often again. */
function relax() {
  if (!governor.isOn || governor.looked.size === 0) return;
  for (const budget of governor.looked) if (budget.period > 1) budget.review();
}

module.exports = { Budget, configure, governor, relax };
