'use strict';
/** node:http2: a stream that a server receives is a root span; one that a client opens is a span that carries the trace on. */
const { AsyncLocalStorage } = require('node:async_hooks');
const { syncBuiltinESMExports } = require('node:module');
const { endSpan, libraryDefinition, ownerOf, quietly, startSpan, wrapMethod } = require('../library.cjs');
const { hideInUrl } = require('../redaction.cjs');
const { spanId } = require('../spool.cjs');
const { beginRequest, endRequest } = require('./served.cjs');
const spans = require('../spans.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */
/** @typedef {import('../tracer.cjs').Tracer} Tracer */

const definition = libraryDefinition('node:http2', 'http2.request', 'http-client');

/** @param {Tracer} tracer @param {any} library `node:http2` */
function install(tracer, library) {
  // The classes are not exported; a server that never listens costs nothing.
  for (const server of [library.createServer(), library.createSecureServer()]) wrapServer(tracer, Object.getPrototypeOf(server));
  const { connect } = library;
  library.connect = {
    /** @this {unknown} */
    connect() {
      const session = Reflect.apply(connect, this, arguments);
      quietly(() => wrapSession(tracer, ownerOf(session, 'request')));
      return session;
    },
  }.connect;
  syncBuiltinESMExports();
}

/** @param {Tracer} tracer @param {any} prototype of a server: streams come to it as events */
function wrapServer(tracer, prototype) {
  const { emit } = prototype;
  prototype.emit = {
    /** @this {unknown} @param {unknown} event @param {any} stream @param {any} headers */
    emit(event, stream, headers) {
      const frame = event === 'stream' && tracer.settings.captureHttp ? (quietly(() => begin(stream, headers)) ?? null) : null;
      if (frame === null) return Reflect.apply(emit, this, arguments);
      spans.state.contexts ??= new AsyncLocalStorage();
      return spans.state.contexts.run(frame, () => Reflect.apply(emit, this, arguments));
    },
  }.emit;
}

/** @param {any} stream @param {any} headers @returns {Frame | null} */
function begin(stream, headers) {
  const frame = beginRequest(String(headers[':method'] ?? ''), String(headers[':path'] ?? ''), headers.traceparent);
  if (frame !== null) stream.once('close', () => quietly(() => endRequest(frame, Number(stream.sentHeaders?.[':status'] ?? 0))));
  return frame;
}

/** @param {Tracer} tracer @param {any} prototype of a client's session */
function wrapSession(tracer, prototype) {
  const start = (/** @type {any} */ session, /** @type {any[]} */ values) => (tracer.settings.captureHttp ? open(session, values) : null);
  wrapMethod(prototype, 'request', start, (frame, stream) => {
    stream.once('response', (/** @type {any} */ headers) => quietly(() => Object.assign(frame.attributes ?? {}, { 'http.response.status_code': headers[':status'] })));
    stream.once('close', () => quietly(() => endSpan(frame, undefined, stream.errored ?? undefined)));
  });
}

/** @param {any} session @param {any[]} values of `request`: the headers come first @returns {Frame | null} */
function open(session, values) {
  const headers = values[0] ?? {};
  if (Array.isArray(headers)) return null;
  const url = `${session.originSet?.[0] ?? ''}${hideInUrl(String(headers[':path'] ?? '/'))}`;
  const frame = startSpan(definition, { 'http.request.method': String(headers[':method'] ?? 'GET'), 'url.full': url }, spans.contextual());
  if (frame !== null && headers.traceparent === undefined) values[0] = { ...headers, traceparent: `00-${frame.root.map.traceId}-${spanId(frame.seq)}-01` };
  return frame;
}

module.exports = { install };
