'use strict';
/**
 * `String(f)` of an instrumented function gives its original text: programs send such texts to workers, `vm` contexts and browsers, where no probe works.
 * MCP_TRACER_KEEP_TOSTRING=1 leaves `Function.prototype.toString` alone.
 */

// As it is now: a program may replace it.
const { apply } = Reflect;

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
      const text = apply(original, this, []);
      return text.includes('$mts') ? runnable(text.includes('/*~mt') ? strip(text) : text) : text;
    },
  };
  texts.set(toString, apply(original, original, []));
  Object.defineProperty(Function.prototype, 'toString', { value: toString, writable: true, configurable: true, enumerable: false });
}

/** The first thing that a traced function does: as it is now, and as earlier versions had it. */
const ENTRY = /\b(const|let|var)\s+(\$mts\d+)\s*=\s*(!?)\s*(\(?)\s*\$mtc\d+(_\w+)\s*--\s*>\s*0/g;
const EARLIER_ENTRY = /\b(const|let|var)\s+(\$mts\d+)\s*=\s*\((\$mt_\w+)\s*\|\|\s*\$mtl_\w+\(\)\)/g;
const NAMES = ['e0', 'e1', 'e2', 'e3', 'en', 'g', 'h', 'z', 'r', 'ra', 't', 'x', 'p', 'w', 'k', 'ai', 'd', 'v', 'u', 'l'];
const NO_OPS = `{c:[],n:0,b(){return[]},o(){return{v:0}},${NAMES.map((name) => `${name}(v){return v}`).join(',')}}`;

/**
 * A compiler (tsc, Babel) that printed the instrumented text anew moved what `strip` goes by. Such a text keeps its probes: each function
 * gets ones that do nothing, and no span that a function around it has. @param {string} text @returns {string}
 */
function runnable(text) {
  if (!text.includes('$mts')) return text;
  const own = new Set([ENTRY, EARLIER_ENTRY].flatMap((entry) => Array.from(text.matchAll(entry), (match) => match[2])));
  return text
    .replace(/\$mts\d+/g, (name) => (own.has(name) ? name : '0'))
    .replace(ENTRY, (_, keyword, span, not, opening, suffix) => `${keyword} $mt${suffix}=${NO_OPS},$mtl${suffix}=function(){return $mt${suffix}},${span}=${not}${opening}0>0`)
    .replace(EARLIER_ENTRY, (_, keyword, span, probes) => `${keyword} ${probes}=${NO_OPS},${span}=(${probes})`);
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
