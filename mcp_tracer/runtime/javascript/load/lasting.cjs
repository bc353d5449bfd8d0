'use strict';
/**
 * Preloaded where a shell or an agent's settings keep NODE_OPTIONS, as `mcp-tracer env` prints them: turns the project's loading hooks on, if the project still has them.
 * It is the installed package's own file: Node does not start where NODE_OPTIONS name a file that is gone.
 */
const fs = require('node:fs');
const path = require('node:path');

try {
  const hooks = path.join(process.env.MCP_TRACER_PROJECT ?? '', '.ai-agents', 'logging', 'runtime', 'javascript', 'load', 'onload.cjs');
  if (path.isAbsolute(hooks) && fs.existsSync(hooks)) require(hooks);
} catch (error) {
  if ('MCP_TRACER_DEBUG' in process.env) process.stderr.write(`mcp-tracer fault: ${error instanceof Error ? error.stack : error}\n`);
}
