'use strict';
/** Loads files of ours as they are: what a program puts before `require` (Babel, ts-node, nyc) would read them, too, and old parsers know no `?.`. */
const fs = require('node:fs');
const Module = require('node:module');

/** @typedef {(module: {_compile: (text: string, file: string) => void}, file: string) => void} Handler */

const { readFileSync } = fs;
const extensions = /** @type {{_extensions: Record<string, Handler | undefined>}} */ (/** @type {unknown} */ (Module))._extensions;

/** Handlers of `.js` stand for `.cjs` as well, where nothing stands for that: ours does for as long as `load` lasts. @template T @param {() => T} load @returns {T} */
function plainly(load) {
  const before = extensions['.cjs'];
  extensions['.cjs'] = (module, file) => module._compile(readFileSync(file, 'utf8'), file);
  try {
    return load();
  } finally {
    if (before === undefined) delete extensions['.cjs'];
    else extensions['.cjs'] = before;
  }
}

module.exports = { plainly };
