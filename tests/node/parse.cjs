'use strict';
/** usage: node parse.cjs LIST.json, LIST = [[instrumented, original, …]…]. Prints the files whose original parses and whose instrumented text does not. */
const fs = require('node:fs');
const acorn = require('acorn');
const jsx = require('acorn-jsx');

const parser = acorn.Parser.extend(jsx());

/** @param {string} text @returns {string} the kind of source it is, '' for none */
function parse(text) {
  for (const sourceType of ['module', 'script']) {
    try {
      parser.parse(text, { ecmaVersion: 'latest', sourceType, allowHashBang: true, allowReturnOutsideFunction: true, allowAwaitOutsideFunction: false });
      return '';
    } catch (error) {
      if (sourceType === 'script') return String(error);
    }
  }
  return '';
}

/** @param {string} text @param {string} name */
function parseTypes(text, name) {
  const ts = require('typescript');
  const kind = name.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const errors = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, false, kind).parseDiagnostics;
  return errors.length === 0 ? '' : String(errors[0].messageText);
}

const failed = [];
for (const [instrumented, original] of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
  const isTyped = /\.[cm]?tsx?$/.test(original);
  const check = (file) => (isTyped ? parseTypes(fs.readFileSync(file, 'utf8'), original) : parse(fs.readFileSync(file, 'utf8')));
  if (check(original) !== '') continue;
  const error = check(instrumented);
  if (error !== '') failed.push([original, instrumented, error]);
}
console.log(JSON.stringify(failed));
