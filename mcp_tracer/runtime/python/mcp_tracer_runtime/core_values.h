/* Values as msgpack: the same bytes as values.py writes, which stays the reference and does what is rare (sets, dates, functions, texts that
 * look like secrets). No code of the program runs: only exact built-in types are looked into, and of instances what lies in their dictionary
 * and slots. */
enum { VALUE_DEPTH = 4, VALUE_ITEMS = 20, VALUE_TEXT = 1000, SHAPE_TEXT = 4096 };

/* Bytes that grow. `data` is `own` of the holder until more is needed. */
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

/* --- redaction: what certainly holds no secret is known here, all else is asked in Python --- */
enum { MAX_LITERALS = 96, MAX_LITERAL = 32 };
static struct {
    int ready;                      /* the rules were handed over */
    int shortest, card_digits;
    int literals;
    u8 length[MAX_LITERALS];
    char literal[MAX_LITERALS][MAX_LITERAL]; /* lower case */
    u8 first[256];                  /* 1 + the first literal with this first byte, 0: none */
    u8 next[MAX_LITERALS];
    u8 pairs[65536 / 8];            /* first two bytes of a literal */
    PyObject *exact, *suffix, *contains; /* frozenset, tuple, tuple of str */
    PyObject *known;                /* {name: bool} */
} redaction;
static u8 lower[256];
static struct { PyObject *name; int secret; } recent_names[1024];
static struct { Py_hash_t hash; Py_ssize_t length; } harmless[512];

/* redaction(exact, suffix, contains, shortest, card digits, literals): the rules. A shape is possible only where one of the literals
 * (lower-case bytes, at least 2) stands or that many digits. */
static PyObject *values_redaction(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n;
    if (count != 6 || !PyFrozenSet_Check(args[0]) || !PyTuple_Check(args[1]) || !PyTuple_Check(args[2]) || !PyTuple_Check(args[5]))
        return PyErr_Format(PyExc_TypeError, "redaction(exact, suffix, contains, shortest, digits, literals)");
    n = PyTuple_GET_SIZE(args[5]);
    if (n > MAX_LITERALS)
        return PyErr_Format(PyExc_ValueError, "too many literals");
    for (int i = 0; i < 256; i++)
        lower[i] = (u8)(i >= 'A' && i <= 'Z' ? i + 32 : i);
    memset(redaction.pairs, 0, sizeof redaction.pairs);
    memset(redaction.first, 0, sizeof redaction.first);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(args[5], i);
        Py_ssize_t length = PyBytes_Check(item) ? PyBytes_GET_SIZE(item) : 0;
        const u8 *data;
        if (length < 2 || length > MAX_LITERAL)
            return PyErr_Format(PyExc_ValueError, "a literal of 2 to 32 bytes");
        data = (const u8 *)PyBytes_AS_STRING(item);
        memcpy(redaction.literal[i], data, (size_t)length);
        redaction.length[i] = (u8)length;
        redaction.next[i] = redaction.first[data[0]];
        redaction.first[data[0]] = (u8)(i + 1);
        redaction.pairs[(data[0] << 8 | data[1]) >> 3] |= (u8)(1 << (data[1] & 7));
    }
    redaction.shortest = (int)PyLong_AsLong(args[3]);
    redaction.card_digits = (int)PyLong_AsLong(args[4]);
    if (PyErr_Occurred())
        return NULL;
    if (redaction.known == NULL && (redaction.known = PyDict_New()) == NULL)
        return NULL;
    Py_INCREF(args[0]);
    Py_XSETREF(redaction.exact, args[0]);
    Py_INCREF(args[1]);
    Py_XSETREF(redaction.suffix, args[1]);
    Py_INCREF(args[2]);
    Py_XSETREF(redaction.contains, args[2]);
    redaction.ready = 1;
    Py_RETURN_NONE;
}

