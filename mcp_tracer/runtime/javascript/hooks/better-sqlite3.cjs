'use strict';
/** better-sqlite3. Its statement class is not exported: it is found on the first statement that is prepared. */
const { patch } = require('./sqlite.cjs');

/** @param {import('../tracer.cjs').Tracer} tracer @param {any} Database */
function install(tracer, Database) {
  const prototype = Database.prototype;
  const prepare = prototype.prepare;
  let patched = false;
  prototype.prepare = function (/** @type {unknown[]} */ ...values) {
    const statement = prepare.apply(this, values);
    if (patched) return statement;
    patched = true;
    prototype.prepare = prepare;
    tracer.guard(() => patch(tracer, 'better-sqlite3', prototype, Object.getPrototypeOf(statement)));
    return prototype.prepare.apply(this, values);
  };
}

module.exports = { install };
