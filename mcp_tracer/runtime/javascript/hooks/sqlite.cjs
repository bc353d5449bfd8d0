'use strict';
/** What the two SQLite libraries have in common: a prepared statement remembers its text, and each execution is a `db` span. */
const { startSpan, endSpan, wrapMethod, libraryDefinition } = require('../library.cjs');
const { isSecretName, secretShape } = require('../redaction.cjs');
const spans = require('../spans.cjs');

const MAX_QUERY = 5000;
const MAX_PARAMETERS = 20;
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
    tracer.settings.captureDatabase ? startSpan(definition, attributes(query, parameters), spans.contextual()) : null;
  wrapMethod(database, 'exec', (_, [query]) => begin(execute, String(query), []), (frame) => endSpan(frame));
  for (const name of ['run', 'get', 'all', 'iterate']) {
    const definition = libraryDefinition(module, `sqlite.${name}`, 'db');
    wrapMethod(statement, name, (self, values) => begin(definition, queries.get(self) ?? '', values), (frame, result) => endSpan(frame, rows(result)));
  }
}

/** @param {string} query @param {unknown[]} parameters @returns {Record<string, unknown>} */
function attributes(query, parameters) {
  const text = query.slice(0, MAX_QUERY);
  return {
    'db.system.name': 'sqlite',
    'db.query.text': secretShape(text) === '' ? text : '[redacted]',
    'db.query.parameters': parameters.length === 0 ? undefined : parameters.slice(0, MAX_PARAMETERS).map(preview),
  };
}

/** @param {unknown} value @returns {unknown} a number or a short text; named parameters with secret names are left out */
function preview(value) {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'string') return secretShape(value) === '' ? value.slice(0, 200) : '[redacted]';
  if (typeof value === 'bigint') return String(value);
  if (value === undefined || typeof value !== 'object' || ArrayBuffer.isView(value)) return typeof value;
  const fields = Object.entries(Object.getOwnPropertyDescriptors(value)).slice(0, MAX_PARAMETERS);
  return Object.fromEntries(fields.map(([name, field]) => [name, isSecretName(name) ? '[redacted]' : typeof field.value === 'object' ? 'object' : preview(field.value)]));
}

/** @param {unknown} result @returns {Record<string, unknown> | undefined} */
function rows(result) {
  if (Array.isArray(result)) return { 'db.response.returned_rows': result.length };
  const changes = result !== null && typeof result === 'object' ? Object.getOwnPropertyDescriptor(result, 'changes')?.value : undefined;
  return changes === undefined ? undefined : { 'db.response.affected_rows': Number(changes) };
}

module.exports = { patch };
