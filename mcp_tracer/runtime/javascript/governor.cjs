'use strict';
/**
 * Keeps the time that tracing takes within TRACING_OVERHEAD_BUDGET, and every count exact (docs/decisions/0009). The first calls of a function are
 * recorded whole. Then it is asked what recording took lately and how much time the program had for itself; beyond the budget one call in `period` is
 * recorded and the others are counted (kind 5 records). What fails is recorded all the same, and so are the first calls in each trace.
 * Objects have a smaller budget: beyond it they are named by type and size, and the span says so.
 */
const process = require('node:process');
const { now } = require('./clock.cjs');
const { restOf } = require('./gates.cjs');
const { Quota } = require('./quota.cjs');
const { hasRoom, isOverflow } = require('./room.cjs');
const { Usual } = require('./usual.cjs');

/** @typedef {import('./recorder.cjs').Definition} Definition */
/** @typedef {import('./gates.cjs').Gate} Gate */

const FIRST_LOOK = 100;
const WHOLE_CALLS = 1000;
const SAMPLES = 64;
const FIRST_CALLS = 4;
const MOST = 1024;
/** Of calls without probes: they cost next to nothing. */
const MOST_DARK = 8192;
/** Windows in a row in which timing all calls, counting alone, would exceed the budget, until functions go without probes. */
const DARK_AFTER = 2;
/** While the budget is overdrawn, timing calls is too much from this part of it on. */
const MUCH_TIMING = 0.2;
const FIRST_DARK = 64;
const COUNTED_LOOK = 64;
/** While the budget is overdrawn by more than half: instead of SAMPLES, and of WHOLE_EVENTS. */
const FEW_SAMPLES = 16;
/** Lines, checkpoints and variables of one span that are recorded whatever the budget says. */
const WHOLE_EVENTS = 100;
const FEW_EVENTS = 16;
/** What counting costs is measured in these windows: it falls as the code is compiled. */
const CALIBRATED = new Set([0, 4, 16, 64, 256, 1024]);
const WINDOW_MS = 5;
/** Of the clock's time: a program that mostly waits has the budget of one that works so much. Tracing takes none of its waiting. */
const IDLE = 0.2;
const WHOLE_VALUES = 200;
/** The same while the budget is overdrawn. */
const FEW_VALUES = 8;
/** Stacks of exceptions that are written of one function in the same time. */
const WHOLE_STACKS = 32;
/** What recording a call takes until it is measured, ms. */
const FIRST_COST = 0.001;
/** What it takes not to look at a line, ms. */
const PASSING_COST = 0.000003;
/** The same for a call without probes, and for one of a function that can be suspended, ms. */
const UNSEEN_COST = 0.000004;
const UNSEEN_SUSPENDING_COST = 0.0001;
/** By level: the upper bounds of the promise. */
const BUDGETS = [0, 0.05, 0.15, 0.3, 0.5, 1];
const SLOTS = 8;
/** A call that takes so many times as long as the others is not to change what these take on average at once. */
const SLOW = 8;
/** What the clock shows of a call is in part the clock's own: so much is left in any case. */
const LEAST_PART = 0.02;
const everyCall = process.env.MCP_TRACER_EVERY_CALL === '1';

const governor = {
  isOn: !everyCall,
  /** What tracing may take, as a part of the program's own time; null for the bound of the level in force. @type {number | null} */
  budget: null,
  /** The highest level in force. */
  level: 0,
  /** ms spent on recording, and calls that were recorded and that were only counted. */
  spent: 0,
  taken: 0,
  counted: 0,
  /** ms that counting one call takes, and how long one seems to last that does nothing: measured before the first is counted. */
  countingCost: 0,
  clockCost: 0,
  /** @type {() => number} */
  calibrate: () => 0,
  /** How many times what the last window recorded the budget had room for. */
  verdict: 2,
  /** TRACING_EXACT_COUNTS: every call is timed, whatever that costs. */
  isExact: false,
  /** Windows in a row in which timing all calls with probes would have exceeded the budget. */
  excess: 0,
  /** Functions of which calls run without probes. @type {Set<Budget>} */
  dark: new Set(),
  /** Lines, checkpoints and variables that are passed without being looked at. @type {Set<Budget>} */
  passing: new Set(),
  firstCalls: FIRST_CALLS,
  wholeEvents: WHOLE_EVENTS,
  window: { number: 0, at: now(), cpu: 0, spent: 0, taken: 0, counted: 0 },
  /** The functions that were looked at. @type {Set<Budget>} */
  looked: new Set(),
};

