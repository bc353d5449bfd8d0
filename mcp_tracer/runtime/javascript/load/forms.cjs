'use strict';
/**
 * Instrumented texts, made by the server side and found by what they were made from: `.ai-agents/logging/cache/forms/`.
 * Chosen are the files of `instrumented.json` with mode on_load and, below `mcp-tracer run --level N`, those that it lists.
 */
const process = require('node:process');
const { Buffer } = require('node:buffer');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..', '..', '..', '..', '..');
const HOME = path.join(ROOT, '.ai-agents', 'logging');
const FORMS = path.join(HOME, 'cache', 'forms');
const FORMAT = '1';
const MARKER = '/*~mt';
const LANGUAGES = new Set(['javascript', 'typescript']);
const LEVEL = /^[1-5]$/.test(process.env.MCP_TRACER_LEVEL ?? '') ? Number(process.env.MCP_TRACER_LEVEL) : 0;
const { readFileSync, statSync } = fs;

/** @typedef {{level: number, functions: Record<string, number>, sha256?: string}} Choice */

/** A JSON file that is read again when it is another one. @template T */
class Fresh {
  /** @param {string} file @param {(content: any) => T} understand @param {T} nothing where there is none, or a malformed one */
  constructor(file, understand, nothing) {
    this.file = file;
    this.understand = understand;
    this.nothing = nothing;
    this.value = nothing;
    this.stamp = '';
  }

  /** @returns {T} */
  get() {
    const stat = statSync(this.file, { throwIfNoEntry: false });
    const stamp = stat === undefined ? '' : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      this.value = stat === undefined ? this.nothing : this.read();
    }
    return this.value;
  }

  /** @returns {T} */
  read() {
    try {
      return this.understand(JSON.parse(readFileSync(this.file, 'utf8')));
    } catch {
      return this.nothing;
    }
  }
}

/** @param {any} manifest @returns {Map<string, Choice>} */
function choicesOf(manifest) {
  const rows = Object.entries(manifest.files).filter(([, row]) => row.mode === 'on_load' && LANGUAGES.has(row.language));
  return new Map(rows.map(([file, row]) => [file, { level: row.level, functions: row.functions, sha256: row.sha256_before }]));
}

const manifest = new Fresh(path.join(HOME, 'instrumented.json'), choicesOf, new Map());
const listed = new Fresh(path.join(FORMS, `level-${LEVEL}.json`), (files) => new Set(files), new Set());

/** @param {string} place an absolute path @returns {string | null} relative to the project, with `/`; null outside */
function relative(place) {
  if (!place.startsWith(ROOT + path.sep)) return null;
  const file = place.slice(ROOT.length + 1);
  return path.sep === '/' ? file : file.split(path.sep).join('/');
}

/** @param {string | null} file relative @returns {Choice | null} */
function choiceOf(file) {
  if (file === null) return null;
  const chosen = manifest.get().get(file);
  if (LEVEL === 0) return chosen ?? null;
  // Functions that were chosen one by one keep their level.
  if (chosen !== undefined) return { ...chosen, level: LEVEL };
  return listed.get().has(file) ? { level: LEVEL, functions: {} } : null;
}

/** @param {string} place an absolute path @returns {boolean} whether this file is to be traced */
function isChosen(place) {
  return choiceOf(relative(place)) !== null;
}

/** @param {string} file @param {string} digest of the original @param {Choice} choice @returns {string} where its instrumented text lies */
function placeOf(file, digest, { level, functions }) {
  const own = Object.keys(functions).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  const spec = [String(level), ...own.map((name) => `${name}=${functions[name]}`)].join(' ');
  const key = sha256([FORMAT, file, digest, spec].join('\0'));
  return path.join(FORMS, key.slice(0, 2), key.slice(2));
}

/** @returns {boolean} whether a file that may be an ES module is chosen at all */
function mayBeModules() {
  const files = [...manifest.get().keys(), ...(LEVEL === 0 ? [] : listed.get())];
  return files.some((file) => !/\.c[jt]s$/.test(file));
}

/**
 * The text to load in the place of `source`, or null: not chosen, nothing to trace, instrumented already, or no text is there for this very source.
 * @param {string} place an absolute path @param {string | Uint8Array} source @returns {string | null}
 */
function formOf(place, source) {
  const file = relative(place);
  const choice = choiceOf(file);
  if (file === null || choice === null) return null;
  const text = typeof source === 'string' ? source : Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('utf8');
  if (text.includes(MARKER)) return null;
  const found = read(placeOf(file, sha256(source), choice));
  if (found === null) tellStale(place, file, choice);
  return found || null;
}

/** @param {string} place @returns {string | null} */
function read(place) {
  try {
    return readFileSync(place, 'utf8');
  } catch {
    return null;
  }
}

/** What another tool made of the file before it came to us is not stale: the file itself may be as it was. @param {string} place @param {string} file @param {Choice} choice */
function tellStale(place, file, choice) {
  const digest = sha256(readFileSync(place));
  if (read(placeOf(file, digest, choice)) !== null) return;
  const reason = digest === choice.sha256 ? 'its instrumented text is gone' : 'it changed since it was instrumented';
  say(`${file} runs untraced, ${reason}: \`mcp-tracer run\` renews it at the start of a program, \`mcp-tracer instrument\` at once.`);
}

/** @type {Set<string>} */
const said = new Set();

/** @param {string} sentence said once a process */
function say(sentence) {
  if (said.has(sentence)) return;
  said.add(sentence);
  try {
    fs.writeSync(2, `mcp-tracer: ${sentence}\n`);
  } catch {
    // A closed stderr: there is nobody to tell.
  }
}

/** @param {string | Uint8Array} data @returns {string} */
function sha256(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}

module.exports = { formOf, isChosen, mayBeModules };
