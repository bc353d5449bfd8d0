/* Containers: their first items, redacted by the names that these have there. */
/* The items of one container: how many are written, what room is left for them, whether that was not enough. */
typedef struct { u32 written; Py_ssize_t room; int full; } Items;

/* One more node is looked at; 0 where there were enough. */
static inline int may_look(Reading *r, Items *items)
{
    if (likely(--r->nodes >= 0))
        return 1;
    r->cut = 1;
    items->full = 1;
    return 0;
}

static inline void item_written(Bytes *b, u32 before, Items *items)
{
    items->room -= b->length - before;
    if (items->room < 0) {
        b->length = before;
        items->full = 1;
    }
    else
        items->written++;
}

static int encode_item(Bytes *b, PyObject *item, Items *items, int depth, Reading *r)
{
    u32 before = b->length;
    if (!may_look(r, items))
        return 0;
    if (is_above(r, item) ? put_seen(b) : encode_value(b, item, items->room, depth - 1, r))
        return -1;
    item_written(b, before, items);
    return 0;
}

static int encode_named(Bytes *b, PyObject *name, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    static const u8 by_name[] = {0xD6, 5, 'n', 'a', 'm', 'e'};
    if (value != Py_None && PyUnicode_CheckExact(name) && name_is_secret(name) && !PyBool_Check(value))
        return put_raw(b, by_name, 6);
    return encode_value(b, value, room, depth, r);
}

static int encode_pair(Bytes *b, PyObject *key, PyObject *item, Items *items, int depth, Reading *r)
{
    u32 before = b->length;
    if (!may_look(r, items))
        return 0;
    if (encode_value(b, key, items->room, 1, r) < 0
        || (is_above(r, item) ? put_seen(b) : encode_named(b, key, item, items->room, depth - 1, r)) < 0)
        return -1;
    item_written(b, before, items);
    return 0;
}

/* Heads are written when the items are known to fit, so first a place of the likely size is kept free and moved only if it was wrong. */
static int finish_head(Bytes *b, u32 at, u32 kept, const Bytes *head)
{
    if (head->length != kept) {
        NEED(b, 16);
        memmove(b->data + at + head->length, b->data + at + kept, b->length - at - kept);
        b->length += head->length - kept;
    }
    memcpy(b->data + at, head->data, head->length);
    return 0;
}

static int finish_array(Bytes *b, u32 at, u32 kept, size_t total, u32 written, Reading *r)
{
    u8 own[16];
    Bytes head = {own, 0, sizeof own, own};
    int cut = written < total;
    if (put_head(&head, 0x90, 0xDC, written + (u32)cut) < 0 || (cut && put_unsigned(&head, total) < 0) || finish_head(b, at, kept, &head) < 0)
        return -1;
    r->cut |= cut & r->brief;
    return cut ? wrap_ext(b, at, 2) : 0;
}

static NEVER_INLINE int encode_list(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    Py_ssize_t n = PyList_GET_SIZE(value);
    u32 at = b->length, kept = n < 16 ? 1 : 3;
    Items items = {0, room, 0};
    int answer = 0;
    NEED(b, 8);
    if (n == 0) {
        put1(b, 0x90);
        return 0;
    }
    b->length += kept;
    if (depth > 0 && r->count < 15) {
        r->id[r->count++] = value;
        for (Py_ssize_t i = 0; answer == 0 && i < r->items && i < PyList_GET_SIZE(value) && !items.full; i++) {
            PyObject *item = PyList_GET_ITEM(value, i);
            Py_INCREF(item);
            answer = encode_item(b, item, &items, depth, r);
            Py_DECREF(item);
        }
        r->count--;
    }
    if (answer < 0)
        return -1;
    return finish_array(b, at, kept, (size_t)n > items.written ? (size_t)n : items.written, items.written, r);
}

