/* The spool: records straight into the mapped file of docs/spool-format.md. The GIL is the lock: nothing here runs Python code between
 * choosing a place and committing the record there. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT = 65536, HEADER_BYTES = 4096, CHUNK_HEADER = 32, RECORD_BYTES = 48, CHECK_GROUPS = 16, CHECKS_BYTES = 192 };
enum { KIND_SPAN = 1, KIND_OPEN = 2, KIND_EVENT = 3, KIND_DEFINITION = 4, KIND_AGGREGATE = 5, KIND_END = 6 };
#define CHUNK_MAGIC 0x3143544Du

typedef struct {
    u64 tick;
    u32 duration, self, seq, parent, trace, fn, length;
    u16 depth, thread;
    u8 kind, flags;
    u16 err;
    u32 count;
} Record;
typedef char record_is_48_bytes[sizeof(Record) == RECORD_BYTES ? 1 : -1];

typedef struct {
    u32 magic;
    u8 state, type;
    u16 slots;
    u32 n, payload, crc, check;
    u64 reserved;
} ChunkHeader;

static struct {
    u8 *at, *top;      /* the next record's place; where its payload must end */
    u8 *start, *end;   /* the open chunk; NULL when there is none */
    u8 *map;           /* the mapped stretch of the file */
    size_t map_bytes;
    u64 map_at;        /* its offset in the file */
    u64 next_slot, allocated, limit_bytes, dropped;
    u32 n;
    int file, closed;
    int stopped;       /* no room was left: 1, and 2 once the slot in reserve is in use */
    dev_t device;      /* what `file` must stand for */
    ino_t inode;
    char *path;
} spool = {.file = -1, .closed = 1};

#include "core_open.h"

/* --- CRC-32 as zlib computes it. A chunk of 64 KB costs a few microseconds by carry-less multiplication, forty by table. --- */
static u32 crc_table[8][256];

static void crc_prepare(void)
{
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        crc_table[0][i] = c;
    }
    for (u32 i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            crc_table[k][i] = crc_table[0][crc_table[k - 1][i] & 255] ^ (crc_table[k - 1][i] >> 8);
}

static u32 crc_by_table(u32 crc, const u8 *data, size_t length) /* crc: inverted already */
{
    while (length >= 8) {
        u32 a, b;
        memcpy(&a, data, 4);
        memcpy(&b, data + 4, 4);
        a ^= crc;
        crc = crc_table[7][a & 255] ^ crc_table[6][(a >> 8) & 255] ^ crc_table[5][(a >> 16) & 255] ^ crc_table[4][a >> 24]
            ^ crc_table[3][b & 255] ^ crc_table[2][(b >> 8) & 255] ^ crc_table[1][(b >> 16) & 255] ^ crc_table[0][b >> 24];
        data += 8;
        length -= 8;
    }
    while (length--)
        crc = crc_table[0][(crc ^ *data++) & 255] ^ (crc >> 8);
    return crc;
}

#ifdef HAVE_COUNTER /* x86-64 with GCC or Clang */
#include <immintrin.h>
/* Folding by four, constants of "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ" (Intel, 2009). At least 64 bytes, times 16. */
__attribute__((target("pclmul,sse4.1"))) static u32 crc_by_folding(u32 crc, const u8 *data, size_t length)
{
    const __m128i k12 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), k34 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i k5 = _mm_set_epi64x(0, 0x0163cd6124), poly = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low = _mm_setr_epi32(-1, 0, -1, 0);
    const __m128i *in = (const __m128i *)data;
    __m128i x[4], y;
    for (int i = 0; i < 4; i++)
        x[i] = _mm_loadu_si128(in++);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    for (length -= 64; length >= 64; length -= 64)
        for (int i = 0; i < 4; i++)
            x[i] = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x[i], k12, 0x00), _mm_clmulepi64_si128(x[i], k12, 0x11)),
                                 _mm_loadu_si128(in++));
    for (int i = 1; i < 4; i++)
        x[0] = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x[0], k34, 0x00), _mm_clmulepi64_si128(x[0], k34, 0x11)), x[i]);
    for (; length >= 16; length -= 16)
        x[0] = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x[0], k34, 0x00), _mm_clmulepi64_si128(x[0], k34, 0x11)),
                             _mm_loadu_si128(in++));
    y = _mm_clmulepi64_si128(x[0], k34, 0x10);
    x[0] = _mm_xor_si128(_mm_srli_si128(x[0], 8), y);
    y = _mm_srli_si128(x[0], 4);
    x[0] = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(x[0], low), k5, 0x00), y);
    y = _mm_clmulepi64_si128(_mm_and_si128(x[0], low), poly, 0x10);
    y = _mm_clmulepi64_si128(_mm_and_si128(y, low), poly, 0x00);
    return (u32)_mm_extract_epi32(_mm_xor_si128(x[0], y), 1);
}
static int can_fold;
#endif

