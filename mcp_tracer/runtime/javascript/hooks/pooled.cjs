'use strict';
/** A statement that a pool runs on a connection that it gets by a callback: both are hooked, and one span is recorded. */

/** @typedef {import('../frame.cjs').Frame} Frame */

class Pooled {
  /** The pool's statement that is about to ask for a connection. @type {Frame | null} */
  opening = null;
  /** The one whose connection is about to run it. @type {Frame | null} */
  running = null;

  /** The callback that the pool gives to get its connection runs that very statement. @param {any[]} values the arguments; the callback is the first @returns {null} */
  takeOver(values) {
    const frame = this.opening;
    const pooled = this;
    const callback = values[0];
    this.opening = null;
    if (frame === null || typeof callback !== 'function') return null;
    values[0] = {
      /** @this {unknown} */
      callback() {
        pooled.running = frame;
        try {
          return Reflect.apply(callback, this, arguments);
        } finally {
          pooled.running = null;
        }
      },
    }.callback;
    return null;
  }
}

module.exports = { Pooled };
