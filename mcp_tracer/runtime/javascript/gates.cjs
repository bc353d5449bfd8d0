'use strict';
/** How many calls of a function, or passes of a site, may go by without being looked at: numbers that count down where the program runs, and that we exchange. */

/** `exchange` puts a number in the place of the present one, and gives that. @typedef {{exchange(value: number): number}} Gate */

/** A number in an array: of sites, and of functions whose text an earlier version instrumented. */
class Cell {
  /** @param {Int32Array} numbers @param {number} index */
  constructor(numbers, index) {
    this.numbers = numbers;
    this.index = index;
  }

  /** @param {number} value @returns {number} */
  exchange(value) {
    const { numbers, index } = this;
    const before = numbers[index];
    numbers[index] = value;
    return before;
  }
}

/** A variable in the text of an instrumented file. */
class Variable {
  /** @param {(index: number, value: number) => number} exchangeAt @param {number} index */
  constructor(exchangeAt, index) {
    this.exchangeAt = exchangeAt;
    this.index = index;
    this.exchange(0);
  }

  /** @param {number} value @returns {number} not a number where the text ran before the file's own body did */
  exchange(value) {
    return this.exchangeAt(this.index, value);
  }
}

/** @param {Gate} gate @returns {number} that may still pass. Calls with probes count down, too: what they made negative becomes 0, so nothing grows without end. */
function restOf(gate) {
  const left = gate.exchange(0);
  if (!(left > 0)) return 0;
  gate.exchange(left);
  return left;
}

module.exports = { Cell, Variable, restOf };
