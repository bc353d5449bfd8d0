'use strict';
/** Requests that the program sends with node:http or node:https: a span from the head to the end of the answer, and a traceparent header. */
const channels = require('node:diagnostics_channel');
const http = require('node:http');
const { startSpan, endSpan, quietly, libraryDefinition } = require('../library.cjs');
const { spanId } = require('../spool.cjs');
const { hideInUrl } = require('../redaction.cjs');
const spans = require('../spans.cjs');

const definition = libraryDefinition('node:http', 'http.ClientRequest', 'http-client');
/** @type {WeakMap<object, import('../frame.cjs').Frame>} */
const running = new WeakMap();

/** @param {import('../tracer.cjs').Tracer} tracer */
function install(tracer) {
  const prototype = /** @type {any} */ (http.ClientRequest.prototype);
  const original = prototype._implicitHeader;
  if (typeof original !== 'function') return;
  prototype._implicitHeader = function _implicitHeader() {
    if (tracer.settings.captureHttp) quietly(() => begin(this));
    return original.call(this);
  };
  channels.subscribe('http.client.response.finish', (message) => {
    const { request, response } = /** @type {any} */ (message);
    quietly(() => endSpan(running.get(request) ?? null, { 'http.response.status_code': response.statusCode }));
  });
  channels.subscribe('http.client.request.error', (message) => {
    const { request, error } = /** @type {any} */ (message);
    quietly(() => endSpan(running.get(request) ?? null, undefined, error));
  });
}

/** @param {import('node:http').ClientRequest} request whose head is about to be written */
function begin(request) {
  const url = `${request.protocol}//${request.getHeader('host') ?? request.host}${hideInUrl(request.path)}`;
  const frame = startSpan(definition, { 'http.request.method': request.method, 'url.full': url }, spans.contextual());
  if (frame === null) return;
  running.set(request, frame);
  if (!request.hasHeader('traceparent')) request.setHeader('traceparent', `00-${frame.root.map.traceId}-${spanId(frame.seq)}-01`);
}

module.exports = { install };
