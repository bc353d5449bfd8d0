'use strict';
/**
 * What the seen calls of a function take, of which most run without probes: each stands for those that passed before it. One that the scheduler stopped, or
 * that was the first to run, would be multiplied with these: the few that took many times as long as the usual ones stand for themselves alone.
 */

const { clz32, max, min } = Math;

/** Classes of durations, each twice as long as the one before, from 16 ns on. */
const CLASSES = 24;
const SLOW_CLASSES = 3;
const SLOW_PART = 1 / 32;
/** Of what was seen until a flush, so much counts in the next one's means. */
const REMEMBERED = 0.25;

/** @typedef {{total: number, self: number}} Mean ms */

class Usual {
  constructor() {
    this.seen = new Float64Array(CLASSES);
    this.weights = new Float64Array(CLASSES);
    this.totals = new Float64Array(CLASSES);
    this.selves = new Float64Array(CLASSES);
  }

  /** @param {number} total @param {number} self ms @param {number} weight the calls that it stands for */
  learn(total, self, weight) {
    const at = min(CLASSES - 1, 32 - clz32(min(total * 62500, 0xffffffff)));
    this.seen[at]++;
    this.weights[at] += weight;
    this.totals[at] += weight * total;
    this.selves[at] += weight * self;
  }

  /** @returns {Mean | null} null where nothing was seen */
  mean() {
    const top = this.lastUsual();
    let weight = 0;
    let total = 0;
    let self = 0;
    for (let at = 0; at <= top; at++) {
      weight += this.weights[at];
      total += this.totals[at];
      self += this.selves[at];
    }
    return weight === 0 ? null : { total: total / weight, self: self / weight };
  }

  /** @returns {number} the last class that is not left out: those above are far from the middle one, and hold few calls, be it a single one */
  lastUsual() {
    const seen = this.seen.reduce((sum, number) => sum + number, 0);
    const room = max(seen * SLOW_PART, seen > 2 ? 1 : 0);
    const middle = this.middle(seen);
    let top = CLASSES - 1;
    for (let slow = 0; top > middle + SLOW_CLASSES && slow + this.seen[top] <= room; top--) slow += this.seen[top];
    return top;
  }

  /** @param {number} seen @returns {number} the class of the middle call */
  middle(seen) {
    let at = 0;
    for (let below = this.seen[0]; below * 2 < seen && at < CLASSES - 1; below += this.seen[++at]);
    return at;
  }

  /** A flush has used it. */
  fade() {
    for (const numbers of [this.seen, this.weights, this.totals, this.selves]) for (let at = 0; at < CLASSES; at++) numbers[at] *= REMEMBERED;
  }
}

module.exports = { Usual };
