'use strict';
/** Vite (so Vitest, vite-node): what its server reads of a chosen file, to hand it through its plugins, is the instrumented text. Others that read get the file. */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { fileURLToPath } = require('node:url');
const { formOf, isChosen } = require('./forms.cjs');
const { withMap } = require('./mapping.cjs');

const READER = /[\\/]vite[\\/]dist[\\/]node[\\/]/;
const FRAMES = 4;

function install() {
  const original = fs.promises.readFile;
  const { readFile } = {
    /** @this {unknown} @param {any[]} values @returns {Promise<any>} */
    readFile(...values) {
      const found = Reflect.apply(original, this, values);
      const file = pathOf(values[0]);
      return file !== '' && isWanted(file) ? found.then((/** @type {unknown} */ content) => textFor(file, content)) : found;
    },
  };
  Object.defineProperty(readFile, 'length', { value: original.length, configurable: true });
  /** @type {any} */ (fs.promises).readFile = readFile;
  syncBuiltinESMExports();
}

/** @param {unknown} place @returns {string} '' for what is none */
function pathOf(place) {
  if (typeof place === 'string') return place;
  try {
    return place instanceof URL ? fileURLToPath(place) : '';
  } catch {
    return '';
  }
}

/** @param {string} file @returns {boolean} whether it is chosen, and Vite asked */
function isWanted(file) {
  try {
    return isChosen(file) && READER.test((new Error().stack ?? '').split('\n', FRAMES).join('\n'));
  } catch {
    return false;
  }
}

/** @param {string} file @param {unknown} content @returns {unknown} */
function textFor(file, content) {
  try {
    const form = typeof content === 'string' ? formOf(file, content) : null;
    return form === null ? content : withMap(form, file, String(content));
  } catch {
    return content;
  }
}

module.exports = { install };
