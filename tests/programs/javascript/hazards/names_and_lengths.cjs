const a = (x, y = 1, ...z) => x, b = async function (x) {}, c = { m(x, y) {}, get p() { return 1; }, async *g(x) {} };
class D { static s(x) {} #q = () => 1; name() { return this.#q.name; } }
console.log([a, b, c.m, c.g, D, D.s].map((f) => [f.name, f.length]), new D().name());
console.log(Object.getOwnPropertyNames(D), Object.getOwnPropertyDescriptor(c, 'p').get.name);
console.log(Object.getPrototypeOf(b).constructor.name, Object.getPrototypeOf(c.g).constructor.name);
