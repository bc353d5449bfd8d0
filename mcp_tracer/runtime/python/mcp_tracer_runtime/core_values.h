/* Values as msgpack: the same bytes as values.py writes, which stays the reference and does what is rare. No code of the program runs: only
 * types are looked into whose reading is C, and of instances what lies in their dictionary and slots. */
enum { VALUE_DEPTH = 4, VALUE_ITEMS = 20, VALUE_TEXT = 1000, VALUE_NODES = 400 };
enum { BRIEF_DEPTH = 1, BRIEF_ITEMS = 6, BRIEF_TEXT = 120, BRIEF_SHAPE = 512 };

/* The state of one capture, as values.Reading. `id` stays as it is until used: clearing it would cost more than most values. */
typedef struct {
    int count, nodes, items, text, shape;
    char brief, cut; /* cut: something was left out to save time */
    const PyObject *id[16];
} Reading;

static inline void reading_begin(Reading *r, int brief)
{
    r->count = 0;
    r->nodes = VALUE_NODES;
    r->cut = 0;
    r->brief = (char)brief;
    r->items = brief ? BRIEF_ITEMS : VALUE_ITEMS;
    r->text = brief ? BRIEF_TEXT : VALUE_TEXT;
    r->shape = brief ? BRIEF_SHAPE : SHAPE_TEXT;
}

static int encode_value(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r);

static NEVER_INLINE int encode_in_python(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    PyObject *encoded = NULL;
    int answer = -1;
    python_ran++;
    if (py.encode != NULL)
        encoded = PyObject_CallFunction(py.encode, "OniO", value, room, depth, r->brief ? Py_True : Py_False);
    if (encoded != NULL && PyBytes_Check(encoded))
        answer = put_raw(b, PyBytes_AS_STRING(encoded), (size_t)PyBytes_GET_SIZE(encoded));
    Py_XDECREF(encoded);
    if (py.left_out != NULL && PyList_GET_SIZE(py.left_out) > 0) {
        r->cut = 1;
        PyList_SetSlice(py.left_out, 0, PyList_GET_SIZE(py.left_out), NULL);
    }
    return answer;
}

static inline int is_above(const Reading *r, const PyObject *value)
{
    for (int i = 0; i < r->count; i++)
        if (r->id[i] == value)
            return 1;
    return 0;
}

static inline int put_seen(Bytes *b)
{
    static const u8 seen[] = {0xC7, 0, 10};
    return put_raw(b, seen, 3);
}

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
    NEED(b, 8);
    put1(b, 0x90);
    if (put_raw(b, name, name_bytes) < 0)
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
        b->data[at] = 0x92;
        if (items.written == 0)
            return put_unsigned(b, (u64)n) < 0 ? -1 : wrap_ext(b, at, 7);
        if (put_head(&head, 0x90, 0xDC, items.written + 1) < 0 || put_unsigned(&head, (u64)n) < 0 || put_before(b, body, own, head.length) < 0
            || wrap_ext(b, body, 2) < 0)
            return -1;
    }
    else if (put_head(&head, 0x90, 0xDC, items.written + 1) < 0 || finish_head(b, at, 1, &head) < 0)
        return -1;
    return wrap_ext(b, at, 7);
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

static NEVER_INLINE int put_redacted(Bytes *b, PyObject *shape)
{
    u32 at = b->length;
    Py_ssize_t n = 0;
    const char *text = shape != NULL ? PyUnicode_AsUTF8AndSize(shape, &n) : NULL;
    int answer = text == NULL || put_raw(b, text, (size_t)n) < 0 ? -1 : wrap_ext(b, at, 5);
    Py_XDECREF(shape);
    return answer;
}

