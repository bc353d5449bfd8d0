"""The table: which package at which version, where its tests come from, what of it is instrumented, how its tests run."""

from __future__ import annotations

from dataclasses import dataclass, field

# What each kind of runner needs beside the suite's own arguments; {result} is the file for its outcomes, {reporters} our folder.
RUNNERS = {
    "mocha": "node_modules/.bin/mocha --reporter {reporters}/mocha.cjs",
    "node": "node --test --test-concurrency=1 --test-reporter={reporters}/node-test.mjs --test-reporter-destination={result}",
    "jest": "node_modules/.bin/jest --ci --json --outputFile={result}",
    "vitest": "node_modules/.bin/vitest run --reporter=json --outputFile={result}",
    "tape": "node_modules/.bin/tape",
    "tap": "node_modules/.bin/tap --timeout=240 --no-coverage --no-check-coverage --reporter=tap",
    "ava": "node_modules/.bin/ava --tap",
    "lab": "node_modules/.bin/lab --reporter tap",
    "qunit": "node_modules/.bin/qunit",
    "plain": "",
}

# The package's names mean its TypeScript, as in its repository.
ZOD_CONFIG = """const conditions = ['@zod/source', 'node', 'import', 'default'];
export default { resolve: { conditions }, ssr: { resolve: { conditions } } };
"""

# What its specs ask with: each fails that has taken longer than a second. The answers alone are compared, untraced and traced.
MARKED_CLOCK = """const { hrtime } = process;
process.hrtime = Object.assign((since) => (since ? [0, 0] : hrtime()), { bigint: hrtime.bigint });
"""
MARKED_NEEDS = (
    "@markedjs/testutils@18.0.0-1 cheerio@1.2.0 commonmark@0.31.2 marked-highlight@2.2.4 highlight.js@11.11.1 titleize@4.0.0 "
    "markdown-it@14.1.0"
)
MARKED_TESTS = "--import ./test/clock.mjs test/run-spec-tests.js test/unit/*.test.js"

# Their servers answer with all headers that they were sent.
UNDICI_SEEN = "shows all headers of a request that leaves the process; traced, `traceparent` is one of them"
UNDICI_REDIRECTS = (
    "always have a history with the final URL even if no redirections were followed",
    "follow redirection after a HTTP 300",
    "follow redirection after a HTTP 300 default",
    "follow redirection after a HTTP 301 changing method to GET",
    "follow redirection after a HTTP 302",
    "follow redirection after a HTTP 303 changing method to GET",
    "follow redirection after a HTTP 307",
    "follow redirection after a HTTP 308",
    "remove Host and request body related headers when following HTTP 303 (array)",
    "remove Host and request body related headers when following HTTP 303 (object)",
)


@dataclass(frozen=True)
class Suite:
    """A released package and its own tests."""

    name: str
    version: str
    runner: str
    source: str  # what is instrumented, relative to the package
    arguments: str = ""  # of the runner
    tests: str = ""  # which of its tests, in words, where not all of them run
    repository: str = ""  # where the tests are that npm's archive lacks: `owner/name` on GitHub, checked out at `tag`
    tag: str = ""
    needs: str = ""  # of the tests, at fixed versions
    overrides: dict[str, str] = field(default_factory=dict[str, str])  # of what `needs` asks for: npm's own `overrides`
    before: str = ""  # a command that builds what is tested, run at every run
    built: tuple[str, ...] = ()  # folders and files that `before` writes
    styles: tuple[str, ...] = ("in_place", "on_load")  # those that reach what is tested
    exceptions: dict[str, str] = field(default_factory=dict[str, str])  # test (how its name begins) -> why it can't be satisfied
    timeout_s: int = 900
    extra_files: tuple[tuple[str, str], ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])


