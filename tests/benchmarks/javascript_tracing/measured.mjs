// One process: `node measured.mjs MODULE N WARM SECONDS RUNS OUT`. Runs the workload once, and on for WARM seconds, to warm up; then for so many seconds, and
// writes at exit what it took: what tools do at the end of the process (writing what they hold) is a part of it, spread over the timed runs. With RUNS it
// runs so often, and every run is timed, the first ones too: what a tool writes at the end is then of these runs alone.
import { writeFileSync } from 'node:fs';

const [module, n, warm, seconds, wanted, out] = process.argv.slice(2);
const { run } = await import(module);
const size = Number(n) || undefined;
const fixed = Number(wanted);
let started = process.cpuUsage();
const began = performance.now();
const check = await run(size);
let warming = fixed ? 0 : 1;
while (!fixed && performance.now() - began < Number(warm) * 1000) {
  await once();
  warming++;
}
if (!fixed) started = process.cpuUsage();
const wall = fixed ? began : performance.now();
let runs = fixed ? 1 : 0;
do {
  await once();
  runs++;
} while (fixed ? runs < fixed : performance.now() - wall < Number(seconds) * 1000);
const took = performance.now() - wall;
process.on('exit', () => {
  const { user, system } = process.cpuUsage(started);
  writeFileSync(out, JSON.stringify({ cpu: ((user + system) * 1000) / runs, wall: (took * 1e6) / runs, runs, warming, check }));
});

async function once() {
  const again = await run(size);
  if (again !== check) throw new Error(`${again} instead of ${check}`);
}
