// SPDX-License-Identifier: BSD-3-Clause
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/ot/route.hpp"
#include "taut/ot/sinkhorn.hpp"
#include "taut/ot/smooth.hpp"

namespace taut::bindings {
namespace {

using ot::CloudCost;
using ot::DenseCost;
using CostVariant =
    std::variant<DenseCost<double>, DenseCost<float>, CloudCost<double>, CloudCost<float>>;

template <class T>
CostVariant cloud_cost(const py::tuple& parts) {
  const RowMajorView<T> x = row_major_view<T>(parts[0], "cost[0]");
  const RowMajorView<T> y = row_major_view<T>(parts[1], "cost[1]");
  detail::require_size(y.cols, x.cols, "a row of cost[1]");
  return CloudCost<T>(x.data, x.rows, y.data, y.rows, x.cols);
}

/// (n, m) array in C order, or a tuple of two point clouds (n, d) and (m, d); float64 or float32.
CostVariant cost_of(const py::object& object) {
  if (py::isinstance<py::tuple>(object)) {
    const auto parts = py::reinterpret_borrow<py::tuple>(object);
    if (parts.size() != 2) throw py::value_error("cost as a tuple must hold two arrays.");
    if (py::isinstance<py::array_t<float>>(parts[0])) return cloud_cost<float>(parts);
    return cloud_cost<double>(parts);
  }
  if (py::isinstance<py::array_t<float>>(object)) {
    const auto view = row_major_view<float>(object, "cost");
    return DenseCost<float>(view.data, view.rows, view.cols);
  }
  const auto view = row_major_view<double>(object, "cost");
  return DenseCost<double>(view.data, view.rows, view.cols);
}

/// The same for the semi-dual: an array is the transposed cost (m, n), a tuple (X, Y) as above.
/// All numbers finite: the selection of the largest scores relies on an order.
std::unique_ptr<ot::Scores> scores_of(const py::object& object) {
  if (py::isinstance<py::tuple>(object)) {
    const auto parts = py::reinterpret_borrow<py::tuple>(object);
    if (parts.size() != 2) throw py::value_error("cost as a tuple must hold two arrays.");
    const auto make = [&](auto zero) {
      using T = decltype(zero);
      const RowMajorView<T> x = row_major_view<T>(parts[0], "cost[0]");
      const RowMajorView<T> y = row_major_view<T>(parts[1], "cost[1]");
      detail::require_size(y.cols, x.cols, "a row of cost[1]");
      detail::require_moderate(x.data, x.rows * x.cols, "cost[0]");
      detail::require_moderate(y.data, y.rows * y.cols, "cost[1]");
      return ot::make_scores(x.data, x.rows, y.data, y.rows, x.cols);
    };
    if (py::isinstance<py::array_t<float>>(parts[0])) return make(0.0F);
    return make(0.0);
  }
  if (py::isinstance<py::array_t<float>>(object)) {
    const auto view = row_major_view<float>(object, "cost");
    detail::require_moderate(view.data, view.rows * view.cols, "cost");
    return ot::make_scores(DenseCost<float>(view.data, view.rows, view.cols));
  }
  const auto view = row_major_view<double>(object, "cost");
  detail::require_moderate(view.data, view.rows * view.cols, "cost");
  return ot::make_scores(DenseCost<double>(view.data, view.rows, view.cols));
}

ot::SinkhornForm form_of(const std::string& name) {
  if (name == "log") return ot::SinkhornForm::log;
  if (name == "kernel") return ot::SinkhornForm::kernel;
  if (name == "compact") return ot::SinkhornForm::kernel_compact;
  if (name == "log_compact") return ot::SinkhornForm::log_compact;
  throw py::value_error("form must be 'log', 'log_compact', 'kernel' or 'compact', got '" + name +
                        "'.");
}

ot::SmoothSolver solver_of(const std::string& name) {
  if (name == "auto") return ot::SmoothSolver::automatic;
  if (name == "newton") return ot::SmoothSolver::newton;
  if (name == "lbfgs") return ot::SmoothSolver::lbfgs;
  if (name == "proximal") return ot::SmoothSolver::proximal;
  if (name == "bundle") return ot::SmoothSolver::bundle;
  throw py::value_error("solver must be 'auto', 'newton', 'lbfgs', 'proximal' or 'bundle', got '" +
                        name + "'.");
}

VecView<double> finite_vector(const py::object& object, const char* name, Index size) {
  const VecView<double> view = vec_view<double>(object, name, size);
  detail::require_moderate(view.data, view.size, name);
  return view;
}

VecView<double> weights_of(const py::object& object, const char* name, Index size) {
  const VecView<double> view = finite_vector(object, name, size);
  for (Index i = 0; i < size; ++i) {
    if (view.data[i] < 0.0) throw py::value_error(std::string(name) + " must be >= 0.");
  }
  return view;
}

/// Weights, potentials and cost of an entropic plan.
struct PlanArguments {
  CostVariant cost;
  Index n, m;
  VecView<double> a, b, f, g;

