// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "linear_factories.hpp"
#include "monitor.hpp"
#include "taut/solver/fused_path.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace taut::bindings {
namespace {

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

/// Takes back the large pages that NumPy asks for: a few coefficients spread over a row of millions
/// would have every one of them cleared.
void touch_single_pages([[maybe_unused]] py::array_t<double> values) {
#ifdef __linux__
  constexpr std::uintptr_t page = 4096;
  const auto begin = reinterpret_cast<std::uintptr_t>(values.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + static_cast<std::uintptr_t>(values.nbytes())) / page * page;
  // Advice: where it is refused, only time is lost.
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_NOHUGEPAGE);
#endif
}

py::dict fit_path(const py::object& X, const py::object& y, const std::string& datafit,
                  const std::string& penalty, double l1_ratio, double gamma, double exponent,
                  double delta, double sigma_min, const py::object& groups,
                  const py::object& sample_weight, const py::object& offset,
                  const py::object& penalty_factor, const py::object& lower,
                  const py::object& upper, const py::object& alphas, Index n_alphas, double eps,
                  bool fit_intercept, bool standardize, const py::object& coef_init,
                  const py::object& intercept_init, double tol, Index max_iter, bool early_stop,
                  Index max_active, const std::string& solver, int n_threads,
                  const py::object& callback, const py::object& output_factor) {
  const DesignView view = design_view(X, "X");
  const std::unique_ptr<design::Design> design = std::visit(MakeDesign{}, view);
  const Index n = design->rows(), p = design->cols();
  const auto target = py::cast<py::array>(y);
  const Index K = target.ndim() == 2 ? target.shape(1) : 1;
  const std::vector<double> response = to_columns(y, "y", n, K);
  const std::vector<double> shift =
      offset.is_none() ? std::vector<double>{} : to_columns(offset, "offset", n, K);
  const std::vector<double> weights = normalised_weights(sample_weight, n);
  const auto loss =
      make_datafit(datafit, {n, K, response.data(), weights.data(), delta, sigma_min});
  const PenaltySpec spec{p,      K,        penalty_factor, lower,    upper,
                         groups, l1_ratio, gamma,          exponent, output_factor};
  const bool second_order = solver == "auto" || solver == "gram" || solver == "naive";
  if (!output_factor.is_none() &&
      (datafit != "cumulative_logit" || penalty != "elastic_net" || !second_order)) {
    throw py::value_error(
        "output_factor goes with datafit='cumulative_logit', penalty='elastic_net' and the solvers "
        "'auto', 'gram' and 'naive'.");
  }
  std::optional<Fusion> fusion;
  std::unique_ptr<penalty::Penalty> pen;
  if (penalty == "fused") {
    fusion = make_fusion(spec);
  } else {
    pen = make_penalty(penalty, spec);
  }
  if (datafit == "sqrt" && pen && !pen->has_dual()) {
    throw py::value_error("datafit='sqrt' needs a convex penalty, got '" + penalty + "'.");
  }

  solver::PathOptions options;
  options.alphas = to_vector(alphas, "alphas");
  options.n_alphas = n_alphas;
  options.eps = eps;
  options.fit_intercept = fit_intercept;
  options.standardize = standardize;
  if (!(tol >= 0.0)) throw py::value_error("tol must be >= 0, got " + std::to_string(tol) + ".");
  options.tol = tol;
  options.max_iter = max_iter;
  options.early_stop = early_stop;
  options.max_active = max_active;
  options.route = route_of(solver);
  options.n_threads = n_threads;

  // A large result is zeroed lazily by the operating system: only coefficients that are not zero
  // cost memory traffic. For a small one, memory that the process has is cheaper than new pages.
  constexpr Index k_small = Index{1} << 22;
  const Index steps = solver::path_length(options);
  const py::module_ numpy = py::module_::import("numpy");
  const bool zeroed = steps * K * p > k_small;
  const auto coefs = py::cast<py::array_t<double>>(
      numpy.attr(zeroed ? "zeros" : "empty")(py::make_tuple(steps, K, p)));
  if (zeroed) touch_single_pages(coefs);
  const auto intercepts =
      py::cast<py::array_t<double>>(numpy.attr("zeros")(py::make_tuple(steps, K)));
  const solver::PathOutput out{static_cast<double*>(coefs.request().ptr),
                               static_cast<double*>(intercepts.request().ptr), zeroed};
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
    const double* added = shift.empty() ? nullptr : shift.data();
    const double* coef = start_coef.empty() ? nullptr : start_coef.data();
    const double* intercept = start_intercept.empty() ? nullptr : start_intercept.data();
    report =
        fusion
            ? solver::fit_fused_path(*design, *loss, fusion->chains, std::move(fusion->factor),
                                     added, options, coef, intercept, out, monitor)
            : solver::fit_path(*design, *loss, *pen, added, options, coef, intercept, out, monitor);
  }
  py::dict result;
  result["finite"] = report.finite;
  if (!report.finite) return result;
  result["alphas"] = to_array(report.alphas);
  result["coefs"] = head(coefs, report.n_done);
  result["intercepts"] = head(intercepts, report.n_done);
  result["dual_gaps"] = to_array(report.dual_gaps);
  result["stop_crits"] = to_array(report.stop_crits);
  result["n_iter"] = to_array(report.n_iter);
  result["converged"] = to_bools(report.converged);
  result["objective"] = to_array(report.objective);
  result["null_loss"] = report.null_loss;
  result["tol_unit"] = report.tol_unit;
  result["dev_ratio"] = to_array(report.dev_ratio);
  result["alpha_max"] = report.alpha_max;
  if (datafit == "sqrt") result["sigmas"] = to_array(report.sigmas);
  result["n_active"] = to_array(report.n_active);
  result["stats"] =
      py::dict(py::arg("full_passes") = report.full_passes,
               py::arg("partial_passes") = report.partial_passes,
               py::arg("candidates") = report.candidates, py::arg("rounds") = report.rounds);
  return result;
}

