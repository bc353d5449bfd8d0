"""Syntax of Python 3.11 and 3.12 (type parameters only where the interpreter knows them)."""
import asyncio, sys

def matched(value):
    match value:
        case [1, x, *rest] if len(rest) > 0:
            return ("list", x, rest)
        case {"k": k, **others}:
            return ("dict", k, others)
        case complex(real=r):
            return ("complex", r)
        case str() | bytes():
            return "text"
        case _:
            return None

def groups():
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError as group:
        seen = len(group.exceptions)
    except* TypeError:
        seen += 1
    return seen

async def work(n):
    await asyncio.sleep(0)
    return n

async def grouped():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(n)) for n in range(3)]
    return [task.result() for task in tasks]

NEW = '''
type Pair[T] = tuple[T, T]
def first[T: int](pair: Pair[T]) -> T:
    return pair[0]
class Box[T]:
    def get(self, v: T) -> T:
        return v
'''

def main():
    for value in ([1, 2, 3], {"k": 1, "j": 2}, 1j, "s", 5):
        print(matched(value))
    print(groups(), asyncio.run(grouped()))
    if sys.version_info >= (3, 12):
        space = {}
        exec(NEW, space)
        print(space["first"]((1, 2)), space["Box"]().get(3))

main()
