function who() { return who.caller === outer && outer.arguments.length; }
function outer() { return who(); }
console.log(outer(1, 2, 3));
