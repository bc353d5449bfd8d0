'use strict';
/** `fetch` and undici: a span from the request to the end of the answer's body, and a traceparent header. */
const channels = require('node:diagnostics_channel');
const { startSpan, endSpan, quietly, libraryDefinition } = require('../library.cjs');
const { spanId } = require('../spool.cjs');
const { hideInUrl } = require('../redaction.cjs');
const { now } = require('../clock.cjs');
const spans = require('../spans.cjs');

const definition = libraryDefinition('undici', 'fetch', 'http-client');
/** @type {WeakMap<object, import('../frame.cjs').Frame>} */
const running = new WeakMap();
const FORGET_MS = 1000;
/** Who called `fetch`: undici makes the request a few microtasks later. @type {{url: string, frame: import('../frame.cjs').Frame, at: number}[]} */
let callers = [];

/** @param {import('../tracer.cjs').Tracer} tracer */
function install(tracer) {
  channels.subscribe('undici:request:create', (message) => {
    if (tracer.settings.captureHttp) quietly(() => begin(/** @type {any} */ (message).request));
  });
  channels.subscribe('undici:request:headers', (message) => quietly(() => note(/** @type {any} */ (message))));
  channels.subscribe('undici:request:trailers', (message) => quietly(() => endSpan(running.get(/** @type {any} */ (message).request) ?? null)));
  channels.subscribe('undici:request:error', (message) => {
    const { request, error } = /** @type {any} */ (message);
    quietly(() => endSpan(running.get(request) ?? null, undefined, error));
  });
  rememberCallers();
}

/** `fetch` is replaced by one that notes who calls it and does nothing else. */
function rememberCallers() {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  const original = descriptor?.value;
  if (typeof original !== 'function' || descriptor === undefined) return;
  const { fetch } = {
    /** @this {unknown} @param {unknown} input @param {unknown} init */
    fetch(input, init = undefined) {
      quietly(() => noteCaller(input));
      return Reflect.apply(original, this, arguments);
    },
  };
  Object.defineProperty(globalThis, 'fetch', { ...descriptor, value: fetch });
}

/** @param {unknown} input */
function noteCaller(input) {
  const frame = spans.running();
  const url = typeof input === 'string' ? input : input instanceof URL || input instanceof Request ? String(input instanceof URL ? input : input.url) : '';
  if (frame === null || !URL.canParse(url)) return;
  const at = now();
  callers = callers.filter((caller) => at - caller.at < FORGET_MS);
  callers.push({ url: new URL(url).href.split('#')[0], frame, at });
}

/** @param {string} url @returns {import('../frame.cjs').Frame | null} */
function callerOf(url) {
  const index = callers.findIndex((caller) => caller.url === url);
  return index < 0 ? spans.contextual() : callers.splice(index, 1)[0].frame;
}

/** @param {any} request of undici */
function begin(request) {
  const parent = callerOf(request.origin + request.path);
  const url = `${request.origin}${hideInUrl(request.path)}`;
  const frame = startSpan(definition, { 'http.request.method': request.method, 'url.full': url }, parent);
  if (frame === null) return;
  running.set(request, frame);
  request.addHeader?.('traceparent', `00-${frame.root.map.traceId}-${spanId(frame.seq)}-01`);
}

/** @param {{request: object, response: {statusCode: number}}} message */
function note({ request, response }) {
  const frame = running.get(request);
  if (frame !== undefined && frame.attributes !== null) frame.attributes['http.response.status_code'] = response.statusCode;
}

module.exports = { install };
