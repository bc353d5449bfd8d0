/** The same tracer for `node --import`: loads it before the program, and gives the one instance that CommonJS files get. */
import runtime from './tracer.cjs';

export const file = runtime.file;
export default runtime;