NAMED = (
    Suite(
        "express",
        "5.2.1",
        "mocha",
        "lib index.js",
        arguments="--require test/support/env --check-leaks test/ test/acceptance/",
        repository="expressjs/express",
        tag="v5.2.1",
        needs="after@0.8.2 connect-redis@8.1.0 cookie-parser@1.4.7 cookie-session@2.1.1 ejs@3.1.10 express-session@1.18.2 "
        "hbs@4.2.0 marked@15.0.12 method-override@3.0.0 mocha@10.8.2 morgan@1.10.1 pbkdf2-password@1.2.1 "
        "supertest@6.3.4 vhost@3.0.2",
    ),
    Suite(
        "fastify",
        "5.6.2",
        "node",
        "lib fastify.js",
        needs="@sinclair/typebox@0.34.41 ajv@8.17.1 ajv-errors@3.0.0 ajv-formats@3.0.1 ajv-i18n@4.2.0 ajv-merge-patch@5.0.1 "
        "fast-json-body@1.1.0 fastify-plugin@5.1.0 fluent-json-schema@6.0.0 http-errors@2.0.0 joi@18.0.1 "
        "JSONStream@1.3.5 proxyquire@2.1.3 split2@4.2.0 undici@7.16.0 vary@1.1.2 yup@1.7.1 h2url@0.2.0 node-forge@1.3.1 "
        "simple-get@4.0.1",
        arguments="test/[a-f]*.test.js test/internals/*.test.js",
        tests="its test files from A to F and internals",  # all of them take ten minutes
    ),
    Suite("koa", "3.2.0", "node", "lib", repository="koajs/koa", tag="v3.2.0", needs="supertest@7.1.4"),
    Suite(
        "marked",
        "18.0.9",
        "node",
        "src",
        arguments=MARKED_TESTS,
        repository="markedjs/marked",
        tag="v18.0.9",
        before="node esbuild.config.js",
        built=("lib",),
        styles=("in_place",),  # what its build makes is minified
        overrides={"marked-repo": "npm:marked@18.0.0"},  # asked for by its address on GitHub, and not used by these tests
        needs=f"{MARKED_NEEDS} esbuild@0.28.1 esbuild-plugin-umd-wrapper@3.0.0",
        extra_files=(("test/clock.mjs", MARKED_CLOCK),),
    ),
    Suite(
        "marked-tsx",
        "18.0.9",
        "node",
        "src",
        arguments=MARKED_TESTS,
        environment={"NODE_OPTIONS": "--import=tsx"},  # the tests of its command start more of them
        tests="its TypeScript run by tsx",
        repository="markedjs/marked",
        tag="v18.0.9",
        before="""mkdir -p lib && echo "export * from '../src/marked.ts';" > lib/marked.esm.js""",
        built=("lib",),
        overrides={"marked-repo": "npm:marked@18.0.0"},
        needs=f"{MARKED_NEEDS} tsx@4.20.6",
        extra_files=(("test/clock.mjs", MARKED_CLOCK),),
    ),
    Suite(
        "markdown-it",
        "14.2.0",
        "mocha",
        "lib index.mjs",
        tests="all but two of its test files",  # one asks the network, one wants a build
        arguments="test/commonmark.mjs test/markdown-it.mjs test/misc.mjs test/ruler.mjs test/token.mjs test/utils.mjs",
        repository="markdown-it/markdown-it",
        tag="14.2.0",
        needs="mocha@10.8.2 chai@4.5.0 markdown-it-testgen@0.1.6 markdown-it-abbr@2.0.0 markdown-it-container@4.0.0 "
        "markdown-it-deflist@3.0.0 markdown-it-emoji@3.0.0 markdown-it-footnote@4.0.0 markdown-it-for-inline@2.0.1 "
        "markdown-it-ins@4.0.0 markdown-it-mark@4.0.0 markdown-it-sub@2.0.0 markdown-it-sup@2.0.0 highlight.js@11.11.1 "
        "jest-worker@29.7.0",
    ),
    Suite(
        "acorn",
        "8.17.0",
        "plain",
        "acorn/src acorn-loose/src acorn-walk/src",
        arguments="node test/run.js",
        repository="acornjs/acorn",
        tag="8.17.0",
        before="for part in acorn acorn-walk acorn-loose; do node_modules/.bin/rollup --silent -c $part/rollup.config.mjs || exit 1; done",
        built=("acorn/dist", "acorn-loose/dist", "acorn-walk/dist"),
        needs="rollup@4.53.3 @rollup/plugin-buble@1.0.3",
    ),
    Suite(
        "zod",
        "4.1.12",
        "vitest",
        "src",
        arguments="--no-file-parallelism --testTimeout=60000 src",
        needs="vitest@3.2.4 recheck@4.5.0 @web-std/file@3.0.3 @seriousme/openapi-schema-validator@2.2.5",
        extra_files=(("vitest.config.mjs", ZOD_CONFIG),),
    ),
    Suite(
        "lodash",
        "4.17.21",
        "plain",
        "lodash.js",
        arguments="node test/test && node test/test-fp",
        repository="lodash/lodash",
        tag="4.17.21",
        needs="qunitjs@2.4.1 qunit-extras@3.0.0 benchmark@2.1.4 platform@1.3.6 glob@7.2.3 fs-extra@1.0.0 chalk@1.1.3 "
        "optional-dev-dependency@2.0.1 async@2.6.4 lodash@4.17.20 webpack@1.15.0 uglify-js@2.7.5",
    ),
    Suite(
        "commander",
        "14.0.3",
        "jest",
        "lib index.js",
        arguments="--maxWorkers=2",  # its tests read the command line of the process that they run in
        repository="tj/commander.js",
        tag="v14.0.3",
        needs="jest@30.2.0 ts-jest@29.4.5 typescript@5.9.3 @types/jest@30.0.0 @types/node@22.19.1",
    ),
    Suite(
        "yargs",
        "18.1.0",
        "mocha",
        "lib index.mjs",
        arguments="--enable-source-maps ./test/*.mjs --require ./test/before.mjs --timeout=48000 --check-leaks",
        repository="yargs/yargs",
        tag="v18.1.0",
        before="node_modules/.bin/tsc && node_modules/.bin/tsc -p tsconfig.test.json",
        built=("build",),
        needs="mocha@11.7.5 chai@6.2.2 chalk@5.6.2 cpr@3.0.1 cross-spawn@7.0.6 hashish@0.0.4 rimraf@3.0.2 typescript@5.9.3 "
        "which@2.0.2 yargs-test-extends@1.0.1 @types/node@20.19.0 @types/mocha@9.1.1 @types/chai@5.2.3 c8@11.0.0 "
        "cross-env@10.1.0 gts@5.3.1",
    ),
    Suite(
        "ws",
        "8.21.0",
        "mocha",
        "lib index.js",
        arguments="--throw-deprecation --timeout 20000 test/*.test.js",
        repository="websockets/ws",
        tag="8.21.0",
        needs="mocha@8.4.0 bufferutil@4.0.9 utf-8-validate@6.0.5",
    ),
    Suite(
        "undici",
        "7.20.0",
        "node",
        "lib index.js",
        tests="its tests of clients, pools, mocks, cookies, the cache, interceptors without DNS, WebIDL and infra",
        arguments="--expose-gc test/client*.js test/pool*.js test/mock-*.js test/cookie/*.js test/cache-interceptor/*.js "
        "test/interceptors/[!d]*.js test/interceptors/d[eu]*.js test/webidl/*.js test/infra/*.js",
        repository="nodejs/undici",
        tag="v7.20.0",
        needs="@fastify/busboy@3.2.0 @matteo.collina/tspl@0.2.0 @metcoder95/https-pem@1.0.0 @sinonjs/fake-timers@12.0.0 "
        "abort-controller@3.0.0 dns-packet@5.6.1 fast-check@4.3.0 jsondiffpatch@0.7.3 node-forge@1.3.1 proxy@2.2.0 "
        "ws@8.18.3",
        exceptions={f"test/interceptors/redirect.js 0 should {name}": UNDICI_SEEN for name in UNDICI_REDIRECTS},
    ),
    Suite(
        "reactstrap",
        "9.2.2",
        "jest",
        "src",
        repository="reactstrap/reactstrap",
        overrides={"cheerio": "1.0.0-rc.3"},
        tag="v9.2.2",
        needs="jest@28.1.3 jest-environment-jsdom@28.1.3 babel-jest@28.1.3 @babel/core@7.28.5 @babel/preset-env@7.28.5 "
        "@babel/preset-react@7.28.5 @babel/plugin-proposal-export-default-from@7.27.1 "
        "@babel/plugin-proposal-export-namespace-from@7.18.9 @babel/plugin-proposal-object-rest-spread@7.20.7 "
        "@babel/plugin-transform-modules-commonjs@7.27.1 @testing-library/jest-dom@5.17.0 @testing-library/react@12.1.5 "
        "@testing-library/user-event@13.5.0 react@16.14.0 react-dom@16.14.0 react-test-renderer@16.14.0 enzyme@3.11.0 "
        "enzyme-adapter-react-16@1.15.8 react-router@3.2.6",
    ),
)

