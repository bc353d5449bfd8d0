/* What no tracer of this kind can go below: reads of the clock that the core reads, and calls of C functions that do nothing. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef uint64_t u64;
#define likely(x) __builtin_expect(!!(x), 1)
#include "core_clock.h"

/* two_reads_ns(pairs) -> ns that two reads of the clock take, on average */
static PyObject *two_reads_ns(PyObject *self, PyObject *argument)
{
    long pairs = PyLong_AsLong(argument);
    volatile u64 sum = 0;
    u64 before = clock_ns();
    for (long i = 0; i < pairs; i++) {
        u64 first = ticks();
        sum += ticks() - first;
    }
    return PyFloat_FromDouble((double)(clock_ns() - before) / (double)pairs);
}

static PyObject *enter(PyObject *self, PyObject *const *arguments, Py_ssize_t n)
{
    Py_RETURN_NONE;
}

static PyObject *leave(PyObject *self, PyObject *const *arguments, Py_ssize_t n)
{
    Py_INCREF(arguments[1]);
    return arguments[1];
}

static PyMethodDef methods[] = {
    {"two_reads_ns", two_reads_ns, METH_O, NULL},
    {"enter", (PyCFunction)(void (*)(void))enter, METH_FASTCALL, NULL},
    {"leave", (PyCFunction)(void (*)(void))leave, METH_FASTCALL, NULL},
    {"tick", clock_tick, METH_NOARGS, NULL},
    {"origin", clock_origin, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "floor", NULL, -1, methods};

PyMODINIT_FUNC PyInit_floor(void)
{
    clock_begin();
    return PyModule_Create(&definition);
}
