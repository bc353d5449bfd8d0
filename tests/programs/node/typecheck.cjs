'use strict';
/**
 * What TypeScript's compiler says of a package's sources, as they are and with other texts in their place. Reads one JSON object from standard input:
 * `{"root": folder, "types": folder of @types, "texts": {form: {file: text}}}`, and answers `{form: ["file:line TSnnnn message"]}`.
 */
const fs = require('node:fs');
const path = require('node:path');

const [, , NODE_MODULES] = process.argv;
const ts = require(path.join(NODE_MODULES, 'typescript'));
const { root, texts } = JSON.parse(fs.readFileSync(0, 'utf8'));
const options = {
  strict: true,
  isolatedModules: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  allowImportingTsExtensions: true,
  esModuleInterop: true,
  experimentalDecorators: true,
  jsx: ts.JsxEmit.Preserve,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.d.ts'],
  types: ['node'],
  typeRoots: [path.join(NODE_MODULES, '@types')],
};
const host = ts.createCompilerHost(options);
const { getSourceFile } = host;
const known = new Map();

/** @param {Record<string, string>} replaced @returns {string[]} */
function diagnose(replaced) {
  host.getSourceFile = (file, ...rest) => {
    const text = replaced[path.relative(root, file)];
    if (text !== undefined) return ts.createSourceFile(file, text, ...rest);
    if (!known.has(file)) known.set(file, getSourceFile(file, ...rest));
    return known.get(file);
  };
  const names = Object.keys(Object.values(texts)[0]).map((file) => path.join(root, file));
  const program = ts.createProgram(names, options, host);
  return ts.getPreEmitDiagnostics(program).map((found) => {
    const line = found.file === undefined ? 0 : found.file.getLineAndCharacterOfPosition(found.start).line + 1;
    return `${path.relative(root, found.file?.fileName ?? root)}:${line} TS${found.code} ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
  });
}

console.log(JSON.stringify(Object.fromEntries(Object.entries(texts).map(([form, replaced]) => [form, diagnose(replaced)]))));
