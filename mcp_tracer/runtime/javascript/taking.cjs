'use strict';
/** What calls without probes took by themselves is part of the self time of the spans above them: it is taken out of that, so that self times add up to the time that passed. */

const { max, min } = Math;

/** @typedef {import('./recorder.cjs').Definition} Definition */
/** @typedef {import('./governor.cjs').Budget} Budget */
/** What the calls of one function took by themselves, ms. @typedef {{budget: Budget, own: number}} Guess */
/** Of each definition what was taken from it so far. @type {Map<Definition, number>} */
const returned = new Map();

/** Of one caller: what it had as self time, and how much of that is asked for. @typedef {{room: number, asked: number}} Account */

/**
 * @param {Guess[]} guesses @param {number} elapsed ms: all that can have passed @param {Map<Definition, number>} running the self time of what runs now
 * @returns {{taken: Map<Definition, number>, parts: number[]}} of each caller, and how much of each guess there was
 */
function takeBack(guesses, elapsed, running) {
  const all = guesses.reduce((sum, { own }) => sum + own, 0);
  const scale = all > elapsed ? elapsed / all : 1;
  /** @type {Map<Definition, Account>} */
  const accounts = new Map();
  const shares = guesses.map(({ budget, own }) => sharesOf(budget, own * scale));
  for (const [definition, asked] of shares.flat()) accountOf(accounts, definition, running).asked += asked;
  const pool = pooled(accounts);
  const parts = shares.map((some, i) => (guesses[i].own > 0 ? some.reduce((sum, share) => sum + granted(share, accounts, pool.given), 0) / guesses[i].own : 1));
  /** @type {Map<Definition, number>} */
  const taken = new Map();
  for (const [definition, { room, asked }] of accounts) {
    const self = asked < room ? asked + (room - asked) * pool.used : room;
    if (self <= 0) continue;
    taken.set(definition, self);
    returned.set(definition, (returned.get(definition) ?? 0) + self);
  }
  return { taken, parts };
}

/** By whom it was called lately, or last. @param {Budget} budget @param {number} own @returns {[Definition, number][]} */
function sharesOf(budget, own) {
  const callers = [...(budget.callers ?? [])];
  const calls = callers.reduce((sum, [, number]) => sum + number, 0);
  if (calls > 0) return callers.map(([definition, number]) => [definition, (own * number) / calls]);
  return budget.lastCaller === null ? [] : [[budget.lastCaller, own]];
}

/** @param {Map<Definition, Account>} accounts @param {Definition} definition @param {Map<Definition, number>} running @returns {Account} */
function accountOf(accounts, definition, running) {
  let account = accounts.get(definition);
  if (account === undefined) {
    const own = (definition.budget?.own ?? 0) + (running.get(definition) ?? 0);
    accounts.set(definition, (account = { room: max(own - (returned.get(definition) ?? 0), 0), asked: 0 }));
  }
  return account;
}

/** Few calls were seen, so shares are rough: what some callers lack others may have. @param {Map<Definition, Account>} accounts @returns {{given: number, used: number}} the part of what is lacking that is given, and of what is left that is used for it */
function pooled(accounts) {
  let lacks = 0;
  let left = 0;
  for (const { room, asked } of accounts.values()) {
    lacks += max(asked - room, 0);
    left += max(room - asked, 0);
  }
  const moved = min(lacks, left);
  return { given: lacks > 0 ? moved / lacks : 0, used: left > 0 ? moved / left : 0 };
}

/** @param {[Definition, number]} share @param {Map<Definition, Account>} accounts @param {number} given @returns {number} */
function granted([definition, asked], accounts, given) {
  const account = /** @type {Account} */ (accounts.get(definition));
  const direct = account.asked > account.room ? (asked * account.room) / account.asked : asked;
  return direct + (asked - direct) * given;
}

module.exports = { takeBack };
