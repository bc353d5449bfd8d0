/* How deep values are captured: whole where that is affordable, brief elsewhere. detail.py and decision 0008 say by what rule. */
enum { BRIEF, WHOLE, CHARGED, UNSEEN = 4 }; /* of one call; CHARGED: whole, and its time counts; UNSEEN: its parameters are read when it ends */
typedef struct {
    int eager; /* calls to come that are whole whatever that costs; -1: all are */
    int fails; /* failing ones, likewise */
    u64 due;   /* since when whole captures are affordable again (a tick); the past: how much is saved up */
} Detail;

static struct {
    double price;           /* ticks to wait for each tick of capturing */
    u64 burst, least, most; /* ticks: what can be saved up; what one capture counts as */
    u64 due;                /* as Detail.due, for the process */
    u64 now;                /* the latest instant that a probe looked at: good enough here, and free */
} detail;

enum { DETAIL_STEPS = 10, DETAIL_PART = 8, DETAIL_FIRST = 32, DETAIL_FREE = 4 };
#define DETAIL_NEVER ~(u64)0

/* Whether the process can pay for a whole capture: out of its share of the time, and only where the governor's budget is kept. */
static inline int detail_affordable(void)
{
    return detail.due <= detail.now && !governor.tight;
}

/* One of the first calls: whole, but where the governor keeps a budget those after the very first must be affordable for the process. */
static NEVER_INLINE int detail_choose_early(Detail *d)
{
    int spare = d->eager > 0 && d->eager <= DETAIL_FIRST - DETAIL_FREE;
    d->eager -= d->eager > 0;
    if (!spare || !governor.on || d->due == DETAIL_NEVER)
        return WHOLE;
    return detail_affordable() ? CHARGED : BRIEF;
}

/* As detail.choose. */
static inline int detail_choose(Detail *d)
{
    if (unlikely(d->eager))
        return detail_choose_early(d);
    return unlikely(d->due <= detail.now) && detail_affordable() ? CHARGED : BRIEF;
}

/* As detail.choose_failed: of a failing call whose values were brief. */
static inline int detail_choose_failed(Detail *d)
{
    if (unlikely(d->fails > 0)) {
        d->fails--;
        return WHOLE;
    }
    return d->due <= detail.now && detail_affordable() ? CHARGED : BRIEF;
}

static inline u64 detail_saved(u64 due, u64 burst)
{
    u64 earliest = detail.now > burst ? detail.now - burst : 0;
    return due > earliest ? due : earliest;
}

/* As detail.charge. */
static NEVER_INLINE void detail_charge(Detail *d, u64 took)
{
    u64 price, used;
    took = took < detail.least ? detail.least : took > detail.most ? detail.most : took;
    price = (u64)((double)took * detail.price);
    detail.due = detail_saved(detail.due, detail.burst) + price;
    used = (detail.due + detail.burst - detail.now) * DETAIL_STEPS / detail.burst;
    d->due = detail_saved(d->due, detail.burst / DETAIL_PART) + (price << (used < DETAIL_STEPS ? used : DETAIL_STEPS));
}

/* When a capture begins: the time, if it is charged; else 0. */
static inline u64 detail_begins(int chosen)
{
    return unlikely(chosen == CHARGED) ? (detail.now = ticks()) : 0;
}

/* It ends, and has made `bytes`: each costs about a nanosecond more until it lies in the file (pages, copies, the checksum). */
static inline void detail_ends(Detail *d, u64 before, u32 bytes)
{
    if (unlikely(before)) {
        detail.now = ticks();
        detail_charge(d, detail.now - before + (u64)(bytes / ns_per_tick));
        governor.spent += detail.now - before < INTERRUPTED ? detail.now - before : 0;
    }
}

/* detail_rule(price, burst, least, most): what detail.py settled, in ticks */
static PyObject *detail_rule(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    detail.price = PyFloat_AsDouble(args[0]);
    detail.burst = PyLong_AsUnsignedLongLong(args[1]);
    detail.least = PyLong_AsUnsignedLongLong(args[2]);
    detail.most = PyLong_AsUnsignedLongLong(args[3]);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}
