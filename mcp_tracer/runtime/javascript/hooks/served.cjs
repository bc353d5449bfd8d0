'use strict';
/** A request that a server receives is a root span: one for HTTP/1 and HTTP/2. */
const { endSpan, libraryDefinition } = require('../library.cjs');
const { hideInUrl } = require('../redaction.cjs');
const { parseTraceparent } = require('../run.cjs');
const spans = require('../spans.cjs');

/** @typedef {import('../frame.cjs').Frame} Frame */

const definition = libraryDefinition('node:http', 'http.request', 'http-server');

/** @param {string} method @param {string} target path and query @param {unknown} traceparent the header's text @returns {Frame | null} */
function beginRequest(method, target, traceparent) {
  if (spans.state.recorder === null) return null;
  const url = hideInUrl(target).slice(0, 2000);
  const remote = parseTraceparent(typeof traceparent === 'string' ? traceparent : undefined);
  const root = spans.newRoot({ type: 'http-request', name: `${method} ${url.split('?')[0]}`, method, url, ...remote });
  const frame = spans.beginAside(definition, null, root);
  frame.attributes = { 'http.request.method': method, 'url.full': url };
  return frame;
}

/** @param {Frame} frame @param {number} status */
function endRequest(frame, status) {
  if (frame.ended) return;
  frame.root.map.statusCode = status;
  frame.root.changed = true;
  frame.threw = status >= 500;
  frame.keepsError = false;
  endSpan(frame, { 'http.response.status_code': status });
}

module.exports = { beginRequest, endRequest };
