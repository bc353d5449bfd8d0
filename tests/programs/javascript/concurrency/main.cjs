const { EventEmitter } = require('node:events');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function job(id) { await pause(id === 'A' ? 20 : 5); await child(id); return id; }
async function child(id) { await pause(5); return leaf(id); }
function leaf(id) { return id; }
function timer() { return new Promise((resolve) => setTimeout(() => { leaf('timer'); resolve(); }, 1)); }
function emitter() { const e = new EventEmitter(); e.on('x', (v) => leaf(v)); setImmediate(() => e.emit('x', 'emitted')); return new Promise((resolve) => e.on('x', resolve)); }
async function* source() { yield leaf('s1'); await pause(1); yield leaf('s2'); }
async function iterate() { for await (const x of source()) leaf('got ' + x); }
async function main() { const all = await Promise.all([job('A'), job('B')]); await timer(); await emitter(); await iterate(); console.log(all.join()); }
main();
