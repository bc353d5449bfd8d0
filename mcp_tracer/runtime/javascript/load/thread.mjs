/** The same on the hooks thread. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import modules from './modules.cjs';

let needsSources = new Int32Array(new SharedArrayBuffer(4));

/** @param {Int32Array<SharedArrayBuffer>} shared with the program's thread: whether it needs the sources of CommonJS files */
export function initialize(shared) {
  needsSources = shared;
}

/** @param {string} url @param {object} context @param {(url: string, context: object) => Promise<{format: string, source: unknown}>} nextLoad */
export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  return modules.instrumented(url, Atomics.load(needsSources, 0) === 1 ? withSource(url, loaded) : loaded);
}

/** @param {string} url @param {{format: string, source: unknown}} loaded */
function withSource(url, loaded) {
  if (loaded.format !== 'commonjs' || (loaded.source ?? null) !== null || !url.startsWith('file:')) return loaded;
  return { ...loaded, source: readFileSync(fileURLToPath(url)) };
}