static int literal_at(const u8 *data, Py_ssize_t left)
{
    for (int i = redaction.first[lower[data[0]]]; i; i = redaction.next[i - 1]) {
        int length = redaction.length[i - 1], k = 1;
        if (length > left)
            continue;
        while (k < length && lower[data[k]] == (u8)redaction.literal[i - 1][k])
            k++;
        if (k == length)
            return 1;
    }
    return 0;
}

/* Whether a secret shape may stand in these bytes (Latin-1). */
static int bytes_suspicious(const u8 *data, Py_ssize_t n)
{
    int digits = 0;
    u32 before = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        u32 c = lower[data[i]], pair = before << 8 | c;
        before = c;
        if (unlikely(redaction.pairs[pair >> 3] & (1 << (pair & 7))) && literal_at(data + i - 1, n - i + 1))
            return 1;
        if (c - '0' < 10u) {
            if (++digits >= redaction.card_digits)
                return 1;
        }
        else if (c != ' ' && c != '-')
            digits = 0;
    }
    return 0;
}

static int text_suspicious(PyObject *text)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(text);
    if (n < redaction.shortest && redaction.ready)
        return 0;
    if (!redaction.ready || redaction.card_digits == 0)
        return 1;
    if (n > SHAPE_TEXT)
        n = SHAPE_TEXT;
    if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) {
        const u8 *data = PyUnicode_DATA(text);
        Py_hash_t hash;
        size_t place;
        if (n < 64)
            return bytes_suspicious(data, n);
        hash = PyObject_Hash(text); /* long texts are passed on from call to call: remember those that are harmless */
        place = (size_t)hash & 511;
        if (harmless[place].hash == hash && harmless[place].length == PyUnicode_GET_LENGTH(text))
            return 0;
        if (bytes_suspicious(data, n))
            return 1;
        harmless[place].hash = hash;
        harmless[place].length = PyUnicode_GET_LENGTH(text);
        return 0;
    }
    {
        u8 narrow[SHAPE_TEXT];
        int kind = PyUnicode_KIND(text);
        const void *data = PyUnicode_DATA(text);
        for (Py_ssize_t i = 0; i < n; i++) {
            Py_UCS4 c = PyUnicode_READ(kind, data, i);
            if (c == 0x17F || c == 0x212A || c == 0x130 || c == 0x131) /* letters whose other case is ASCII */
                return 1;
            narrow[i] = c < 128 ? (u8)c : c >= 0x660 && Py_UNICODE_ISDECIMAL(c) ? '0' : 0x80;
        }
        return bytes_suspicious(narrow, n);
    }
}

/* The rule for names, as redact.Rules.secret_name. -1 with an exception. Runs no Python code. */
static int name_is_secret_by_rule(PyObject *name)
{
    PyObject *low, *folded = NULL, *part;
    int answer = -1;
    low = PyObject_CallMethod(name, "lower", NULL);
    for (int i = 0; low != NULL && i < 4; i++) {
        static const char *const dropped[] = {"_", "-", ".", " "};
        PyObject *next = PyObject_CallMethod(low, "replace", "ss", dropped[i], "");
        Py_SETREF(low, next);
    }
    folded = low;
    if (folded == NULL)
        return -1;
    answer = PySet_Contains(redaction.exact, folded);
    for (Py_ssize_t i = 0; answer == 0 && i < PyTuple_GET_SIZE(redaction.suffix); i++) {
        part = PyTuple_GET_ITEM(redaction.suffix, i);
        answer = (int)PyUnicode_Tailmatch(folded, part, 0, PY_SSIZE_T_MAX, 1);
    }
    for (Py_ssize_t i = 0; answer == 0 && i < PyTuple_GET_SIZE(redaction.contains); i++)
        answer = PyUnicode_Contains(folded, PyTuple_GET_ITEM(redaction.contains, i));
    Py_DECREF(folded);
    return answer;
}

