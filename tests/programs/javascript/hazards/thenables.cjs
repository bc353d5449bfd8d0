let reads = 0;
const thenable = { get then() { reads++; return (done) => done(5); } };
async function f() { return thenable; }
async function g() { return await thenable; }
const h = async () => [await thenable, thenable];
f().then(() => g()).then(h).then((v) => console.log(v[0], reads));
