'use strict';
/** The functions and sites of an instrumented file, as its header's table gives them, and what the settings say about each. */
const { Budget } = require('./governor.cjs');
const { isSecretName } = require('./redaction.cjs');

/**
 * @typedef {[name: string, line: number, endLine: number, kind: string, params: string[], flags: number, level: number]} FunctionRow
 * @typedef {[fn: number, line: number, column: number, name: string, kind: string, names?: string[]]} SiteRow
 * @typedef {{file: string, sha256: string, level: number, functions: FunctionRow[], sites: SiteRow[], modules: string[]}} Table
 * @typedef {import('./settings.cjs').Settings} Settings
 * @typedef {import('./settings.cjs').Override} Override
 */

let nextId = 1;

class FunctionDefinition {
  /** @param {string} file @param {FunctionRow} row */
  constructor(file, row) {
    const [name, line, endLine, kind, params, flags, level] = row;
    this.id = nextId++;
    this.defined = false;
    this.isSite = false;
    /** @type {Record<string, unknown>} */
    this.map = { file, name, line, endLine, kind, params, async: (flags & 1) !== 0, generator: (flags & 2) !== 0 };
    this.file = file;
    this.name = name;
    this.names = params;
    this.instrumentedLevel = level;
    this.level = level;
    this.isPlain = !params.some(isSecretName);
    this.maxBytes = 10000;
    this.keepsParams = true;
    this.keepsReturn = true;
    this.keepsErrors = true;
    this.tracksAsync = true;
    this.keepsVars = true;
    this.budget = new Budget();
    /** The call expressions, lines and variables in its text. @type {import('./recorder.cjs').Definition[]} */
    this.sites = [];
    /** @type {Set<string> | null} the only variables to capture; null for all */
    this.variables = null;
  }

  /** @param {Settings} settings @param {boolean} isOn whether anything is recorded */
  configure(settings, isOn) {
    const file = settings.overrides.files?.[this.file];
    const own = settings.overrides.functions?.[this.file]?.[this.name];
    // What `.env.tracing` switches off no override switches on again.
    const choose = (/** @type {'captureParams' | 'captureReturn' | 'captureAsync'} */ key, /** @type {boolean} */ general) => general && (own?.[key] ?? file?.[key]) !== false;
    this.level = isOn ? this.chosenLevel(settings, file, own) : 0;
    this.maxBytes = Math.min(settings.maxCaptureSize, 50000);
    this.keepsParams = this.level > 1 && choose('captureParams', settings.captureParams);
    this.keepsReturn = this.level > 1 && choose('captureReturn', settings.captureReturn);
    this.tracksAsync = choose('captureAsync', settings.captureAsync) && settings.trackAsync;
    this.keepsErrors = settings.captureErrors;
    this.keepsVars = settings.captureVars && (Array.isArray(own?.captureVars) || file?.captureVars !== false);
    this.variables = Array.isArray(own?.captureVars) ? new Set(own.captureVars) : null;
  }

  /** From now on calls are numbered, and nothing else. */
  onlyCount() {
    this.level = Math.min(this.level, 1);
    this.keepsParams = this.keepsReturn = this.keepsErrors = false;
  }

  /** Settings can lower the instrumented level, never raise it. @param {Settings} settings @param {Override | undefined} file @param {Override | undefined} own @returns {number} */
  chosenLevel(settings, file, own) {
    const bare = this.name.slice(this.name.lastIndexOf('.') + 1).replace(/^[gs]et /, '');
    if (own?.enabled === false || (file?.enabled === false && own?.enabled !== true)) return 0;
    if (own === undefined && settings.excludeFunctions.has(bare)) return 0;
    const level = own?.level ?? file?.level;
    return typeof level === 'number' ? Math.max(0, Math.min(level, this.instrumentedLevel)) : this.instrumentedLevel;
  }

  /** @param {string[]} names @returns {boolean} */
  keepsVariable(names) {
    const chosen = this.variables;
    return this.keepsVars && (chosen === null || names.some((name) => chosen.has(name)));
  }
}

/** @param {Table} table @param {SiteRow} row @param {FunctionDefinition} owner the function in whose text it stands @returns {import('./recorder.cjs').Definition} */
function siteDefinition(table, row, owner) {
  const [, line, column, name, kind, names] = row;
  const site = { id: nextId++, defined: false, isSite: true, map: { file: table.file, function: owner.name, line, column, name, kind, names }, budget: new Budget() };
  site.budget.owner = owner.budget;
  owner.sites.push(site);
  return site;
}

/** A call into a library or another system: it has no place in the project. @param {string} file the module's name @param {string} name @param {string} kind */
function libraryDefinition(file, name, kind) {
  return { id: nextId++, defined: false, isSite: false, level: 2, map: { file, name, line: 0, kind, params: [] }, budget: null };
}

module.exports = { FunctionDefinition, siteDefinition, libraryDefinition };