static NEVER_INLINE int encode_bytes(Bytes *b, const u8 *data, Py_ssize_t n, Py_ssize_t room, Reading *r)
{
    Py_ssize_t head = n < VALUE_TEXT ? n : VALUE_TEXT, limit = r->text < room ? r->text : room > 0 ? room : 0, shown = n < limit ? n : limit;
    PyObject *shape = n >= 12 ? bytes_shape(data, head) : Py_None;
    u32 at = b->length;
    if (unlikely(shape != Py_None))
        return put_redacted(b, shape != NULL ? PyUnicode_FromString((Py_DECREF(shape), "bytes")) : NULL);
    NEED(b, 20 + shown);
    if (n > limit) {
        r->cut |= r->brief;
        put1(b, 0x92);
        if (put_unsigned(b, (u64)n) < 0)
            return -1;
    }
    if (shown < 256)
        put_big(b, 0xC4, (u64)shown, 1);
    else
        put_big(b, 0xC5, (u64)shown, 2);
    if (put_raw(b, data, (size_t)shown) < 0)
        return -1;
    return n > limit ? wrap_ext(b, at, 11) : 0;
}

static inline int encode_text(Bytes *b, PyObject *value, Py_ssize_t room, Reading *r)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(value), limit = room >= r->text ? r->text : room > 0 ? room : 0;
    if (n >= 12) {
        PyObject *shape = text_shape(value, r->shape);
        if (unlikely(shape != Py_None))
            return put_redacted(b, shape);
    }
    if (n > limit) {
        u32 at = b->length;
        r->cut |= r->brief;
        NEED(b, 1);
        put1(b, 0x92);
        return put_unsigned(b, (u64)n) < 0 || put_text(b, value, limit) < 0 ? -1 : wrap_ext(b, at, 1);
    }
    return put_text(b, value, n);
}

static inline int put_str(Bytes *b, PyObject *text)
{
    return put_text(b, text, PyUnicode_GET_LENGTH(text));
}

static int put_ascii(Bytes *b, const char *text)
{
    size_t n = strlen(text);
    return text_head(b, n) < 0 ? -1 : put_raw(b, text, n);
}

/* ext `code` of [first, text] with the text of `one` and, after a dot, `two`; `one` may be NULL. */
static int put_described(Bytes *b, u8 code, const char *first, PyObject *one, PyObject *two)
{
    u32 at = b->length;
    PyObject *whole = one != NULL ? PyUnicode_FromFormat("%U.%U", one, two) : (Py_INCREF(two), two);
    int answer = -1;
    if (whole != NULL && put_raw(b, "\x92", 1) == 0 && put_ascii(b, first) == 0 && put_str(b, whole) == 0)
        answer = wrap_ext(b, at, code);
    Py_XDECREF(whole);
    return answer;
}

static NEVER_INLINE int encode_function(Bytes *b, PyFunctionObject *function)
{
    PyObject *module = function->func_module;
    return put_described(b, 9, "function", module != NULL && PyUnicode_CheckExact(module) ? module : NULL, function->func_qualname);
}

/* The name of a class as values.type_name gives it (a new reference), or NULL. */
static PyObject *name_of_class(PyTypeObject *type)
{
    Plan *plan = plan_of(type);
    const u8 *name;
    int head;
    if (plan == NULL)
        return NULL;
    name = plan->name;
    head = name[0] == 0xD9 ? 2 : name[0] == 0xDA ? 3 : name[0] == 0xDB ? 5 : 1;
    return PyUnicode_DecodeUTF8((const char *)name + head, plan->name_bytes - head, "replace");
}

static NEVER_INLINE int encode_builtin(Bytes *b, PyObject *value)
{
    PyObject *owner = PyCFunction_GET_SELF(value), *name, *of = NULL;
    int answer;
    if (owner != NULL && owner != Py_None && Py_TYPE(owner) != &PyModule_Type) {
        of = name_of_class(PyType_Check(owner) ? (PyTypeObject *)owner : Py_TYPE(owner));
        if (of == NULL)
            return -1;
    }
    name = PyUnicode_FromString(((PyCFunctionObject *)value)->m_ml->ml_name);
    answer = name == NULL ? -1 : put_described(b, 9, "function", of, name);
    Py_XDECREF(name);
    Py_XDECREF(of);
    return answer;
}