static u32 crc_more(u32 crc, const u8 *data, size_t length)
{
    crc = ~crc;
#ifdef HAVE_COUNTER
    if (can_fold && length >= 64) {
        size_t folded = length & ~(size_t)15;
        crc = crc_by_folding(crc, data, folded);
        data += folded;
        length -= folded;
    }
#endif
    return ~crc_by_table(crc, data, length);
}

/* crc32(bytes): for tests */
static PyObject *spool_crc(PyObject *self, PyObject *data)
{
    if (!PyBytes_Check(data))
        return PyErr_Format(PyExc_TypeError, "bytes expected");
    return PyLong_FromUnsignedLong(crc_more(0, (const u8 *)PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)));
}

/* --- chunks --- */
/* The table of checks, below the payload: of groups of records, each checksum going on from the one before. Returns the last, of everything. */
static u32 chunk_checks(void)
{
    const Record *r = (const Record *)(spool.start + CHUNK_HEADER);
    struct { u32 records, payload_bytes, payload; } table[CHECK_GROUPS];
    u32 crc = 0, bytes = 0, step = spool.n ? (spool.n + CHECK_GROUPS - 1) / CHECK_GROUPS : 1;
    u8 *begin = spool.top;
    for (u32 g = 0; g < CHECK_GROUPS; g++) {
        u32 first = g * step < spool.n ? g * step : spool.n, stop = first + step < spool.n ? first + step : spool.n;
        for (u32 i = first; i < stop; i++)
            bytes += r[i].length;
        table[g].records = crc = crc_more(crc, (const u8 *)(r + first), (size_t)(stop - first) * RECORD_BYTES);
        table[g].payload_bytes = bytes;
    }
    for (u32 g = CHECK_GROUPS; g-- > 0;) {
        u8 *end = spool.end - (g ? table[g - 1].payload_bytes : 0);
        table[g].payload = crc = crc_more(crc, begin, (size_t)(end - begin));
        begin = end;
    }
    memcpy(spool.top - CHECKS_BYTES, table, CHECKS_BYTES);
    return crc;
}

static void chunk_seal(void)
{
    ChunkHeader *head = (ChunkHeader *)spool.start;
    if (head == NULL)
        return;
    head->crc = chunk_checks();
    head->check = crc_more(0, spool.top - CHECKS_BYTES, CHECKS_BYTES);
    __atomic_store_n(&head->state, 2, __ATOMIC_RELEASE);
    spool.start = NULL;
}

static void spool_unmap(void)
{
    if (spool.map != NULL)
        munmap(spool.map, spool.map_bytes);
    spool.map = NULL;
    spool.start = spool.end = spool.at = spool.top = NULL;
}

static int spool_owns_file(void)
{
    struct stat status;
    return fstat(spool.file, &status) == 0 && status.st_dev == spool.device && status.st_ino == spool.inode;
}

/* Programs that become daemons close descriptors they don't know, and the number may be another file's by now: then open ours anew. */
static int spool_reopen_if_closed(void)
{
    if (spool_owns_file())
        return 0;
    spool.file = open(spool.path, O_RDWR | O_CLOEXEC);
    return spool.file < 0 || !spool_owns_file() ? -1 : 0;
}

/* Better figures for the header's clock rate, while the file is ours anyway. */
static void header_clock(void)
{
    clock_rate(0);
    if (use_counter && spool_owns_file() && pwrite(spool.file, &ns_per_tick, 8, 32) != 8)
        return; /* the rate of the start stands */
}

/* Give a stretch of the file its blocks. 0, or an errno; -1 at the size limit. */
static int allocate(u64 begin, u64 bytes)
{
    if (begin + bytes > spool.limit_bytes)
        return -1;
#ifdef __linux__
    return posix_fallocate(spool.file, (off_t)begin, (off_t)bytes);
#else
    return ftruncate(spool.file, (off_t)(begin + bytes)) ? errno : 0;
#endif
}

/* Map a further stretch, and behind it the slot in reserve for the end of the run. Its blocks are allocated first, so that a write to the map
 * cannot fail for lack of space. What was mapped stays where there is no room. 0, or an errno; -1 at the size limit. */
