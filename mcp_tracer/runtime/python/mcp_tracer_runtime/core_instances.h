/* Instances of classes of the program and of the library, as their plan (core_kinds.h) says. */
/* ext 4 of [name] and what `told` gives as text. */
static int put_told(Bytes *b, const Plan *plan, PyObject *told)
{
    u32 at = b->length;
    return ext_begin(b) < 0 || put_raw(b, "\x92", 1) < 0 || put_raw(b, plan->name, plan->name_bytes) < 0 || put_str(b, told) < 0 ? -1 : ext_end(b, at, 4);
}

/* Texts of the described values that were met lately: they never change, the same ones are passed on and on, and that of a pattern takes
 * as long as the pattern is. Held weakly: tracing keeps nothing of the program alive. */
enum { TOLD = 64 };
static struct { PyObject *reference, *text; } told_texts[TOLD];

/* What `reference` stands for, without a reference to it; NULL where that is gone. */
static PyObject *referent(PyObject *reference)
{
#if PY_VERSION_HEX >= 0x030d0000
    PyObject *value = NULL;
    if (PyWeakref_GetRef(reference, &value) < 0)
        PyErr_Clear();
    Py_XDECREF(value); /* whoever asks holds the value that it is compared with */
    return value;
#else
    PyObject *value = PyWeakref_GetObject(reference);
    return value == Py_None ? NULL : value;
#endif
}

/* str(value), remembered where the value can be held weakly: a new reference, or NULL with an exception. */
static PyObject *told_text(PyObject *value, PyTypeObject *type)
{
    size_t place = ((uintptr_t)value >> 4 ^ (uintptr_t)value >> 10) % TOLD;
    PyObject *text = told_texts[place].text, *reference;
    if (likely(text != NULL && referent(told_texts[place].reference) == value)) {
        Py_INCREF(text);
        return text;
    }
    python_ran++;
    text = PyObject_Str(value);
    if (text == NULL || type->tp_weaklistoffset <= 0)
        return text;
    reference = PyWeakref_NewRef(value, NULL);
    if (reference == NULL) {
        Py_DECREF(text);
        return NULL;
    }
    Py_XSETREF(told_texts[place].reference, reference);
    Py_INCREF(text);
    Py_XSETREF(told_texts[place].text, text);
    return text;
}

/* Of library types whose `str` is known: no code of the program, though some of it is Python. */
static NEVER_INLINE int encode_described(Bytes *b, PyObject *value, PyTypeObject *type)
{
    PyObject *text = told_text(value, type);
    Plan *plan;
    int answer = -1;
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

/* The type's name alone: what a brief capture shows of most. */
static inline int put_name_alone(Bytes *b, const Plan *plan)
{
    u32 at = b->length;
    NEED(b, EXT_KEPT + 1 + plan->name_bytes);
    b->data[at + EXT_KEPT] = 0x91;
    memcpy(b->data + at + EXT_KEPT + 1, plan->name, plan->name_bytes);
    b->length = at + EXT_KEPT + 1 + plan->name_bytes;
    return ext_end(b, at, 4);
}

/* ext 4 of [name] or [name, {fields}] */
static NEVER_INLINE int encode_instance(Bytes *b, PyObject *value, Plan *plan, Py_ssize_t room, int depth, Reading *r)
{
    Pairs p = {b, {0, room - plan->name_characters, 0}, depth, r->items, r};
    u32 at = b->length, map_at;
    u8 own[8];
    Bytes head = {own, 0, sizeof own, own};
    Plan kept;
    int answer, most;
    if (depth <= 0 || r->brief) {
        r->cut |= r->brief && plan->fields > (plan->kind == SCALAR);
        p.left = plan->kind == SCALAR;
    }
    if (p.left == 0 || plan->fields == 0)
        return put_name_alone(b, plan);
    if (ext_begin(b) < 0 || put_raw(b, "\x91", 1) < 0 || put_raw(b, plan->name, plan->name_bytes) < 0)
        return -1;
    map_at = b->length;
    NEED(b, 3);
    b->length += 1;
    most = p.left;
    kept = *plan; /* another class may take its place meanwhile */
    plans_in_use++;
    r->id[r->count++] = value;
    answer = put_contents(&p, value, &kept);
    r->count--;
    plans_in_use--;
    if (answer < 0)
        return -1;
    if (p.left == most)
        b->length = map_at; /* no fields at all */
    else {
        b->data[at + EXT_KEPT] = 0x92;
        if (put_head(&head, 0x80, 0xDE, p.items.written) < 0 || finish_head(b, map_at, 1, &head) < 0)
            return -1;
    }
    return ext_end(b, at, 4);
}