static NEVER_INLINE int name_is_secret_first(PyObject *name, size_t place)
{
    PyObject *known = PyDict_GetItemWithError(redaction.known, name);
    int secret;
    if (known != NULL)
        secret = known == Py_True;
    else if (PyErr_Occurred() || (secret = name_is_secret_by_rule(name)) < 0) {
        PyErr_Clear();
        return 1;
    }
    else if (PyDict_GET_SIZE(redaction.known) < 5000 && PyDict_SetItem(redaction.known, name, secret ? Py_True : Py_False) < 0)
        PyErr_Clear();
    if (PyUnicode_GET_LENGTH(name) <= 64) {
        Py_INCREF(name);
        Py_XSETREF(recent_names[place].name, name);
        recent_names[place].secret = secret;
    }
    return secret;
}

static inline int name_is_secret(PyObject *name)
{
    size_t place = ((uintptr_t)name >> 4 ^ (uintptr_t)name >> 14) & 1023;
    if (likely(recent_names[place].name == name))
        return recent_names[place].secret;
    return redaction.ready ? name_is_secret_first(name, place) : 1;
}

/* --- instances: how those of a class are read is found out once a class, by values.plan --- */
typedef struct { PyObject *name; Py_ssize_t offset; } Field; /* name NULL: the instance's dictionary */
typedef struct {
    PyTypeObject *type;   /* borrowed; `tag` is what tells it from a later class in the same place */
    unsigned int tag;
    int in_python;
    u32 name_bytes, name_characters;
    u8 *name;             /* its msgpack */
    int fields;
    Field *field;
} Plan;
static Plan plans[1024];

/* The containers that a value stands in. `id` stays as it is until used: clearing it would cost more than most values. */
typedef struct { int count; const PyObject *id[16]; } Above;

static unsigned python_ran; /* counts calls into Python: what was looked up before may be out of date after one */
static int encode_value(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above);

static int encode_in_python(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    PyObject *ids, *encoded = NULL;
    int answer = -1;
    python_ran++;
    if (py.encode == NULL || (ids = PyTuple_New(above->count)) == NULL)
        return -1;
    for (int i = 0; i < above->count; i++) {
        PyObject *id = PyLong_FromVoidPtr((void *)above->id[i]);
        if (id == NULL)
            goto end;
        PyTuple_SET_ITEM(ids, i, id);
    }
    encoded = PyObject_CallFunction(py.encode, "OniO", value, room, depth, ids);
    if (encoded != NULL && PyBytes_Check(encoded))
        answer = put_raw(b, PyBytes_AS_STRING(encoded), (size_t)PyBytes_GET_SIZE(encoded));
end:
    Py_XDECREF(encoded);
    Py_DECREF(ids);
    return answer;
}

static int is_above(const Above *above, const PyObject *value)
{
    for (int i = 0; i < above->count; i++)
        if (above->id[i] == value)
            return 1;
    return 0;
}

/* Items, key by key: the state of reading one container. */
typedef struct { u32 written; Py_ssize_t room; int full; } Reading;

static inline int put_seen(Bytes *b)
{
    static const u8 seen[] = {0xC7, 0, 10};
    return put_raw(b, seen, 3);
}

static int encode_item(Bytes *b, PyObject *item, Reading *r, int depth, Above *above)
{
    u32 before = b->length;
    if (is_above(above, item) ? put_seen(b) : encode_value(b, item, r->room, depth - 1, above))
        return -1;
    r->room -= b->length - before;
    if (r->room < 0) {
        b->length = before;
        r->full = 1;
    }
    else
        r->written++;
    return 0;
}

static int encode_named(Bytes *b, PyObject *name, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    static const u8 by_name[] = {0xD6, 5, 'n', 'a', 'm', 'e'};
    if (value != Py_None && PyUnicode_CheckExact(name) && name_is_secret(name) && !PyBool_Check(value))
        return put_raw(b, by_name, 6);
    return encode_value(b, value, room, depth, above);
}

