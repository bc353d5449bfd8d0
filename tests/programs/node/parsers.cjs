'use strict';
/**
 * Says whether texts parse: acorn for JavaScript, TypeScript's own compiler for TypeScript. Reads requests from standard input, one JSON object a line:
 * `{"name": file name, "texts": {form: text}}`, and answers `{form: what is wrong, '' for nothing}`. The form `original` comes first: the others must be what it is.
 */
const path = require('node:path');
const readline = require('node:readline');

const [, , NODE_MODULES] = process.argv;
const acorn = require(path.join(NODE_MODULES, 'acorn'));
const jsx = require(path.join(NODE_MODULES, 'acorn-jsx'));
const ts = require(path.join(NODE_MODULES, 'typescript'));

const parser = acorn.Parser.extend(jsx());
const KINDS = { module: ['module'], script: ['script'], '': ['module', 'script'] };

/** @param {string} text @param {string[]} sourceTypes @returns {[string, string]} as which source type it parses, and else what is wrong */
function parseScript(text, sourceTypes) {
  let wrong = '';
  for (const sourceType of sourceTypes) {
    try {
      parser.parse(text, { ecmaVersion: 'latest', sourceType, allowHashBang: true, allowReturnOutsideFunction: sourceType === 'script' });
      return [sourceType, ''];
    } catch (error) {
      wrong = error instanceof SyntaxError ? error.message : String(error);
    }
  }
  return ['', wrong];
}

/** @param {string} text @param {string} name @returns {string} */
function parseTyped(text, name) {
  const kind = name.endsWith('.tsx') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const [first] = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, false, kind).parseDiagnostics;
  return first === undefined ? '' : `${ts.flattenDiagnosticMessageText(first.messageText, ' ')} at ${first.start}`;
}

/** @param {{name: string, texts: Record<string, string>}} request */
function answer({ name, texts }) {
  let sourceTypes = KINDS[''];
  const wrong = {};
  for (const [form, text] of Object.entries(texts)) {
    if (/\.[cm]?tsx?$/.test(name)) wrong[form] = parseTyped(text, name);
    else {
      const [as, message] = parseScript(text, sourceTypes);
      wrong[form] = message;
      if (form === 'original' && as !== '') sourceTypes = KINDS[as];
    }
  }
  return wrong;
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
})();
