/* The current span lives in a context variable, as in the Python core: tasks, callbacks and copied contexts inherit it by themselves.
 *
 * Setting a context variable copies a path of a hash trie and makes a token, which would cost more than all the rest of a call. But where
 * nobody else holds the trie (the context was not copied since), the value in its leaf may as well be replaced in place: nobody can tell
 * the difference, because the next copy or the next reader sees what a proper set would have left. Whether somebody holds it is what the
 * reference counts of the trie and of the nodes on the way say. Everything else takes the proper way.
 *
 * The layout of contexts and tries is CPython's own affair and has been the same from 3.7 to 3.14; learn_layout() tries it out before
 * anything relies on it, and without agreement every access takes the proper way. */
typedef struct { PyObject_HEAD PyObject *root, *weak; Py_ssize_t count; } Trie;
typedef struct { PyObject_HEAD PyObject *previous; Trie *trie; PyObject *weak; } Context;
typedef struct { PyObject_VAR_HEAD u32 bitmap; PyObject *array[1]; } BitmapNode;
typedef struct { PyObject_HEAD PyObject *array[32]; Py_ssize_t count; } ArrayNode;
typedef struct { PyObject_HEAD PyObject *name, *default_value, *cached; } Variable;

static PyObject *current_var;
static u32 var_hash;
static int layout_known;
static PyTypeObject *bitmap_type, *array_type;
static Py_ssize_t likely_index; /* where in its node our variable stood last: saves counting bits */

/* The leaf of our variable in `trie`, or NULL. `sole`: whether nothing but its context holds it. */
static NEVER_INLINE PyObject **leaf(Trie *trie, int *sole)
{
    PyObject *node = trie->root;
    u32 hash = var_hash;
    *sole = Py_REFCNT(trie) == 1;
    for (int level = 0; level < 7; level++, hash >>= 5) {
        *sole &= Py_REFCNT(node) == 1;
        if (likely(Py_TYPE(node) == bitmap_type)) {
            BitmapNode *map = (BitmapNode *)node;
            u32 bit = 1u << (hash & 31);
            PyObject **pair;
            if (likely(likely_index < Py_SIZE(map) && map->array[likely_index] == current_var))
                return &map->array[likely_index + 1];
            if (!(map->bitmap & bit))
                return NULL;
            likely_index = 2 * __builtin_popcount(map->bitmap & (bit - 1));
            pair = &map->array[likely_index];
            if (likely(pair[0] == current_var))
                return &pair[1];
            if (pair[0] != NULL)
                return NULL;
            node = pair[1];
        }
        else if (Py_TYPE(node) == array_type) {
            node = ((ArrayNode *)node)->array[hash & 31];
            if (node == NULL)
                return NULL;
        }
        else {
            *sole = 0; /* a node of full collisions: rare beyond care */
            return NULL;
        }
    }
    return NULL;
}

/* As leaf; where few variables are set, ours stands in the root. */
static inline PyObject **leaf_at_once(Trie *trie, int *sole)
{
    BitmapNode *root = (BitmapNode *)trie->root;
    if (likely(Py_TYPE(root) == bitmap_type && likely_index < Py_SIZE(root) && root->array[likely_index] == current_var)) {
        *sole = Py_REFCNT(trie) == 1 && Py_REFCNT(root) == 1;
        return &root->array[likely_index + 1];
    }
    return leaf(trie, sole);
}

/* The current span or None, borrowed; NULL with an exception set only where memory is out. */
static inline PyObject *current_get(PyThreadState *ts)
{
    PyObject *value;
    if (likely(layout_known)) {
        int sole;
        PyObject **slot;
        if (ts->context == NULL)
            return Py_None;
        slot = leaf_at_once(((Context *)ts->context)->trie, &sole);
        if (likely(slot != NULL))
            return *slot;
    }
    if (PyContextVar_Get(current_var, Py_None, &value) < 0)
        return NULL;
    Py_DECREF(value); /* its context holds it */
    return value;
}

static NEVER_INLINE int current_set_properly(PyObject *value)
{
    PyObject *token = PyContextVar_Set(current_var, value);
    Py_DECREF(value);
    if (token == NULL)
        return -1;
    Py_DECREF(token);
    if (layout_known)
        ((Variable *)current_var)->cached = NULL;
    return 0;
}

