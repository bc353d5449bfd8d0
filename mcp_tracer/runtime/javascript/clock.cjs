'use strict';
/** Time in ms since the process (or worker) started, and as the spool's 64-bit ticks (ns). Captured before the program could fake it. */

const now = performance.now.bind(performance);
const startedAtNs = BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n;

/** @param {number} ms since the start @returns {number} ticks: ns since the start */
const toTicks = (ms) => Math.round(ms * 1e6);

module.exports = { now, toTicks, startedAtNs };
