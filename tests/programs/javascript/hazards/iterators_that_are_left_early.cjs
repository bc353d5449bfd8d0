const source = { [Symbol.asyncIterator]() { let n = 0; return {
  next: async () => ({ value: n++, done: false }),
  return: async (...v) => { console.log('left', v.length); return {}; } }; } };
async function broken() { for await (const x of source) if (x > 1) break; }
async function returned() { for await (const x of source) return x; }
async function thrown() { for await (const x of source) throw new Error('out'); }
broken().then(returned).then(thrown).catch((error) => console.log(error.message));
