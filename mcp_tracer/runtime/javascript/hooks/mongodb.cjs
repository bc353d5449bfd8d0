'use strict';
/** mongodb: one span an operation, whatever it takes to find a server and a connection, and however often it is tried. */
const { endWith, libraryDefinition, wrapMethod } = require('../library.cjs');
const { parametersOf, placeOf, rows, startStatement } = require('./statements.cjs');

const definition = libraryDefinition('mongodb', 'mongodb.execute', 'db');
/** What operations ask for or write, by the names of their fields. */
const FIELDS = ['filter', 'query', 'key', 'pipeline', 'update', 'replacement', 'documents', 'statements', 'operations', 'command', 'indexes'];
const COUNTS = ['insertedCount', 'modifiedCount', 'deletedCount', 'n'];

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} _ @param {(file: string) => any} part gives what a file of the package exports */
function install(tracer, _, part) {
  const owner = part('lib/operations/execute_operation.js');
  if (typeof owner.executeOperation !== 'function') throw new TypeError('no executeOperation: an unknown version');
  wrapMethod(owner, 'executeOperation', (_, [client, operation]) => startStatement(tracer, definition, () => describe(client, operation)), (frame, promise) => endWith(frame, promise, rowsOf));
}

/** @param {any} client @param {any} operation @returns {Record<string, unknown>} */
function describe(client, operation) {
  const { name, collection } = askedFor(operation);
  const [host] = client?.options?.hosts ?? [];
  const asked = Object.fromEntries(FIELDS.filter((field) => typeof operation[field] === 'object' && operation[field] !== null).map((field) => [field, operation[field]]));
  return {
    'db.system.name': 'mongodb',
    ...placeOf(host?.host ?? host?.socketPath, host?.port, operation.ns?.db),
    'db.operation.name': name,
    'db.collection.name': collection || undefined,
    'db.query.text': collection ? `${name} ${collection}` : name,
    'db.query.parameters': parametersOf(asked),
  };
}

/** What is run, and on which collection; of a command that the program wrote itself, its first field says both. @param {any} operation @returns {{name: string, collection?: string}} */
function askedFor(operation) {
  const name = operation.commandName ?? lowered(operation.constructor.name.replace(/Operation$/, ''));
  const [own] = name === 'runCommand' && operation.command ? Object.entries(operation.command) : [];
  if (own === undefined) return { name, collection: operation.ns?.collection };
  return { name: own[0], collection: typeof own[1] === 'string' ? own[1] : undefined };
}

/** @param {string} name @returns {string} */
const lowered = (name) => name.slice(0, 1).toLowerCase() + name.slice(1);

/** @param {any} result @returns {Record<string, unknown> | undefined} */
function rowsOf(result) {
  if (result === null || typeof result !== 'object') return undefined;
  const response = result.response ?? result;
  if (typeof response.batchSize === 'number') return rows(true, response.batchSize);
  return rows(false, COUNTS.map((name) => result[name]).find((count) => typeof count === 'number'));
}

module.exports = { install };
