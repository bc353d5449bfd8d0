'use strict';
/** The numbers that spans have in the file. */

/** @typedef {import('./frame.cjs').Frame} Frame */

let nextSeq = 1;

/** @param {Frame} frame @returns {number} its number in the file, never used again */
function numberOf(frame) {
  return frame.seq === 0 ? (frame.seq = nextSeq++) : frame.seq;
}

/** @param {Frame} frame @returns {Frame | null} the nearest span above it that is recorded itself */
function recordedParent(frame) {
  let parent = frame.parent;
  while (parent !== null && parent.isCounted) parent = parent.parent;
  return parent;
}

module.exports = { numberOf, recordedParent };
