// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "array.hpp"
#include "taut/penalty/folded.hpp"

namespace taut::bindings {
namespace {

penalty::Shape shape_of(const std::string& name) {
  if (name == "l1") return penalty::Shape::l1;
  if (name == "mcp") return penalty::Shape::mcp;
  if (name == "scad") return penalty::Shape::scad;
  if (name == "cel0") return penalty::Shape::cel0;
  if (name == "l0") return penalty::Shape::l0;
  if (name == "lq") return penalty::Shape::lq;
  throw py::value_error("penalty must be 'l1', 'mcp', 'scad', 'cel0', 'l0' or 'lq', got '" + name +
                        "'.");
}

/// An argument of n values, or of one for all.
class PerEntry {
 public:
  PerEntry(const py::object& object, const std::string& name, Index n)
      : view_(vec_view<double>(object, name)) {
    if (view_.size != 1) detail::require_size(view_.size, n, name);
  }
  double operator[](Index i) const { return view_.data[view_.size == 1 ? 0 : i]; }

 private:
  VecView<double> view_;
};

/// CEL0 is spelled by its strength and the curvature that it is made for.
penalty::Folded term(penalty::Shape shape, double alpha, double gamma) {
  penalty::Folded f;
  f.shape = shape;
  f.alpha = alpha;
  if (shape != penalty::Shape::l1 && shape != penalty::Shape::l0) f.gamma = gamma;
  if (shape == penalty::Shape::cel0) {
    f.alpha = std::sqrt(2.0 * alpha * gamma);
    f.gamma = 1.0 / gamma;
  }
  return f;
}

py::array_t<double> prox(const py::object& x, const std::string& penalty, const py::object& alpha,
                         const py::object& gamma, const py::object& step, const py::object& lower,
                         const py::object& upper) {
  const VecView<double> z = vec_view<double>(x, "x");
  const penalty::Shape shape = shape_of(penalty);
  const PerEntry a(alpha, "alpha", z.size), c(gamma, "gamma", z.size), t(step, "step", z.size),
      low(lower, "lower", z.size), high(upper, "upper", z.size);
  py::array_t<double> out(z.size);
  double* u = out.mutable_data();
  {
    const py::gil_scoped_release release;
    for (Index i = 0; i < z.size; ++i) {
      penalty::Folded f = term(shape, a[i], c[i]);
      f.lower = low[i];
      f.upper = high[i];
      u[i] = penalty::prox(f, z.data[i], t[i]);
    }
  }
  return out;
}

py::array_t<double> penalty_values(const py::object& x, const std::string& penalty,
                                   const py::object& alpha, const py::object& gamma) {
  const VecView<double> z = vec_view<double>(x, "x");
  const penalty::Shape shape = shape_of(penalty);
  const PerEntry a(alpha, "alpha", z.size), c(gamma, "gamma", z.size);
  py::array_t<double> out(z.size);
  double* u = out.mutable_data();
  {
    const py::gil_scoped_release release;
    for (Index i = 0; i < z.size; ++i) u[i] = penalty::value(term(shape, a[i], c[i]), z.data[i]);
  }
  return out;
}

}  // namespace
}  // namespace taut::bindings

void bind_prox(py::module_& m) {
  using py::arg;
  m.def("prox", &taut::bindings::prox,
        "argmin_u (u - x)^2 / 2 + step * pen(u) on lower <= u <= upper, entry by entry.", arg("x"),
        arg("penalty"), py::kw_only(), arg("alpha"), arg("gamma"), arg("step"), arg("lower"),
        arg("upper"));
  m.def("penalty_values", &taut::bindings::penalty_values, "pen(x), entry by entry.", arg("x"),
        arg("penalty"), py::kw_only(), arg("alpha"), arg("gamma"));
}
