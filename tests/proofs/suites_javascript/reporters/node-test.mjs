// A reporter of node:test: every test's outcome by file and title, one JSON line each, to wherever the runner sends it.
import path from 'node:path';

function record(event, outcome) {
  const { name, nesting, file } = event.data;
  return JSON.stringify({ name: `${path.relative(process.cwd(), file || '')} ${nesting} ${name}`, outcome }) + '\n';
}

export default async function* report(source) {
  for await (const event of source) {
    const { skip, todo } = event.data || {};
    if (event.type === 'test:pass') yield record(event, skip !== undefined ? 'skipped' : todo !== undefined ? 'todo' : 'passed');
    if (event.type === 'test:fail') {
      yield record(event, todo !== undefined ? 'todo' : 'failed');
      const error = event.data.details.error;
      console.error(`FAILED ${event.data.name}\n${error && ((error.cause && error.cause.stack) || error.stack || error)}`);
    }
  }
}
