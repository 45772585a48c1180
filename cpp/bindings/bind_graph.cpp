// SPDX-License-Identifier: BSD-3-Clause
#include <cstdint>
#include <utility>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/graph/colide.hpp"
#include "taut/graph/dag.hpp"

namespace taut::bindings {
namespace {

DenseView<double> square_view(const py::object& object, const std::string& name) {
  const DenseView<double> view = dense_view<double>(object, name);
  detail::require_size(view.rows, view.cols, "a column of " + name);
  if (view.ld != view.rows) throw py::value_error(name + " must be without gaps.");
  return view;
}

/// d x d matrix of bytes in Fortran order.
const unsigned char* mask_view(const py::object& object, const std::string& name, Index d) {
  const DenseView<std::uint8_t> view = dense_view<std::uint8_t>(object, name);
  detail::require_size(view.rows, d, "a column of " + name);
  detail::require_size(view.cols, d, "a row of " + name);
  if (view.ld != d) throw py::value_error(name + " must be without gaps.");
  return view.data;
}

graph::Noise noise_of(const std::string& name) {
  if (name == "equal") return graph::Noise::equal;
  if (name == "unequal") return graph::Noise::unequal;
  if (name == "none") return graph::Noise::fixed;
  throw py::value_error("noise must be 'equal', 'unequal' or 'none', got '" + name + "'.");
}

template <class From, class F>
auto column_of(const std::vector<From>& rows, F&& field) {
  std::vector<decltype(field(rows.front()))> out;
  out.reserve(rows.size());
  for (const From& row : rows) out.push_back(field(row));
  return to_array(std::move(out));
}

py::dict graph_colide(const py::object& cov, const py::object& rows, const std::string& noise,
                      double alpha, const py::object& mu, const py::object& s,
                      const py::object& max_iter, double lr, double beta1, double beta2, double tol,
                      Index checkpoint, Index inverse_lag, const py::object& allowed,
                      const py::object& start, bool single, bool float_steps, int n_threads,
                      const py::object& callback) {
  const DenseView<double> matrix = square_view(cov, "cov");
  const Index d = matrix.cols;
  DenseView<double> data;
  if (!rows.is_none()) {
    data = dense_view<double>(rows, "rows");
    detail::require_size(data.cols, d, "a row of rows");
  }
  const VecView<double> weight = vec_view<double>(mu, "mu");
  const VecView<double> domain = vec_view<double>(s, "s", weight.size);
  const VecView<std::int64_t> limit = vec_view<std::int64_t>(max_iter, "max_iter", weight.size);
  graph::ColideOptions options;
  options.noise = noise_of(noise);
  options.alpha = alpha;
  for (Index k = 0; k < weight.size; ++k) {
    detail::require_at_least(limit.data[k], 1, "max_iter");
    options.stages.push_back({weight.data[k], domain.data[k], static_cast<Index>(limit.data[k])});
  }
  options.lr = lr;
  options.beta1 = beta1;
  options.beta2 = beta2;
  options.tol = tol;
  detail::require_positive(lr, "lr");
  detail::require_at_least(checkpoint, 1, "checkpoint");
  detail::require_at_least(inverse_lag, 1, "inverse_lag");
  options.checkpoint = checkpoint;
  options.inverse_lag = inverse_lag;
  if (!allowed.is_none()) options.allowed = mask_view(allowed, "allowed", d);
  const double* w = nullptr;
  if (!start.is_none()) {
    const DenseView<double> view = square_view(start, "start");
    detail::require_size(view.cols, d, "a row of start");
    w = view.data;
  }
  options.float_steps = float_steps;
  options.n_threads = n_threads;
  PyMonitor monitor{callback};
  graph::ColideResult result;
  {
    const py::gil_scoped_release release;
    result = single ? graph::colide_path<float>(matrix, data, w, options, monitor)
                    : graph::colide_path<double>(matrix, data, w, options, monitor);
  }
  py::dict out;
  out["weights"] = to_array(std::move(result.weights), {d, d}).attr("T");
  out["sigma"] = to_array(std::move(result.sigma));
  const auto& stages = result.stages;
  out["s"] = column_of(stages, [](const auto& r) { return r.s; });
  out["n_iter"] = column_of(stages, [](const auto& r) { return std::int64_t{r.n_iter}; });
  out["restarts"] = column_of(stages, [](const auto& r) { return std::int64_t{r.restarts}; });
  out["converged"] = column_of(stages, [](const auto& r) { return std::uint8_t{r.converged}; });
  out["h"] = column_of(stages, [](const auto& r) { return r.h; });
  out["objective"] = to_array(std::move(result.objective));
  out["objective_iter"] = column_of(result.objective_iter, [](Index i) { return std::int64_t{i}; });
  return out;
}

py::dict graph_objective(const py::object& cov, const py::object& w, const py::object& sigma,
                         const std::string& noise, double alpha, double mu, double s) {
  const DenseView<double> matrix = square_view(cov, "cov");
  const DenseView<double> weights = square_view(w, "w");
  const Index d = matrix.cols;
  detail::require_size(weights.cols, d, "a row of w");
  const VecView<double> scale = vec_view<double>(sigma, "sigma", d);
  std::vector<double> gradient(static_cast<std::size_t>(d * d));
  std::vector<double> residual(static_cast<std::size_t>(d));
  const graph::Noise kind = noise_of(noise);
  graph::Objective value;
  {
    const py::gil_scoped_release release;
    value = graph::colide_objective(matrix, weights.data, scale.data, kind, alpha, mu, s,
                                    gradient.data(), residual.data());
  }
  py::dict out;
  out["value"] = value.value;
  out["score"] = value.score;
  out["h"] = value.h;
  out["gradient"] = to_array(std::move(gradient), {d, d}).attr("T");
  out["residual"] = to_array(std::move(residual));
  return out;
}

py::dict graph_prune(const py::object& weights, double threshold) {
  const DenseView<double> view = square_view(weights, "weights");
  graph::Pruned pruned = graph::prune_to_dag(view.cols, view.data, threshold);
  py::dict out;
  out["edges"] = to_array(std::move(pruned.edges), {view.cols, view.cols}).attr("T");
  out["n_above"] = pruned.n_above;
  out["n_removed"] = pruned.n_removed;
  return out;
}

py::array_t<std::int64_t> graph_order(const py::object& edges) {
  const DenseView<std::uint8_t> view = dense_view<std::uint8_t>(edges, "edges");
  const unsigned char* data = mask_view(edges, "edges", view.cols);
  return column_of(graph::topological_order(view.cols, data),
                   [](Index i) { return std::int64_t{i}; });
}

Index graph_sid(const py::object& truth, const py::object& estimate, int n_threads) {
  const DenseView<std::uint8_t> view = dense_view<std::uint8_t>(truth, "truth");
  const Index d = view.cols;
  const unsigned char* a = mask_view(truth, "truth", d);
  const unsigned char* b = mask_view(estimate, "estimate", d);
  PyMonitor monitor{py::none()};
  const py::gil_scoped_release release;
  return graph::structural_intervention_distance(d, a, b, n_threads, monitor);
}

}  // namespace
}  // namespace taut::bindings

