function f(globalThis, process, Error, Promise) { return [typeof globalThis, typeof process, typeof Error, typeof Promise]; }
console.log(f());
