'use strict';
/**
 * What the runtime reads of `<project>/.ai-agents/logging/config/`: `.env.tracing` and `overrides.json`.
 * A missing file or a malformed value counts as the default. Levels and switches may change while the program runs.
 */
const fs = require('node:fs');
const path = require('node:path');

/**
 * @typedef {{enabled?: boolean, level?: number, captureParams?: boolean, captureReturn?: boolean, captureAsync?: boolean, captureVars?: boolean | string[]}} Override
 * @typedef {{global?: {enabled?: boolean, defaultLevel?: number}, files?: Record<string, Override>, functions?: Record<string, Record<string, Override>>}} Overrides
 */

/** The settings with the defaults that hold where no file says otherwise. Times in ms, sizes in bytes. */
class Settings {
  enabled = true;
  captureParams = true;
  captureReturn = true;
  captureVars = true;
  captureAsync = true;
  captureDatabase = true;
  captureHttp = true;
  captureErrors = true;
  trackAsync = true;
  storeTraces = true;
  maxCaptureSize = 10000;
  sampleRate = 1;
  maxDepth = 50;
  flushInterval = 5000;
  minDuration = 0;
  /** One process must not take all the room that traces may have. */
  spoolBytes = 2 ** 30;
  /** What tracing may take of the program's own time: a fraction, the bound of the level in force, or all it takes. @type {number | 'auto' | 'off'} */
  budget = 'auto';
  exactCounts = false;
  /** @type {Set<string>} */
  excludeFunctions = new Set(['toString', 'valueOf', 'constructor']);
  /** @type {Overrides} */
  overrides = {};
}

/** @param {string} text `KEY=VALUE` lines @returns {Map<string, string>} */
function parseEnv(text) {
  const found = new Map();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match !== null) found.set(match[1], match[2].replace(/^(["'])(.*)\1$/, '$2'));
  }
  return found;
}

/** @param {string | undefined} text @param {boolean} fallback */
function asBoolean(text, fallback) {
  if (text === undefined) return fallback;
  const word = text.toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : fallback;
}

/** @param {string | undefined} text @param {number} fallback @param {number} low @param {number} high */
function asNumber(text, fallback, low, high) {
  const number = text === undefined || text === '' ? NaN : Number(text);
  return number >= low && number <= high ? number : fallback;
}

/** @param {string | undefined} text `auto`, `off` or a percentage @returns {number | 'auto' | 'off'} */
function asBudget(text) {
  const word = text?.toLowerCase() ?? 'auto';
  if (word === 'off') return word;
  const percent = /^[\d.]+%?$/.test(word) ? Number(word.replace('%', '')) : NaN;
  return percent > 0 && percent <= 1000 ? percent / 100 : 'auto';
}

/** @param {string} text of `.env.tracing` @param {string} overridesText of `overrides.json` @returns {Settings} */
function parse(text, overridesText) {
  const settings = new Settings();
  const env = parseEnv(text);
  const flag = (/** @type {string} */ name, /** @type {boolean} */ fallback) => asBoolean(env.get('TRACING_' + name), fallback);
  const number = (/** @type {string} */ name, /** @type {number} */ fallback, /** @type {number} */ low, /** @type {number} */ high) =>
    asNumber(env.get('TRACING_' + name), fallback, low, high);
  settings.enabled = flag('ENABLED', true);
  settings.captureParams = flag('CAPTURE_PARAMS', true);
  settings.captureReturn = flag('CAPTURE_RETURN', true);
  settings.captureVars = flag('CAPTURE_VARS', true);
  settings.captureAsync = flag('CAPTURE_ASYNC', true);
  settings.captureDatabase = flag('CAPTURE_DATABASE', true);
  settings.captureHttp = flag('CAPTURE_HTTP', true);
  settings.captureErrors = flag('AUTO_CAPTURE_ERRORS', true);
  settings.trackAsync = flag('AUTO_TRACK_ASYNC', true);
  settings.storeTraces = flag('STORE_TRACES', true);
  settings.maxCaptureSize = number('MAX_CAPTURE_SIZE', 10000, 16, 1e7);
  settings.sampleRate = number('SAMPLE_RATE', 1, 0, 1);
  settings.maxDepth = number('MAX_DEPTH', 50, 1, 65535);
  settings.flushInterval = number('FLUSH_INTERVAL', 5000, 10, 3.6e6);
  settings.minDuration = number('MIN_DURATION', 0, 0, 3.6e6);
  settings.spoolBytes = Math.floor(((number('MAX_STORAGE_GB', 5, 0, 2 ** 20) || 5) / 5) * 2 ** 30);
  settings.exactCounts = flag('EXACT_COUNTS', false);
  settings.budget = asBudget(env.get('TRACING_OVERHEAD_BUDGET'));
  const excluded = env.get('TRACING_EXCLUDE_FUNCTIONS');
  if (excluded !== undefined) settings.excludeFunctions = new Set(excluded.split(',').map((name) => name.trim()).filter(Boolean));
  settings.overrides = parseOverrides(overridesText);
  if (settings.overrides.global?.enabled === false) settings.enabled = false;
  return settings;
}

/** @param {string} text @returns {Overrides} */
function parseOverrides(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    return {};
  }
}

/** Reads the two files again when they changed. */
class SettingsReader {
  /** @param {string} projectRoot */
  constructor(projectRoot) {
    const folder = path.join(projectRoot, '.ai-agents', 'logging', 'config');
    this.envFile = path.join(folder, '.env.tracing');
    this.overridesFile = path.join(folder, 'overrides.json');
    this.stamp = '';
    this.settings = new Settings();
  }

  /** @returns {boolean} whether `settings` is new */
  refresh() {
    const stamp = stampOf(this.envFile) + '|' + stampOf(this.overridesFile);
    if (stamp === this.stamp) return false;
    this.stamp = stamp;
    this.settings = parse(readText(this.envFile), readText(this.overridesFile));
    return true;
  }
}

/** @param {string} file @returns {string} */
function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @param {string} file @returns {string} changes whenever the file does */
function stampOf(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '-' : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
}

module.exports = { Settings, SettingsReader, parse };
