// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "linear_factories.hpp"
#include "monitor.hpp"
#include "options.hpp"
#include "taut/bilevel/projection.hpp"
#include "taut/bilevel/sparse_lower.hpp"

namespace taut::bindings {
namespace {

constexpr const char* k_name = "taut.bilevel.SparseLower";

/// A lower problem with the criterion that judges it, and all that they view.
struct SparseTask {
  py::object X;  ///< keeps the memory of `design` alive
  std::unique_ptr<design::Design> design;
  std::vector<double> y, weights, offset, score_weights, score_linear;
  double centre = 0.0;  ///< taken from y for least squares: gaps then lose no digits to it
  std::unique_ptr<datafit::Datafit> datafit, score;
  std::unique_ptr<penalty::ElasticNet> penalty;
  std::unique_ptr<bilevel::SparseLower> lower;
  std::vector<double> residual, by_eta;
};

double mean(const std::vector<double>& y, const std::vector<double>& weights) {
  double total = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) total += weights[i] * y[i];
  return total;
}

/// A task as an opaque object, or None if X is not finite.
py::object make(const py::object& X, const py::object& y, const std::string& datafit,
                const py::object& sample_weight, const py::object& score_weight,
                const py::object& score_linear, const py::object& offset,
                const py::object& penalty_factor, const py::object& lower, const py::object& upper,
                bool fit_intercept, bool standardize, const std::string& solver, int n_threads) {
  if (datafit != "quadratic" && datafit != "logistic" && datafit != "poisson") {
    throw py::value_error("datafit must be 'quadratic', 'logistic' or 'poisson', got '" + datafit +
                          "'.");
  }
  auto task = std::make_unique<SparseTask>();
  task->X = X;
  task->design = std::visit(MakeDesign{}, design_view(X, "X"));
  const Index n = task->design->rows(), p = task->design->cols();
  task->y = to_vector(y, "y", n);
  task->weights = normalised_weights(sample_weight, n);
  task->score_weights = to_vector(score_weight, "score_weight", n);
  if (!score_linear.is_none()) task->score_linear = to_vector(score_linear, "score_linear", n);
  if (!offset.is_none()) task->offset = to_vector(offset, "offset", n);
  if (datafit == "quadratic") {
    for (std::size_t i = 0; i < task->offset.size(); ++i) task->y[i] -= task->offset[i];
    task->offset.clear();
    if (fit_intercept) task->centre = mean(task->y, task->weights);
    for (double& value : task->y) value -= task->centre;
  }
  DatafitSpec spec{n, 1, task->y.data(), task->weights.data()};
  task->datafit = make_datafit(datafit, spec);
  spec.weights = task->score_weights.data();
  // Held-out counts may all be zero: no model is fitted to them.
  task->score = datafit == "poisson"
                    ? std::make_unique<datafit::Poisson>(n, task->y.data(), spec.weights)
                    : make_datafit(datafit, spec);
  task->penalty = std::make_unique<penalty::ElasticNet>(
      1, 1.0,
      penalty::FeatureRules{to_vector(penalty_factor, "penalty_factor", p),
                            to_vector(lower, "lower", p), to_vector(upper, "upper", p)});
  task->residual.resize(static_cast<std::size_t>(n));
  task->by_eta.resize(static_cast<std::size_t>(n));
  {
    const py::gil_scoped_release release;
    task->lower = std::make_unique<bilevel::SparseLower>(
        *task->design, *task->datafit, *task->penalty,
        task->offset.empty() ? nullptr : task->offset.data(), fit_intercept, standardize,
        route_of(solver), n_threads);
  }
  if (!task->lower->finite()) return py::none();
  return py::capsule(task.release(), k_name,
                     [](void* pointer) { delete static_cast<SparseTask*>(pointer); });
}

SparseTask& task_of(const py::capsule& handle) {
  if (std::string(handle.name() ? handle.name() : "") != k_name) {
    throw py::type_error("task must come from bilevel_sparse_make.");
  }
  return *handle.get_pointer<SparseTask>();
}

py::dict evaluate(const py::capsule& handle, double alpha, double l1_ratio,
                  const py::object& penalty_factor, double tol, Index max_iter, bool prove,
                  const py::object& callback) {
  SparseTask& task = task_of(handle);
  const Index n = task.design->rows(), p = task.design->cols();
  std::vector<double> factor = to_vector(penalty_factor, "penalty_factor", p);
  PyMonitor monitor{callback};
  bilevel::SparseLower::Report report;
  bilevel::SupportSlope slope;
  double value = 0.0;
  {
    const py::gil_scoped_release release;
    task.penalty->set_shape(l1_ratio, std::move(factor));
    task.penalty->set_alpha(alpha);
    report = task.lower->solve(tol, max_iter, monitor);
    const std::vector<double>& eta = task.lower->eta();
    value = task.score->evaluate(eta.data(), task.residual.data());
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      task.by_eta[at] = -task.score_weights[at] * task.residual[at];
      if (task.score_linear.empty()) continue;
      task.by_eta[at] += task.score_linear[at];
      value += task.score_linear[at] * (eta[at] + task.centre);
    }
    slope = task.lower->slope(
        {task.by_eta.data(), task.datafit->is_quadratic() ? task.score_weights.data() : nullptr},
        prove, monitor);
  }
  py::dict result;
  result["value"] = value;
  result["gap"] = report.gap;
  result["unit"] = task.lower->unit();
  result["objective"] = report.objective;
  result["n_iter"] = report.iterations;
  result["n_active"] = report.active;
  result["converged"] = report.converged;
  result["singular"] = slope.singular;
  result["proved"] = slope.proved;
  result["support"] = to_array(std::move(slope.support));
  result["slope_l1"] = to_array(std::move(slope.l1));
  result["slope_l2"] = to_array(std::move(slope.l2));
  result["error_l1"] = to_array(std::move(slope.l1_error));
  result["error_l2"] = to_array(std::move(slope.l2_error));
  return result;
}