static NEVER_INLINE int encode_method(Bytes *b, PyObject *value)
{
    PyObject *function = PyMethod_GET_FUNCTION(value), *name;
    int answer;
    if (PyFunction_Check(function))
        return put_described(b, 9, "method", NULL, ((PyFunctionObject *)function)->func_qualname);
    name = name_of_class(Py_TYPE(function));
    answer = name == NULL ? -1 : put_described(b, 9, "method", NULL, name);
    Py_XDECREF(name);
    return answer;
}

static NEVER_INLINE int encode_module(Bytes *b, PyObject *value)
{
    PyObject *dict = PyModule_GetDict(value), *name = dict != NULL ? PyDict_GetItemString(dict, "__name__") : NULL, *unknown;
    int answer;
    if (name != NULL && PyUnicode_CheckExact(name))
        return put_described(b, 4, "module", NULL, name);
    unknown = PyUnicode_FromString("?");
    answer = unknown == NULL ? -1 : put_described(b, 4, "module", NULL, unknown);
    Py_XDECREF(unknown);
    return answer;
}

static NEVER_INLINE int encode_class(Bytes *b, PyTypeObject *type)
{
    u32 at = b->length;
    Plan *plan = plan_of(type);
    if (plan == NULL || put_raw(b, "\x92\xA5" "class", 7) < 0 || put_raw(b, plan->name, plan->name_bytes) < 0)
        return -1;
    return wrap_ext(b, at, 9);
}

/* ext 4 of [name] and what `told` gives as text. */
static int put_told(Bytes *b, const Plan *plan, PyObject *told)
{
    u32 at = b->length;
    return put_raw(b, "\x92", 1) < 0 || put_raw(b, plan->name, plan->name_bytes) < 0 || put_str(b, told) < 0 ? -1 : wrap_ext(b, at, 4);
}

/* Of library types whose `str` is known: no code of the program, though some of it is Python. */
static NEVER_INLINE int encode_described(Bytes *b, PyObject *value, PyTypeObject *type)
{
    PyObject *text;
    Plan *plan;
    int answer = -1;
    python_ran++;
    text = PyObject_Str(value);
    if (text != NULL && (plan = plan_of(type)) != NULL)
        answer = put_told(b, plan, text);
    Py_XDECREF(text);
    return answer;
}

static NEVER_INLINE int encode_moment(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    u32 at = b->length;
    PyObject *zone = PyObject_GetAttrString(value, "tzinfo"), *text;
    int answer = -1, known;
    if (zone == NULL)
        PyErr_Clear(); /* a date */
    known = zone == NULL || zone == Py_None || strcmp(Py_TYPE(zone)->tp_name, "datetime.timezone") == 0;
    Py_XDECREF(zone);
    if (!known || !(text = PyObject_CallMethod(value, "isoformat", NULL)))
        return known ? -1 : encode_in_python(b, value, room, depth, r);
    if (PyUnicode_IS_ASCII(text) && put_raw(b, PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text)) == 0)
        answer = wrap_ext(b, at, 12);
    Py_DECREF(text);
    return answer;
}

/* A member of an Enum: its name says it all. */
static NEVER_INLINE int encode_member(Bytes *b, PyObject *value, Plan *plan)
{
    PyObject *dict = plan->fields ? instance_dict(value) : NULL, *name = NULL, *number, *told = NULL;
    int answer = -1, overflow = 0;
    if (dict != NULL) {
        name = PyDict_GetItemString(dict, "_name_");
        number = PyDict_GetItemString(dict, "_value_");
        if (name != NULL && PyUnicode_CheckExact(name))
            told = (Py_INCREF(name), name);
        else if (number != NULL && PyLong_CheckExact(number)) {
            long long n = PyLong_AsLongLongAndOverflow(number, &overflow);
            if (!overflow && n != INT64_MIN)
                told = PyUnicode_FromFormat("%lld", n);
        }
    }
    if (told == NULL && !PyErr_Occurred())
        told = PyUnicode_FromString("?");
    if (told != NULL)
        answer = put_told(b, plan, told);
    Py_XDECREF(told);
    Py_XDECREF(dict);
    return answer;
}