static int encode_pair(Bytes *b, PyObject *key, PyObject *item, Reading *r, int depth, Above *above)
{
    u32 before = b->length;
    if (encode_value(b, key, r->room, 1, above) < 0
        || (is_above(above, item) ? put_seen(b) : encode_named(b, key, item, r->room, depth - 1, above)) < 0)
        return -1;
    r->room -= b->length - before;
    if (r->room < 0) {
        b->length = before;
        r->full = 1;
    }
    else
        r->written++;
    return 0;
}

/* Heads are written when the items are known to fit, so first a place of the likely size is kept free and moved only if it was wrong. */
static int finish_array(Bytes *b, u32 at, u32 kept, size_t total, u32 written)
{
    u8 head[16];
    Bytes h = {head, 0, sizeof head, head};
    if (written < total && put_head(&h, 0x90, 0xDC, written + 1u) == 0)
        put_unsigned(&h, total);
    else
        put_head(&h, 0x90, 0xDC, written);
    if (h.length != kept) {
        NEED(b, 16);
        memmove(b->data + at + h.length, b->data + at + kept, b->length - at - kept);
        b->length += h.length - kept;
    }
    memcpy(b->data + at, head, h.length);
    return written < total ? wrap_ext(b, at, 2) : 0;
}

static int encode_list(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    Py_ssize_t n = PyList_GET_SIZE(value);
    u32 at = b->length, kept = n < 16 ? 1 : 3;
    Reading r = {0, room, 0};
    NEED(b, 8);
    if (n == 0) {
        put1(b, 0x90);
        return 0;
    }
    b->length += kept;
    if (depth > 0 && above->count < 15) {
        above->id[above->count++] = value;
        for (Py_ssize_t i = 0; i < VALUE_ITEMS && i < PyList_GET_SIZE(value) && !r.full; i++) {
            PyObject *item = PyList_GET_ITEM(value, i);
            int answer;
            Py_INCREF(item);
            answer = encode_item(b, item, &r, depth, above);
            Py_DECREF(item);
            if (answer < 0) {
                above->count--;
                return -1;
            }
        }
        above->count--;
    }
    return finish_array(b, at, kept, (size_t)n > r.written ? (size_t)n : r.written, r.written);
}

static int encode_tuple(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    static const u8 name[] = {0xA5, 't', 'u', 'p', 'l', 'e'};
    Py_ssize_t n = PyTuple_GET_SIZE(value);
    u32 at = b->length, body;
    Reading r = {0, room, 0};
    if (n > 14) /* one head for all that is common */
        return encode_in_python(b, value, room, depth, above);
    NEED(b, 8);
    put1(b, (u8)(0x91 + n));
    if (put_raw(b, name, 6) < 0)
        return -1;
    body = b->length;
    if (depth > 0 && above->count < 15) {
        above->id[above->count++] = value;
        for (Py_ssize_t i = 0; i < n && !r.full; i++)
            if (encode_item(b, PyTuple_GET_ITEM(value, i), &r, depth, above) < 0) {
                above->count--;
                return -1;
            }
        above->count--;
    }
    if (r.written < (u32)n) {
        b->data[at] = 0x92;
        if (r.written == 0) {
            b->length = body;
            if (put_unsigned(b, (u64)n) < 0)
                return -1;
        }
        else {
            u8 head[2] = {(u8)(0x91 + r.written), (u8)n};
            if (put_before(b, body, head, 2) < 0 || wrap_ext(b, body, 2) < 0)
                return -1;
        }
    }
    return wrap_ext(b, at, 7);
}

