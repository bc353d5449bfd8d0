"""Everything at once that can come between two steps of a probe."""
import asyncio, gc, os, signal, sys, threading, time, weakref
def leaf(n, text="a"): return [n, text]
def deep(n): return n if n == 0 else deep(n - 1)
def guarded(n):
    try:
        return leaf(n)
    finally:
        leaf(-n)
def fails(n):
    if n % 7 == 0: raise ValueError(n)
    return n
def numbers(n):
    for i in range(n):
        try:
            yield leaf(i)
        except GeneratorExit:
            raise
class Finalized:
    def __del__(self): self.gone()
    def gone(self): leaf(0)
def on_signal(number, frame): leaf(number)
async def step(n):
    leaf(n)
    await asyncio.sleep(0)
    async with asyncio.Lock(): guarded(n)
    return n
async def tasks():
    await asyncio.gather(*[step(i) for i in range(20)])
def work(k):
    for i in range(60):
        guarded(i)
        try: fails(i)
        except ValueError: pass
        a = Finalized(); a.me = a
        held = numbers(5); next(held)
        if i % 3: held.close()
        for _ in numbers(3): leaf(i, "x" * (i % 900))
    asyncio.run(tasks())
def limit():
    try: deep(10 ** 6)
    except RecursionError: return "limit"
signal.signal(signal.SIGALRM, on_signal)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
if hasattr(sys, "setswitchinterval"): sys.setswitchinterval(1e-5)
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
work(9)
for t in threads: t.join()
signal.setitimer(signal.ITIMER_REAL, 0)
gc.collect()  # a finalizer that the collector runs at the limit fails, traced or not
print(limit(), limit())
child = os.fork()
if child == 0:
    work(1); os._exit(0)
print(os.waitpid(child, 0)[1])
gc.collect()
keep = Finalized()
late = numbers(3); next(late)
