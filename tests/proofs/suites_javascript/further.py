"""Packages of further kinds: other runners, compilers and habits than those that the proof has to hold for."""

from __future__ import annotations

from suites_javascript.packages import Suite

# Its own names `projects` that need browsers and workers.
HONO_CONFIG = """export default {
  esbuild: { jsx: 'automatic', jsxImportSource: new URL('src/jsx', import.meta.url).pathname },
  test: { globals: true, include: ['src/**/(*.)+(spec|test).+(ts|tsx|js)'] }
};
"""

# Its own is Jest 22's, and wants coverage.
DAYJS_CONFIG = """module.exports = { roots: ['test'], testRegex: 'test/(.*?/)?.*test.js$', testEnvironment: 'jsdom' };
"""

# Its own starts a browser where it is asked for one; the aliases and constants are the same.
VUE_CONFIG = """import { entries } from './scripts/aliases.js';
const on = ['DEV', 'TEST', 'ESM_BUNDLER', 'CJS', 'SSR', 'FEATURE_OPTIONS_API', 'FEATURE_SUSPENSE', 'COMPAT'];
const off = ['BROWSER', 'GLOBAL', 'ESM_BROWSER', 'FEATURE_PROD_DEVTOOLS', 'FEATURE_PROD_HYDRATION_MISMATCH_DETAILS'];
const named = (names, value) => Object.fromEntries(names.map((name) => [`__${name}__`, value]));
export default {
  define: { ...named(on, true), ...named(off, false), __VERSION__: '"test"' },
  resolve: { alias: entries },
  test: { globals: true, pool: 'threads', setupFiles: 'scripts/setup-vitest.ts', sequence: { hooks: 'list' } },
};
"""

MOCHA = (
    Suite(
        "async",
        "3.2.6",
        "mocha",
        "lib",
        arguments="--timeout 20000 test/*.js",
        repository="caolan/async",
        tag="v3.2.6",
        needs="mocha@6.2.3 babel-core@6.26.3 babel-register@6.26.0 babel-plugin-syntax-async-generators@6.13.0 "
        "babel-plugin-transform-es2015-modules-commonjs@6.26.2 bluebird@3.7.2 chai@4.5.0 es6-promise@4.2.8 "
        "native-promise-only@0.8.1 rsvp@4.8.5 semver@7.7.3",
    ),
    Suite(
        "ramda",
        "0.32.0",
        "mocha",
        "source",
        arguments="--timeout 20000 --require @babel/register",
        repository="ramda/ramda",
        tag="v0.32.0",
        environment={"BABEL_ENV": "cjs"},
        needs="mocha@10.8.2 @babel/core@7.28.5 @babel/register@7.28.3 @babel/types@7.28.5 @babel/preset-env@7.28.5 "
        "babel-plugin-annotate-pure-calls@0.4.0 babel-plugin-import-export-rename@1.0.1 fast-check@3.23.2 js-yaml@4.1.1 "
        "sanctuary@3.1.0 sanctuary-identity@2.1.0 sinon@7.5.0",
    ),
    Suite(
        "body-parser",
        "1.20.6",
        "mocha",
        "lib index.js",
        arguments="--timeout 20000 --require test/support/env --check-leaks test/",
        repository="expressjs/body-parser",
        tag="1.20.6",
        needs="mocha@10.8.2 methods@1.1.2 safe-buffer@5.2.1 supertest@6.3.4",
    ),
    Suite(
        "send",
        "1.2.1",
        "mocha",
        "index.js",
        arguments="--timeout 20000 --check-leaks",
        repository="pillarjs/send",
        tag="1.2.1",
        needs="mocha@10.8.2 after@0.8.2 supertest@6.3.4",
    ),
    Suite(
        "jsonwebtoken",
        "9.0.2",
        "mocha",
        "lib index.js sign.js verify.js decode.js",
        arguments="test/*.js",
        repository="auth0/node-jsonwebtoken",
        tag="v9.0.2",
        needs="mocha@10.8.2 atob@2.1.2 chai@4.5.0 sinon@6.3.5",
    ),
    Suite(
        "graphql",
        "16.11.0",
        "mocha",
        "src",
        arguments="src/language/**/__tests__/*-test.ts src/execution/__tests__/*-test.ts src/jsutils/__tests__/*-test.ts",
        repository="graphql/graphql-js",
        tag="v16.11.0",
        needs="mocha@10.8.2 chai@4.3.6 @babel/core@7.28.5 @babel/register@7.28.3 @babel/preset-env@7.28.5 "
        "@babel/plugin-syntax-typescript@7.27.1 @babel/plugin-transform-typescript@7.28.5",
    ),
    Suite(
        "mocha",
        "11.8.0",
        "mocha",
        "lib index.js",
        arguments="test/unit/*.spec.js test/node-unit/*.spec.js",
        repository="mochajs/mocha",
        tag="v11.8.0",
        needs="mocha@11.7.5 chai@4.5.0 rewiremock@3.14.6 sinon@9.2.4 unexpected@11.15.0 unexpected-eventemitter@2.2.0 "
        "unexpected-map@2.0.0 unexpected-set@3.0.0 unexpected-sinon@10.11.2 semver@7.7.3",
    ),
    Suite(
        "eslint",
        "9.39.1",
        "mocha",
        "lib",
        arguments="--timeout 20000 tests/lib/rules/no-[a-e]*.js tests/lib/rules/prefer-*.js tests/lib/linter/code-path-analysis/*.js",
        repository="eslint/eslint",
        tag="v9.39.1",
        needs="mocha@11.7.5 chai@4.5.0 sinon@11.1.2 proxyquire@2.1.3 @typescript-eslint/parser@8.46.4 typescript@5.9.3 "
        "@babel/core@7.28.5 semver@7.7.3 shelljs@0.10.0",
    ),
)