/* The str, int, float or bytes that an instance of a subclass is, in its place. */
static int encode_base_value(Bytes *b, PyObject *value, Py_ssize_t room, Reading *r)
{
    PyObject *exact;
    int answer;
    if (PyUnicode_Check(value))
        return encode_text(b, value, room, r);
    if (PyBytes_Check(value))
        return encode_bytes(b, (const u8 *)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), room, r);
    exact = PyLong_Check(value) ? PyLong_Type.tp_as_number->nb_int(value) : PyFloat_FromDouble(PyFloat_AS_DOUBLE(value));
    answer = exact == NULL ? -1 : encode_value(b, exact, room, 1, r);
    Py_XDECREF(exact);
    return answer;
}

/* The pairs of one instance on their way out. */
typedef struct { Bytes *b; Items items; int depth, left; Reading *r; } Pairs;

static int put_pair(Pairs *p, PyObject *name, PyObject *item)
{
    int answer;
    p->left--;
    Py_INCREF(name);
    Py_INCREF(item);
    answer = encode_pair(p->b, name, item, &p->items, p->depth, p->r);
    Py_DECREF(name);
    Py_DECREF(item);
    return answer;
}

static int put_dict_pairs(Pairs *p, PyObject *dict, int any_key)
{
    PyObject *key, *item;
    Py_ssize_t position = 0;
    int answer = 0;
    for (int k = 0; answer == 0 && p->left > 0 && !p->items.full && k < p->r->items && PyDict_Next(dict, &position, &key, &item); k++)
        if (any_key || PyUnicode_CheckExact(key))
            answer = put_pair(p, key, item);
    return answer;
}

/* The value itself, as the pair `name`: of it a secret may not be told either. */
static int put_base_pair(Pairs *p, PyObject *name, PyObject *value)
{
    u32 before = p->b->length;
    p->left--;
    if (!may_look(p->r, &p->items))
        return 0;
    if (put_str(p->b, name) < 0 || encode_base_value(p->b, value, p->items.room, p->r) < 0)
        return -1;
    item_written(p->b, before, &p->items);
    return 0;
}

static int put_field(Pairs *p, PyObject *value, const Field *field)
{
    PyObject *item, *dict;
    int answer;
    if (field->offset >= 0)
        return (item = *(PyObject **)((char *)value + field->offset)) == NULL ? 0 : put_pair(p, field->name, item);
    if (field->offset == IN_VALUE)
        return put_base_pair(p, field->name, value);
    if (field->offset == IN_ARGS) {
        item = ((PyBaseExceptionObject *)value)->args;
        return put_pair(p, field->name, item != NULL ? item : Py_None);
    }
    if ((dict = instance_dict(value)) == NULL)
        return 0;
    answer = put_dict_pairs(p, dict, 0);
    Py_DECREF(dict);
    return answer;
}

static int put_contents(Pairs *p, PyObject *value, const Plan *plan)
{
    int answer = 0;
    if (plan->kind == SUBDICT)
        return put_dict_pairs(p, value, 1);
    for (int i = 0; i < plan->fields && answer == 0 && p->left > 0 && !p->items.full; i++) {
        if (plan->kind != NAMEDTUPLE)
            answer = put_field(p, value, &plan->field[i]);
        else if (i < PyTuple_GET_SIZE(value))
            answer = put_pair(p, plan->field[i].name, PyTuple_GET_ITEM(value, i));
    }
    return answer;
}

