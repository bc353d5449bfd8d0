'use strict';
/** V8 quotes the program's text in messages (`f(...) is not a function`): where it quotes a probe instead, the message gets what the program has there. */
const types = require('node:util').types;

const PROBE = /\$mt_[a-z]{4}\.(\w+)(\(\.\.\.\))?/;
const ITERATED = /\$mt_[a-z]{4}\.ai\(\.\.\.\) is not a function or its return value is not async iterable/;
const VALUE = '(intermediate value)';

/** @param {unknown} error that a function or a call threw @param {string} name of the call expression whose value was used last, '' for none */
function restore(error, name) {
  if (!types.isNativeError(error) || types.isProxy(error)) return;
  const message = Object.getOwnPropertyDescriptor(error, 'message')?.value;
  if (typeof message !== 'string' || !message.includes('$mt_')) return;
  const restored = message.replace(ITERATED, `${VALUE} is not async iterable`).replace(PROBE, (_, probe, call = '') => quoted(probe, name, call));
  const { stack } = error;
  error.message = restored;
  if (typeof stack === 'string') error.stack = stack.replace(message, () => restored);
}

/** @param {string} probe @param {string} name @param {string} call `(...)` where the value of the call is meant @returns {string} */
function quoted(probe, name, call) {
  return probe !== 'd' || name === '' || name.startsWith('new ') ? VALUE : name.replaceAll('(…)', VALUE) + call;
}

module.exports = { restore };
