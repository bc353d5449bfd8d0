'use strict';
/** ioredis: one span a command, one a pipeline or transaction. Commands that the client sends on its own have none. */
const { endSpan, endWith, libraryDefinition, ownerOf, quietly, wrapMethod } = require('../library.cjs');
const { describeCommand, describePipeline } = require('./redis-command.cjs');
const { placeOf, startStatement } = require('./statements.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */
/** @typedef {import('../tracer.cjs').Tracer} Tracer */

const execute = libraryDefinition('ioredis', 'redis.execute', 'db');
const pipeline = libraryDefinition('ioredis', 'redis.pipeline', 'db');
const SET_UP = new Set(['auth', 'hello', 'client', 'select', 'info', 'readonly']);
/** Commands come again when the connection is there, and from a cluster to one of its nodes. @type {WeakSet<object>} */
const seen = new WeakSet();

/** @param {Tracer} tracer @param {any} library */
function install(tracer, library) {
  const batch = ownerOf(library.Pipeline.prototype, 'exec');
  for (const client of [library.prototype, library.Cluster.prototype]) {
    wrapMethod(ownerOf(client, 'sendCommand'), 'sendCommand', (self, [command, stream]) => start(tracer, self, command, stream), () => undefined);
  }
  wrapMethod(batch, 'exec', (self) => startBatch(tracer, self), (frame, promise) => endWith(frame, promise, () => undefined));
}

/** @param {Tracer} tracer @param {any} client @param {any} command @param {any} stream of a pipeline, where it belongs to one */
function start(tracer, client, command, stream) {
  if (seen.has(command)) return null;
  seen.add(command);
  if (stream?.isPipeline === true || (client.status !== 'ready' && client.status !== 'wait' && client.stream !== undefined && SET_UP.has(command.name))) return null;
  const frame = startStatement(tracer, execute, () => describeCommand([command.name, ...command.args], placeIn(client)));
  if (frame !== null) watch(command, frame);
  return null;
}

/** @param {any} command whose promise the library settles by these two @param {Frame} frame */
function watch(command, frame) {
  const { resolve, reject } = command;
  command.resolve = (/** @type {unknown} */ value) => {
    quietly(() => endSpan(frame));
    return resolve(value);
  };
  command.reject = (/** @type {unknown} */ error) => {
    quietly(() => endSpan(frame, undefined, error));
    return reject(error);
  };
}

/** @param {Tracer} tracer @param {any} self */
function startBatch(tracer, self) {
  const commands = self._queue;
  // Within a transaction the first call only adds EXEC to the others.
  if (!Array.isArray(commands) || commands.length === 0 || self._transactions > 0) return null;
  for (const command of commands) seen.add(command);
  const shown = commands.map((command) => [command.name, ...command.args]);
  return startStatement(tracer, pipeline, () => describePipeline(shown, placeIn(self.redis)));
}

/** @param {any} client @returns {Record<string, unknown>} */
function placeIn(client) {
  const { path, host, port, db } = client.options ?? {};
  return placeOf(path || host, path ? undefined : port, db === undefined ? undefined : String(db));
}

module.exports = { install };
