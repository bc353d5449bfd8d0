'use strict';
/**
 * Keeps the cost of hot functions down. In each second the first calls of a function are recorded whole; of the rest one in 64 is, and the others are
 * counted exactly (kind 5 records). Values that are objects have a smaller budget: beyond it they are named by type and size, and the span says so.
 * Levels 4 and 5 are for close inspection and are not governed; MCP_TRACER_EVERY_CALL=1 switches the governor off.
 */

const WINDOW_MS = 1000;
const WHOLE_CALLS = 1000;
const WHOLE_VALUES = 200;
const ONE_IN = 64;
const MAX_LEVEL = 3;
const isOn = process.env.MCP_TRACER_EVERY_CALL !== '1';

/** What one function used in the running window, and the calls that were only counted since the last flush. Times in ms. */
class Budget {
  /** @param {boolean} suspends a coroutine or generator: its calls are always recorded */
  constructor(suspends) {
    this.suspends = suspends;
    this.since = 0;
    this.calls = 0;
    this.values = 0;
    this.count = 0;
    this.total = 0;
    this.self = 0;
    this.min = Infinity;
    this.max = 0;
  }

  /** @param {number} time ms @param {number} level @returns {boolean} whether this call is recorded, not only counted */
  takeCall(time, level) {
    if (time - this.since > WINDOW_MS) {
      this.since = time;
      this.calls = 0;
      this.values = 0;
    }
    return ++this.calls <= WHOLE_CALLS || !isOn || this.suspends || level > MAX_LEVEL || this.calls % ONE_IN === 0;
  }

  /** @param {number} level @returns {boolean} whether the objects among this call's values are shown */
  takeValues(level) {
    return ++this.values <= WHOLE_VALUES || !isOn || level > MAX_LEVEL || this.values % ONE_IN === 0;
  }

  /** A call that was only counted has ended. @param {number} duration @param {number} self */
  add(duration, self) {
    this.count++;
    this.total += duration;
    this.self += self;
    if (duration < this.min) this.min = duration;
    if (duration > this.max) this.max = duration;
  }

  /** Forget the counted calls: they are written. */
  clear() {
    this.count = this.total = this.self = this.max = 0;
    this.min = Infinity;
  }
}

module.exports = { Budget };
