'use strict';
/** pg and pg-pool: one span a statement, from the call to its last row. What a pool runs for a statement of its own is part of that one. */
const { endSpan, endWith, endInCallback, libraryDefinition, ownerOf, quietly, wrapMethod } = require('../library.cjs');
const { Pooled } = require('./pooled.cjs');
const { described, placeOf, rows, startStatement } = require('./statements.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

const definition = libraryDefinition('pg', 'pg.query', 'db');
const pooled = new Pooled();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} library `pg` */
function install(tracer, library) {
  const client = ownerOf(library.Client.prototype, 'query');
  const pool = ownerOf(library.Pool.prototype, 'query');
  ownerOf(pool, 'connect');
  wrapMethod(client, 'query', (self, values) => begin(tracer, self, values), finished);
  wrapPool(tracer, pool);
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} self a client @param {any[]} values @returns {Frame | null} */
function begin(tracer, self, values) {
  if (pooled.running !== null) {
    Object.assign(pooled.running.attributes ?? {}, placeOf(self.host, self.port, self.database));
    return null;
  }
  return start(tracer, values, placeOf(self.host, self.port, self.database));
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {any[]} values @param {Record<string, unknown>} place @returns {Frame | null} */
function start(tracer, values, place) {
  const [config, second] = values;
  const isText = typeof config === 'string';
  if (!isText && (config === null || typeof config !== 'object')) return null;
  const parameters = Array.isArray(second) ? second : isText ? undefined : (config.values ?? config.cursor?.values);
  const frame = startStatement(tracer, definition, () => described('postgresql', isText ? config : (config.text ?? config.cursor?.text), parameters, place));
  if (frame === null) return null;
  if (!isText && typeof config.submit === 'function') watch(config, frame);
  else if (typeof values[1] === 'function') endInCallback(values, 1, () => frame, ([result]) => rowsOf(result));
  else if (typeof values[2] === 'function') endInCallback(values, 2, () => frame, ([result]) => rowsOf(result));
  else if (!isText && typeof config.callback === 'function') endInCallback(config, /** @type {any} */ ('callback'), () => frame, ([result]) => rowsOf(result));
  return frame;
}

/** A query object or cursor of the program's: it is told by methods. @param {any} query @param {Frame} frame */
function watch(query, frame) {
  const { handleError, handleReadyForQuery } = query;
  query.handleError = function (/** @type {unknown} */ error) {
    quietly(() => endSpan(frame, undefined, error));
    return Reflect.apply(handleError, this, arguments);
  };
  query.handleReadyForQuery = function () {
    quietly(() => endSpan(frame, rowsOf(query._result)));
    return Reflect.apply(handleReadyForQuery, this, arguments);
  };
}

/** @param {Frame} frame @param {any} result a promise, the program's query object, or nothing where a callback was given @returns {unknown} */
function finished(frame, result) {
  return typeof result?.then === 'function' ? endWith(frame, result, rowsOf) : undefined;
}

/** @param {any} result @returns {Record<string, unknown> | undefined} of the last statement, where there were several */
function rowsOf(result) {
  const last = Array.isArray(result) ? result[result.length - 1] : result;
  return last === undefined || last === null ? undefined : rows(last.fields?.length > 0, last.rowCount);
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} pool a prototype */
function wrapPool(tracer, pool) {
  const { connect } = pool;
  const query = (/** @type {any} */ self, /** @type {any[]} */ values) => (pooled.opening = typeof values[0] === 'function' ? null : start(tracer, values, placeOf(self.options?.host, self.options?.port, self.options?.database)));
  wrapMethod(pool, 'query', query, (frame, result) => {
    pooled.opening = null;
    return finished(frame, result);
  });
  wrapMethod(pool, 'connect', (_, values) => pooled.takeOver(values), () => undefined);
  Object.defineProperty(pool.connect, 'length', { value: connect.length, configurable: true });
}

module.exports = { install };