JEST = (
    Suite(
        "class-validator",
        "0.14.1",
        "jest",
        "src",
        repository="typestack/class-validator",
        tag="v0.14.1",
        needs="jest@29.7.0 ts-jest@29.4.5 typescript@5.4.5 @types/jest@29.5.14 @types/node@20.19.0 reflect-metadata@0.2.1",
    ),
    Suite(
        "dayjs",
        "1.11.23",
        "jest",
        "src",
        arguments="--config jest.proof.cjs --runInBand",
        repository="iamkun/dayjs",
        tag="v1.11.23",
        needs="jest@29.7.0 jest-environment-jsdom@29.7.0 babel-jest@29.7.0 @babel/core@7.28.5 @babel/preset-env@7.28.5 "
        "mockdate@2.0.5 moment@2.29.2 moment-timezone@0.5.31",
        extra_files=(("jest.proof.cjs", DAYJS_CONFIG),),
    ),
    Suite(
        "yaml",
        "2.8.4",
        "jest",
        "src",
        arguments="--config config/jest.config.js --rootDir . tests/doc tests/cst tests/visit tests/directives tests/collection-access",
        repository="eemeli/yaml",
        tag="v2.8.4",
        needs="jest@29.7.0 ts-jest@29.4.5 babel-jest@29.7.0 @babel/core@7.28.5 @babel/preset-env@7.28.5 fast-check@2.25.0 "
        "@babel/plugin-transform-typescript@7.28.5 typescript@5.9.3 @types/jest@29.5.14 @types/node@20.19.0 tslib@2.8.1",
    ),
    Suite(
        "winston",
        "3.19.0",
        "jest",
        "lib",
        arguments="-c test/jest.config.unit.js --runInBand",
        repository="winstonjs/winston",
        tag="v3.19.0",
        needs="jest@29.7.0 @babel/core@7.28.5 @babel/preset-env@7.28.5 abstract-winston-transport@0.5.1 "
        "assume@2.3.0 cross-spawn-async@2.2.5 hock@1.4.1 rimraf@5.0.10 "
        "split2@4.2.0 std-mocks@2.0.0 through2@4.0.2 winston-compat@0.1.5",
    ),
)

