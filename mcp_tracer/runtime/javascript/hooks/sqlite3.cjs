'use strict';
/** sqlite3 (callbacks): one span a statement, to its callback. Of a call without a callback nobody tells when it is done: its span is the call itself. */
const { endSpan, endInCallback, callbackAt, libraryDefinition, ownerOf, wrapMethod } = require('../library.cjs');
const { described, rows, startStatement } = require('./statements.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

const METHODS = ['run', 'get', 'all', 'each'];
/** The callbacks that end a span: a database's methods hand theirs on to a statement's. @type {WeakSet<Function>} */
const ours = new WeakSet();

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} library */
function install(tracer, library) {
  const database = library.Database.prototype;
  const statement = library.Statement.prototype;
  for (const name of METHODS) ownerOf(statement, name);
  for (const name of [...METHODS, 'exec']) ownerOf(database, name);
  for (const name of METHODS) {
    const definition = libraryDefinition('sqlite3', `sqlite3.${name}`, 'db');
    wrapMethod(database, name, (_, values) => begin(tracer, definition, name, values[0], values, 1), ended);
    wrapMethod(statement, name, (self, values) => begin(tracer, definition, name, self.sql, values, 0), ended);
  }
  const execute = libraryDefinition('sqlite3', 'sqlite3.exec', 'db');
  wrapMethod(database, 'exec', (_, values) => begin(tracer, execute, 'exec', values[0], values, 1), ended);
}

let nested = 0;

/** @param {import('../tracer.cjs').Tracer} tracer @param {ReturnType<typeof libraryDefinition>} definition @param {string} name @param {unknown} query @param {any[]} values @param {number} first index of the first parameter @returns {Frame | null} */
function begin(tracer, definition, name, query, values, first) {
  const last = callbackAt(values);
  if (nested > 0 || (last >= 0 && ours.has(values[last]))) return null;
  const given = values.slice(first).filter((value) => typeof value !== 'function');
  const parameters = given.length === 1 && typeof given[0] === 'object' ? given[0] : given;
  const frame = startStatement(tracer, definition, () => described('sqlite', query, parameters));
  if (frame === null) return null;
  // `each` calls its first callback with each row, and its second when it is done.
  const hasEnd = last >= first && (name !== 'each' || typeof values[last - 1] === 'function');
  frame.value = hasEnd ? undefined : ALONE;
  if (hasEnd) {
    endInCallback(values, last, () => frame, ([result], self) => outcome(name, result, self));
    ours.add(values[last]);
  } else nested++;
  return frame;
}

/** Marks the span of a call without a callback. */
const ALONE = Symbol('alone');

/** @param {Frame} frame */
function ended(frame) {
  if (frame.value !== ALONE) return;
  nested--;
  endSpan(frame);
}

/** @param {string} name of the method @param {any} result @param {any} self what the callback has for `this`: after `run`, a statement @returns {Record<string, unknown> | undefined} */
function outcome(name, result, self) {
  if (name === 'run') return rows(false, self?.changes);
  if (name === 'get') return rows(true, result === undefined ? 0 : 1);
  if (name === 'each') return rows(true, result);
  return name === 'all' ? rows(true, result?.length) : undefined;
}

module.exports = { install };
