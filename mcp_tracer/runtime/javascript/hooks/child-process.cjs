'use strict';
/** A child process learns which run and which span started it, through its environment. The program's own environment stays as it is. */
const process = require('node:process');
const childProcess = require('node:child_process');
const { syncBuiltinESMExports } = require('node:module');

/** @param {import('../tracer.cjs').Tracer} tracer */
function install(tracer) {
  const prototype = /** @type {any} */ (childProcess.ChildProcess.prototype);
  const original = prototype.spawn;
  if (typeof original !== 'function') return;
  prototype.spawn = function spawn(/** @type {{envPairs?: string[]}} */ options, /** @type {unknown[]} */ ...rest) {
    tracer.guard(() => addLinks(tracer, options));
    return original.call(this, options, ...rest);
  };
  for (const name of /** @type {const} */ (['spawnSync', 'execFileSync', 'execSync'])) wrapSync(tracer, name);
  syncBuiltinESMExports();
}

/** Functions that wait for the child read the environment themselves: it holds the links while they do. @param {import('../tracer.cjs').Tracer} tracer @param {'spawnSync' | 'execFileSync' | 'execSync'} name */
function wrapSync(tracer, name) {
  const library = /** @type {any} */ (childProcess);
  const original = library[name];
  library[name] = {
    /** @this {unknown} @param {unknown[]} values */
    [name](...values) {
      const { MCP_TRACER_RUN, TRACEPARENT } = process.env;
      tracer.guard(() => setLinks(tracer.isOn() ? tracer.runId : MCP_TRACER_RUN, tracer.traceparent() ?? TRACEPARENT));
      try {
        return Reflect.apply(original, this, values);
      } finally {
        setLinks(MCP_TRACER_RUN, TRACEPARENT);
      }
    },
  }[name];
}

/** @param {string | undefined} run @param {string | undefined} traceparent */
function setLinks(run, traceparent) {
  if (run === undefined) delete process.env.MCP_TRACER_RUN;
  else process.env.MCP_TRACER_RUN = run;
  if (traceparent === undefined) delete process.env.TRACEPARENT;
  else process.env.TRACEPARENT = traceparent;
}

/** @param {import('../tracer.cjs').Tracer} tracer @param {{envPairs?: string[]}} options */
function addLinks(tracer, options) {
  const pairs = options?.envPairs;
  const traceparent = tracer.traceparent();
  if (!Array.isArray(pairs) || !tracer.isOn()) return;
  const others = pairs.filter((pair) => !/^(MCP_TRACER_RUN|TRACEPARENT)=/.test(pair));
  options.envPairs = [...others, `MCP_TRACER_RUN=${tracer.runId}`, ...(traceparent === undefined ? [] : [`TRACEPARENT=${traceparent}`])];
}

module.exports = { install };