void bind_graph(py::module_& m) {
  using py::arg;
  m.def("graph_colide", &taut::bindings::graph_colide, "The CoLiDE path from a covariance.",
        arg("cov"), arg("rows"), py::kw_only(), arg("noise"), arg("alpha"), arg("mu"), arg("s"),
        arg("max_iter"), arg("lr"), arg("beta1"), arg("beta2"), arg("tol"), arg("checkpoint"),
        arg("inverse_lag") = 1, arg("allowed") = py::none(), arg("start") = py::none(),
        arg("single") = false, arg("float_steps") = false, arg("n_threads") = 1,
        arg("callback") = py::none());
  m.def("graph_objective", &taut::bindings::graph_objective,
        "Objective of one problem of the path, its gradient and the residual variances.",
        arg("cov"), arg("w"), arg("sigma"), arg("noise"), arg("alpha"), arg("mu"), arg("s"));
  m.def("graph_prune", &taut::bindings::graph_prune, "Thresholded weights without cycles.",
        arg("weights"), arg("threshold"));
  m.def("graph_order", &taut::bindings::graph_order,
        "Topological order of a directed graph; empty if it has a cycle.", arg("edges"));
  m.def("graph_sid", &taut::bindings::graph_sid, "Structural intervention distance of two DAGs.",
        arg("truth"), arg("estimate"), arg("n_threads") = 1);
}
