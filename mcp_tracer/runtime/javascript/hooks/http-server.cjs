'use strict';
/** A request that arrives at a node:http or node:https server is a root span, and the asynchronous context of all that it sets off. */
const { AsyncLocalStorage } = require('node:async_hooks');
const channels = require('node:diagnostics_channel');
const { endSpan, quietly, libraryDefinition } = require('../library.cjs');
const { hideInUrl } = require('../redaction.cjs');
const { parseTraceparent } = require('../run.cjs');
const spans = require('../spans.cjs');

const definition = libraryDefinition('node:http', 'http.request', 'http-server');
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
  if (spans.state.recorder === null) return;
  const url = hideInUrl(request.url ?? '').slice(0, 2000);
  const method = request.method ?? '';
  const remote = parseTraceparent(/** @type {string | undefined} */ (request.headers.traceparent));
  const root = spans.newRoot({ type: 'http-request', name: `${method} ${url.split('?')[0]}`, method, url, ...remote });
  const frame = spans.begin(definition, null, root, null, 2);
  frame.attributes = { 'http.request.method': method, 'url.full': url };
  spans.state.contexts ??= new AsyncLocalStorage();
  spans.state.contexts.enterWith(frame);
  running.set(response, frame);
  response.once('close', () => quietly(() => end(response)));
}

/** @param {import('node:http').ServerResponse} response whose last byte was handed over, or whose client is gone */
function end(response) {
  const frame = running.get(response);
  if (frame === undefined || frame.ended) return;
  const status = response.statusCode;
  frame.root.map.statusCode = status;
  frame.root.changed = true;
  frame.threw = status >= 500;
  frame.error = frame.threw ? `HTTP ${status}` : undefined;
  endSpan(frame, { 'http.response.status_code': status });
}

module.exports = { install };
