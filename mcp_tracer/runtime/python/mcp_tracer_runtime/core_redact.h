/* Redaction: what certainly holds no secret is known here. Where a literal of a shape stands, that shape alone is tried, by redact.py. */
enum { SHAPE_TEXT = 4096, MAX_LITERALS = 96, MAX_LITERAL = 32, REMEMBERED = 1024 };
static struct {
    int ready;                      /* the rules were handed over */
    int quick;                      /* every shape says what it needs */
    int shortest, card_digits;
    u32 card_shapes;                /* bits of the shapes that digits call for */
    int literals;
    u8 length[MAX_LITERALS];
    char literal[MAX_LITERALS][MAX_LITERAL]; /* lower case */
    u32 shape[MAX_LITERALS];        /* bit of the shape that this literal calls for */
    u8 also[MAX_LITERALS];          /* a byte that must stand in the text, too; 0: none */
    u8 anchor[MAX_LITERALS];        /* where in it the pair stands by which it is found */
    u8 first[256];                  /* 1 + the first literal with this second byte of its pair, 0: none */
    u8 next[MAX_LITERALS];
    u8 pairs[65536 / 8];
    PyObject *exact, *suffix, *contains; /* frozenset, tuple, tuple of str */
    PyObject *known;                /* {name: bool} */
} redaction;
static u8 lower[256];
static struct { PyObject *name; int secret; } recent_names[1024];
static struct { Py_hash_t hash; Py_ssize_t length; } harmless[REMEMBERED]; /* texts without a shape: the same ones are passed on and on */
static unsigned python_ran; /* counts calls into Python: what was looked up before may be out of date after one */

/* The pair by which a literal is found: one with a sign in it where there is one, as those are rare. */
static int pair_of(const u8 *data, Py_ssize_t length)
{
    for (Py_ssize_t i = 0; i + 1 < length; i++)
        if ((data[i] < 'a' || data[i] > 'z' || data[i + 1] < 'a' || data[i + 1] > 'z') && data[i] != ' ')
            return (int)i;
    return 0;
}

static int take_literal(Py_ssize_t i, PyObject *item)
{
    unsigned mask, also;
    const char *data;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(item, "y#II", &data, &length, &mask, &also))
        return -1;
    if (length < 2 || length > MAX_LITERAL) {
        PyErr_Format(PyExc_ValueError, "a literal of 2 to 32 bytes");
        return -1;
    }
    memcpy(redaction.literal[i], data, (size_t)length);
    redaction.length[i] = (u8)length;
    redaction.shape[i] = mask;
    redaction.also[i] = (u8)also;
    redaction.anchor[i] = (u8)pair_of((const u8 *)data, length);
    {
        u8 one = (u8)data[redaction.anchor[i]], two = (u8)data[redaction.anchor[i] + 1];
        redaction.next[i] = redaction.first[two];
        redaction.first[two] = (u8)(i + 1);
        redaction.pairs[(one << 8 | two) >> 3] |= (u8)(1 << (two & 7));
    }
    return 0;
}

/* redaction(exact, suffix, contains, shortest, quick, card digits, shapes of digits, literals): the rules. If `quick`, a shape is possible
 * only where one of its literals (lower case, with the shape's bit and a byte that must stand there, too) or that many digits stand. */
