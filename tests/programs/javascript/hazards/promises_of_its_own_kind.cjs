class Own extends Promise { then(...all) { console.log('then'); return super.then(...all); } }
async function f() { return Own.resolve(1); }
function g() { return Own.resolve(2); }
f().then(() => g()).then((v) => console.log(v, g() instanceof Own, g().constructor === Own));