/* The place where the current span may be replaced, or NULL where only a proper set will do. Good until Python code runs. */
static inline PyObject **current_place(PyThreadState *ts)
{
    int sole;
    PyObject **slot;
    if (unlikely(!layout_known || ts->context == NULL))
        return NULL;
    slot = leaf_at_once(((Context *)ts->context)->trie, &sole);
    return likely(sole) ? slot : NULL;
}

static inline void forget_cached(void)
{
    ((Variable *)current_var)->cached = NULL; /* what ContextVar.get remembers between two context switches */
}

/* Make `value` (a reference is taken over) current. -1 with an exception set. */
static inline int current_set(PyThreadState *ts, PyObject *value)
{
    PyObject **slot = current_place(ts);
    if (likely(slot != NULL)) {
        PyObject *old = *slot;
        *slot = value;
        forget_cached();
        Py_DECREF(old);
        return 0;
    }
    return current_set_properly(value);
}

/* Try the layout out in a context of its own. */
static void learn_layout(void)
{
    PyObject *context = PyContext_New(), *first = PyLong_FromLong(1234567), *second = PyLong_FromLong(7654321), *seen = NULL, *token;
    PyObject *fillers[64] = {0};
    PyThreadState *ts = PyThreadState_Get();
    Py_hash_t hash = PyObject_Hash(current_var);
    int entered = 0, sole;
    layout_known = 0;
    bitmap_type = array_type = NULL;
    if (context == NULL || first == NULL || second == NULL || hash == -1 || PyContext_Enter(context) < 0)
        goto end;
    entered = 1;
    var_hash = (u32)(hash & 0xffffffff) ^ (u32)((u64)hash >> 32);
    if (var_hash == 0xffffffffu)
        var_hash = 0xfffffffeu;
    if (ts->context != context || (token = PyContextVar_Set(current_var, first)) == NULL)
        goto end;
    Py_DECREF(token);
    {
        Trie *trie = ((Context *)context)->trie;
        BitmapNode *root;
        PyObject **slot;
        if (trie == NULL || Py_REFCNT(trie) != 1 || strcmp(Py_TYPE(trie)->tp_name, "hamt") != 0 || trie->count != 1)
            goto end;
        root = (BitmapNode *)trie->root;
        if (root == NULL || strcmp(Py_TYPE(root)->tp_name, "hamt_bitmap_node") != 0 || Py_REFCNT(root) != 1
            || root->bitmap != 1u << (var_hash & 31) || root->array[0] != current_var || root->array[1] != first)
            goto end;
        bitmap_type = Py_TYPE(root);
        if (((Variable *)current_var)->cached != first)
            goto end;
        slot = leaf(trie, &sole);
        if (slot == NULL || !sole)
            goto end;
        Py_INCREF(second);
        *slot = second;
        Py_DECREF(first);
        ((Variable *)current_var)->cached = NULL;
        if (PyContextVar_Get(current_var, NULL, &seen) < 0 || seen != second)
            goto end;
        Py_CLEAR(seen);
    }
    for (int i = 0; i < 64; i++) { /* enough for the root to become an array */
        fillers[i] = PyContextVar_New("filler", NULL);
        if (fillers[i] == NULL || (token = PyContextVar_Set(fillers[i], Py_None)) == NULL)
            goto end;
        Py_DECREF(token);
    }
    {
        PyObject *root = ((Context *)context)->trie->root;
        PyObject **slot;
        if (strcmp(Py_TYPE(root)->tp_name, "hamt_array_node") != 0)
            goto end;
        array_type = Py_TYPE(root);
        slot = leaf(((Context *)context)->trie, &sole);
        if (slot == NULL || *slot != second)
            goto end;
    }
    layout_known = 1;
end:
    PyErr_Clear();
    if (entered && PyContext_Exit(context) < 0)
        PyErr_Clear();
    for (int i = 0; i < 64; i++)
        Py_XDECREF(fillers[i]);
    Py_XDECREF(seen);
    Py_XDECREF(first);
    Py_XDECREF(second);
    Py_XDECREF(context);
    if (layout_known)
        ((Variable *)current_var)->cached = NULL;
}