VITEST = (
    Suite(
        "cheerio",
        "1.2.0",
        "vitest",
        "src",
        arguments="--typecheck.enabled=false",
        repository="cheeriojs/cheerio",
        tag="v1.2.0",
        needs="vitest@3.2.4 jsdom@26.1.0 jquery@3.7.1 typescript@5.9.3",
    ),
    Suite(
        "hono",
        "4.12.0",
        "vitest",
        "src",
        arguments="--config vitest.proof.mjs src/router src/utils src/helper src/hono.test.ts src/compose.test.ts src/jsx",
        repository="honojs/hono",
        tag="v4.12.0",
        needs="vitest@3.2.4 jsdom@22.1.0 zod@3.25.76 typescript@5.9.3",
        extra_files=(("vitest.proof.mjs", HONO_CONFIG),),
    ),
    Suite(
        "fp-ts",
        "2.16.9",
        "vitest",
        "src",
        repository="gcanti/fp-ts",
        tag="2.16.9",
        needs="vitest@1.6.1 fast-check@3.23.2 typescript@5.9.3",
    ),
    Suite(
        "vue",
        "3.5.41",
        "vitest",
        "packages/reactivity/src packages/compiler-core/src packages/runtime-core/src packages/shared/src",
        arguments="--config vitest.proof.mjs packages/reactivity packages/compiler-core packages/shared",
        repository="vuejs/core",
        tag="v3.5.41",
        needs="vitest@3.2.4 @babel/parser@7.28.5 @babel/types@7.28.5 entities@7.0.0 estree-walker@2.0.2 source-map-js@1.2.1 "
        "typescript@5.6.3 csstype@3.2.3",
        extra_files=(("vitest.proof.mjs", VUE_CONFIG),),
    ),
)

OTHERS = (
    Suite(
        "joi",
        "18.2.3",
        "lab",
        "lib",
        arguments="-a @hapi/code test/types/any.js test/types/object.js test/types/date.js test/base.js test/template.js",
        repository="hapijs/joi",
        tag="v18.2.3",
        needs="@hapi/lab@26.0.0 @hapi/code@9.0.3 @hapi/bourne@3.0.0 @hapi/joi-legacy-test@npm:@hapi/joi@15.1.1 typescript@5.9.3 "
        "ajv@8.17.1 ajv-formats@3.0.1",
    ),
    Suite(
        "postcss",
        "8.5.26",
        "plain",
        "lib",
        arguments="node_modules/.bin/uvu -r ts-node/register/transpile-only test '\\.test\\.(ts|js)$'",
        repository="postcss/postcss",
        tag="8.5.26",
        needs="uvu@0.5.6 ts-node@10.9.2 typescript@5.9.3 @types/node@20.19.0 concat-with-sourcemaps@1.1.0 nanodelay@1.0.8 "
        "nanospy@2.0.2 postcss-parser-tests@8.8.0 strip-ansi@6.0.1",
    ),
    Suite(
        "p-queue",
        "9.3.3",
        "node",
        "source",
        arguments="--import=tsx/esm test/basic.ts test/priority-queue.ts test/validation.ts test/advanced.ts",
        repository="sindresorhus/p-queue",
        tag="v9.3.3",
        needs="delay@6.0.0 in-range@3.0.0 p-defer@4.0.1 random-int@3.1.0 time-span@5.1.0 tsx@4.20.6 typescript@5.9.3 "
        "@sindresorhus/tsconfig@8.0.1",
    ),
    Suite(
        "p-limit",
        "7.3.1",
        "ava",
        "index.js",
        repository="sindresorhus/p-limit",
        tag="v7.3.1",
        needs="ava@6.4.1 in-range@3.0.0 random-int@3.0.0 time-span@5.1.0",
    ),
    Suite(
        "pino",
        "10.3.1",
        "node",
        "lib pino.js file.js browser.js",
        arguments="test/[b-r]*.test.js",
        repository="pinojs/pino",
        tag="v10.3.1",
        needs="@matteo.collina/tspl@0.2.0 execa@5.1.1 flush-write-stream@2.0.0 import-fresh@3.3.1 pino-pretty@13.1.2 pump@3.0.3 "
        "proxyquire@2.1.3 semver@7.7.3 split2@4.2.0 steed@1.1.3 strip-ansi@6.0.1 tape@5.9.0 through2@4.0.2 bole@5.0.28 "
        "bunyan@1.8.15 winston@3.19.0 rimraf@6.1.0 ts-node@10.9.2 typescript@5.9.3",
    ),
    Suite(
        "uuid",
        "14.0.1",
        "node",
        "src",
        arguments="--enable-source-maps dist/test/*.js",
        repository="uuidjs/uuid",
        tag="v14.0.1",
        before="node_modules/.bin/tsc -p tsconfig.json",
        built=("dist",),
        needs="typescript@5.4.3 @types/node@20.19.0",
    ),
    Suite(
        "underscore",
        "1.13.8",
        "qunit",
        "underscore-umd.js",
        arguments="test/",
        repository="jashkenas/underscore",
        tag="1.13.8",
        needs="qunit@2.24.2",
    ),
)

FURTHER = MOCHA + JEST + VITEST + OTHERS