static PyObject *values_redaction(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n;
    if (count != 8 || !PyFrozenSet_Check(args[0]) || !PyTuple_Check(args[1]) || !PyTuple_Check(args[2]) || !PyTuple_Check(args[7]))
        return PyErr_Format(PyExc_TypeError, "redaction(exact, suffix, contains, shortest, quick, digits, shapes, literals)");
    n = PyTuple_GET_SIZE(args[7]);
    if (n > MAX_LITERALS)
        return PyErr_Format(PyExc_ValueError, "too many literals");
    for (int i = 0; i < 256; i++)
        lower[i] = (u8)(i >= 'A' && i <= 'Z' ? i + 32 : i);
    memset(redaction.pairs, 0, sizeof redaction.pairs);
    memset(redaction.first, 0, sizeof redaction.first);
    memset(harmless, 0, sizeof harmless);
    for (Py_ssize_t i = 0; i < n; i++)
        if (take_literal(i, PyTuple_GET_ITEM(args[7], i)) < 0)
            return NULL;
    redaction.shortest = (int)PyLong_AsLong(args[3]);
    redaction.quick = PyObject_IsTrue(args[4]);
    redaction.card_digits = (int)PyLong_AsLong(args[5]);
    redaction.card_shapes = (u32)PyLong_AsUnsignedLongMask(args[6]);
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

/* The shapes that a literal calls for whose pair ends at data[at]. */
static u32 literals_at(const u8 *data, Py_ssize_t at, Py_ssize_t n)
{
    u32 shapes = 0;
    for (int i = redaction.first[lower[data[at]]]; i; i = redaction.next[i - 1]) {
        int length = redaction.length[i - 1], k = 0;
        Py_ssize_t begin = at - 1 - redaction.anchor[i - 1];
        if (begin < 0 || begin + length > n)
            continue;
        while (k < length && lower[data[begin + k]] == (u8)redaction.literal[i - 1][k])
            k++;
        if (k == length && (!redaction.also[i - 1] || memchr(data, redaction.also[i - 1], (size_t)n) != NULL))
            shapes |= redaction.shape[i - 1];
    }
    return shapes;
}

/* The shapes that may stand in these bytes (Latin-1), as bits. */
static u32 possible_shapes(const u8 *data, Py_ssize_t n)
{
    int digits = 0;
    u32 before = 0, shapes = 0;
    if (!redaction.quick)
        return ~0u;
    for (Py_ssize_t i = 0; i < n; i++) {
        u32 c = lower[data[i]], pair = before << 8 | c;
        before = c;
        if (unlikely(redaction.pairs[pair >> 3] & (1 << (pair & 7))))
            shapes |= literals_at(data, i, n);
        if (c - '0' < 10u) {
            if (unlikely(++digits >= redaction.card_digits))
                shapes |= redaction.card_shapes;
        }
        else if (c != ' ' && c != '-')
            digits = 0;
    }
    return shapes;
}

static NEVER_INLINE u32 possible_in_wide(PyObject *text, Py_ssize_t n)
{
    u8 narrow[SHAPE_TEXT];
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c == 0x17F || c == 0x212A || c == 0x130 || c == 0x131) /* letters whose other case is ASCII */
            return ~0u;
        narrow[i] = c < 128 ? (u8)c : c >= 0x660 && Py_UNICODE_ISDECIMAL(c) ? '0' : 0x80;
    }
    return possible_shapes(narrow, n);
}

/* Ask redact.py which of `shapes` stands in `text`: its name (a new reference), or None. Runs Python. */
static NEVER_INLINE PyObject *shape_of(PyObject *text, u32 shapes)
{
    python_ran++;
    return PyObject_CallFunction(py.shape, "OI", text, (unsigned)shapes);
}

/* The name of the shape in the first `most` characters of a str (a new reference), Py_None without a reference where there is none, or NULL
 * with an exception set. */
static NEVER_INLINE PyObject *text_shape(PyObject *text, Py_ssize_t most)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), n = length < most ? length : most;
    Py_hash_t hash = 0;
    size_t place = 0;
    u32 shapes;
    PyObject *exact, *name;
    if (n < redaction.shortest)
        return Py_None;
    if (n >= 48) {
        hash = PyUnicode_Type.tp_hash(text) ^ most;
        place = (size_t)hash & (REMEMBERED - 1);
        if (harmless[place].hash == hash && harmless[place].length == length)
            return Py_None;
    }
    shapes = PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND ? possible_shapes(PyUnicode_DATA(text), n) : possible_in_wide(text, n);
    if (unlikely(shapes)) {
        hash = PyUnicode_Type.tp_hash(text) ^ most;
        place = (size_t)hash & (REMEMBERED - 1);
        if (harmless[place].hash == hash && harmless[place].length == length)
            return Py_None;
        exact = PyUnicode_Substring(text, 0, n); /* of a subclass, too, it is a plain str */
        name = exact != NULL ? shape_of(exact, shapes) : NULL;
        Py_XDECREF(exact);
        if (name != Py_None)
            return name;
        Py_DECREF(name);
    }
    if (hash) {
        harmless[place].hash = hash;
        harmless[place].length = length;
    }
    return Py_None;
}

/* Likewise for bytes. */
static NEVER_INLINE PyObject *bytes_shape(const u8 *data, Py_ssize_t n)
{
    u32 shapes = n < redaction.shortest ? 0 : possible_shapes(data, n);
    PyObject *text, *name;
    if (likely(!shapes))
        return Py_None;
    text = PyUnicode_DecodeLatin1((const char *)data, n, NULL);
    name = text != NULL ? shape_of(text, shapes) : NULL;
    Py_XDECREF(text);
    if (name == Py_None)
        Py_DECREF(name);
    return name;
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