static int encode_dict(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    Py_ssize_t n = PyDict_GET_SIZE(value), position = 0;
    u32 at = b->length, kept = n < 16 ? 1 : 3;
    PyObject *key, *item;
    Reading r = {0, room, 0};
    u8 head[16];
    Bytes h = {head, 0, sizeof head, head};
    NEED(b, 8);
    if (n == 0) {
        put1(b, 0x80);
        return 0;
    }
    b->length += kept;
    if (depth > 0 && above->count < 15) {
        above->id[above->count++] = value;
        for (int i = 0; i < VALUE_ITEMS && !r.full && PyDict_Next(value, &position, &key, &item); i++) {
            int answer;
            Py_INCREF(key);
            Py_INCREF(item);
            answer = encode_pair(b, key, item, &r, depth, above);
            Py_DECREF(key);
            Py_DECREF(item);
            if (answer < 0) {
                above->count--;
                return -1;
            }
        }
        above->count--;
    }
    if (r.written < (size_t)n) {
        if (put_head(&h, 0x90, 0xDC, 2 * (size_t)r.written + 1) < 0 || put_unsigned(&h, (u64)n) < 0)
            return -1;
    }
    else if (put_head(&h, 0x80, 0xDE, r.written) < 0)
        return -1;
    if (h.length != kept) {
        NEED(b, 16);
        memmove(b->data + at + h.length, b->data + at + kept, b->length - at - kept);
        b->length += h.length - kept;
    }
    memcpy(b->data + at, head, h.length);
    return r.written < (size_t)n ? wrap_ext(b, at, 3) : 0;
}

/* Fill `plan` for a class. 0, or -1 with an exception set. */
static NEVER_INLINE int plan_class(Plan *plan, PyTypeObject *type)
{
    static PyObject *any_name;
    PyObject *told, *name, *fields;
    Plan fresh = {type, 0, 1, 0, 0, NULL, 0, NULL};
    if (any_name == NULL && (any_name = PyUnicode_InternFromString("__dict__")) == NULL)
        return -1;
    _PyType_Lookup(type, any_name); /* gives the class its version tag */
    fresh.tag = type->tp_version_tag;
    python_ran++;
    if ((told = PyObject_CallFunctionObjArgs(py.plan, (PyObject *)type, NULL)) == NULL)
        return -1;
    if (PyTuple_Check(told) && PyTuple_GET_SIZE(told) == 3) { /* (msgpack of the name, its length, fields) */
        name = PyTuple_GET_ITEM(told, 0);
        fields = PyTuple_GET_ITEM(told, 2);
        fresh.in_python = 0;
        fresh.name_bytes = (u32)PyBytes_GET_SIZE(name);
        fresh.name_characters = (u32)PyLong_AsLong(PyTuple_GET_ITEM(told, 1));
        fresh.fields = (int)PyTuple_GET_SIZE(fields);
        fresh.name = PyMem_Malloc(fresh.name_bytes + 1);
        fresh.field = PyMem_Calloc((size_t)fresh.fields + 1, sizeof(Field));
        if (fresh.name == NULL || fresh.field == NULL) {
            PyMem_Free(fresh.name);
            PyMem_Free(fresh.field);
            Py_DECREF(told);
            PyErr_NoMemory();
            return -1;
        }
        memcpy(fresh.name, PyBytes_AS_STRING(name), fresh.name_bytes);
        for (int i = 0; i < fresh.fields; i++) {
            PyMemberDescrObject *member = (PyMemberDescrObject *)PyTuple_GET_ITEM(fields, i);
            if ((PyObject *)member == Py_None)
                continue;
            if (Py_TYPE(member) != &PyMemberDescr_Type || member->d_member->type != T_OBJECT_EX) {
                fresh.in_python = 1;
                break;
            }
            fresh.field[i].name = PyDescr_NAME(member);
            Py_INCREF(fresh.field[i].name);
            fresh.field[i].offset = member->d_member->offset;
        }
    }
    Py_DECREF(told);
    for (int i = 0; i < plan->fields; i++)
        Py_XDECREF(plan->field[i].name);
    PyMem_Free(plan->field);
    PyMem_Free(plan->name);
    *plan = fresh;
    return 0;
}

/* The instance's dictionary (a new reference) or NULL where there is none. */
static PyObject *instance_dict(PyObject *value)
{
#if PY_VERSION_HEX >= 0x030b0000
    PyObject *dict = PyObject_GenericGetDict(value, NULL);
    if (dict == NULL)
        PyErr_Clear();
    return dict;
#else
    PyObject **place = _PyObject_GetDictPtr(value);
    PyObject *dict = place != NULL ? *place : NULL;
    Py_XINCREF(dict);
    return dict;
#endif
}

