/* Bytes that grow, and msgpack written to them: the same bytes as msgpack.py writes. */
/* `data` is `own` of the holder until more is needed. */
typedef struct {
    u8 *data;
    u32 length, room;
    u8 *own;
} Bytes;

static NEVER_INLINE int bytes_grow(Bytes *b, size_t more)
{
    size_t room = (size_t)b->length + more + b->room;
    u8 *data;
    if (room > 0x7fffffff || (data = PyMem_Malloc(room)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(data, b->data, b->length);
    if (b->data != b->own)
        PyMem_Free(b->data);
    b->data = data;
    b->room = (u32)room;
    return 0;
}

static inline void bytes_free(Bytes *b)
{
    if (unlikely(b->data != b->own))
        PyMem_Free(b->data);
    b->data = b->own;
}

#define NEED(b, n) do { if (unlikely((size_t)(b)->room - (b)->length < (size_t)(n)) && bytes_grow((b), (n)) < 0) return -1; } while (0)

static inline void put1(Bytes *b, u8 value)
{
    b->data[b->length++] = value;
}

static inline void put_big(Bytes *b, u8 tag, u64 value, int width)
{
    b->data[b->length++] = tag;
    for (int i = width - 1; i >= 0; i--)
        b->data[b->length++] = (u8)(value >> (8 * i));
}

static inline int put_raw(Bytes *b, const void *data, size_t length)
{
    NEED(b, length);
    memcpy(b->data + b->length, data, length);
    b->length += (u32)length;
    return 0;
}

static inline int put_unsigned(Bytes *b, u64 value)
{
    NEED(b, 9);
    if (likely(value < 128))
        put1(b, (u8)value);
    else if (value < 256)
        put_big(b, 0xCC, value, 1);
    else if (value < 65536)
        put_big(b, 0xCD, value, 2);
    else if (value < 4294967296u)
        put_big(b, 0xCE, value, 4);
    else
        put_big(b, 0xCF, value, 8);
    return 0;
}

static inline int put_signed(Bytes *b, i64 value)
{
    if (likely(value >= 0))
        return put_unsigned(b, (u64)value);
    NEED(b, 9);
    if (value >= -32)
        put1(b, (u8)value);
    else
        put_big(b, 0xD3, (u64)value, 8);
    return 0;
}

/* Heads of arrays (0x90, 0xDC) and maps (0x80, 0xDE). */
static inline int put_head(Bytes *b, u8 small, u8 wide, size_t n)
{
    NEED(b, 5);
    if (n < 16)
        put1(b, (u8)(small | n));
    else if (n < 65536)
        put_big(b, wide, n, 2);
    else
        put_big(b, wide + 1, n, 4);
    return 0;
}

static size_t ext_head(u8 *head, u8 code, size_t length)
{
    u8 fixed = length == 1 ? 0xD4 : length == 2 ? 0xD5 : length == 4 ? 0xD6 : length == 8 ? 0xD7 : length == 16 ? 0xD8 : 0;
    size_t n = 0;
    if (fixed)
        head[n++] = fixed;
    else if (length < 256) {
        head[n++] = 0xC7;
        head[n++] = (u8)length;
    }
    else {
        int width = length < 65536 ? 2 : 4;
        head[n++] = width == 2 ? 0xC8 : 0xC9;
        while (width--)
            head[n++] = (u8)(length >> (8 * width));
    }
    head[n++] = code;
    return n;
}

/* Put `count` bytes of `head` in at `at`, moving what stands behind. */
static int put_before(Bytes *b, u32 at, const u8 *head, size_t count)
{
    NEED(b, count);
    memmove(b->data + at + count, b->data + at, b->length - at);
    memcpy(b->data + at, head, count);
    b->length += (u32)count;
    return 0;
}

/* Make what stands from `at` on the body of an extension value. */
static int wrap_ext(Bytes *b, u32 at, u8 code)
{
    u8 head[8];
    return put_before(b, at, head, ext_head(head, code, b->length - at));
}

/* An extension value whose body is written between these two: room is kept for the likeliest head. */
enum { EXT_KEPT = 3 };

static inline int ext_begin(Bytes *b)
{
    NEED(b, EXT_KEPT);
    b->length += EXT_KEPT;
    return 0;
}

static int ext_end(Bytes *b, u32 at, u8 code)
{
    u8 head[8];
    u32 length = b->length - at - EXT_KEPT;
    size_t count = ext_head(head, code, length);
    if (unlikely(count != EXT_KEPT)) {
        NEED(b, count);
        memmove(b->data + at + count, b->data + at + EXT_KEPT, length);
        b->length = at + (u32)count + length;
    }
    memcpy(b->data + at, head, count);
    return 0;
}

static inline int text_head(Bytes *b, size_t n)
{
    NEED(b, 5 + n);
    if (likely(n < 32))
        put1(b, (u8)(0xA0 | n));
    else if (n < 256)
        put_big(b, 0xD9, n, 1);
    else if (n < 65536)
        put_big(b, 0xDA, n, 2);
    else
        put_big(b, 0xDB, n, 4);
    return 0;
}

/* The first `count` characters of a str as UTF-8; lone surrogates become '?'. */
static int put_text(Bytes *b, PyObject *text, Py_ssize_t count)
{
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    size_t n = 0;
    u8 *p;
    if (likely(PyUnicode_IS_ASCII(text))) {
        if (text_head(b, (size_t)count) < 0)
            return -1;
        memcpy(b->data + b->length, data, (size_t)count);
        b->length += (u32)count;
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        n += c < 0x80 ? 1 : c < 0x800 ? 2 : c >= 0xD800 && c < 0xE000 ? 1 : c < 0x10000 ? 3 : 4;
    }
    if (text_head(b, n) < 0)
        return -1;
    p = b->data + b->length;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c < 0x80)
            *p++ = (u8)c;
        else if (c < 0x800) {
            *p++ = (u8)(0xC0 | c >> 6);
            *p++ = (u8)(0x80 | (c & 63));
        }
        else if (c >= 0xD800 && c < 0xE000)
            *p++ = '?';
        else if (c < 0x10000) {
            *p++ = (u8)(0xE0 | c >> 12);
            *p++ = (u8)(0x80 | ((c >> 6) & 63));
            *p++ = (u8)(0x80 | (c & 63));
        }
        else {
            *p++ = (u8)(0xF0 | c >> 18);
            *p++ = (u8)(0x80 | ((c >> 12) & 63));
            *p++ = (u8)(0x80 | ((c >> 6) & 63));
            *p++ = (u8)(0x80 | (c & 63));
        }
    }
    b->length += (u32)n;
    return 0;
}
