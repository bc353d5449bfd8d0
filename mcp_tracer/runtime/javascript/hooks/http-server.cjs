'use strict';
/** A request that arrives at a node:http or node:https server is a root span, and the asynchronous context of all that it sets off. */
const { AsyncLocalStorage } = require('node:async_hooks');
const channels = require('node:diagnostics_channel');
const { quietly } = require('../library.cjs');
const { beginRequest, endRequest } = require('./served.cjs');
const spans = require('../spans.cjs');

/** @type {WeakMap<object, import('../frame.cjs').Frame>} */
const running = new WeakMap();

/** @typedef {{request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse}} Exchange */

/** @param {import('../tracer.cjs').Tracer} tracer */
function install(tracer) {
  channels.subscribe('http.server.request.start', (message) => {
    if (tracer.settings.captureHttp) quietly(() => begin(/** @type {Exchange} */ (message)));
  });
  channels.subscribe('http.server.response.finish', (message) => quietly(() => end(/** @type {Exchange} */ (message).response)));
}

/** @param {Exchange} exchange */
function begin({ request, response }) {
  const frame = beginRequest(request.method ?? '', request.url ?? '', request.headers.traceparent);
  if (frame === null) return;
  spans.state.contexts ??= new AsyncLocalStorage();
  spans.state.contexts.enterWith(frame);
  running.set(response, frame);
  response.once('close', () => quietly(() => end(response)));
}

/** @param {import('node:http').ServerResponse} response whose last byte was handed over, or whose client is gone */
function end(response) {
  const frame = running.get(response);
  if (frame !== undefined) endRequest(frame, response.statusCode);
}

module.exports = { install };
