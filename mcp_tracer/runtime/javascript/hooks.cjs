'use strict';
/** Loads the hook of a library when the program loads that library. */

/** @typedef {import('./tracer.cjs').Tracer} Tracer */

/** @param {Tracer} tracer */
function install(tracer) {
  void tracer;
}

/** @param {string} name @param {Tracer} tracer */
function load(name, tracer) {
  void [name, tracer];
}

module.exports = { install, load };
