'use strict';
/** As much of a MongoDB server as the driver asks of one for a few operations: OP_MSG in, OP_MSG out. */
const net = require('node:net');
const { BSON } = require('mongodb');

const OP_MSG = 2013;
const people = [{ _id: 1, name: 'Ada' }, { _id: 2, name: 'Linus' }];

/** What each command is answered with. */
const ANSWERS = {
  hello: () => ({ isWritablePrimary: true, maxWireVersion: 25, minWireVersion: 0, maxBsonObjectSize: 1 << 24, maxMessageSizeBytes: 48e6, maxWriteBatchSize: 1e5 }),
  find: (command) => ({ cursor: { id: BSON.Long.fromNumber(0), ns: `shop.${command.find}`, firstBatch: people } }),
  insert: () => ({ n: 1 }),
  update: () => ({ n: 1, nModified: 1 }),
  drop: () => ({ ok: 0, code: 26, errmsg: 'ns not found', codeName: 'NamespaceNotFound' }),
};

function answer(command) {
  const name = Object.keys(command)[0];
  return { ok: 1, ...(ANSWERS[name] ?? ANSWERS[name === 'ismaster' || name === 'isMaster' ? 'hello' : ''] ?? (() => ({})))(command) };
}

/** Section 0 is the command; the driver's document sequences, which follow it, are not looked at. */
function reply(message) {
  const size = message.readInt32LE(21);
  const body = BSON.serialize(answer(BSON.deserialize(message.subarray(21, 21 + size))));
  const head = Buffer.alloc(21);
  head.writeInt32LE(21 + body.length, 0);
  head.writeInt32LE(message.readInt32LE(4), 8);
  head.writeInt32LE(OP_MSG, 12);
  return Buffer.concat([head, body]);
}

exports.server = net.createServer((socket) => {
  let waiting = Buffer.alloc(0);
  socket.on('error', () => {}).on('data', (data) => {
    waiting = Buffer.concat([waiting, data]);
    while (waiting.length >= 4 && waiting.length >= waiting.readInt32LE(0)) {
      const message = waiting.subarray(0, waiting.readInt32LE(0));
      waiting = waiting.subarray(message.length);
      socket.write(reply(message));
    }
  });
});
