'use strict';
/** Where our insertions stand in an instrumented text (see `markers.py` of the server side). None of them holds a newline. */

/**
 * @typedef {{line: number, column: number}} Place line from 1, column from 0
 * @typedef {{start: Place, end: Place}} Range
 * @typedef {{start: number, length: number}} Piece of ours in a line
 */

const OPENING = / ?\/\*~mt(\^?)([0-9a-z]{1,6})\*\//g;
const CLOSING_LENGTH = '/*mt~*/'.length;

/** Where our pieces stand in an instrumented text. */
class Pieces {
  /** @param {string} form */
  constructor(form) {
    this.lines = form.split('\n');
    this.pieces = this.lines.map(piecesOf);
  }

  /** @param {Place} place @returns {{column: number, isInside: boolean}} the column in the original */
  original({ line, column }) {
    let gone = 0;
    for (const { start, length } of this.pieces[line - 1] ?? []) {
      if (column <= start) break;
      if (column < start + length) return { column: start - gone, isInside: true };
      gone += length;
    }
    return { column: column - gone, isInside: false };
  }

  /** @param {Range} range @returns {boolean} whether nothing of the original lies in it, or it is the `try` that we put around a body */
  isOurs({ start, end }) {
    const from = this.original(start);
    if (!from.isInside) return false;
    const to = this.original(end);
    return (start.line === end.line && from.column === to.column) || /^try\b/.test((this.lines[start.line - 1] ?? '').slice(start.column));
  }

  /** @param {Range} range @returns {Range} */
  moved(range) {
    const at = (/** @type {Place} */ place) => (place?.line === undefined ? place : { ...place, column: this.original(place).column });
    return { ...range, start: at(range.start), end: at(range.end) };
  }
}

/** @param {string} line @returns {Piece[]} */
function piecesOf(line) {
  /** @type {Piece[]} */
  const found = [];
  if (!line.includes('/*~mt')) return found;
  OPENING.lastIndex = 0;
  for (let match = OPENING.exec(line); match !== null; match = OPENING.exec(line)) {
    const isSpaceOurs = match[1] === '^' || match[0][0] !== ' ';
    const start = match.index + (isSpaceOurs ? 0 : 1);
    const end = OPENING.lastIndex + parseInt(match[2], 36) + CLOSING_LENGTH;
    found.push({ start, length: end - start });
    OPENING.lastIndex = end;
  }
  return found;
}

module.exports = { Pieces };
