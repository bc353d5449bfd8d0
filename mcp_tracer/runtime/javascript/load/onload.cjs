'use strict';
/**
 * Preloaded by `NODE_OPTIONS=--require …` in every Node below `mcp-tracer run`, its worker threads included: turns the loading hooks on.
 * Whatever fails here, the program runs untraced. The tracer itself waits for the first file that is traced.
 */
/** @template T @param {() => T} load @returns {T} */
let plainly = (load) => load();

/** A file's instrumented text finds the tracer here, whatever kind of module it is. */
function offerTracer() {
  Object.defineProperty(globalThis, '__mcpTracer', { get: loadTracer, set: replaceTracer, enumerable: false, configurable: true });
}

/** @returns {unknown} */
function loadTracer() {
  replaceTracer(undefined);
  try {
    plainly(() => require('../tracer.cjs'));
  } catch {
    return undefined;
  }
  return /** @type {any} */ (globalThis).__mcpTracer;
}

/** @param {unknown} value */
function replaceTracer(value) {
  Object.defineProperty(globalThis, '__mcpTracer', { value, enumerable: false, configurable: true, writable: true });
}

/** Each kind of loading by itself: one that cannot be hooked leaves the others alone. @param {() => void} work */
function attempt(work) {
  try {
    work();
  } catch (error) {
    if ('MCP_TRACER_DEBUG' in process.env) process.stderr.write(`mcp-tracer fault: ${error instanceof Error ? error.stack : error}\n`);
  }
}

// Node's own thread for loading hooks runs what is preloaded, too: there is no program to trace.
if (/** @type {any} */ (require('node:worker_threads')).isInternalThread) attempt(() => require('./modules.cjs').keepThread());
else if (!('__mcpTracer' in globalThis)) {
  attempt(() => {
    plainly = require('./plain.cjs').plainly;
  });
  offerTracer();
  attempt(() => require('./commonjs.cjs').install());
  attempt(() => require('./modules.cjs').install());
  attempt(() => require('./vite.cjs').install());
}