py::tuple coefficients(const py::capsule& handle) {
  const SparseTask& task = task_of(handle);
  py::array_t<double> coef(static_cast<py::ssize_t>(task.design->cols()));
  double intercept = 0.0;
  task.lower->coefficients(coef.mutable_data(), &intercept);
  return py::make_tuple(coef, intercept + task.centre);
}

/// A copy of x, projected.
py::array_t<double> project(const std::string& set, const py::object& x, double size) {
  const VecView<double> view = vec_view<double>(x, "x");
  const bool simplex = one_of<bool>(set, "set", {{"simplex", true}, {"l1", false}});
  py::array_t<double> out(static_cast<py::ssize_t>(view.size));
  double* u = out.mutable_data();
  const py::gil_scoped_release release;
  std::copy_n(view.data, view.size, u);
  if (simplex) {
    bilevel::project_simplex(u, view.size, size);
  } else {
    bilevel::project_l1(u, view.size, size);
  }
  return out;
}

}  // namespace
}  // namespace taut::bindings

void bind_bilevel_sparse(py::module_& m) {
  using py::arg;
  m.def("bilevel_sparse_make", &taut::bindings::make,
        "A sparse linear model whose strengths change, and a criterion of it; None if X is not "
        "finite.",
        arg("X"), arg("y"), arg("datafit"), py::kw_only(), arg("sample_weight"),
        arg("score_weight"), arg("score_linear") = py::none(), arg("offset") = py::none(),
        arg("penalty_factor") = py::none(), arg("lower") = py::none(), arg("upper") = py::none(),
        arg("fit_intercept") = true, arg("standardize") = false, arg("solver") = "auto",
        arg("n_threads") = 1);
  m.def("bilevel_sparse_evaluate", &taut::bindings::evaluate,
        "Value of the criterion at the solution, and its derivative by the logarithms of the "
        "strengths.",
        arg("task"), py::kw_only(), arg("alpha"), arg("l1_ratio"),
        arg("penalty_factor") = py::none(), arg("tol") = 1e-8, arg("max_iter") = 1000,
        arg("prove") = false, arg("callback") = py::none());
  m.def("bilevel_sparse_coefficients", &taut::bindings::coefficients,
        "Coefficients of the last solution, and its intercept.", arg("task"));
  m.def("bilevel_project", &taut::bindings::project,
        "The nearest point of a simplex or an l1 ball of this size.", arg("set"), arg("x"),
        arg("size"));
}