UNNAMED = (
    Suite(
        "qs",
        "6.14.1",
        "tape",
        "lib",
        arguments="test/**/*.js",
        needs="tape@5.9.0 es-value-fixtures@1.7.1 for-each@0.3.5 has-bigints@1.1.0 has-override-mistake@1.0.1 "
        "has-property-descriptors@1.0.2 has-proto@1.2.0 has-symbols@1.1.0 iconv-lite@0.5.2 mock-property@1.1.2 "
        "object-inspect@1.13.4 qs-iconv@1.0.4 safer-buffer@2.1.2",
    ),
    Suite(
        "semver",
        "7.8.5",
        "tap",
        "classes functions internal ranges index.js bin",
        repository="npm/node-semver",
        tag="v7.8.5",
        needs="tap@16.3.10",
    ),
    Suite("chalk", "5.6.2", "ava", "source", repository="chalk/chalk", tag="v5.6.2", needs="ava@3.15.0 execa@6.1.0"),
    Suite(
        "immer",
        "11.1.18",
        "vitest",
        "src",
        repository="immerjs/immer",
        tag="v11.1.18",
        needs="vitest@3.2.4 vite@6.4.1 immutable@4.3.9 lodash@4.17.21 lodash.clonedeep@4.5.0 redux@4.2.1 "
        "seamless-immutable@7.1.3 deep-freeze@0.0.1",
    ),
    Suite(
        "zustand",
        "5.0.15",
        "vitest",
        "src",
        repository="pmndrs/zustand",
        tag="v5.0.15",
        needs="vitest@3.2.4 jsdom@26.1.0 @testing-library/react@16.3.0 @testing-library/dom@10.4.1 "
        "@testing-library/jest-dom@6.9.1 react@19.2.0 react-dom@19.2.0 immer@10.2.0 redux@5.0.1 "
        "use-sync-external-store@1.6.0 @redux-devtools/extension@3.3.0 json@11.0.0",
    ),
)

ALL = NAMED + UNNAMED
