"""node-redis and ioredis, against a real server."""

from __future__ import annotations

from typing import Any

import pytest


def texts(spool: Any, name: str = "redis.execute") -> list[str]:
    return [span.sections["T"]["db.query.text"] for span in spool.named(name)]


@pytest.mark.parametrize(
    ("name", "head"), [("main.cjs", "const { createClient } = require('redis');"), ("main.mjs", "import { createClient } from 'redis';")]
)
def test_node_redis(project: Any, redis: int, name: str, head: str) -> None:
    text = f"""{head}
async function work() {{
  const base = createClient({{ socket: {{ host: '127.0.0.1', port: {redis} }}, password: 'sesame-Op3n', database: 3 }});
  await base.connect();
  const set = await base.set('user:1', 'Ada');
  const got = await base.get('user:1');
  await base.set('password:1', 'hunter-2');
  await base.configSet('masterauth', 'hunter-2');
  await base.sendCommand(['AUTH', 'sesame-Op3n']);
  await base.hSet('h', {{ name: 'Ada', api_token: 'hunter-2' }});
  const many = await base.multi().set('n', '1').incrBy('n', 4).exec();
  const failed = await base.lPush('user:1', 'x').catch((error) => error.message.slice(0, 9));
  await base.close();
  console.log(set, got, many.join(), failed);
}}
work();
"""
    spool = project.record(text, name)
    commands = [
        "SET user:1 Ada",
        "GET user:1",
        "SET password:1 ***",
        "CONFIG SET masterauth ***",
        "AUTH ***",
        "HSET h name Ada api_token ***",
    ]
    assert texts(spool) == [*commands, "LPUSH user:1 x"]
    assert {span.parent for span in spool.named("redis.execute")} == {spool.named("work")[0].seq}
    first, last = spool.named("redis.execute")[0], spool.named("redis.execute")[-1]
    assert first.sections["T"] == {
        "db.system.name": "redis",
        "server.address": "127.0.0.1",
        "server.port": redis,
        "db.namespace": "3",
        "db.operation.name": "SET",
        "db.query.text": "SET user:1 Ada",
    }
    assert (last.error, last.sections["T"]["error.type"]) == ("SimpleError", "SimpleError")
    (batch,) = spool.named("redis.pipeline")
    assert (texts(spool, "redis.pipeline"), batch.sections["T"]["db.operation.batch.size"]) == (["SET n 1\nINCRBY n 4"], 2)


@pytest.mark.parametrize(
    ("name", "head"), [("main.cjs", "const Redis = require('ioredis');"), ("main.mjs", "import Redis from 'ioredis';")]
)
def test_ioredis(project: Any, redis: int, name: str, head: str) -> None:
    text = f"""{head}
async function work() {{
  const base = new Redis({{ host: '127.0.0.1', port: {redis}, password: 'sesame-Op3n', db: 3 }});
  const set = await base.set('user:1', 'Ada');
  const got = await base.get('user:1');
  await base.set('password:1', 'hunter-2');
  const many = await base.pipeline().set('n', '1').incrby('n', 4).exec();
  const multi = await base.multi().incr('n').exec();
  const failed = await base.lpush('user:1', 'x').catch((error) => error.message.slice(0, 9));
  const later = await new Promise((done) => base.get('n', (error, value) => done(value)));
  await base.quit();
  console.log(set, got, many.join(), multi.join(), failed, later);
}}
work();
"""
    spool = project.record(text, name)
    assert texts(spool) == ["set user:1 Ada", "get user:1", "set password:1 ***", "lpush user:1 x", "get n", "quit"]
    assert texts(spool, "redis.pipeline") == ["set n 1\nincrby n 4", "multi\nincr n\nexec"]
    first = spool.named("redis.execute")[0].sections["T"]
    assert (first["db.operation.name"], first["server.port"], first["db.namespace"]) == ("SET", redis, "3")
    assert spool.named("redis.execute")[3].error == "SimpleError"
    (work,) = spool.named("work")
    assert [span.parent == work.seq for span in spool.named("redis.execute")] == [True, True, True, True, False, True]
