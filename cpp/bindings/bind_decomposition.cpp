// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "options.hpp"
#include "taut/decomposition/dictionary.hpp"
#include "taut/decomposition/sparse_coder.hpp"

namespace taut::bindings {
namespace {

using decomposition::CodingOptions;
using decomposition::Method;
using decomposition::Start;
using decomposition::Update;
using penalty::Shape;

CodingOptions coding_options(const std::string& penalty, double alpha, double gamma,
                             const std::string& method, const std::string& start, Index max_iter,
                             double tol, bool nonnegative, int n_threads) {
  CodingOptions out;
  out.shape = one_of<Shape>(penalty, "penalty",
                            {{"l1", Shape::l1},
                             {"mcp", Shape::mcp},
                             {"scad", Shape::scad},
                             {"l0", Shape::l0},
                             {"cel0", Shape::cel0},
                             {"lq", Shape::lq}});
  out.method = one_of<Method>(
      method, "method", {{"cd", Method::cd}, {"ista", Method::ista}, {"fista", Method::fista}});
  out.start = one_of<Start>(
      start, "init",
      {{"zero", Start::zero}, {"l1", Start::l1}, {"continuation", Start::continuation}});
  out.alpha = alpha;
  out.gamma = gamma;
  // A code ends before an interruption is seen.
  if (max_iter < 0 || max_iter > 100'000'000) {
    throw py::value_error("max_iter must be in 0 .. 10^8, got " + std::to_string(max_iter) + ".");
  }
  if (!(tol >= 0.0)) throw py::value_error("tol must be >= 0, got " + std::to_string(tol) + ".");
  out.max_iter = max_iter;
  out.tol = tol;
  out.nonnegative = nonnegative;
  out.n_threads = n_threads;
  return out;
}

/// Rows of a C-ordered array are columns here.
template <class T>
DenseView<T> as_columns(const py::object& object, const std::string& name) {
  const RowMajorView<T> view = row_major_view<T>(object, name);
  return {view.data, view.cols, view.rows, view.cols};
}

template <class T>
py::dict encode(const py::object& signals, const py::object& dictionary,
                const CodingOptions& options, bool dense, const py::object& callback) {
  const DenseView<T> rows = as_columns<T>(signals, "signals");
  const DenseView<T> atoms = as_columns<T>(dictionary, "dictionary");
  detail::require_size(rows.rows, atoms.rows, "a row of signals");
  PyMonitor monitor{callback};
  decomposition::Codes<T> codes;
  std::vector<T> table;
  {
    const py::gil_scoped_release release;
    codes = decomposition::SparseCoder<T>(atoms, options.method).encode(rows, options, monitor);
    if (dense) {
      table.assign(static_cast<std::size_t>(rows.cols * atoms.cols), T(0));
      for (Index i = 0; i < rows.cols; ++i) {
        const auto at = static_cast<std::size_t>(i);
        for (auto e = static_cast<std::size_t>(codes.starts[at]);
             e < static_cast<std::size_t>(codes.starts[at + 1]); ++e) {
          table[static_cast<std::size_t>(i * atoms.cols + codes.atoms[e])] = codes.values[e];
        }
      }
    }
  }
  py::dict out;
  if (dense) {
    out["codes"] = to_array(std::move(table), {rows.cols, atoms.cols});
  } else {
    out["codes"] =
        py::make_tuple(to_array(std::move(codes.values)), to_array(std::move(codes.atoms)),
                       to_array(std::move(codes.starts)));
  }
  out["n_unfinished"] = codes.n_unfinished;
  out["n_iter"] = codes.n_iter;
  out["n_updates"] = codes.n_updates;
  return out;
}

py::dict decomposition_encode(const py::object& signals, const py::object& dictionary,
                              const std::string& penalty, double alpha, double gamma,
                              const std::string& method, const std::string& start, Index max_iter,
                              double tol, bool nonnegative, bool refit, bool dense, int n_threads,
                              const py::object& callback) {
  CodingOptions options =
      coding_options(penalty, alpha, gamma, method, start, max_iter, tol, nonnegative, n_threads);
  options.refit = refit;
  if (py::isinstance<py::array_t<float>>(signals)) {
    return encode<float>(signals, dictionary, options, dense, callback);
  }
  return encode<double>(signals, dictionary, options, dense, callback);
}

std::vector<double> entries(const py::dict& state, const char* name, Index rows, Index cols) {
  const RowMajorView<double> view = row_major_view<double>(state[name], name);
  detail::require_size(view.rows, rows, name);
  detail::require_size(view.cols, cols, std::string("a row of ") + name);
  return {view.data, view.data + rows * cols};
}

py::dict decomposition_learn(const py::object& signals, const py::object& order,
                             const py::dict& state, const std::string& penalty, double gamma,
                             const std::string& method, const std::string& start, Index max_iter,
                             double tol, bool nonnegative, const std::string& update,
                             Index batch_size, double rate, double target_sparsity,
                             bool homeostasis, double stop_tol,
                             const std::pair<std::uint64_t, std::uint64_t>& key, int n_threads,
                             const py::object& callback) {
  decomposition::LearningOptions options;
  options.coding =
      coding_options(penalty, 1.0, gamma, method, start, max_iter, tol, nonnegative, n_threads);
  options.update =
      one_of<Update>(update, "update", {{"online", Update::online}, {"sgd", Update::sgd}});
  detail::require_at_least(batch_size, 1, "batch_size");
  options.batch_size = batch_size;
  options.rate = rate;
  options.target_sparsity = target_sparsity;
  options.homeostasis = homeostasis;
  options.tol = stop_tol;
  options.key = {key.first, key.second};

  const RowMajorView<double> atoms = row_major_view<double>(state["atoms"], "atoms");
  decomposition::LearnerState learner;
  const Index K = learner.K = atoms.rows, p = learner.p = atoms.cols;
  learner.atoms = entries(state, "atoms", K, p);
  learner.moments = entries(state, "moments", K, K);
  learner.cross = entries(state, "cross", K, p);
  learner.usage = entries(state, "usage", 1, K);
  learner.window = entries(state, "window", 1, K);
  learner.alpha = state["alpha"].cast<double>();
  learner.recent_active = state["recent_active"].cast<double>();
  learner.n_batches = state["n_batches"].cast<std::int64_t>();
  learner.n_dead = state["n_dead"].cast<std::int64_t>();
  detail::require_at_least(std::min(K, p), 1, "the shape of atoms");
  constexpr std::int64_t k_many = std::int64_t{1} << 53;
  if (learner.n_batches < 0 || learner.n_batches > k_many || learner.n_dead < 0 ||
      learner.n_dead > k_many) {
    throw py::value_error("n_batches and n_dead must be counts.");
  }

  const VecView<std::int64_t> columns = vec_view<std::int64_t>(order, "order");
  PyMonitor monitor{callback};
  decomposition::LearningCurves curves;
  const auto run = [&](const auto& rows) {
    detail::require_size(rows.rows, p, "a row of signals");
    options.batch_size = std::min(options.batch_size, columns.size);
    for (Index i = 0; i < columns.size; ++i) {
      if (columns.data[i] < 0 || columns.data[i] >= rows.cols) {
        throw py::value_error("order must hold rows of signals.");
      }
    }
    const py::gil_scoped_release release;
    curves = decomposition::learn(rows, columns.data, columns.size, options, learner, monitor);
  };
  if (py::isinstance<py::array_t<float>>(signals)) {
    run(as_columns<float>(signals, "signals"));
  } else {
    run(as_columns<double>(signals, "signals"));
  }
  py::dict next;
  next["atoms"] = to_array(std::move(learner.atoms), {K, p});
  next["moments"] = to_array(std::move(learner.moments), {K, K});
  next["cross"] = to_array(std::move(learner.cross), {K, p});
  next["usage"] = to_array(std::move(learner.usage), {1, K});
  next["window"] = to_array(std::move(learner.window), {1, K});
  next["alpha"] = learner.alpha;
  next["recent_active"] = learner.recent_active;
  next["n_batches"] = learner.n_batches;
  next["n_dead"] = learner.n_dead;
  py::dict out;
  out["state"] = next;
  out["error"] = to_array(std::move(curves.error));
  out["active"] = to_array(std::move(curves.active));
  out["objective"] = to_array(std::move(curves.objective));
  return out;
}

}  // namespace
}  // namespace taut::bindings

void bind_decomposition(py::module_& m) {
  using py::arg;
  m.def("decomposition_encode", &taut::bindings::decomposition_encode,
        "Sparse codes of the rows of signals; dense, or (data, indices, indptr).", arg("signals"),
        arg("dictionary"), py::kw_only(), arg("penalty"), arg("alpha"), arg("gamma"), arg("method"),
        arg("init"), arg("max_iter"), arg("tol"), arg("nonnegative"), arg("refit"), arg("dense"),
        arg("n_threads") = 1, arg("callback") = py::none());
  m.def("decomposition_learn", &taut::bindings::decomposition_learn,
        "Batches of dictionary learning from a state, which is left as it is.", arg("signals"),
        arg("order"), arg("state"), py::kw_only(), arg("penalty"), arg("gamma"), arg("method"),
        arg("init"), arg("max_iter"), arg("tol"), arg("nonnegative"), arg("update"),
        arg("batch_size"), arg("rate"), arg("target_sparsity"), arg("homeostasis"), arg("stop_tol"),
        arg("key"), arg("n_threads") = 1, arg("callback") = py::none());
}
