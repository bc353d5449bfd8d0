'use strict';
/** What the two SQLite libraries have in common: a prepared statement remembers its text, and each execution is a `db` span. */
const { endSpan, wrapMethod, libraryDefinition } = require('../library.cjs');
const { described, rows, startStatement } = require('./statements.cjs');

/** @type {WeakMap<object, string>} */
const queries = new WeakMap();

/** @param {import('../tracer.cjs').Tracer} tracer @param {string} module @param {any} database a class's prototype @param {any} statement likewise */
function patch(tracer, module, database, statement) {
  const execute = libraryDefinition(module, 'sqlite.exec', 'db');
  const prepare = database.prepare;
  database.prepare = function (/** @type {unknown[]} */ ...values) {
    const prepared = prepare.apply(this, values);
    if (typeof values[0] === 'string' && prepared !== null && typeof prepared === 'object') queries.set(prepared, values[0]);
    return prepared;
  };
  const begin = (/** @type {typeof execute} */ definition, /** @type {string} */ query, /** @type {unknown[]} */ parameters) =>
    startStatement(tracer, definition, () => described('sqlite', query, parameters));
  wrapMethod(database, 'exec', (_, [query]) => begin(execute, String(query), []), (frame) => endSpan(frame));
  for (const name of ['run', 'get', 'all', 'iterate']) {
    const definition = libraryDefinition(module, `sqlite.${name}`, 'db');
    wrapMethod(statement, name, (self, values) => begin(definition, queries.get(self) ?? '', values), (frame, result) => endSpan(frame, outcome(result)));
  }
}

/** @param {unknown} result @returns {Record<string, unknown> | undefined} */
function outcome(result) {
  if (Array.isArray(result)) return rows(true, result.length);
  const changes = result !== null && typeof result === 'object' ? Object.getOwnPropertyDescriptor(result, 'changes')?.value : undefined;
  return changes === undefined ? undefined : rows(false, Number(changes));
}

module.exports = { patch };
