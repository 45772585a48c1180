// SPDX-License-Identifier: BSD-3-Clause
// Which variant of the extension may run here. A module of its own, in the limited API and built
// for the baseline instruction set, because it is asked before any variant is loaded.
#include <Python.h>

static int supports_v3(void) {
#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
  __builtin_cpu_init();
#if !defined(__clang__) && __GNUC__ >= 12
  return __builtin_cpu_supports("x86-64-v3") != 0;
#else
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#endif
#else
  return 0;
#endif
}

static PyObject* has_v3(PyObject* self, PyObject* args) {
  (void)self;
  (void)args;
  return PyBool_FromLong(supports_v3());
}

static PyMethodDef methods[] = {
    {"has_v3", has_v3, METH_NOARGS,
     "has_v3() -> bool\n\nTrue when processor and operating system run x86-64-v3 code (AVX2, "
     "FMA)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "_cpu",
    "Detects the instruction set.",
    0,
    methods,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__cpu(void) { return PyModule_Create(&definition); }
