/* Values as msgpack: the same bytes as values.py writes, which stays the reference and does what is rare. No code of the program runs: only
 * types are looked into whose reading is C, and of instances what lies in their dictionary and slots. */
enum { VALUE_DEPTH = 4, VALUE_ITEMS = 20, VALUE_TEXT = 1000, VALUE_NODES = 200 };
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

