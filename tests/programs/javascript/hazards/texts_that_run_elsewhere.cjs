const vm = require('node:vm');
const { Worker } = require('node:worker_threads');
function doubled(n) { const inner = () => n * 2; return inner(); }
console.log(vm.runInNewContext(`(${doubled})(21)`), new Function('return ' + doubled)()(4), `${doubled}`.length);
new Worker(`const f = ${doubled}; require('node:worker_threads').parentPort.postMessage(f(8))`, { eval: true }).on('message', (v) => console.log(v));