static int encode_object(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    PyTypeObject *type = Py_TYPE(value);
    Plan *plan = &plans[((uintptr_t)type >> 4 ^ (uintptr_t)type >> 14) & 1023];
    Reading r;
    u32 at = b->length, map_at, left = VALUE_ITEMS;
    int answer = 0, fields, enumeration = 0;
    if (py.plan == NULL || above->count >= 15)
        return encode_in_python(b, value, room, depth, above);
    if (unlikely(plan->type != type || plan->tag != type->tp_version_tag || plan->tag == 0)) {
        if (plan_class(plan, type) < 0)
            return -1;
        if (plan->tag == 0)
            return encode_in_python(b, value, room, depth, above);
    }
    if (plan->in_python)
        return encode_in_python(b, value, room, depth, above);
    if (is_above(above, value))
        return put_seen(b);
    /* ext 4 of [name] or [name, {fields}]; the plan may be replaced while Python code runs, so it is read before that */
    r = (Reading){0, room - plan->name_characters, 0};
    fields = plan->fields;
    NEED(b, 8);
    put1(b, 0x91);
    if (put_raw(b, plan->name, plan->name_bytes) < 0)
        return -1;
    if (depth <= 0)
        return wrap_ext(b, at, 4);
    map_at = b->length;
    NEED(b, 3);
    b->length += 1;
    above->id[above->count++] = value;
    for (int i = 0; i < fields && answer == 0 && left && !r.full; i++) {
        if (plan->type != type || plan->fields != fields)
            break;
        if (plan->field[i].name != NULL) {
            PyObject *name = plan->field[i].name, *item = *(PyObject **)((char *)value + plan->field[i].offset);
            if (item == NULL)
                continue;
            left--;
            Py_INCREF(name);
            Py_INCREF(item);
            answer = encode_pair(b, name, item, &r, depth, above);
            Py_DECREF(name);
            Py_DECREF(item);
        }
        else {
            PyObject *dict = instance_dict(value), *key, *item;
            Py_ssize_t position = 0;
            if (dict == NULL)
                continue;
            for (int k = 0; answer == 0 && left && !r.full && k < VALUE_ITEMS && PyDict_Next(dict, &position, &key, &item); k++) {
                if (!PyUnicode_CheckExact(key))
                    continue;
                if (left == VALUE_ITEMS && PyUnicode_GET_LENGTH(key) > 5 && PyUnicode_READ_CHAR(key, 0) == '_'
                    && (PyUnicode_CompareWithASCIIString(key, "_value_") == 0 || PyUnicode_CompareWithASCIIString(key, "_name_") == 0)) {
                    enumeration = 1; /* a member of an Enum: its name says it all */
                    break;
                }
                left--;
                Py_INCREF(key);
                Py_INCREF(item);
                answer = encode_pair(b, key, item, &r, depth, above);
                Py_DECREF(key);
                Py_DECREF(item);
            }
            Py_DECREF(dict);
        }
        if (enumeration)
            break;
    }
    above->count--;
    if (answer < 0)
        return -1;
    if (enumeration) {
        b->length = at;
        return encode_in_python(b, value, room, depth, above);
    }
    if (left == VALUE_ITEMS)
        b->length = map_at; /* no fields at all */
    else {
        u8 head[4];
        Bytes h = {head, 0, sizeof head, head};
        b->data[at] = 0x92;
        if (r.written < 16)
            b->data[map_at] = (u8)(0x80 | r.written);
        else {
            put_big(&h, 0xDE, r.written, 2);
            NEED(b, 2);
            memmove(b->data + map_at + 3, b->data + map_at + 1, b->length - map_at - 1);
            memcpy(b->data + map_at, head, 3);
            b->length += 2;
        }
    }
    return wrap_ext(b, at, 4);
}