  PlanArguments(const py::object& cost_object, const py::object& a_object,
                const py::object& b_object, const py::object& f_object, const py::object& g_object)
      : cost(cost_of(cost_object)),
        n(std::visit([](const auto& c) { return c.rows(); }, cost)),
        m(std::visit([](const auto& c) { return c.cols(); }, cost)),
        a(vec_view<double>(a_object, "a", n)),
        b(vec_view<double>(b_object, "b", m)),
        f(vec_view<double>(f_object, "f", n)),
        g(vec_view<double>(g_object, "g", m)) {}
};

py::dict ot_sinkhorn(const py::object& cost, const py::object& a, const py::object& b, double eps,
                     const py::object& f, const py::object& g, double lam_a, double lam_b,
                     const std::string& form, double tol, Index max_iter, bool over_relax,
                     int n_threads, const py::object& callback) {
  const PlanArguments in(cost, a, b, f, g);
  ot::SinkhornOptions options;
  options.eps = eps;
  options.lam_a = lam_a;
  options.lam_b = lam_b;
  options.form = form_of(form);
  options.tol = tol;
  options.max_iter = max_iter;
  options.over_relax = over_relax;
  options.n_threads = n_threads;
  std::vector<double> f_out(in.f.data, in.f.data + in.n), g_out(in.g.data, in.g.data + in.m);
  PyMonitor monitor{callback};
  ot::SinkhornReport report;
  {
    const py::gil_scoped_release release;
    report = std::visit(
        [&](const auto& c) {
          return ot::sinkhorn(c, in.a.data, in.b.data, options, f_out.data(), g_out.data(),
                              monitor);
        },
        in.cost);
  }
  py::dict out;
  out["f"] = to_array(std::move(f_out));
  out["g"] = to_array(std::move(g_out));
  out["n_iter"] = report.n_iter;
  out["converged"] = report.converged;
  out["errors"] = to_array(std::move(report.errors));
  out["relaxation"] = report.relaxation;
  return out;
}

py::dict ot_plan_sums(const py::object& cost, const py::object& a, const py::object& b,
                      const py::object& f, const py::object& g, double eps, const py::object& x,
                      const py::object& y, int n_threads) {
  const PlanArguments in(cost, a, b, f, g);
  const VecView<double> extra_row = optional_vec_view<double>(x, "x", in.n);
  const VecView<double> extra_col = optional_vec_view<double>(y, "y", in.m);
  if ((extra_row.data == nullptr) != (extra_col.data == nullptr)) {
    throw py::value_error("x and y go together.");
  }
  PyMonitor monitor{py::none()};
  ot::PlanSums sums;
  {
    const py::gil_scoped_release release;
    sums = std::visit(
        [&](const auto& c) {
          return ot::plan_sums(c, in.a.data, in.b.data, in.f.data, in.g.data, eps, extra_row.data,
                               extra_col.data, n_threads, monitor);
        },
        in.cost);
  }
  py::dict out;
  out["row"] = to_array(std::move(sums.row));
  out["col"] = to_array(std::move(sums.col));
  out["linear"] = sums.linear;
  out["entropy"] = sums.entropy;
  return out;
}

py::array_t<double> ot_plan_apply(const py::object& cost, const py::object& a, const py::object& b,
                                  const py::object& f, const py::object& g, double eps,
                                  const py::object& M, bool transposed, int n_threads) {
  const PlanArguments in(cost, a, b, f, g);
  const RowMajorView<double> matrix = row_major_view<double>(M, "M");
  detail::require_size(matrix.rows, transposed ? in.n : in.m, "M");
  py::array_t<double> out({transposed ? in.m : in.n, matrix.cols});
  double* data = out.mutable_data();
  PyMonitor monitor{py::none()};
  const py::gil_scoped_release release;
  std::visit(
      [&](const auto& c) {
        if (transposed) {
          ot::plan_apply_transposed(c, in.a.data, in.b.data, in.f.data, in.g.data, eps, matrix.data,
                                    matrix.cols, data, n_threads, monitor);
        } else {
          ot::plan_apply(c, in.a.data, in.b.data, in.f.data, in.g.data, eps, matrix.data,
                         matrix.cols, data, n_threads, monitor);
        }
      },
      in.cost);
  return out;
}

py::array_t<double> ot_plan_dense(const py::object& cost, const py::object& a, const py::object& b,
                                  const py::object& f, const py::object& g, double eps,
                                  int n_threads) {
  const PlanArguments in(cost, a, b, f, g);
  py::array_t<double> out({in.n, in.m});
  double* data = out.mutable_data();
  const py::gil_scoped_release release;
  std::visit(
      [&](const auto& c) {
        ot::plan_dense(c, in.a.data, in.b.data, in.f.data, in.g.data, eps, data, n_threads);
      },
      in.cost);
  return out;
}

/// (data, row indices, column starts) of a plan.
py::tuple plan_parts(ot::ColumnPlan&& plan) {
  std::vector<std::int64_t> rows(plan.row.begin(), plan.row.end());
  std::vector<std::int64_t> starts(plan.ptr.begin(), plan.ptr.end());
  return py::make_tuple(to_array(std::move(plan.mass)), to_array(std::move(rows)),
                        to_array(std::move(starts)));
}

py::dict ot_smooth(const py::object& cost, const py::object& a, const py::object& b, double gamma,
                   Index max_nz, const py::object& start, const std::string& solver, bool dual,
                   double tol, Index max_iter, int n_threads, const py::object& callback) {
  detail::require_positive(gamma, "gamma");
  detail::require_at_least(max_nz, 1, "max_nz");
  const std::unique_ptr<ot::Scores> scores = scores_of(cost);
  const VecView<double> source = weights_of(a, "a", scores->sources());
  const VecView<double> target = weights_of(b, "b", scores->targets());
  std::vector<double> alpha;
  if (!start.is_none()) {
    const VecView<double> from = finite_vector(start, "start", scores->sources());
    alpha.assign(from.data, from.data + from.size);
  }
  ot::SmoothOptions options;
  options.solver = solver_of(solver);
  options.dual = dual;
  options.tol = tol;
  options.max_iter = max_iter;
  PyMonitor monitor{callback};
  ot::SemiDual problem(*scores, source.data, target.data, gamma, max_nz, n_threads, monitor);
  ot::SmoothReport report;
  {
    const py::gil_scoped_release release;
    report = ot::maximise(problem, options, std::move(alpha));
  }
  py::dict out;
  out["alpha"] = to_array(std::move(report.alpha));
  out["tau"] = to_array(std::move(report.point.tau));
  out["row_mass"] = to_array(std::move(report.point.row_mass));
  out["plan"] = plan_parts(std::move(report.point.plan));
  out["plan_relaxed"] = plan_parts(std::move(report.relaxed));
  out["dual_value"] = report.point.value;
  out["value"] = report.relaxed_value.objective;
  out["linear_cost"] = report.relaxed_value.linear;
  out["n_ties"] = report.n_mixed;
  out["n_iter"] = problem.evaluations();
  out["converged"] = report.converged;
  out["error"] = report.error;
  out["errors"] = to_array(std::move(report.errors));
  out["values"] = to_array(std::move(report.values));
  out["used_relaxation"] = report.used_relaxation;
  return out;
}

py::dict ot_semi_dual(const py::object& cost, const py::object& a, const py::object& b,
                      double gamma, Index max_nz, const py::object& alpha, int n_threads,
                      Index repeats) {
  detail::require_positive(gamma, "gamma");
  detail::require_at_least(repeats, 1, "repeats");
  detail::require_at_least(max_nz, 1, "max_nz");
  const std::unique_ptr<ot::Scores> scores = scores_of(cost);
  const VecView<double> source = weights_of(a, "a", scores->sources());
  const VecView<double> target = weights_of(b, "b", scores->targets());
  const VecView<double> potential = finite_vector(alpha, "alpha", scores->sources());
  PyMonitor monitor{py::none()};
  ot::SemiDual problem(*scores, source.data, target.data, gamma, max_nz, n_threads, monitor);
  ot::SemiDualPoint point;
  {
    const py::gil_scoped_release release;
    for (Index r = 0; r < repeats; ++r) problem.evaluate(potential.data, nullptr, point);
  }
  py::dict out;
  out["value"] = point.value;
  out["row_mass"] = to_array(std::move(point.row_mass));
  out["tau"] = to_array(std::move(point.tau));
  out["plan"] = plan_parts(std::move(point.plan));
  out["n_ties"] = point.n_ties;
  return out;
}

py::dict ot_route(const py::object& scores, const py::object& a, const py::object& b, double gamma,
                  Index max_nz, double tol, Index max_iter, int n_threads) {
  const py::array array = detail::typed_array<double>(scores, "scores", 3);
  if ((array.flags() & py::array::c_style) == 0) {
    throw py::value_error("scores must be C-contiguous; use numpy.ascontiguousarray.");
  }
  detail::require_positive(gamma, "gamma");
  detail::require_at_least(max_nz, 1, "max_nz");
  detail::require_moderate(static_cast<const double*>(array.data()), array.size(), "scores");
  const Index groups = array.shape(0), m = array.shape(1), n = array.shape(2);
  if (max_nz > n) throw py::value_error("max_nz must be at most the number of sources.");
  const VecView<double> source = weights_of(a, "a", n);
  const VecView<double> target = weights_of(b, "b", m);
  ot::RouteOptions options;
  options.gamma = gamma;
  options.max_nz = max_nz;
  options.tol = tol;
  options.max_iter = max_iter;
  options.n_threads = n_threads;
  PyMonitor monitor{py::none()};
  ot::Routes routes;
  {
    const py::gil_scoped_release release;
    routes = ot::route(static_cast<const double*>(array.data()), groups, m, n, source.data,
                       target.data, options, monitor);
  }
  std::vector<std::int64_t> index(routes.index.begin(), routes.index.end());
  py::dict out;
  out["index"] = to_array(std::move(index), {groups, m, max_nz});
  out["mass"] = to_array(std::move(routes.mass), {groups, m, max_nz});
  out["error"] = to_array(std::move(routes.error));
  return out;
}

}  // namespace
}  // namespace taut::bindings

