'use strict';
// A Mocha reporter, for any version: every test's outcome by its full title, as JSON, into the file that SUITE_OUTCOMES names.
const fs = require('fs');

module.exports = function Reporter(runner) {
  const outcomes = {};
  const tell = (outcome) => (test) => {
    let name = test.fullTitle();
    while (name in outcomes && outcomes[name] !== outcome) name += ' (again)';
    outcomes[name] = outcome;
  };
  runner.on('pass', tell('passed'));
  runner.on('pending', tell('skipped'));
  runner.on('fail', (test, error) => {
    tell('failed')(test);
    console.error(`FAILED ${test.fullTitle()}\n${error && error.stack}`);
  });
  runner.on('end', () => fs.writeFileSync(process.env.SUITE_OUTCOMES, JSON.stringify(outcomes)));
};
