// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/pybind11.h>

#include <exception>

#include "taut/core/version.hpp"

namespace py = pybind11;

// One function per file bind_*.cpp.
void bind_core(py::module_& m);
void bind_linear(py::module_& m);
void bind_prox(py::module_& m);
void bind_survival(py::module_& m);
void bind_beran(py::module_& m);
void bind_ot(py::module_& m);
void bind_privacy(py::module_& m);
void bind_graph(py::module_& m);
void bind_linsolve(py::module_& m);
void bind_decomposition(py::module_& m);
void bind_bilevel(py::module_& m);
void bind_bilevel_sparse(py::module_& m);

// Kernels have no mutable globals, so the module asks for no GIL of its own. Untested on a
// free-threaded interpreter.
PYBIND11_MODULE(TAUT_MODULE_NAME, m, py::mod_gil_not_used()) {
  m.doc() = "Compiled kernels of taut. Private: use the packages below taut instead.";
  m.attr("VARIANT") = TAUT_VARIANT_NAME;
  m.attr("__version__") = taut::version();

  // A member of a tuple or of a dict that is of another type than the kernel's contract says.
  py::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const py::cast_error&) {
      PyErr_SetString(PyExc_TypeError, "A part of an argument has the wrong type.");
    }
  });

  bind_core(m);
  bind_linear(m);
  bind_prox(m);
  bind_survival(m);
  bind_beran(m);
  bind_ot(m);
  bind_privacy(m);
  bind_graph(m);
  bind_linsolve(m);
  bind_decomposition(m);
  bind_bilevel(m);
  bind_bilevel_sparse(m);
}
