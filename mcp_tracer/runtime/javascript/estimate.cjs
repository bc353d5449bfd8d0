'use strict';
/** At each flush: what the budgets know of calls that ran without probes, and of lines that were passed. */
const { governor } = require('./governor.cjs');
const { takeBack } = require('./taking.cjs');

const { max, round } = Math;

/** @typedef {import('./recorder.cjs').Definition} Definition */
/** @typedef {import('./governor.cjs').Budget} Budget */

/** At each flush: functions that are called less often by now are recorded more often again. */
function relax() {
  if (!governor.isOn || governor.looked.size === 0) return;
  for (const budget of governor.looked) if (budget.period > 1) budget.review();
}

/** A new trace shows a call of each function that it calls, as long as there is room for that. */
function showNext() {
  for (const budget of governor.dark) {
    budget.settle();
    budget.grant(0);
  }
}

/**
 * Estimates for the calls that ran without probes since the last flush. What they took themselves is part of their callers' self time, and is taken out of that: no more than there is.
 * @param {number} elapsed ms since the last flush: no more can have passed in these calls
 * @param {number} held so many calls of each function are left for later: they may be running, and are not to be counted here if they fail
 * @param {Map<Definition, number>} running the self time of what runs now
 * @param {(definition: Definition, calls: number, total: number, self: number) => void} each
 */
function estimate(elapsed, held, running, each) {
  const due = [...governor.dark].filter((budget) => (budget.settle(), budget.dark > heldOf(budget, held)));
  for (const budget of due) budget.dark -= heldOf(budget, held);
  const guesses = due.map((budget) => ({ budget, each: budget.typical(), own: 0 }));
  for (const guess of guesses) guess.own = guess.budget.dark * guess.each.self + siteTime(guess.budget);
  const { taken, parts } = takeBack(guesses, elapsed, running);
  for (const [i, { budget, each: one }] of guesses.entries()) {
    const definition = /** @type {Definition & {sites?: Definition[]}} */ (budget.definition);
    for (const site of definition.sites ?? []) estimateSite(site, unseen(site), parts[i], each);
    const self = one.self * parts[i];
    each(definition, budget.dark, budget.dark * whole(budget, one.total, self), budget.dark * self);
    budget.dark = heldOf(budget, held);
    budget.fade();
  }
  for (const [definition, self] of taken) each(definition, 0, 0, -self);
  for (const budget of governor.dark) if (budget.callers === null && budget.dark <= 0) governor.dark.delete(budget);
}

/** ms that one call took in all. @param {Budget} budget @param {number} total as calls that were seen @param {number} self as it is guessed */
const whole = (budget, total, self) => (budget.isLeaf ? self : max(self, total));

/** What fails of call expressions is not recorded by itself. @param {Budget} budget @param {number} held */
const heldOf = (budget, held) => (budget.owner === null ? held : 0);

/** At each flush, before counts are written: those of lines that were passed. @param {(definition: Definition) => void} each whose count was none */
function settlePassing(each) {
  for (const budget of governor.passing) {
    const before = budget.count;
    if (budget.settlePassed() > 0 && before === 0) each(/** @type {Definition} */ (budget.definition));
  }
  governor.passing.clear();
}

/** @param {Definition} site @returns {number} how many times it was passed in calls without probes: as often in each as in those that were seen */
function unseen(site) {
  const { known, owner } = /** @type {Budget} */ (site.budget);
  return owner === null || owner.known === 0 ? 0 : round((owner.dark * known) / owner.known);
}

/** @param {Budget} budget of a function @returns {number} ms that the call expressions in its calls without probes took by themselves */
function siteTime(budget) {
  const sites = budget.definition?.sites ?? [];
  return sites.reduce((sum, site) => sum + unseen(site) * /** @type {Budget} */ (site.budget).typical().self, 0);
}

/** @param {Definition} site @param {number} calls @param {number} part of the self time @param {(definition: Definition, calls: number, total: number, self: number) => void} each */
function estimateSite(site, calls, part, each) {
  if (calls === 0) return;
  const budget = /** @type {Budget} */ (site.budget);
  const one = budget.typical();
  const self = one.self * part;
  each(site, calls, whole(budget, one.total, self) * calls, self * calls);
}

module.exports = { estimate, relax, settlePassing, showNext };
