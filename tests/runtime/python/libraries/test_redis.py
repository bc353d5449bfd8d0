"""redis, sync and async, against a real server."""

from __future__ import annotations

from typing import Any

PASSWORD = "sesame-Op3n"
HEAD = f'''"""t"""
import asyncio, os
PORT = int(os.environ["PORT"])
PLACE = dict(host="127.0.0.1", port=PORT, password="{PASSWORD}", db=3)
'''


def texts(run: Any, name: str) -> list[str]:
    return [span.sections["T"]["db.query.text"] for span in run.of(name)]


def secrets_stay(project: Any) -> None:
    data = b"".join(file.read_bytes() for file in (project.home / "spool").glob("*.spool"))
    assert PASSWORD.encode() not in data
    assert b"hunter-2" not in data


def test_commands_and_pipelines(project: Any, redis: int) -> None:
    source = (
        HEAD
        + """
import redis
def work():
    base = redis.Redis(**PLACE)
    assert base.set("user:1", "Ada") is True
    assert base.get("user:1") == b"Ada"
    base.set("password:1", "hunter-2")
    base.config_set("masterauth", "hunter-2")
    base.execute_command("AUTH", "sesame-Op3n")
    base.hset("h", mapping={"name": "Ada", "api_token": "hunter-2"})
    with base.pipeline() as pipeline:
        pipeline.watch("n")
        pipeline.multi()
        pipeline.incr("n").incrby("n", 4)
        assert len(pipeline.execute()) == 2
    try: base.lpush("user:1", "x")
    except redis.ResponseError as error: assert "WRONGTYPE" in str(error)
    base.close()
work()
"""
    )
    run = project.trace(source, PORT=str(redis))
    assert set(run.paths()) == {"work", "work > redis.execute", "work > redis.pipeline"}
    assert texts(run, "redis.execute") == [
        "SET user:1 Ada",
        "GET user:1",
        "SET password:1 ***",
        "CONFIG SET masterauth ***",
        "AUTH ***",
        "HSET h name Ada api_token ***",
        "WATCH n",
        "LPUSH user:1 x",
    ]
    assert run.of("redis.execute")[0].sections["T"] == {
        "db.system.name": "redis",
        "server.address": "127.0.0.1",
        "server.port": redis,
        "db.namespace": "3",
        "db.operation.name": "SET",
        "db.query.text": "SET user:1 Ada",
    }
    assert texts(run, "redis.pipeline") == ["INCRBY n 1\nINCRBY n 4"]
    assert run.one("redis.pipeline").sections["T"]["db.operation.batch.size"] == 2
    assert run.of("redis.execute")[-1].sections["T"]["error.type"] == "redis.exceptions.ResponseError"
    secrets_stay(project)


def test_asyncio(project: Any, redis: int) -> None:
    source = (
        HEAD
        + """
import redis.asyncio, inspect
async def work():
    base = redis.asyncio.Redis(**PLACE)
    await base.set("a", 1)
    assert await base.get("a") == b"1"
    async with base.pipeline() as pipeline:
        assert await pipeline.set("b", "x").get("b").execute() == [True, b"x"]
    await base.aclose()
assert inspect.iscoroutinefunction(redis.asyncio.Redis.execute_command)
asyncio.run(work())
"""
    )
    run = project.trace(source, PORT=str(redis))
    assert run.paths() == ["work", *["work > redis.execute"] * 2, "work > redis.pipeline"]
    assert (texts(run, "redis.execute"), texts(run, "redis.pipeline")) == (["SET a 1", "GET a"], ["SET b x\nGET b"])
    secrets_stay(project)
