'use strict';
/** node-redis 4 and later: one span a command, one a pipeline or transaction. Commands that the client sends on its own have none. */
const { endWith, libraryDefinition, ownerOf, wrapMethod } = require('../library.cjs');
const { describeCommand, describePipeline } = require('./redis-command.cjs');
const { placeOf, startStatement } = require('./statements.cjs');

/** @typedef {import('../tracer.cjs').Tracer} Tracer */

const execute = libraryDefinition('redis', 'redis.execute', 'db');
const pipeline = libraryDefinition('redis', 'redis.pipeline', 'db');

/** @param {Tracer} tracer @param {any} _ @param {(file: string) => any} part gives what a file of the package exports */
function install(tracer, _, part) {
  const client = part('dist/lib/client/index.js').default.prototype;
  if (Object.prototype.hasOwnProperty.call(client, 'multiExecutor')) return installFour(tracer, client, part);
  const batches = ['_executeMulti', '_executePipeline'].map((name) => [ownerOf(client, name), name]);
  wrapMethod(ownerOf(client, 'sendCommand'), 'sendCommand', (self, [command]) => start(tracer, command, placeIn(self)), done);
  for (const [owner, name] of batches) wrapMethod(owner, name, (self, [commands]) => startBatch(tracer, commands, placeIn(self)), done);
}

/** Version 4 sends from private methods: what can be seen is the queue, which does not know the place. @param {Tracer} tracer @param {any} client @param {(file: string) => any} part */
function installFour(tracer, client, part) {
  const queue = ownerOf(part('dist/lib/client/commands-queue.js').default.prototype, 'addCommand');
  const add = (/** @type {any} */ options, /** @type {unknown} */ command) =>
    options?.asap === true || options?.chainId !== undefined ? null : start(tracer, command, { 'db.system.name': 'redis' });
  wrapMethod(queue, 'addCommand', (_, [command, options]) => add(options, command), done);
  wrapMethod(client, 'multiExecutor', (self, [commands]) => startBatch(tracer, commands, placeIn(self)), done);
}

/** @param {Tracer} tracer @param {unknown} command @param {Record<string, unknown>} place */
function start(tracer, command, place) {
  return Array.isArray(command) ? startStatement(tracer, execute, () => describeCommand(command, place)) : null;
}

/** @param {Tracer} tracer @param {unknown} commands @param {Record<string, unknown>} place */
function startBatch(tracer, commands, place) {
  if (!Array.isArray(commands)) return null;
  return startStatement(tracer, pipeline, () => describePipeline(commands.map((one) => one.args), place));
}

/** @param {import('../frame.cjs').Frame} frame @param {unknown} promise */
const done = (frame, promise) => endWith(frame, promise, () => undefined);

/** @param {any} client @returns {Record<string, unknown>} */
function placeIn(client) {
  const options = client.options ?? {};
  const { host = 'localhost', port = 6379, path } = options.socket ?? {};
  return placeOf(path ?? host, path === undefined ? port : undefined, String(options.database ?? 0));
}

module.exports = { install };
