// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "array.hpp"
#include "linear_factories.hpp"
#include "monitor.hpp"
#include "taut/penalty/folded.hpp"
#include "taut/solver/first_order.hpp"

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

solver::Method method_of(const std::string& name) {
  using solver::Method;
  if (name == "proximal_gradient") return Method::proximal_gradient;
  if (name == "fista") return Method::fista;
  if (name == "ag") return Method::accelerated_gradient;
  if (name == "ag_original") return Method::accelerated_gradient_original;
  if (name == "pncg") return Method::conjugate_gradient;
  throw py::value_error(
      "solver must be 'proximal_gradient', 'fista', 'ag', 'ag_original' or 'pncg', got '" + name +
      "'.");
}

py::dict first_order(const py::object& X, const py::object& y, const std::string& datafit,
                     const std::string& solver, double alpha, const py::object& sample_weight,
                     const std::string& penalty, double l1_ratio, double gamma, double exponent,
                     double delta, const py::object& penalty_factor, const py::object& coef_init,
                     bool fit_intercept, bool standardize, double tol, double floor, Index max_iter,
                     int n_threads, const py::object& callback) {
  const DesignView view = design_view(X, "X");
  const std::unique_ptr<design::Design> design = std::visit(MakeDesign{}, view);
  const Index n = design->rows(), p = design->cols();
  const auto target = py::cast<py::array>(y);
  const Index K = target.ndim() == 2 ? target.shape(1) : 1;
  const std::vector<double> response = to_columns(y, "y", n, K);
  const std::vector<double> weights = normalised_weights(sample_weight, n);
  DatafitSpec data;
  data.rows = n;
  data.outputs = K;
  data.y = response.data();
  data.weights = weights.data();
  data.delta = delta;
  const auto loss = make_datafit(datafit, data);
  PenaltySpec spec;
  spec.features = p;
  spec.outputs = K;
  spec.factor = penalty_factor;
  spec.lower = spec.upper = spec.groups = py::none();
  spec.l1_ratio = l1_ratio;
  spec.gamma = gamma;
  spec.exponent = exponent;
  const auto pen = make_penalty(penalty, spec);
  std::vector<double> start;
  if (!coef_init.is_none()) {
    const RowMajorView<double> b = row_major_view<double>(coef_init, "coef_init");
    detail::require_size(b.rows, K, "coef_init");
    detail::require_size(b.cols, p, "coef_init's rows");
    start.assign(b.data, b.data + K * p);
  }
  solver::FirstOrderOptions options;
  options.method = method_of(solver);
  options.target = tol;
  options.max_iter = max_iter;
  options.floor = floor;
  PyMonitor monitor{callback};
  solver::FirstOrderFit fit;
  {
    const py::gil_scoped_release release;
    fit = solver::fit_first_order(*design, *loss, *pen, alpha, fit_intercept, standardize, options,
                                  start.empty() ? nullptr : start.data(), n_threads, monitor);
  }
  py::dict out;
  out["finite"] = fit.finite;
  if (!fit.finite) return out;
  out["coef"] = to_array(std::move(fit.coef), {static_cast<py::ssize_t>(K), p});
  out["intercept"] = to_array(std::move(fit.intercept), {static_cast<py::ssize_t>(K)});
  out["objective"] = to_array(std::move(fit.trace.objective));
  out["products"] = to_array(std::move(fit.trace.products));
  out["n_iter"] = fit.iterations;
  out["converged"] = fit.converged;
  out["stop_crit"] = fit.stop_crit;
  out["lipschitz"] = fit.lipschitz;
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
  m.def("first_order", &taut::bindings::first_order,
        "One first-order method on one composite problem, with a trace of its iterations.",
        arg("X"), arg("y"), arg("datafit"), py::kw_only(), arg("solver"), arg("alpha"),
        arg("sample_weight") = py::none(), arg("penalty") = "elastic_net", arg("l1_ratio") = 1.0,
        arg("gamma") = 3.0, arg("exponent") = 0.5, arg("delta") = 1.35,
        arg("penalty_factor") = py::none(), arg("coef_init") = py::none(),
        arg("fit_intercept") = true, arg("standardize") = false, arg("tol") = 1e-6,
        arg("floor") = -1e300, arg("max_iter") = 1000, arg("n_threads") = 1,
        arg("callback") = py::none());
}
