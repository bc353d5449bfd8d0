'use strict';
/**
 * Runs programs, each to its end, and tells what each printed. Reads requests from standard input, one JSON object a line: `{"kind": cjs, mjs or ts, "texts": {form: text}}`
 * or `{"files": {form: path}}` for files that are there. Answers `{form: {printed, late, left}}`; `left` is what the tracer left behind.
 */
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const { pathToFileURL } = require('node:url');
const { inspect } = require('node:util');

const [, , PROJECT, TYPESCRIPT] = process.argv;
const HANGS_MS = 4000;
const FRAME = /^ +at (?:(.*) \()?(?:file:\/\/)?\/[^() ]*\/program\d+\.(?:[cm]js|ts):(\d+):\d+\)?$/;
const answers = process.stdout.write.bind(process.stdout);
let printed = [];
let late = [];
let count = 0;
let known = null;

Error.stackTraceLimit = 60;
const show = (value) => (typeof value === 'string' ? value : inspect(value, { depth: 4, breakLength: Infinity }).replace(/\n\s+at .*/g, ''));
globalThis.print = (...values) => void printed.push(values.map(show).join(' '));
globalThis.late = (...values) => void late.push(values.map(show).join(' '));
globalThis.where = where;
process.on('unhandledRejection', (error) => printed.push(`unhandled ${show(error)} ${where(error)}`));
process.on('uncaughtException', (error) => printed.push(`uncaught ${show(error)} ${where(error)}`));

/** @param {unknown} error @returns {string} the functions and lines of a program that its stack names */
function where(error) {
  const lines = String(error instanceof Error ? error.stack : '').split('\n');
  const frames = lines.map((line) => FRAME.exec(line)).filter((found) => found !== null);
  return frames.map(([, name, number]) => `${name === '<anonymous>' ? '' : name ?? ''}:${number}`).join(' ');
}

/** @param {string} file @returns {Promise<any>} the program's exports */
async function load(file) {
  if (file.endsWith('.ts') && TYPESCRIPT !== undefined) return transpiled(file);
  if (!file.endsWith('.cjs')) return import(pathToFileURL(file).href);
  try {
    return require(file);
  } finally {
    delete require.cache[file];
  }
}

/** @param {string} file through TypeScript's own compiler, to CommonJS with a source map */
function transpiled(file) {
  const ts = require(TYPESCRIPT);
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, inlineSourceMap: true, inlineSources: true };
  const { outputText } = ts.transpileModule(fs.readFileSync(file, 'utf8'), { fileName: file, compilerOptions });
  const made = new Module(file, module);
  made.filename = file;
  made.paths = module.paths;
  made._compile(outputText, file);
  return made.exports;
}

/** @param {string} file @returns {Promise<{printed: string[], late: string[], left: string}>} */
async function run(file) {
  /** @type {any} */ (process).setSourceMapsEnabled(file.endsWith('.ts') && TYPESCRIPT !== undefined);
  [printed, late] = [[], []];
  try {
    const { finished } = await load(file);
    const hangs = new Promise((done) => setTimeout(done, HANGS_MS, 'hangs').unref());
    if ((await Promise.race([finished, hangs])) === 'hangs') printed.push('hangs');
  } catch (error) {
    printed.push(`raised ${show(error)} ${where(error)}`);
  }
  for (let i = 0; i < 3; i++) await new Promise((done) => setImmediate(done));
  await new Promise((done) => setTimeout(done, 3));
  await new Promise((done) => setImmediate(done));
  return { printed, late, left: leftBehind() };
}

/** @returns {string} the span that is still current, and faults of the tracer */
function leftBehind() {
  const loaded = Object.keys(require.cache).find((file) => file.endsWith(`${path.sep}runtime${path.sep}javascript${path.sep}spans.cjs`));
  if (loaded === undefined) return '';
  const spans = require(loaded);
  const { faults } = spans.state;
  spans.state.faults = 0;
  const current = spans.running();
  const isNew = current !== null && current !== known;
  known = current;
  return isNew || faults > 0 ? `${isNew ? current.definition.map.name : ''} ${faults}` : '';
}

/** @param {{kind: string, texts?: Record<string, string>, files?: Record<string, string>}} request */
async function answer({ kind, texts = {}, files = {} }) {
  const results = {};
  for (const [form, text] of Object.entries(texts)) {
    const file = path.join(PROJECT, `program${count++}.${kind}`);
    fs.writeFileSync(file, text);
    results[form] = await run(file);
    fs.unlinkSync(file);
  }
  for (const [form, file] of Object.entries(files)) results[form] = await run(file);
  return results;
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) answers(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
})();
