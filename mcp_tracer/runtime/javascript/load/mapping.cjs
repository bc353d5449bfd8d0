'use strict';
/** Source maps from instrumented texts to the originals, for tools that put the maps of several steps together. */
const process = require('node:process');
const { Buffer } = require('node:buffer');
const path = require('node:path');
const { Pieces } = require('./pieces.cjs');

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const TOKEN = /[\w$]+|[^\s\w$]/g;
const USES_TSX = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')].some((word) => /(^|[\\/=])tsx([\\/]|$)/.test(word));
const COMMENT = /[#@]\s*sourceMappingURL=/;

/** @param {string} form @param {string} file @param {string} original @returns {string} the text with its map in a last line; as it is where it has one of its own */
function withMap(form, file, original) {
  if (COMMENT.test(original)) return form;
  const map = { version: 3, sources: [path.basename(file)], sourcesContent: [original], names: [], mappings: mappings(form), x_mcpTracer: true };
  return `${form}\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
}

/** The same where the map will be read: by Node where it is told to, and by tsx, which joins it to its own; ts-node would be confused. @param {string} form @param {string} file @param {string | Uint8Array} original @returns {string} */
function withMapIfRead(form, file, original) {
  const isRead = USES_TSX || /** @type {any} */ (process).sourceMapsEnabled === true;
  return isRead ? withMap(form, file, typeof original === 'string' ? original : Buffer.from(original).toString('utf8')) : form;
}

/** @param {any} map @returns {boolean} */
function isOurs(map) {
  return map?.x_mcpTracer === true;
}

/** Each token by itself: what is put together from several maps is no finer than the coarsest. @param {string} form @returns {string} */
function mappings(form) {
  const pieces = new Pieces(form);
  let line = 0;
  let column = 0;
  return pieces.lines
    .map((text, index) => {
      let generated = 0;
      return tokensOf(text, pieces.pieces[index]).map(([at, original]) => {
        const segment = vlq(at - generated) + vlq(0) + vlq(index - line) + vlq(original - column);
        [generated, line, column] = [at, index, original];
        return segment;
      });
    })
    .map((segments) => segments.join(','))
    .join(';');
}

/** @param {string} text of a line @param {import('./pieces.cjs').Piece[]} pieces of ours in it @returns {[at: number, original: number][]} */
function tokensOf(text, pieces) {
  /** @type {[number, number][]} */
  const found = [];
  let from = 0;
  let gone = 0;
  for (const { start, length } of [...pieces, { start: text.length, length: 0 }]) {
    for (const match of text.slice(from, start).matchAll(TOKEN)) found.push([from + match.index, from + match.index - gone]);
    from = start + length;
    gone += length;
  }
  return found;
}

/** @param {number} value @returns {string} */
function vlq(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}

module.exports = { withMap, withMapIfRead, isOurs };
