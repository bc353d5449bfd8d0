'use strict';
/** Stands where the recorder stood once nothing can be written any more: what happens then is counted, so that the run's end tells how much is missing. */

/** @typedef {import('./frame.cjs').Frame} Frame */
/** @typedef {import('./recorder.cjs').Definition} Definition */

class Lost {
  maxBytes = 0;

  /** @param {import('./recorder.cjs').Recorder} recorder that found no room @param {{dropped: number}} state @param {string} reason */
  constructor(recorder, state, reason) {
    this.recorder = recorder;
    this.state = state;
    this.reason = reason;
    state.dropped += recorder.spool.giveUp();
    this.hasRoom = false;
    /** Nothing is written until the run ends. */
    this.spool = { flush() {}, end: () => recorder.spool.end() };
  }

  define() {}

  open() {}

  event() {}

  /** @param {Frame} frame */
  span(frame) {
    this.state.dropped += Math.max(frame.calls, 1);
  }

  /** @param {Definition} definition */
  counted(definition) {
    const budget = /** @type {import('./governor.cjs').Budget} */ (definition.budget);
    this.state.dropped += isEvent(definition) ? 0 : budget.count;
    budget.clear();
  }

  /** @param {Definition} definition @param {number} time @param {number} calls */
  estimated(definition, time, calls) {
    this.state.dropped += isEvent(definition) ? 0 : calls;
  }

  /** In the room that was kept for it. @param {Parameters<import('./recorder.cjs').Recorder['runEnd']>[0]} map @param {number} time ms */
  runEnd(map, time) {
    const { spool } = this.recorder;
    if (!this.hasRoom) spool.lastRoom();
    this.hasRoom = true;
    this.recorder.runEnd({ ...map, dropped: this.state.dropped, stopped: this.reason }, time);
    spool.flush();
  }
}

/** @param {Definition} definition @returns {boolean} whether it is of a line, checkpoint or variable: no call */
const isEvent = ({ map }) => map.kind === 'line' || map.kind === 'checkpoint' || map.kind === 'variable';

module.exports = { Lost };