/* ext 4 of [name] or [name, {fields}] */
static NEVER_INLINE int encode_instance(Bytes *b, PyObject *value, Plan *plan, Py_ssize_t room, int depth, Reading *r)
{
    Pairs p = {b, {0, room - plan->name_characters, 0}, depth, r->items, r};
    u32 at = b->length, map_at;
    u8 own[8];
    Bytes head = {own, 0, sizeof own, own};
    int answer = 0, most;
    NEED(b, 16);
    put1(b, 0x91);
    if (put_raw(b, plan->name, plan->name_bytes) < 0)
        return -1;
    if (depth <= 0 || r->brief) {
        r->cut |= r->brief && plan->fields > (plan->kind == SCALAR);
        p.left = plan->kind == SCALAR;
    }
    map_at = b->length;
    NEED(b, 3);
    b->length += 1;
    most = p.left;
    if (most > 0) {
        Plan kept = *plan; /* another class may take its place meanwhile */
        plans_in_use++;
        r->id[r->count++] = value;
        answer = put_contents(&p, value, &kept);
        r->count--;
        plans_in_use--;
    }
    if (answer < 0)
        return -1;
    if (p.left == most)
        b->length = map_at; /* no fields at all */
    else {
        b->data[at] = 0x92;
        if (put_head(&head, 0x80, 0xDE, p.items.written) < 0 || finish_head(b, map_at, 1, &head) < 0)
            return -1;
    }
    return wrap_ext(b, at, 4);
}

/* A value whose class is not among the exact built-in ones. */
static NEVER_INLINE int encode_other(Bytes *b, PyObject *value, PyTypeObject *type, Py_ssize_t room, int depth, Reading *r)
{
    Plan *plan;
    if (py.plan == NULL || r->count >= 15)
        return encode_in_python(b, value, room, depth, r);
    plan = plan_of(type);
    if (plan == NULL)
        return -1;
    switch (plan->kind) {
    case SEQUENCE: {
        const u8 *name = plan->name;
        return encode_sequence(b, value, name, plan->name_bytes, plan->base, room, depth, r);
    }
    case MAPPING:
        return encode_dict(b, value, room, depth, r);
    case MOMENT:
        return encode_moment(b, value, room, depth, r);
    case DESCRIBED:
        return encode_described(b, value, type);
    default:
        if (is_above(r, value))
            return put_seen(b);
        if (plan->kind == ENUM)
            return encode_member(b, value, plan);
        return plan->by_python ? encode_in_python(b, value, room, depth, r) : encode_instance(b, value, plan, room, depth, r);
    }
}

/* What is neither a number nor a text. */
static NEVER_INLINE int encode_rarer(Bytes *b, PyObject *value, PyTypeObject *type, Py_ssize_t room, int depth, Reading *r)
{
    static const u8 set[] = "\xA3set", frozenset[] = "\xA9" "frozenset";
    if (type == &PyFunction_Type)
        return encode_function(b, (PyFunctionObject *)value);
    if (PyType_Check(value))
        return encode_class(b, (PyTypeObject *)value);
    if (type == &PyMethod_Type)
        return encode_method(b, value);
    if (type == &PyCFunction_Type)
        return encode_builtin(b, value);
    if (type == &PySet_Type)
        return encode_sequence(b, value, set, 4, &PySet_Type, room, depth, r);
    if (type == &PyFrozenSet_Type)
        return encode_sequence(b, value, frozenset, 10, &PyFrozenSet_Type, room, depth, r);
    if (type == &PyModule_Type)
        return encode_module(b, value);
    if (type == &PyByteArray_Type)
        return encode_bytes(b, (const u8 *)PyByteArray_AS_STRING(value), PyByteArray_GET_SIZE(value), room, r);
    if (type == &PyComplex_Type || type == &PyRange_Type)
        return encode_in_python(b, value, room, depth, r);
    return encode_other(b, value, type, room, depth, r);
}

