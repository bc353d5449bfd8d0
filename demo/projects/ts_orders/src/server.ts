/** Starts the service on PORT. */

import { createApp } from "./app.ts";

const server = createApp();

function stop(): void {
  server.close();
  server.closeAllConnections();
}

process.on("SIGINT", stop);
process.on("SIGTERM", stop);

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on ${JSON.stringify(server.address())}`);
});
