'use strict';
/** What the hooks of databases have in common: the statement's text without passwords, bounded parameters, where the database is, how many rows. */
const types = require('node:util').types;
const { startSpan } = require('../library.cjs');
const { isSecretName, secretShape } = require('../redaction.cjs');
const spans = require('../spans.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */
/** @typedef {import('../tracer.cjs').Tracer} Tracer */

const MAX_QUERY = 5000;
const MAX_ITEMS = 20;
const MAX_TEXT = 200;
const MAX_DEPTH = 4;
/** Programs send the same statements again and again. @type {Map<string, string>} */
const texts = new Map();
const MAX_CACHED = 200;
const PASSWORD = /(\b(?:password|identified\s+(?:with\s+\S+\s+)?by)\s*(?:=\s*|\(\s*)?)(?:'(?:[^'\\]|''|\\.)*'|"[^"]*")/gi;

/**
 * The span of a statement, below the traced function (or request, or test) that runs. Null where there is none, as for what a library does on its own.
 * @param {Tracer} tracer @param {ReturnType<typeof import('../library.cjs').libraryDefinition>} definition @param {() => Record<string, unknown>} describe
 * @returns {Frame | null}
 */
function startStatement(tracer, definition, describe) {
  if (!tracer.settings.captureDatabase) return null;
  const parent = spans.contextual();
  return parent === null || (parent.level < 2 && !parent.isCounted) ? null : startSpan(definition, describe(), parent);
}

/** @param {string} system @param {unknown} query @param {unknown} parameters @param {Record<string, unknown>} [place] @returns {Record<string, unknown>} */
function described(system, query, parameters, place) {
  return { 'db.system.name': system, ...place, 'db.query.text': queryText(query), 'db.query.parameters': parametersOf(parameters) };
}

/** @param {unknown} query @returns {string | undefined} without the passwords that it sets */
function queryText(query) {
  if (typeof query !== 'string') return undefined;
  const known = texts.get(query);
  if (known !== undefined) return known;
  const text = withoutPasswords(query);
  if (query.length <= MAX_QUERY) {
    if (texts.size >= MAX_CACHED) texts.clear();
    texts.set(query, text);
  }
  return text;
}

/** @param {string} query @returns {string} */
function withoutPasswords(query) {
  const head = query.slice(0, MAX_QUERY);
  const text = /password|identified/i.test(head) ? head.replace(PASSWORD, "$1'***'") : head;
  return secretShape(text) === '' ? text : '[redacted]';
}

/** @param {unknown} parameters @returns {unknown} undefined where there are none */
function parametersOf(parameters) {
  if (parameters === null || typeof parameters !== 'object' || types.isProxy(parameters) || Object.keys(parameters).length === 0) return undefined;
  return shown(parameters, MAX_DEPTH);
}

/** A bounded copy, because objects change; no code of the program runs. @param {unknown} value @param {number} depth @returns {unknown} */
function shown(value, depth) {
  if (typeof value === 'string') return secretShape(value) === '' ? value.slice(0, MAX_TEXT) : '[redacted]';
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'bigint') return String(value).slice(0, MAX_TEXT);
  if (typeof value !== 'object' || depth <= 0 || types.isProxy(value)) return typeof value;
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => shown(item, depth - 1));
  return fieldsOf(value, depth);
}

/** @param {object} value @param {number} depth @returns {Record<string, unknown>} */
function fieldsOf(value, depth) {
  const fields = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([, field]) => field.enumerable === true && 'value' in field);
  return Object.fromEntries(fields.slice(0, MAX_ITEMS).map(([name, field]) => [name, isSecretName(name) ? '[redacted]' : shown(field.value, depth - 1)]));
}

/** What is not known stays out. @param {unknown} host @param {unknown} port @param {unknown} name @returns {Record<string, unknown>} */
function placeOf(host, port, name) {
  return { 'server.address': host || undefined, 'server.port': Number(port) || undefined, 'db.namespace': name || undefined };
}

/** @param {boolean} returned whether these are rows that came back, or rows that were changed @param {unknown} count */
function rows(returned, count) {
  if (typeof count !== 'number' || count < 0) return undefined;
  return { [returned ? 'db.response.returned_rows' : 'db.response.affected_rows']: count };
}

module.exports = { startStatement, described, queryText, parametersOf, shown, placeOf, rows };
