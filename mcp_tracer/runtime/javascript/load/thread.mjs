/** The same on the hooks thread. */
import modules from './modules.cjs';

/** @param {string} url @param {object} context @param {(url: string, context: object) => Promise<{format: string, source: unknown}>} nextLoad */
export async function load(url, context, nextLoad) {
  return modules.instrumented(url, await nextLoad(url, context));
}