static int encode_items(Bytes *b, PyObject *value, PyTypeObject *base, Items *items, int depth, Reading *r)
{
    PyObject *item, *iterator = base->tp_iter(value);
    int answer = 0;
    if (iterator == NULL)
        return -1;
    r->id[r->count++] = value;
    for (int i = 0; answer == 0 && i < r->items && !items->full && (item = Py_TYPE(iterator)->tp_iternext(iterator)) != NULL; i++) {
        answer = encode_item(b, item, items, depth, r);
        Py_DECREF(item);
    }
    r->count--;
    Py_DECREF(iterator);
    if (answer == 0 && PyErr_Occurred())
        PyErr_Clear(); /* another thread changed it meanwhile */
    return answer;
}

/* [name, items…] as ext 7; [name, total] or [name, cut array] where items are left out. */
static NEVER_INLINE int encode_sequence(Bytes *b, PyObject *value, const u8 *name, u32 name_bytes, PyTypeObject *base, Py_ssize_t room, int depth, Reading *r)
{
    Py_ssize_t n = base->tp_as_sequence->sq_length(value);
    u32 at = b->length, body;
    u8 own[16];
    Bytes head = {own, 0, sizeof own, own};
    Items items = {0, room, 0};
    if (ext_begin(b) < 0 || put_raw(b, "\x90", 1) < 0 || put_raw(b, name, name_bytes) < 0)
        return -1;
    body = b->length;
    if (depth > 0 && r->count < 15 && n > 0) {
        if (base == &PyTuple_Type) {
            r->id[r->count++] = value;
            for (Py_ssize_t i = 0; i < n && i < r->items && !items.full; i++)
                if (encode_item(b, PyTuple_GET_ITEM(value, i), &items, depth, r) < 0) {
                    r->count--;
                    return -1;
                }
            r->count--;
        }
        else if (encode_items(b, value, base, &items, depth, r) < 0)
            return -1;
    }
    if ((Py_ssize_t)items.written < n) {
        r->cut |= r->brief;
        b->data[at + EXT_KEPT] = 0x92;
        if (items.written == 0)
            return put_unsigned(b, (u64)n) < 0 ? -1 : ext_end(b, at, 7);
        if (put_head(&head, 0x90, 0xDC, items.written + 1) < 0 || put_unsigned(&head, (u64)n) < 0 || put_before(b, body, own, head.length) < 0
            || wrap_ext(b, body, 2) < 0)
            return -1;
    }
    else if (put_head(&head, 0x90, 0xDC, items.written + 1) < 0 || finish_head(b, at + EXT_KEPT, 1, &head) < 0)
        return -1;
    return ext_end(b, at, 7);
}

static NEVER_INLINE int encode_dict(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    Py_ssize_t n = PyDict_GET_SIZE(value), position = 0;
    u32 at = b->length, kept = n < 16 ? 1 : 3;
    PyObject *key, *item;
    Items items = {0, room, 0};
    u8 own[16];
    Bytes head = {own, 0, sizeof own, own};
    int answer = 0, cut;
    NEED(b, 8);
    if (n == 0) {
        put1(b, 0x80);
        return 0;
    }
    b->length += kept;
    if (depth > 0 && r->count < 15) {
        r->id[r->count++] = value;
        for (int i = 0; answer == 0 && i < r->items && !items.full && PyDict_Next(value, &position, &key, &item); i++) {
            Py_INCREF(key);
            Py_INCREF(item);
            answer = encode_pair(b, key, item, &items, depth, r);
            Py_DECREF(key);
            Py_DECREF(item);
        }
        r->count--;
    }
    cut = items.written < (size_t)n;
    if (answer < 0 || (cut ? put_head(&head, 0x90, 0xDC, 2 * (size_t)items.written + 1) : put_head(&head, 0x80, 0xDE, items.written)) < 0
        || (cut && put_unsigned(&head, (u64)n) < 0) || finish_head(b, at, kept, &head) < 0)
        return -1;
    r->cut |= cut & r->brief;
    return cut ? wrap_ext(b, at, 3) : 0;
}

