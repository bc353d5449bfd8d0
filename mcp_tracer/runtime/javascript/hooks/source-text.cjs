'use strict';
/**
 * `String(f)` of an instrumented function gives its original text: programs send such texts to workers, `vm` contexts and browsers, where no probe works.
 * MCP_TRACER_KEEP_TOSTRING=1 leaves `Function.prototype.toString` alone.
 */

const OPENING = /( ?)\/\*~mt(\^?)([0-9a-z]{1,6})\*\//g;
const CLOSING = '/*mt~*/';

function install() {
  if (process.env.MCP_TRACER_KEEP_TOSTRING === '1') return;
  const original = Function.prototype.toString;
  const texts = new WeakMap();
  const { toString } = {
    /** @this {Function} */
    toString() {
      const known = texts.get(this);
      if (known !== undefined) return known;
      const text = Reflect.apply(original, this, []);
      return text.includes('/*~mt') ? strip(text) : text;
    },
  };
  texts.set(toString, Reflect.apply(original, original, []));
  Object.defineProperty(Function.prototype, 'toString', { value: toString, writable: true, configurable: true, enumerable: false });
}

/** The same rule by which the server takes insertions out of a file. @param {string} text @returns {string} */
function strip(text) {
  let kept = '';
  let done = 0;
  OPENING.lastIndex = 0;
  for (let match = OPENING.exec(text); match !== null; match = OPENING.exec(text)) {
    const end = OPENING.lastIndex + parseInt(match[3], 36);
    if (!text.startsWith(CLOSING, end)) continue;
    kept += text.slice(done, match[2] === '^' ? match.index : match.index + match[1].length);
    done = OPENING.lastIndex = end + CLOSING.length;
  }
  return kept + text.slice(done);
}

module.exports = { install, strip };
