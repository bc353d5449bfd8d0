import { hoisted } from './a.mjs';
export const early = hoisted(1);