py::array_t<double> prox_tv1d(const py::object& x, const py::object& weight) {
  const VecView<double> view = vec_view<double>(x, "x");
  const VecView<double> limit = vec_view<double>(weight, "weight", view.size);
  py::array_t<double> out(static_cast<py::ssize_t>(view.size));
  double* u = out.mutable_data();
  {
    const py::gil_scoped_release release;
    std::copy_n(view.data, view.size, u);
    penalty::TotalVariationProx()(u, limit.data, view.size);
  }
  return out;
}

}  // namespace
}  // namespace taut::bindings

void bind_linear(py::module_& m) {
  using py::arg;
  m.def("prox_tv1d", &taut::bindings::prox_tv1d,
        "argmin_u ||u - x||^2 / 2 + sum_i weight_i |u_i - u_(i-1)|; weight_0 is not read.",
        arg("x"), arg("weight"));
  m.def("fit_path", &taut::bindings::fit_path,
        "Coefficients of a penalised linear model along a sequence of penalty strengths.", arg("X"),
        arg("y"), arg("datafit"), py::kw_only(), arg("penalty") = "elastic_net",
        arg("l1_ratio") = 1.0, arg("gamma") = 3.0, arg("exponent") = 0.5, arg("delta") = 1.35,
        arg("sigma_min") = 0.0, arg("groups") = py::none(), arg("sample_weight") = py::none(),
        arg("offset") = py::none(), arg("penalty_factor") = py::none(), arg("lower") = py::none(),
        arg("upper") = py::none(), arg("alphas") = py::none(), arg("n_alphas") = 100,
        arg("eps") = 1e-3, arg("fit_intercept") = true, arg("standardize") = false,
        arg("coef_init") = py::none(), arg("intercept_init") = py::none(), arg("tol") = 1e-6,
        arg("max_iter") = 10000, arg("early_stop") = false, arg("max_active") = -1,
        arg("solver") = "auto", arg("n_threads") = 1, arg("callback") = py::none(),
        arg("output_factor") = py::none());
}