/* More than 64 bits: decimal text, hexadecimal of the first bits where it is very long. */
static NEVER_INLINE int encode_long(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    u32 at = b->length;
    PyObject *text;
    int answer = -1;
    text = PyObject_CallMethod(value, "bit_length", NULL);
    if (text == NULL || PyLong_AsLong(text) >= 2000) {
        Py_XDECREF(text);
        return encode_in_python(b, value, room, depth, r);
    }
    Py_SETREF(text, PyLong_Type.tp_repr(value));
    if (text != NULL && put_raw(b, PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text)) == 0)
        answer = wrap_ext(b, at, 6);
    Py_XDECREF(text);
    return answer;
}

static inline int encode_int(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    int overflow;
    long long number;
#if PY_VERSION_HEX >= 0x030c0000
    if (likely(PyUnstable_Long_IsCompact((PyLongObject *)value)))
        return put_signed(b, PyUnstable_Long_CompactValue((PyLongObject *)value));
#endif
    number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (likely(!overflow))
        return put_signed(b, number);
    if (overflow > 0) {
        unsigned long long wide = PyLong_AsUnsignedLongLong(value);
        if (wide != (unsigned long long)-1 || !PyErr_Occurred())
            return put_unsigned(b, wide);
        PyErr_Clear();
    }
    return encode_long(b, value, room, depth, r);
}

/* msgpack of `value` in about `room` bytes. 0, or -1 with an exception set. */
static int encode_value(Bytes *b, PyObject *value, Py_ssize_t room, int depth, Reading *r)
{
    static const u8 tuple[] = "\xA5tuple";
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type)
        return encode_int(b, value, room, depth, r);
    if (value == Py_None || type == &PyBool_Type) {
        NEED(b, 1);
        put1(b, value == Py_None ? 0xC0 : value == Py_True ? 0xC3 : 0xC2);
        return 0;
    }
    if (type == &PyUnicode_Type)
        return encode_text(b, value, room, r);
    if (type == &PyFloat_Type) {
        double number = PyFloat_AS_DOUBLE(value);
        u64 bits;
        memcpy(&bits, &number, 8);
        NEED(b, 9);
        put_big(b, 0xCB, bits, 8);
        return 0;
    }
    if (type == &PyDict_Type)
        return encode_dict(b, value, room, depth, r);
    if (type == &PyList_Type)
        return encode_list(b, value, room, depth, r);
    if (type == &PyTuple_Type)
        return encode_sequence(b, value, tuple, 6, &PyTuple_Type, room, depth, r);
    if (type == &PyBytes_Type)
        return encode_bytes(b, (const u8 *)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), room, r);
    return encode_rarer(b, value, type, room, depth, r);
}

static PyObject *encoded(PyObject *name, PyObject *const *args, Py_ssize_t count)
{
    u8 own[512];
    Bytes b = {own, 0, sizeof own, own};
    Reading r;
    Py_ssize_t room = count > 1 ? PyLong_AsSsize_t(args[1]) : 10000;
    long depth = count > 2 ? PyLong_AsLong(args[2]) : VALUE_DEPTH;
    int brief = count > 3 && args[3] == Py_True;
    PyObject *result = NULL;
    if (PyErr_Occurred())
        return NULL;
    reading_begin(&r, brief);
    if (brief && depth > BRIEF_DEPTH)
        depth = BRIEF_DEPTH;
    if ((name != NULL ? encode_named(&b, name, args[0], room, (int)depth, &r) : encode_value(&b, args[0], room, (int)depth, &r)) == 0)
        result = PyBytes_FromStringAndSize((char *)b.data, b.length);
    bytes_free(&b);
    if (result != NULL && r.cut && py.left_out != NULL && PyList_Append(py.left_out, Py_True) < 0)
        Py_CLEAR(result);
    return result;
}

/* encode(value, room, depth, brief) and named(name, value, room, depth, brief): as in values.py */
static PyObject *values_encode(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return encoded(NULL, args, count);
}

static PyObject *values_named(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return encoded(args[0], args + 1, count - 1);
}