static int spool_grow(u64 slots)
{
    static const u64 growth[] = {4, 16, 64};
    u64 more = growth[spool.allocated <= 1 ? 0 : spool.allocated < 21 ? 1 : 2], begin = HEADER_BYTES + spool.next_slot * SLOT;
    u64 page = (u64)sysconf(_SC_PAGESIZE), lead = begin % page;
    size_t bytes;
    u8 *map;
    int failure;
    if (more < slots)
        more = slots;
    if (spool_reopen_if_closed() < 0)
        return errno ? errno : EBADF;
    failure = allocate(begin, (more + 1) * SLOT);
    if (failure && more > slots) { /* not so much: as little as will do */
        more = slots;
        failure = allocate(begin, (more + 1) * SLOT);
    }
    if (failure)
        return failure;
    bytes = (size_t)((more + 1) * SLOT + lead);
    map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, spool.file, (off_t)(begin - lead));
    if (map == MAP_FAILED)
        return errno;
    spool_unmap();
    spool.map = map;
    spool.map_bytes = bytes;
    spool.map_at = begin - lead;
#ifdef __linux__
    madvise(spool.map, spool.map_bytes - SLOT, 23); /* MADV_POPULATE_WRITE: one call instead of a fault a page; an older kernel says no */
#endif
    spool.allocated = spool.next_slot + more;
    header_clock();
    return 0;
}

/* Open a chunk of mapped slots. */
static void chunk_begin(u64 slots)
{
    ChunkHeader *head;
    spool.start = spool.map + (HEADER_BYTES + spool.next_slot * SLOT - spool.map_at);
    spool.end = spool.top = spool.start + slots * SLOT;
    spool.at = spool.start + CHUNK_HEADER;
    spool.n = 0;
    spool.next_slot += slots;
    head = (ChunkHeader *)spool.start;
    memset(head, 0, sizeof *head);
    head->slots = (u16)slots;
    head->type = 1;
    head->state = 1;
    __atomic_store_n(&head->magic, CHUNK_MAGIC, __ATOMIC_RELEASE);
}

/* Seal the open chunk and open one with room for a payload of `length`. As spool_grow. */
static int chunk_open(size_t length)
{
    u64 slots = (CHUNK_HEADER + RECORD_BYTES + CHECKS_BYTES + length + SLOT - 1) / SLOT;
    int failure;
    chunk_seal();
    if (slots > 65535)
        return EFBIG;
    if (spool.map == NULL || spool.next_slot + slots > spool.allocated) {
        failure = spool_grow(slots);
        if (failure)
            return failure;
    }
    chunk_begin(slots);
    return 0;
}

/* No room: the program goes on, its calls are only counted, and the user is told once. Runs Python code. */
static void spool_stop(int failure)
{
    PyObject *text, *answer = NULL;
    spool.closed = spool.stopped = 1;
    spool.at = spool.top = NULL;
    if (failure < 0)
        text = PyUnicode_FromFormat("the spool file reached its limit of %llu bytes", (unsigned long long)spool.limit_bytes);
    else
        text = PyUnicode_FromString(strerror(failure));
    if (text != NULL && py.stopped != NULL)
        answer = PyObject_CallFunctionObjArgs(py.stopped, text, NULL);
    if (answer == NULL)
        PyErr_Clear();
    Py_XDECREF(answer);
    Py_XDECREF(text);
}

/* A place for one more record with `length` bytes of payload, or NULL where none is to be had. */
static NEVER_INLINE Record *spool_room(size_t length)
{
    int failure;
    if (!spool.closed) {
        failure = chunk_open(length);
        if (failure == 0)
            return (Record *)spool.at;
        spool_stop(failure);
    }
    return NULL;
}

/* The slot in reserve, for the end of a run that found no room. */
static Record *spool_last_room(size_t length)
{
    if (spool.stopped != 1 || spool.map == NULL || CHUNK_HEADER + RECORD_BYTES + CHECKS_BYTES + length > SLOT)
        return NULL;
    spool.stopped = 2;
    chunk_begin(1);
    return (Record *)spool.at;
}

static u64 spool_took; /* ticks that making room took: rare and dear, so measured every time */

static NEVER_INLINE Record *spool_new_room(size_t length)
{
    u64 before = ticks();
    Record *r = spool_room(length);
    spool_took += ticks() - before;
    return r;
}

static inline Record *spool_place(size_t length)
{
    if (likely((size_t)(spool.top - spool.at) >= RECORD_BYTES + CHECKS_BYTES + length && spool.at != NULL))
        return (Record *)spool.at;
    return spool_new_room(length);
}

/* The record at spool.at and its payload are written: let them count. */
static inline void spool_commit(size_t length)
{
    ChunkHeader *head = (ChunkHeader *)spool.start;
    spool.at += RECORD_BYTES;
    spool.top -= length;
    head->payload = (u32)(spool.end - spool.top);
    __atomic_store_n(&head->n, ++spool.n, __ATOMIC_RELEASE);
}

static void open_spans_leave_table(void);

/* In a child of fork: the file is the parent's. The Python side opens a new one; a child that never runs Python stays silent. */
static void spool_after_fork(void)
{
    spool.closed = 1;
    spool.start = spool.end = spool.at = spool.top = NULL;
    open_spans_leave_table();
    open_table.free = 0; /* the parent's entries: unmapped once the Python side lets go of its file */
}

