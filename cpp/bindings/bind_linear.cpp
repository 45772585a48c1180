// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/datafit/logistic.hpp"
#include "taut/datafit/multinomial.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/penalty/group_elastic_net.hpp"
#include "taut/solver/path.hpp"

namespace taut::bindings {
namespace {

struct MakeDesign {
  template <class T>
  std::unique_ptr<design::Design> operator()(const DenseView<T>& X) const {
    return std::make_unique<design::Dense<T>>(X);
  }
  template <class T, class I>
  std::unique_ptr<design::Design> operator()(const CscView<T, I>& X) const {
    return std::make_unique<design::Csc<T, I>>(X);
  }
};

std::vector<double> to_vector(const py::object& object, const std::string& name, Index size = -1) {
  const VecView<double> view = optional_vec_view<double>(object, name, size);
  return {view.data, view.data + view.size};
}

/// A C-ordered (n, K) or a (n,) array as columns: kernels read one class at a time.
std::vector<double> to_columns(const py::object& object, const std::string& name, Index rows,
                               Index outputs) {
  std::vector<double> out(static_cast<std::size_t>(rows * outputs));
  if (outputs == 1 && py::cast<py::array>(object).ndim() == 1) {
    const VecView<double> view = vec_view<double>(object, name, rows);
    std::copy_n(view.data, rows, out.data());
    return out;
  }
  const RowMajorView<double> view = row_major_view<double>(object, name);
  detail::require_size(view.rows, rows, name);
  detail::require_size(view.cols, outputs, name + "'s columns");
  for (Index i = 0; i < rows; ++i) {
    for (Index k = 0; k < outputs; ++k) {
      out[static_cast<std::size_t>(k * rows + i)] = view.data[i * outputs + k];
    }
  }
  return out;
}

/// Weights of sum one; all equal for None.
std::vector<double> normalised_weights(const py::object& object, Index rows) {
  std::vector<double> s = to_vector(object, "sample_weight", object.is_none() ? -1 : rows);
  if (object.is_none()) s.assign(static_cast<std::size_t>(rows), 1.0);
  double total = 0.0;
  for (const double w : s) total += w;
  for (double& w : s) w /= total;
  return s;
}

std::unique_ptr<datafit::Datafit> make_datafit(const std::string& name, Index rows, Index outputs,
                                               const double* y, const double* weights) {
  if (name == "quadratic") return std::make_unique<datafit::Quadratic>(rows, y, weights);
  if (name == "logistic") return std::make_unique<datafit::Logistic>(rows, y, weights);
  if (name == "multinomial") {
    return std::make_unique<datafit::Multinomial>(rows, outputs, y, weights);
  }
  throw py::value_error("datafit must be 'quadratic', 'logistic' or 'multinomial', got '" + name +
                        "'.");
}

solver::Route route_of(const std::string& name) {
  if (name == "auto") return solver::Route::automatic;
  if (name == "gram") return solver::Route::gram;
  if (name == "naive") return solver::Route::naive;
  throw py::value_error("solver must be 'auto', 'gram' or 'naive', got '" + name + "'.");
}

template <class T>
py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

py::array_t<bool> to_bools(const std::vector<char>& values) {
  py::array_t<bool> out(static_cast<py::ssize_t>(values.size()));
  std::transform(values.begin(), values.end(), out.mutable_data(),
                 [](char value) { return value != 0; });
  return out;
}

/// First `count` rows of an array allocated for more.
py::object head(const py::array& array, Index count) {
  return array[py::slice(0, static_cast<py::ssize_t>(count), 1)];
}

py::dict fit_path(const py::object& X, const py::object& y, const std::string& datafit,
                  const py::object& sample_weight, const py::object& offset,
                  const py::object& penalty_factor, const py::object& lower,
                  const py::object& upper, double l1_ratio, bool grouped, const py::object& alphas,
                  Index n_alphas, double eps, bool fit_intercept, bool standardize,
                  const py::object& coef_init, const py::object& intercept_init, double tol,
                  Index max_iter, bool early_stop, Index max_active, const std::string& solver,
                  int n_threads, const py::object& callback) {
  const DesignView view = design_view(X, "X");
  const std::unique_ptr<design::Design> design = std::visit(MakeDesign{}, view);
  const Index n = design->rows(), p = design->cols();
  const auto target = py::cast<py::array>(y);
  const Index K = target.ndim() == 2 ? target.shape(1) : 1;
  const std::vector<double> response = to_columns(y, "y", n, K);
  const std::vector<double> shift =
      offset.is_none() ? std::vector<double>{} : to_columns(offset, "offset", n, K);
  const std::vector<double> weights = normalised_weights(sample_weight, n);
  const auto loss = make_datafit(datafit, n, K, response.data(), weights.data());

  penalty::FeatureRules rules{to_vector(penalty_factor, "penalty_factor", p),
                              to_vector(lower, "lower", p), to_vector(upper, "upper", p)};
  std::unique_ptr<penalty::Penalty> penalty;
  if (grouped) {
    if (!rules.lower.empty() || !rules.upper.empty()) {
      throw py::value_error("lower and upper do not go with grouped=True.");
    }
    penalty = std::make_unique<penalty::GroupElasticNet>(K, l1_ratio, std::move(rules));
  } else {
    penalty = std::make_unique<penalty::ElasticNet>(K, l1_ratio, std::move(rules));
  }

  solver::PathOptions options;
  options.alphas = to_vector(alphas, "alphas");
  options.n_alphas = n_alphas;
  options.eps = eps;
  options.fit_intercept = fit_intercept;
  options.standardize = standardize;
  options.tol = tol;
  options.max_iter = max_iter;
  options.early_stop = early_stop;
  options.max_active = max_active;
  options.route = route_of(solver);
  options.n_threads = n_threads;

  // Zeroed lazily by the operating system: only coefficients that are not zero cost memory traffic.
  const Index steps = solver::path_length(options);
  const auto zeros = py::module_::import("numpy").attr("zeros");
  const auto coefs = py::cast<py::array_t<double>>(zeros(py::make_tuple(steps, K, p)));
  const auto intercepts = py::cast<py::array_t<double>>(zeros(py::make_tuple(steps, K)));
  const solver::PathOutput out{static_cast<double*>(coefs.request().ptr),
                               static_cast<double*>(intercepts.request().ptr)};
  std::vector<double> start_coef, start_intercept;
  if (!coef_init.is_none()) {
    const RowMajorView<double> b = row_major_view<double>(coef_init, "coef_init");
    detail::require_size(b.rows, K, "coef_init");
    detail::require_size(b.cols, p, "coef_init's rows");
    start_coef.assign(b.data, b.data + K * p);
    start_intercept = to_vector(intercept_init, "intercept_init", K);
  }

  PyMonitor monitor{callback};
  solver::PathReport report;
  {
    const py::gil_scoped_release release;
    report =
        solver::fit_path(*design, *loss, *penalty, shift.empty() ? nullptr : shift.data(), options,
                         start_coef.empty() ? nullptr : start_coef.data(),
                         start_intercept.empty() ? nullptr : start_intercept.data(), out, monitor);
  }
  py::dict result;
  result["finite"] = report.finite;
  if (!report.finite) return result;
  result["alphas"] = to_array(report.alphas);
  result["coefs"] = head(coefs, report.n_done);
  result["intercepts"] = head(intercepts, report.n_done);
  result["dual_gaps"] = to_array(report.dual_gaps);
  result["n_iter"] = to_array(report.n_iter);
  result["converged"] = to_bools(report.converged);
  result["objective"] = to_array(report.objective);
  result["null_loss"] = report.null_loss;
  result["dev_ratio"] = to_array(report.dev_ratio);
  result["alpha_max"] = report.alpha_max;
  result["n_active"] = to_array(report.n_active);
  result["stats"] =
      py::dict(py::arg("full_passes") = report.full_passes,
               py::arg("partial_passes") = report.partial_passes,
               py::arg("candidates") = report.candidates, py::arg("rounds") = report.rounds);
  return result;
}

}  // namespace
}  // namespace taut::bindings

void bind_linear(py::module_& m) {
  using py::arg;
  m.def("fit_path", &taut::bindings::fit_path,
        "Coefficients of a penalised linear model along a sequence of penalty strengths.", arg("X"),
        arg("y"), arg("datafit"), py::kw_only(), arg("sample_weight") = py::none(),
        arg("offset") = py::none(), arg("penalty_factor") = py::none(), arg("lower") = py::none(),
        arg("upper") = py::none(), arg("l1_ratio") = 1.0, arg("grouped") = false,
        arg("alphas") = py::none(), arg("n_alphas") = 100, arg("eps") = 1e-3,
        arg("fit_intercept") = true, arg("standardize") = false, arg("coef_init") = py::none(),
        arg("intercept_init") = py::none(), arg("tol") = 1e-6, arg("max_iter") = 10000,
        arg("early_stop") = false, arg("max_active") = -1, arg("solver") = "auto",
        arg("n_threads") = 1, arg("callback") = py::none());
}