static int encode_bytes(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    Py_ssize_t n = PyBytes_GET_SIZE(value), head = n < VALUE_TEXT ? n : VALUE_TEXT;
    const u8 *data = (const u8 *)PyBytes_AS_STRING(value);
    if (n > room || n > VALUE_TEXT || !redaction.ready || (n >= 12 && redaction.card_digits == 0) || (n >= 12 && bytes_suspicious(data, head)))
        return encode_in_python(b, value, room, depth, above);
    NEED(b, 5 + n);
    if (n < 256)
        put_big(b, 0xC4, (u64)n, 1);
    else
        put_big(b, 0xC5, (u64)n, 2);
    return put_raw(b, data, (size_t)n);
}

static inline int encode_text(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(value), limit = room >= VALUE_TEXT ? VALUE_TEXT : room > 0 ? room : 0;
    if (n >= 12 && text_suspicious(value))
        return encode_in_python(b, value, room, depth, above);
    if (n > limit) {
        u32 at = b->length;
        NEED(b, 1);
        put1(b, 0x92);
        return put_unsigned(b, (u64)n) < 0 || put_text(b, value, limit) < 0 ? -1 : wrap_ext(b, at, 1);
    }
    return put_text(b, value, n);
}

/* msgpack of `value` in about `room` bytes. 0, or -1 with an exception set. */
static int encode_value(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Above *above)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        int overflow;
#if PY_VERSION_HEX >= 0x030c0000
        if (likely(PyUnstable_Long_IsCompact((PyLongObject *)value)))
            return put_signed(b, PyUnstable_Long_CompactValue((PyLongObject *)value));
#endif
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        return likely(!overflow) ? put_signed(b, number) : encode_in_python(b, value, room, depth, above);
    }
    if (value == Py_None || type == &PyBool_Type) {
        NEED(b, 1);
        put1(b, value == Py_None ? 0xC0 : value == Py_True ? 0xC3 : 0xC2);
        return 0;
    }
    if (type == &PyUnicode_Type)
        return encode_text(b, value, room, depth, above);
    if (type == &PyFloat_Type) {
        double number = PyFloat_AS_DOUBLE(value);
        u64 bits;
        memcpy(&bits, &number, 8);
        NEED(b, 9);
        put_big(b, 0xCB, bits, 8);
        return 0;
    }
    if (type == &PyDict_Type)
        return encode_dict(b, value, room, depth, above);
    if (type == &PyList_Type)
        return encode_list(b, value, room, depth, above);
    if (type == &PyTuple_Type)
        return encode_tuple(b, value, room, depth, above);
    if (type == &PyBytes_Type)
        return encode_bytes(b, value, room, depth, above);
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && !PyType_Check(value))
        return encode_object(b, value, room, depth, above);
    return encode_in_python(b, value, room, depth, above);
}

static PyObject *encoded(PyObject *name, PyObject *const *args, Py_ssize_t count)
{
    u8 own[512];
    Bytes b = {own, 0, sizeof own, own};
    Above above;
    Py_ssize_t room = count > 1 ? PyLong_AsSsize_t(args[1]) : 10000;
    long depth = count > 2 ? PyLong_AsLong(args[2]) : VALUE_DEPTH;
    PyObject *result = NULL;
    above.count = 0;
    if (PyErr_Occurred())
        return NULL;
    if (count > 3)
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args[3]) && i < 16; i++)
            above.id[above.count++] = PyLong_AsVoidPtr(PyTuple_GET_ITEM(args[3], i));
    if ((name != NULL ? encode_named(&b, name, args[0], room, (int)depth, &above) : encode_value(&b, args[0], room, (int)depth, &above)) == 0)
        result = PyBytes_FromStringAndSize((char *)b.data, b.length);
    bytes_free(&b);
    return result;
}

/* encode(value, room, depth, above) and named(name, value, room, depth, above): as in values.py */
static PyObject *values_encode(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return encoded(NULL, args, count);
}

static PyObject *values_named(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return encoded(args[0], args + 1, count - 1);
}
