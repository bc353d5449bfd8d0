// `node blank.cjs FROM TO`: the TypeScript files of a folder as plain modules, types blanked out, line by line.
const fs = require('node:fs');
const path = require('node:path');
const blank = require('ts-blank-space').default;

const [from, to] = process.argv.slice(2);
fs.mkdirSync(to, { recursive: true });
fs.writeFileSync(path.join(to, 'package.json'), '{"name": "workloads", "type": "module"}\n');
for (const name of fs.readdirSync(from).filter((one) => one.endsWith('.ts'))) {
  const text = blank(fs.readFileSync(path.join(from, name), 'utf8')).replace(/(from '\.\/[^']*)\.ts'/g, "$1.js'");
  fs.writeFileSync(path.join(to, name.replace(/\.ts$/, '.js')), text);
}
