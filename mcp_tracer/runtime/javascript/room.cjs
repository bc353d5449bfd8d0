'use strict';
/**
 * The program's stack may be nearly full when it calls a probe. What must not break off in its middle asks first whether there is room for it,
 * by a call with so many arguments that V8 checks beforehand whether they fit.
 */

// As they are now: a program may put functions of its own in their place, whose probes would ask for room again.
const { apply } = Reflect;
const Overflow = RangeError;

/** 12 KiB: several times what writing a record takes. Within that, a chunk has its own. */
const ROOM = new Array(1536).fill(0);
const ROOM_OF_CHUNK = new Array(768).fill(0);

function nothing() {}

/** Throws V8's own RangeError where there is none for writing a chunk. */
function needRoom() {
  apply(nothing, null, ROOM_OF_CHUNK);
}

/** @returns {boolean} whether there is for writing records */
function hasRoom() {
  try {
    apply(nothing, null, ROOM);
    return true;
  } catch {
    return false;
  }
}

/** @param {unknown} error that our own work threw @returns {boolean} whether there was no room: that is no fault */
function isOverflow(error) {
  return error instanceof Overflow && error.message === 'Maximum call stack size exceeded';
}

module.exports = { hasRoom, isOverflow, needRoom };