void bind_ot(py::module_& m) {
  using py::arg;
  m.def("ot_sinkhorn", &taut::bindings::ot_sinkhorn, "Potentials of entropic transport.",
        arg("cost"), arg("a"), arg("b"), arg("eps"), arg("f"), arg("g"), py::kw_only(),
        arg("lam_a"), arg("lam_b"), arg("form") = "log", arg("tol") = 1e-6, arg("max_iter") = 10000,
        arg("over_relax") = true, arg("n_threads") = 1, arg("callback") = py::none());
  m.def("ot_plan_sums", &taut::bindings::ot_plan_sums,
        "Marginals, cost and entropy of an entropic plan plus a rank-one term.", arg("cost"),
        arg("a"), arg("b"), arg("f"), arg("g"), arg("eps"), arg("x") = py::none(),
        arg("y") = py::none(), arg("n_threads") = 1);
  m.def("ot_plan_apply", &taut::bindings::ot_plan_apply,
        "Product of an entropic plan, or its transpose, with a matrix.", arg("cost"), arg("a"),
        arg("b"), arg("f"), arg("g"), arg("eps"), arg("M"), arg("transposed") = false,
        arg("n_threads") = 1);
  m.def("ot_plan_dense", &taut::bindings::ot_plan_dense, "An entropic plan as a dense array.",
        arg("cost"), arg("a"), arg("b"), arg("f"), arg("g"), arg("eps"), arg("n_threads") = 1);
  m.def("ot_smooth", &taut::bindings::ot_smooth,
        "Transport with a quadratic regulariser and at most max_nz entries a column.", arg("cost"),
        arg("a"), arg("b"), arg("gamma"), arg("max_nz"), py::kw_only(), arg("start") = py::none(),
        arg("solver") = "auto", arg("dual") = false, arg("tol") = 1e-6, arg("max_iter") = 1000,
        arg("n_threads") = 1, arg("callback") = py::none());
  m.def("ot_semi_dual", &taut::bindings::ot_semi_dual, "The semi-dual and its plan at one alpha.",
        arg("cost"), arg("a"), arg("b"), arg("gamma"), arg("max_nz"), arg("alpha"),
        arg("n_threads") = 1, arg("repeats") = 1);
  m.def("ot_route", &taut::bindings::ot_route, "Sparse balanced routing of groups of scores.",
        arg("scores"), arg("a"), arg("b"), arg("gamma"), arg("max_nz"), arg("tol") = 1e-3,
        arg("max_iter") = 100, arg("n_threads") = 1);
}
