"""mongodb: Debian has no server, so the real driver talks to one that knows a handful of answers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

WORK = """
async function work(port) {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, { serverApi: "1" });
  const people = client.db('shop').collection('people');
  const added = await people.insertOne({ _id: 7, name: 'Grace', password: 'hunter-2' });
  const found = await people.find({ age: { $gt: 20 } }).toArray();
  const changed = await people.updateOne({ _id: 7 }, { $set: { name: 'Hopper' } });
  const failed = await client.db('shop').command({ drop: 'nothing' }).catch((error) => error.code);
  await client.close();
  server.close();
  console.log(added.insertedId, found.length, changed.modifiedCount, failed);
}
server.listen(0, '127.0.0.1', () => work(server.address().port));
"""


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("main.cjs", "const { MongoClient } = require('mongodb'); const { server } = require('./mongo_server.cjs');"),
        ("main.mjs", "import { MongoClient } from 'mongodb'; import { server } from './mongo_server.cjs';"),
    ],
)
def test_operations(project: Any, name: str, head: str) -> None:
    shutil.copy(Path(__file__).with_name("mongo_server.cjs"), project.root)
    spool = project.record(head + WORK, name)
    spans = spool.named("mongodb.execute")
    (work,) = spool.named("work")
    assert [(span.sections["T"]["db.query.text"], span.parent == work.seq) for span in spans] == [
        ("insert people", True),
        ("find people", True),
        ("update people", True),
        ("drop nothing", True),
    ]
    insert, find, update, failed = (span.sections["T"] for span in spans)
    assert insert["db.query.parameters"] == {"documents": [{"_id": 7, "name": "Grace", "password": "[redacted]"}]}
    assert find == {
        "db.system.name": "mongodb",
        "server.address": "127.0.0.1",
        "server.port": find["server.port"],
        "db.namespace": "shop",
        "db.operation.name": "find",
        "db.collection.name": "people",
        "db.query.text": "find people",
        "db.query.parameters": {"filter": {"age": {"$gt": 20}}},
        "db.response.returned_rows": 2,
    }
    assert update["db.response.affected_rows"] == 1
    assert (spans[-1].error, failed["error.type"]) == ("MongoServerError", "MongoServerError")
