'use strict';
/** How many of something are taken in a second: the first ones, and of the others one in so many. */

const WINDOW_MS = 1000;
const ONE_IN = 64;

class Quota {
  constructor() {
    this.since = 0;
    this.count = 0;
  }

  /** @param {number} time ms @param {number} first so many are taken whatever comes @returns {boolean} whether this one is */
  take(time, first) {
    if (time - this.since > WINDOW_MS) {
      this.since = time;
      this.count = 0;
    }
    return ++this.count <= first || this.count % ONE_IN === 0;
  }
}

module.exports = { Quota };