let askedAt = -Infinity;
let cpuSeen = 0;

/** Asking takes as long as many calls: once in two milliseconds is enough. @returns {number} ms of CPU time of this process */
function cpuTime() {
  const time = now();
  if (time - askedAt < 2) return cpuSeen;
  const { user, system } = process.cpuUsage();
  askedAt = time;
  return (cpuSeen = (user + system) / 1000);
}

/** @param {number | 'auto' | 'off'} budget @param {number} level the highest in force @param {boolean} isExact */
function configure(budget, level, isExact) {
  governor.isOn = budget !== 'off' && !everyCall;
  governor.budget = typeof budget === 'number' ? budget : null;
  governor.level = level;
  governor.isExact = isExact;
  if (!governor.isOn || isExact) for (const one of governor.dark) one.light();
  if (governor.isOn) return;
  for (const one of governor.looked) one.period = 1;
  governor.looked.clear();
}

let seed = 1;

/** No call of the program's own generator. @returns {number} below 1 */
function random() {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return (seed >>> 8) / 16777216;
}

/** @returns {number} */
const fraction = () => governor.budget ?? BUDGETS[Math.min(governor.level, 5)];

/** End the window where it has lasted, and judge it. @param {number} cpu */
function look(cpu) {
  const { window } = governor;
  const at = now();
  const elapsed = Math.max(cpu - window.cpu, (at - window.at) * IDLE);
  if (elapsed < WINDOW_MS) return;
  const recording = governor.spent - window.spent;
  const counting = (governor.counted - window.counted) * governor.countingCost;
  const own = Math.max(elapsed - recording - counting, elapsed * 0.02);
  governor.verdict = recording > 0 ? (fraction() * own - counting) / recording : 2;
  const timing = counting + (governor.taken - window.taken) * governor.countingCost;
  const isTimingMuch = timing > fraction() * own * (governor.verdict < 1 ? MUCH_TIMING : 1);
  governor.excess = isTimingMuch ? governor.excess + 1 : 0;
  const isOverdrawn = governor.verdict <= 0.5;
  governor.firstCalls = isOverdrawn ? 1 : FIRST_CALLS;
  governor.wholeEvents = isOverdrawn ? FEW_EVENTS : WHOLE_EVENTS;
  governor.window = { number: window.number + 1, at, cpu, spent: governor.spent, taken: governor.taken, counted: governor.counted };
  if (CALIBRATED.has(governor.window.number) && hasRoom()) governor.countingCost = governor.calibrate();
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
    this.values = new Quota();
    this.stacks = new Quota();
    this.count = this.total = this.self = this.max = this.errors = 0;
    this.min = Infinity;
    /** What its calls take on average, those that are seen: of the last ones, roughly. Times in ms. */
    this.seen = 0;
    this.meanTotal = this.meanSelf = 0;
    /** The same while most of its calls run without probes. @type {Usual | null} */
    this.usual = null;
    /** When the last one that was seen began, and since the last flush the time between such calls, and all calls in it. */
    this.litAt = 0;
    this.gapTime = this.gapCalls = 0;
    /** What passed until the last flush from one of these calls to the next, unseen ones included. */
    this.gap = Infinity;
    /** What the next counted call must exceed to be recorded for its time, ms. */
    this.slow = 0;
    /** None of its calls that were seen called another. */
    this.isLeaf = true;
    this.isRecursive = false;
    /** What its spans and counted calls had as self time. */
    this.own = 0;
    /** What lets calls pass without probes. @type {Gate | null} */
    this.gate = null;
    /** The same of a line, checkpoint or variable, that has no time. @type {Gate | null} */
    this.passes = null;
    this.granted = 0;
    this.unseenCost = UNSEEN_COST;
    /** Such calls since the last flush, and since the last that was recorded. */
    this.dark = this.passed = 0;
    /** Who calls it, while its calls run without probes: the nearest span above those that are seen. @type {Map<Definition, number> | null} */
    this.callers = null;
    /** The last one before that. @type {Definition | null} */
    this.lastCaller = null;
    /** @type {(Definition & {sites?: Definition[]}) | null} */
    this.definition = null;
    /** Of a site: the budget of the function in whose text it stands. @type {Budget | null} */
    this.owner = null;
    /** Its calls that were seen since the program began. */
    this.known = 0;
  }

  /** Its calls may run without probes. @param {Definition} definition @param {Gate} gate */
  mayGoDark(definition, gate) {
    this.definition = definition;
    this.gate = gate;
    if (definition.map.async === true || definition.map.generator === true) this.unseenCost = UNSEEN_SUSPENDING_COST;
  }

  /** As a line, checkpoint or variable. @param {Definition} definition @param {Gate} gate */
  mayBePassed(definition, gate) {
    this.definition = definition;
    this.passes = gate;
  }

  /**
   * Whether this call is recorded: 0 for no, else how many calls it stands for.
   * @param {number} trace the trace's number, 0 where its root is only counted @param {boolean} inner made by a call that is only counted, from its own body
   * @param {number} time ms, as it begins
   * @returns {number}
   */
  take(trace, inner, time) {
    let calls = 1;
    if (inner) return this.callers === null ? 0 : this.stayInner();
    if (this.callers !== null) return this.takeLit(time);
    if (this.period > 1 && !this.isFirst(trace)) {
      if (++this.since < this.period) return 0;
      calls = this.since;
      this.since = 0;
    }
    governor.spent += this.cost;
    governor.taken++;
    if (--this.left <= 0 || this.isDueEarly()) this.review();
    return calls;
  }

  /** A call that has probes, between many that have none. @param {number} time ms @returns {number} */
  takeLit(time) {
    this.settle();
    if (this.granted > 0) return this.stayLit();
    const calls = this.passed + 1;
    this.gapTime += time - this.litAt;
    this.gapCalls += calls;
    this.litAt = time;
    this.passed = 0;
    governor.spent += this.cost;
    if (--this.left <= 0 || this.isDueEarly()) this.review();
    this.grant(this.nextPass());
    return calls;
  }

  /** A call expression in a call that is only counted. @returns {number} */
  stayInner() {
    this.settle();
    this.passed++;
    this.grant(this.period - 1);
    return 0;
  }

  /** The text was instrumented by an earlier version: it does not count down. @returns {number} */
  stayLit() {
    this.light();
    this.gate = null;
    return 1;
  }

  /** While the budget is overdrawn by more than half, the next look comes sooner. @returns {boolean} */
  isDueEarly() {
    return governor.firstCalls === 1 && this.given - this.left >= FEW_SAMPLES;
  }

  /** Of the time: what takes less is never sampled. A function that was not sampled yet, and is looked at early, may just have begun. @returns {number} */
  smallShare() {
    return fraction() / (this.left > 0 && this.period === 1 && this.owner === null ? 5 : 500);
  }

  /** Count the calls that ran without probes. */
  settle() {
    const { gate } = this;
    if (gate === null) return;
    const left = restOf(gate);
    const done = this.granted - left;
    this.granted = left;
    this.dark += done;
    this.passed += done;
    governor.spent += done * this.unseenCost;
    if (this.owner !== null) this.known += done;
  }

  /** @param {number} calls that may pass without probes */
  grant(calls) {
    if (this.gate === null || this.callers === null) return;
    this.gate.exchange(calls);
    this.granted = calls;
  }

  /** From now on only one call in `period` has probes. */
  darken() {
    if (this.gate === null || this.callers !== null || governor.isExact) return;
    this.period = Math.max(this.period, FIRST_DARK);
    this.callers = new Map();
    this.usual = new Usual();
    this.seen = this.gapTime = this.gapCalls = 0;
    this.gap = Infinity;
    this.litAt = now();
    this.passed = this.since;
    this.since = 0;
    governor.dark.add(this);
    governor.looked.add(this);
    this.grant(this.period - 1);
  }

  /** All calls have probes again. */
  light() {
    this.settle();
    this.grant(0);
    this.since = this.passed;
    this.passed = 0;
    this.callers = null;
  }

  /** How many calls pass until the next is seen: now more, now less, as functions that call each other would be seen together or never. @returns {number} */
  nextPass() {
    return Math.floor(this.period * (0.5 + random())) - 1;
  }

  /** What a call took that was seen. @param {number} total @param {number} self @param {import('./frame.cjs').Frame | null} caller @param {number} weight how many calls it stands for */
  learn(total, self, caller, weight) {
    this.known++;
    if (caller !== null) this.learnCaller(caller.definition);
    if (this.callers !== null) return this.usual?.learn(total, self, weight);
    this.lastCaller = caller === null ? null : caller.definition;
    const share = Math.max(1 / ++this.seen, 1 / 64);
    this.meanTotal += share * (Math.min(total, this.seen > 1 ? SLOW * this.meanTotal : total) - this.meanTotal);
    if (this.owner === null || this.owner.callers === null) this.meanSelf += share * (Math.min(self, this.seen > 1 ? SLOW * this.meanSelf : self) - this.meanSelf);
    return undefined;
  }

  /** @param {Definition} caller */
  learnCaller(caller) {
    if (caller.budget !== null) caller.budget.isLeaf = false;
    if (caller === this.definition) this.isRecursive = true;
    if (this.callers !== null) this.callers.set(caller, (this.callers.get(caller) ?? 0) + 1);
  }

  /** A call without probes failed, and is recorded itself. */
  failed() {
    this.settle();
    this.dark--;
    if (this.passed > 0) this.passed--;
  }

  /**
   * What its calls without probes take on average: what the clock shows of a call that does nothing is the clock's. What a call that was seen took by itself holds what it called
   * unseen, and before the function had such calls, what tracing took of those it called. No more than passes between one call and the next.
   * @returns {import('./usual.cjs').Mean}
   */
  typical() {
    const { clockCost } = governor;
    const seen = this.usual === null ? null : this.usual.mean();
    const most = this.gapCalls > 0 ? this.gapTime / this.gapCalls : this.gap;
    const total = seen === null ? this.meanTotal : seen.total;
    const self = Math.min(total, seen === null || seen.self > this.meanSelf && !this.isLeaf ? this.meanSelf : seen.self);
    const own = Math.min(most, Math.max(self - clockCost, self * LEAST_PART));
    if (this.isLeaf) return { total: own, self: own };
    const whole = Math.max(total - clockCost, own);
    return { total: this.mayOverlap() ? whole : Math.min(most, whole), self: own };
  }

  /** @returns {boolean} whether a call of it may begin while another goes on */
  mayOverlap() {
    const map = this.definition?.map;
    return this.isRecursive || map === undefined || map.async === true || map.generator === true || this.owner !== null;
  }

  /** A flush has used what was seen. */
  fade() {
    this.usual?.fade();
    if (this.gapCalls > 0) this.gap = this.gapTime / this.gapCalls;
    this.gapTime = this.gapCalls = 0;
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

  /** It has recorded the calls that it may: let the budget decide about the next, or, where the stack is full, after the next. */
  review() {
    try {
      if (governor.isOn) this.decide();
      else this.left = this.given = WHOLE_CALLS;
    } catch (error) {
      if (!isOverflow(error)) throw error;
    }
  }

  decide() {
    if (governor.countingCost === 0 && hasRoom()) governor.countingCost = governor.calibrate();
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
    this.left = this.given = this.period === 1 && governor.verdict > 1 ? WHOLE_CALLS : SAMPLES;
  }

  /** Record more or fewer calls, as the last window wants it. A function with a small share of the time stays as it is. @param {number} share */
  change(share) {
    const { verdict } = governor;
    const isSmall = share <= this.smallShare();
    if (verdict < 1 && governor.excess >= DARK_AFTER && !isSmall) this.darken();
    const most = this.callers === null ? MOST : MOST_DARK;
    if (verdict < 1 && !isSmall) this.period = Math.min(most, Math.floor(this.period / Math.max(verdict, 1 / 64)) + 1);
    else if (verdict > 1.2 && this.period > 1) this.period = Math.max(1, Math.floor(this.period / Math.min(verdict, 2)));
    if (this.period === 1 && this.callers !== null) this.light();
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
    return this.values.take(time, governor.verdict < 1 ? FEW_VALUES : WHOLE_VALUES) || !governor.isOn;
  }

  /** @param {number} time ms @returns {boolean} whether an exception is written with its stack */
  takeStack(time) {
    return this.stacks.take(time, WHOLE_STACKS) || !governor.isOn;
  }

  /** A call that was only counted has ended. @param {number} duration @param {number} self @param {boolean} failed */
  add(duration, self, failed) {
    if (failed) this.errors++;
    governor.counted++;
    this.total += duration;
    this.self += self;
    if (duration < this.min) this.min = duration;
    if (duration > this.max) this.max = duration;
    if ((++this.count & (COUNTED_LOOK - 1)) !== 0 || this.gate === null) return;
    try {
      this.considerDark();
    } catch (error) {
      if (error instanceof RangeError) return; // the stack is full: after the next so many
      throw error;
    }
  }

  /** Many calls were counted: where that alone is too much, they shall not even be timed. */
  considerDark() {
    if (!governor.isOn) return;
    look(cpuTime());
    if (governor.excess >= DARK_AFTER && this.period > 1) this.darken();
  }

  /** As an event it may be passed `calls` times without being looked at. @param {number} calls */
  pass(calls) {
    this.settlePassed();
    if (this.passes === null || calls <= 0) return;
    this.passes.exchange(calls);
    this.granted = calls;
    governor.passing.add(this);
  }

  /** Count how often it was passed. @returns {number} */
  settlePassed() {
    if (this.passes === null || this.granted === 0) return 0;
    const done = this.granted - Math.max(this.passes.exchange(0), 0);
    this.granted = 0;
    this.count += done;
    this.known += done;
    if (done > 0) this.min = 0;
    governor.spent += done * PASSING_COST;
    return done;
  }

  /** @returns {number} how many calls would not be taken before the next one is: they count as asked for */
  takeRest() {
    const rest = this.period - 1 - this.since;
    this.since = this.period - 1;
    return rest;
  }

  /** Forget the counted calls: they are written. */
  clear() {
    this.own += this.self;
    this.count = this.total = this.self = this.max = this.errors = 0;
    this.min = Infinity;
  }
}

/** As for frames (frame.cjs): fields of numbers that may be whole or not. */
function showKinds() {
  const budget = new Budget();
  budget.total = budget.self = budget.min = budget.max = budget.meanTotal = budget.meanSelf = budget.decidedAt = budget.litAt = budget.gapTime = budget.gap = budget.slow = budget.gapCalls = budget.own = budget.values.since = budget.stacks.since = 0.5;
  budget.first = new Float64Array(1);
  budget.callers = new Map();
  budget.usual = new Usual();
  for (const key of /** @type {('spent' | 'countingCost' | 'clockCost' | 'verdict')[]} */ (['spent', 'countingCost', 'clockCost', 'verdict'])) {
    const value = governor[key];
    governor[key] = 0.5;
    governor[key] = value;
  }
}

showKinds();

module.exports = { Budget, configure, governor };