static int spool_begin(void)
{
    crc_prepare();
#ifdef HAVE_COUNTER
    can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
    if (pthread_atfork(NULL, NULL, spool_after_fork) != 0) {
        PyErr_SetString(PyExc_ImportError, "pthread_atfork failed");
        return -1;
    }
    return 0;
}

/* Make the first slot the table of open spans. As spool_grow. */
static int spool_table(void)
{
    int failure = allocate(HEADER_BYTES, SLOT);
    if (!failure)
        failure = open_table_map(spool.file);
    spool.next_slot = spool.allocated = 1;
    return failure;
}

/* spool_open(file descriptor, limit in bytes, path): write here from now on; the header is there already. */
static PyObject *spool_open(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    int failure;
    struct stat status;
    open_spans_leave_table();
    open_table_unmap();
    spool_unmap();
    PyMem_Free(spool.path);
    memset(&spool, 0, sizeof spool);
    spool.closed = 1;
    spool.file = (int)PyLong_AsLong(args[0]);
    spool.limit_bytes = PyLong_AsUnsignedLongLong(args[1]);
    if (PyErr_Occurred() || count != 3 || !PyBytes_Check(args[2]))
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "spool_open(file, limit, path)");
    spool.path = PyMem_Malloc((size_t)PyBytes_GET_SIZE(args[2]) + 1);
    if (spool.path == NULL)
        return PyErr_NoMemory();
    memcpy(spool.path, PyBytes_AS_STRING(args[2]), (size_t)PyBytes_GET_SIZE(args[2]) + 1);
    if (fstat(spool.file, &status) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    spool.device = status.st_dev;
    spool.inode = status.st_ino;
    spool.closed = 0;
    failure = spool_table();
    if (!failure)
        failure = chunk_open(0);
    if (failure) {
        spool.closed = 1;
        if (failure > 0) {
            errno = failure;
            return PyErr_SetFromErrno(PyExc_OSError);
        }
        return PyErr_Format(PyExc_OSError, "the spool file reached its limit of %llu bytes", (unsigned long long)spool.limit_bytes);
    }
    Py_RETURN_NONE;
}

/* spool_close(): seal what is open and give unused space back. */
static PyObject *spool_close(PyObject *self, PyObject *unused)
{
    int failed = 0;
    if (spool.path == NULL)
        Py_RETURN_NONE;
    chunk_seal();
    if (!spool.closed)
        header_clock();
    spool.closed = 1;
    open_spans_leave_table();
    open_table_unmap();
    spool_unmap();
    if (spool_reopen_if_closed() < 0)
        failed = 1;
    else {
        failed = ftruncate(spool.file, (off_t)(HEADER_BYTES + spool.next_slot * SLOT)) < 0;
        close(spool.file);
    }
    spool.file = -1;
    PyMem_Free(spool.path);
    spool.path = NULL;
    if (failed)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

/* spool_forget(): in a forked child, let go of the parent's file without a trace in it. */
static PyObject *spool_forget(PyObject *self, PyObject *unused)
{
    spool.closed = 1;
    open_spans_leave_table();
    open_table_unmap();
    spool_unmap();
    if (spool.path != NULL && spool_owns_file())
        close(spool.file);
    spool.file = -1;
    Py_RETURN_NONE;
}

/* put(fields, payload): one record of the format's fields in their order. */
static PyObject *spool_put(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    u64 f[14];
    size_t length;
    Record *r;
    if (count != 2 || !PyTuple_Check(args[0]) || PyTuple_GET_SIZE(args[0]) != 14 || !PyBytes_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "put(14 fields, bytes)");
    for (int i = 0; i < 14; i++) {
        f[i] = PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(args[0], i));
        if (f[i] == (u64)-1 && PyErr_Occurred())
            return NULL;
    }
    length = (size_t)PyBytes_GET_SIZE(args[1]);
    r = spool_place(length);
    if (r == NULL && f[10] == KIND_END)
        r = spool_last_room(length);
    if (r == NULL && (f[10] == KIND_SPAN || f[10] == KIND_AGGREGATE))
        spool.dropped += f[10] == KIND_SPAN ? 1 : f[13];
    if (r != NULL) {
        memcpy(spool.top - length, PyBytes_AS_STRING(args[1]), length);
        *r = (Record){f[0], (u32)f[1], (u32)f[2], (u32)f[3], (u32)f[4], (u32)f[5], (u32)f[6], (u32)length,
                      (u16)f[8], (u16)f[9], (u8)f[10], (u8)f[11], (u16)f[12], (u32)f[13]};
        spool_commit(length);
    }
    Py_RETURN_NONE;
}
