'use strict';
/** What is known of this process: the run definition, and its links to the process that started it. */
const process = require('node:process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** @param {string | undefined} text a W3C traceparent @returns {{traceId?: string, parentSpanId?: string}} */
function parseTraceparent(text) {
  const match = typeof text === 'string' ? TRACEPARENT.exec(text.trim()) : null;
  return match === null || /^0+$/.test(match[1]) ? {} : { traceId: match[1], parentSpanId: match[2] };
}

/** @param {string} runId @param {string} root @param {unknown} parent the run that started this one, if it says so @returns {Record<string, unknown>} */
function describeRun(runId, root, parent) {
  return {
    runId,
    parentRunId: typeof parent === 'string' && /^[0-9a-f]{32}$/.test(parent) ? parent : undefined,
    argv: process.argv.slice(0, 50).map((word) => word.slice(0, 500)),
    cwd: process.cwd(),
    language: 'javascript',
    version: process.version.slice(1),
    pid: process.pid,
    ...git(root),
    hostname: os.hostname(),
    runtime: 'javascript',
    projectRoot: root,
  };
}

/** @param {string} root @returns {{gitCommit?: string, gitBranch?: string}} read from the files, without git */
function git(root) {
  try {
    const folder = gitFolder(root);
    const head = fs.readFileSync(path.join(folder, 'HEAD'), 'utf8').trim();
    if (!head.startsWith('ref: ')) return { gitCommit: head };
    const ref = head.slice(5);
    return { gitBranch: ref.replace('refs/heads/', ''), gitCommit: commitOf(folder, ref) };
  } catch {
    return {};
  }
}

/** @param {string} root @returns {string} where HEAD lies; in a worktree `.git` is a file that says it */
function gitFolder(root) {
  for (let folder = root; ; folder = path.dirname(folder)) {
    const place = path.join(folder, '.git');
    const stat = fs.statSync(place, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return place;
    if (stat !== undefined) return path.resolve(folder, fs.readFileSync(place, 'utf8').replace('gitdir: ', '').trim());
    if (folder === path.dirname(folder)) throw new Error('no repository');
  }
}

/** @param {string} folder @param {string} ref @returns {string | undefined} */
function commitOf(folder, ref) {
  const common = path.join(folder, 'commondir');
  const shared = fs.existsSync(common) ? path.resolve(folder, fs.readFileSync(common, 'utf8').trim()) : folder;
  const loose = path.join(shared, ref);
  if (fs.existsSync(loose)) return fs.readFileSync(loose, 'utf8').trim();
  const packed = path.join(shared, 'packed-refs');
  const line = fs.existsSync(packed) ? fs.readFileSync(packed, 'utf8').split('\n').find((one) => one.endsWith(' ' + ref)) : undefined;
  return line?.split(' ')[0];
}

/** @returns {string} 32 hex digits */
const newRunId = () => crypto.randomBytes(16).toString('hex');

module.exports = { describeRun, newRunId, parseTraceparent };
