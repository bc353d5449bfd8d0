// Circular: b calls hoisted() before this module's body ran.
import { early } from './b.mjs';
export function hoisted(x) { return 'hoisted ' + x; }
export const seen = early;
export default class extends Array { first() { return this[0]; } }
