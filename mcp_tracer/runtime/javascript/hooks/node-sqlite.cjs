'use strict';
/** node:sqlite (Node 22.5 and later). */
const { patch } = require('./sqlite.cjs');

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} library */
function install(tracer, library) {
  if (library.DatabaseSync !== undefined) patch(tracer, 'node:sqlite', library.DatabaseSync.prototype, library.StatementSync.prototype);
}

module.exports = { install };
