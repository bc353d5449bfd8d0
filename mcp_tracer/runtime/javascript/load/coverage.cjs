'use strict';
/** istanbul's counts of an instrumented file, as they would be of the original: our probes taken out, columns moved back. Lines are the same. */

/**
 * @typedef {import('./pieces.cjs').Range} Range
 * @typedef {{startOffset: number, endOffset: number, count: number}} BlockRange
 * @typedef {{name: string, decl: Range, loc: Range, line?: number}} Fn
 * @typedef {{loc: Range, type: string, locations: Range[], line?: number}} Branch
 * @typedef {{statementMap: Record<string, Range>, fnMap: Record<string, Fn>, branchMap: Record<string, Branch>, s: Record<string, number>, f: Record<string, number>, b: Record<string, number[]>, inputSourceMap?: unknown}} Coverage
 */

const { isOurs } = require('./mapping.cjs');
const { Pieces } = require('./pieces.cjs');

const HEADER = /^\$mtl_\w+$/;
const BLOCK = /^(\|\|\s*\$mtl_\w+\(\)$|&&\s*\$mtl_\w+\(\)\.e|&&\s*\$mt_\w+\.[hx]\(\$mts|[?:]?\s*(\$mtl_\w+\(\)\.e|\$mts\d+\s*&&\s*\$mt_\w+\.h\(|\$mt_\w+\.(n$|[ghez]\w?\())|catch\s*\(\$mte\)\s*\{\s*throw \$mt_)/;
const ANONYMOUS = /^\(anonymous_\d+\)$/;

/** @param {Coverage} coverage @param {string} form @returns {Coverage} What a compiler made before it was counted has other places: it stays. */
function withoutProbes({ inputSourceMap, ...coverage }, form) {
  if (inputSourceMap !== undefined && !isOurs(inputSourceMap)) return { inputSourceMap, ...coverage };
  const pieces = new Pieces(form);
  const [statementMap, s] = kept(coverage.statementMap, coverage.s, (range) => (pieces.isOurs(range) ? null : pieces.moved(range)));
  const [fnMap, f] = kept(coverage.fnMap, coverage.f, (fn, index) => (pieces.isOurs(fn.decl) ? null : movedFn(pieces, fn, index)));
  const [branchMap, b] = kept(coverage.branchMap, coverage.b, (branch) => (pieces.isOurs(branch.loc) ? null : movedBranch(pieces, branch)));
  return { ...coverage, statementMap, s, fnMap, f, branchMap, b };
}

/** @template T, C @param {Record<string, T>} map @param {Record<string, C>} counts @param {(entry: T, index: number) => T | null} change @returns {[Record<string, T>, Record<string, C>]} */
function kept(map, counts, change) {
  /** @type {Record<string, T>} */
  const newMap = {};
  /** @type {Record<string, C>} */
  const newCounts = {};
  let index = 0;
  for (const key of Object.keys(map)) {
    const entry = change(map[key], index);
    if (entry === null) continue;
    newMap[index] = entry;
    newCounts[index++] = counts[key];
  }
  return [newMap, newCounts];
}

/** @param {Pieces} pieces @param {Fn} fn @param {number} index @returns {Fn} */
function movedFn(pieces, fn, index) {
  const name = ANONYMOUS.test(fn.name) ? `(anonymous_${index})` : fn.name;
  return { ...fn, name, decl: pieces.moved(fn.decl), loc: pieces.moved(fn.loc) };
}

/** @param {Pieces} pieces @param {Branch} branch @returns {Branch} */
function movedBranch(pieces, branch) {
  return { ...branch, loc: pieces.moved(branch.loc), locations: branch.locations.map((range) => pieces.moved(range)) };
}

/** V8's counts of a file's code as it ran: the functions of our header, and branches that are ours, are left out. @param {{ranges: BlockRange[], functionName: string}[]} functions @param {string} code */
function withoutBlocks(functions, code) {
  const header = functions.find(({ functionName }) => HEADER.test(functionName))?.ranges[0];
  const own = header === undefined ? functions : functions.filter(({ ranges: [whole] }) => !lies(whole, header));
  return own.map((fn) => ({ ...fn, ranges: fn.ranges.filter((range, index) => index === 0 || !BLOCK.test(code.slice(range.startOffset, range.endOffset))) }));
}

/** @param {BlockRange} inner @param {BlockRange} outer */
function lies(inner, outer) {
  return inner.startOffset >= outer.startOffset && inner.endOffset <= outer.endOffset;
}

module.exports = { withoutBlocks, withoutProbes };
