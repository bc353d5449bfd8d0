'use strict';
/** mysql2, callbacks and promises: one span a statement. What a pool runs for a statement of its own is part of that one. */
const { endSpan, endInCallback, callbackAt, libraryDefinition, ownerOf, quietly, wrapMethod } = require('../library.cjs');
const { Pooled } = require('./pooled.cjs');
const { described, placeOf, rows, startStatement } = require('./statements.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

const METHODS = ['query', 'execute'];
const pooled = new Pooled();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} _ @param {(file: string) => any} part gives what a file of the package exports */
function install(tracer, _, part) {
  const connection = ownerOf(part('lib/connection.js').prototype, 'query');
  const pool = ownerOf(part('lib/pool.js').prototype, 'query');
  for (const name of [...METHODS, 'getConnection']) ownerOf(name === 'getConnection' ? pool : connection, name);
  for (const name of METHODS) {
    const definition = libraryDefinition('mysql2', `mysql2.${name}`, 'db');
    wrapMethod(connection, name, (self, values) => begin(tracer, definition, self, values), finished);
    const open = (/** @type {any} */ self, /** @type {any[]} */ values) => (pooled.opening = start(tracer, definition, values, placeIn(self.config?.connectionConfig), 'mysql'));
    wrapMethod(pool, name, open, (frame, result) => {
      pooled.opening = null;
      finished(frame, result);
    });
  }
  wrapMethod(pool, 'getConnection', (__, values) => pooled.takeOver(values), () => undefined);
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {ReturnType<typeof libraryDefinition>} definition @param {any} self a connection @param {any[]} values @returns {Frame | null} */
function begin(tracer, definition, self, values) {
  const system = systemOf(self);
  if (pooled.running !== null) {
    Object.assign(pooled.running.attributes ?? {}, placeIn(self.config), { 'db.system.name': system });
    return null;
  }
  return start(tracer, definition, values, placeIn(self.config), system);
}

/** @param {any} config @returns {Record<string, unknown>} */
const placeIn = (config) => placeOf(config?.socketPath || config?.host, config?.socketPath ? undefined : config?.port, config?.database);

/** @param {any} connection whose server has said what it is, once it is connected @returns {string} */
const systemOf = (connection) => (String(connection._handshakePacket?.serverVersion ?? '').includes('MariaDB') ? 'mariadb' : 'mysql');

/** @param {import('../tracer.cjs').Tracer} tracer @param {ReturnType<typeof libraryDefinition>} definition @param {any[]} values @param {Record<string, unknown>} place @param {string} system @returns {Frame | null} */
function start(tracer, definition, values, place, system) {
  const [query, second] = values;
  const isText = typeof query === 'string';
  if (!isText && (query === null || typeof query !== 'object')) return null;
  const parameters = typeof second === 'object' && second !== null ? second : isText ? undefined : query.values;
  const frame = startStatement(tracer, definition, () => described(system, isText ? query : query.sql, parameters, place));
  if (frame === null) return null;
  const last = callbackAt(values);
  if (last > 0) endInCallback(values, last, () => frame, ([result]) => rowsOf(result));
  else if (!isText && typeof query.onResult === 'function') endInCallback(query, /** @type {any} */ ('onResult'), () => frame, ([result]) => rowsOf(result));
  else frame.value = EVENTS;
  return frame;
}

/** Marks the span of a call without a callback: its command emits events. */
const EVENTS = Symbol('events');

/** @param {Frame} frame @param {any} command of the library, or nothing */
function finished(frame, command) {
  if (frame.value !== EVENTS) return;
  frame.value = undefined;
  if (typeof command?.emit === 'function') watch(command, frame);
  else endSpan(frame);
}

/** Listeners of ours would change what an error without a listener does. @param {any} command an event emitter @param {Frame} frame */
function watch(command, frame) {
  const { emit } = command;
  command.emit = function (/** @type {unknown} */ event, /** @type {unknown} */ detail) {
    if (event === 'error' || event === 'end') quietly(() => endSpan(frame, undefined, event === 'error' ? detail : undefined));
    return Reflect.apply(emit, this, arguments);
  };
}

/** @param {any} result rows, the sets of several statements, or what was changed @returns {Record<string, unknown> | undefined} */
function rowsOf(result) {
  return Array.isArray(result) ? rows(true, result.length) : rows(false, result?.affectedRows);
}

module.exports = { install };
