function f(o) { with (o) { a = b + 1; return g(a); } }
const o = { a: 1, b: 2, g(x) { return [x, this === o]; } };
console.log(f(o), o.a);
