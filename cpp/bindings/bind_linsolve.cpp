// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/linsolve/bandits.hpp"
#include "taut/linsolve/batch.hpp"
#include "taut/linsolve/relax.hpp"
#include "taut/linsolve/stencil.hpp"

namespace taut::bindings {
namespace {

using Int = std::int32_t;

py::tuple tuple_of(const py::handle& object, const char* name, std::size_t size) {
  if (!py::isinstance<py::tuple>(object) || py::len(object) != size) {
    throw py::type_error(std::string(name) + " must be a tuple of " + std::to_string(size) + ".");
  }
  return py::reinterpret_borrow<py::tuple>(object);
}

/// Rows of a square matrix with rising columns, as scipy.sparse.csr_array has them when sorted.
linsolve::RowsView rows_of(const py::object& indptr, const py::object& indices) {
  const VecView<Int> ptr = vec_view<Int>(indptr, "indptr");
  const VecView<Int> idx = vec_view<Int>(indices, "indices");
  const Index n = ptr.size - 1;
  bool right = n >= 0 && ptr.data[0] == 0;
  for (Index i = 0; right && i < n; ++i) {
    right = ptr.data[i] <= ptr.data[i + 1] && ptr.data[i + 1] <= idx.size;
    for (Int k = ptr.data[i]; right && k < ptr.data[i + 1]; ++k) {
      right = idx.data[k] >= 0 && idx.data[k] < n &&
              (k == ptr.data[i] || idx.data[k - 1] < idx.data[k]);
    }
  }
  if (!right) throw py::value_error("indptr and indices must be sorted rows of a square matrix.");
  return {idx.data, ptr.data, n};
}

linsolve::Ordering ordering_of(const std::string& name) {
  if (name == "natural") return linsolve::Ordering::natural;
  if (name == "levels") return linsolve::Ordering::levels;
  if (name == "multicolor") return linsolve::Ordering::multicolor;
  throw py::value_error("ordering must be 'natural', 'levels' or 'multicolor', got '" + name +
                        "'.");
}

py::dict linsolve_analyse(const py::object& indptr, const py::object& indices,
                          const std::string& ordering) {
  const linsolve::RowsView rows = rows_of(indptr, indices);
  const linsolve::Ordering kind = ordering_of(ordering);
  linsolve::Pattern pattern;
  {
    const py::gil_scoped_release release;
    pattern = linsolve::analyse(rows, kind);
  }
  py::dict out;
  out["order"] = to_array(std::move(pattern.order));
  out["phases"] = to_array(std::move(pattern.phases));
  out["lower_ptr"] = to_array(std::move(pattern.lower_ptr));
  out["lower_idx"] = to_array(std::move(pattern.lower_idx));
  out["lower_from"] = to_array(std::move(pattern.lower_from));
  out["lower_mirror"] = to_array(std::move(pattern.lower_mirror));
  out["upper_ptr"] = to_array(std::move(pattern.upper_ptr));
  out["upper_idx"] = to_array(std::move(pattern.upper_idx));
  out["upper_from"] = to_array(std::move(pattern.upper_from));
  out["diag_from"] = to_array(std::move(pattern.diag_from));
  out["unpaired"] = to_array(std::move(pattern.unpaired));
  return out;
}

Index linsolve_count_levels(const py::object& indptr, const py::object& indices) {
  const linsolve::RowsView rows = rows_of(indptr, indices);
  const py::gil_scoped_release release;
  return linsolve::count_levels(rows);
}

/// `pattern` holds parts of what linsolve_analyse made.
py::tuple linsolve_values(const py::object& pattern, const py::object& values, double shift) {
  const py::tuple parts = tuple_of(pattern, "pattern", 8);
  linsolve::PatternView view;
  VecView<Int>* members[] = {&view.order,      &view.lower_ptr,    &view.lower_idx,
                             &view.lower_from, &view.lower_mirror, &view.upper_from,
                             &view.diag_from,  &view.unpaired};
  for (std::size_t k = 0; k < 8; ++k) *members[k] = vec_view<Int>(parts[k], "pattern");
  const VecView<double> data = vec_view<double>(values, "values");
  const Index n = view.order.size, n_lower = view.lower_from.size;
  detail::require_size(view.diag_from.size, n, "pattern: diagonal");
  detail::require_size(view.lower_ptr.size, n + 1, "pattern: starts");
  detail::require_size(view.lower_idx.size, n_lower, "pattern: columns");
  detail::require_size(view.lower_mirror.size, n_lower, "pattern: mirror");
  detail::require_starts(view.lower_ptr, n_lower, "pattern: starts");
  detail::require_range(view.lower_idx, 0, n, "pattern: columns");
  for (const VecView<Int>* member : {&view.lower_from, &view.upper_from, &view.unpaired}) {
    detail::require_range(*member, 0, data.size, "pattern");
  }
  for (const VecView<Int>* member : {&view.diag_from, &view.lower_mirror}) {
    detail::require_range(*member, -1, data.size, "pattern");
  }
  py::array_t<double> diag(view.order.size), lower(view.lower_from.size),
      upper(view.upper_from.size);
  double *d = diag.mutable_data(), *l = lower.mutable_data(), *u = upper.mutable_data();
  linsolve::ValuesReport report;
  {
    const py::gil_scoped_release release;
    report = linsolve::split_values(view, data.data, shift, d, l, u);
  }
  return py::make_tuple(diag, lower, upper, report.symmetric, report.exact, report.finite,
                        report.bad_diagonal);
}

/// (diag, lower_ptr, lower_idx, lower, upper_ptr, upper_idx, upper, phases, exact).
linsolve::SplitView split_of(const py::object& object) {
  const py::tuple parts = tuple_of(object, "split", 9);
  linsolve::SplitView out;
  const VecView<double> diag = vec_view<double>(parts[0], "split");
  out.n = diag.size;
  out.diag = diag.data;
  const auto triangle = [&](std::size_t k) {
    const VecView<Int> ptr = vec_view<Int>(parts[k], "split", out.n + 1);
    const VecView<Int> idx = vec_view<Int>(parts[k + 1], "split");
    const VecView<double> val = vec_view<double>(parts[k + 2], "split", idx.size);
    detail::require_starts(ptr, idx.size, "split: starts");
    detail::require_range(idx, 0, out.n, "split: columns");
    return linsolve::TriangleView{val.data, idx.data, ptr.data};
  };
  out.lower = triangle(1);
  out.upper = triangle(4);
  const VecView<std::int64_t> phases = vec_view<std::int64_t>(parts[7], "split");
  out.phases = phases.data;
  out.n_phases = phases.size > 0 ? phases.size - 1 : 0;
  if (phases.size > 0) detail::require_starts(phases, out.n, "split: phases");
  out.exact = parts[8].cast<bool>();
  if (out.n_phases == 2) {  // red rows see black columns only, black rows red ones
    const auto n_red = static_cast<Int>(out.phases[1]);
    const auto lies = [&](const linsolve::TriangleView& t, Index first, Index last, bool black) {
      return std::all_of(t.idx + t.ptr[first], t.idx + t.ptr[last],
                         [&](Int column) { return (column >= n_red) == black; });
    };
    if (!lies(out.upper, 0, n_red, true) || !lies(out.lower, n_red, out.n, false)) {
      throw py::value_error("split: rows of one colour must not be coupled.");
    }
  }
  return out;
}

linsolve::Options options_of(double omega, double rtol, double atol, bool relative_to_rhs,
                             Index max_iter, int n_threads) {
  linsolve::Options out;
  out.omega = omega;
  out.rtol = rtol;
  out.atol = atol;
  out.reference = relative_to_rhs ? linsolve::Reference::rhs : linsolve::Reference::start;
  out.max_iter = max_iter;
  out.n_threads = n_threads;
  return out;
}

const char* name_of(linsolve::Ending ending) {
  switch (ending) {
    case linsolve::Ending::converged:
      return "converged";
    case linsolve::Ending::max_iter:
      return "max_iter";
    case linsolve::Ending::diverged:
      return "diverged";
    case linsolve::Ending::indefinite:
      return "indefinite";
    default:
      return "stagnated";
  }
}

/// Calls solve(b, x, monitor) on a copy of x0 without the GIL; (x, n_iter, residual_norm, ending).
template <class F>
py::tuple run(Index n, const py::object& b, const py::object& x0, const py::object& callback,
              F&& solve) {
  const VecView<double> rhs = vec_view<double>(b, "b", n);
  const VecView<double> start = optional_vec_view<double>(x0, "x0", n);
  py::array_t<double> x(n);
  double* values = x.mutable_data();
  if (start.data == nullptr) {
    std::fill_n(values, n, 0.0);
  } else {
    std::copy_n(start.data, n, values);
  }
  PyMonitor monitor{callback};
  linsolve::Report report;
  {
    const py::gil_scoped_release release;
    report = solve(rhs.data, values, monitor);
  }
  return py::make_tuple(x, report.n_iter, report.residual_norm, name_of(report.ending));
}

py::tuple linsolve_solve(const py::object& split, const py::object& b, const py::object& x0,
                         const std::string& method, double omega, double rtol, double atol,
                         bool relative_to_rhs, Index max_iter, int n_threads,
                         const py::object& callback) {
  const linsolve::SplitView a = split_of(split);
  const linsolve::Options options =
      options_of(omega, rtol, atol, relative_to_rhs, max_iter, n_threads);
  return run(a.n, b, x0, callback, [&](const double* rhs, double* x, Monitor& monitor) {
    if (method == "ssor_cg") return linsolve::ssor_cg(a, rhs, options, x, monitor);
    if (method == "cg") return linsolve::cg(a, rhs, options, x, monitor);
    return linsolve::sor(a, rhs, options, method == "ssor", x, monitor);
  });
}

/// (nx, ny, nz, diagonal, coupling along x, along y, along z), or None.
py::object linsolve_find_stencil(const py::object& indptr, const py::object& indices,
                                 const py::object& values) {
  const linsolve::RowsView rows = rows_of(indptr, indices);
  const VecView<double> data = vec_view<double>(values, "values", rows.ptr[rows.n]);
  linsolve::Stencil s;
  if (!linsolve::find_stencil(rows, data.data, s)) return py::none();
  return py::make_tuple(s.nx, s.ny, s.nz, s.diag, s.off[0], s.off[1], s.off[2]);
}

py::tuple linsolve_sor_stencil(const py::object& stencil, const py::object& b, const py::object& x0,
                               double omega, double rtol, double atol, bool relative_to_rhs,
                               Index max_iter, int n_threads, const py::object& callback) {
  const py::tuple parts = tuple_of(stencil, "stencil", 7);
  linsolve::Stencil s;
  s.nx = parts[0].cast<Index>();
  s.ny = parts[1].cast<Index>();
  s.nz = parts[2].cast<Index>();
  s.diag = parts[3].cast<double>();
  s.off = {parts[4].cast<double>(), parts[5].cast<double>(), parts[6].cast<double>()};
  for (const Index side : {s.nx, s.ny, s.nz}) {
    if (side < 1 || side > (Index{1} << 20)) {
      throw py::value_error("stencil sides must be in 1 .. 2^20, got " + std::to_string(side) +
                            ".");
    }
  }
  const linsolve::Options options =
      options_of(omega, rtol, atol, relative_to_rhs, max_iter, n_threads);
  return run(s.size(), b, x0, callback, [&](const double* rhs, double* x, Monitor& monitor) {
    return linsolve::sor(s, rhs, options, x, monitor);
  });
}

py::array_t<Int> linsolve_sor_batch(const py::object& split, const py::object& shifts,
                                    const py::object& B, const py::object& omegas, double rtol,
                                    double atol, Index max_iter, int n_threads) {
  linsolve::Batch batch;
  batch.a = split_of(split);
  const VecView<double> shift = vec_view<double>(shifts, "shifts");
  const RowMajorView<double> rhs = row_major_view<double>(B, "B");
  detail::require_size(rhs.rows, shift.size, "B");
  detail::require_size(rhs.cols, batch.a.n, "a row of B");
  const VecView<double> grid = vec_view<double>(omegas, "omegas");
  batch.shifts = shift.data;
  batch.rhs = rhs.data;
  batch.count = shift.size;
  batch.omegas = grid.data;
  batch.n_omegas = grid.size;
  const linsolve::Options options = options_of(1.0, rtol, atol, false, max_iter, n_threads);
  py::array_t<Int> out({shift.size, grid.size});
  Int* counts = out.mutable_data();
  PyMonitor monitor{py::none()};
  {
    const py::gil_scoped_release release;
    linsolve::sor_batch(batch, options, counts, monitor);
  }
  return out;
}

py::array_t<double> linsolve_ssor_apply(const py::object& split, double omega,
                                        const py::object& v) {
  const linsolve::SplitView a = split_of(split);
  const VecView<double> in = vec_view<double>(v, "v", a.n);
  py::array_t<double> out(a.n);
  double* values = out.mutable_data();
  {
    const py::gil_scoped_release release;
    linsolve::ssor_apply(a, omega, in.data, values);
  }
  return out;
}

/// Contiguous float64 memory of the caller that a function writes to: the state of a bandit.
double* state_of(py::array_t<double>& array, const char* name, Index size) {
  if ((array.flags() & py::array::c_style) == 0) {
    throw py::value_error(std::string(name) + " must be C-contiguous.");
  }
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(double) != 0) {
    throw py::value_error(std::string(name) + " must be aligned in memory.");
  }
  detail::require_size(array.size(), size, name);
  return array.mutable_data();
}

Index linsolve_tsallis_draw(const py::object& estimates, double scale, double eta, std::uint64_t k0,
                            std::uint64_t k1, std::uint64_t stream, std::uint64_t round,
                            py::array_t<double>& probabilities) {
  const VecView<double> sums = vec_view<double>(estimates, "estimates");
  detail::require_at_least(sums.size, 1, "the number of estimates");
  double* p = state_of(probabilities, "probabilities", sums.size);
  linsolve::tsallis_probabilities(sums.size, sums.data, scale, eta, p);
  return linsolve::draw_arm(sums.size, p, Philox({k0, k1}, stream), round);
}

linsolve::ChebState cheb_state(py::array_t<double>& theta, py::array_t<double>& scalars) {
  if (theta.ndim() != 2) throw py::value_error("theta must have 2 dimensions.");
  linsolve::ChebState state;
  state.n_arms = theta.shape(0);
  state.n_features = theta.shape(1);
  detail::require_at_least(state.n_arms, 1, "the number of arms");
  detail::require_at_least(state.n_features, 1, "the number of features");
  state.theta = state_of(theta, "theta", theta.size());
  state.scalars = state_of(scalars, "scalars", linsolve::ChebState::n_scalars);
  return state;
}

py::tuple linsolve_cheb_draw(py::array_t<double>& theta, py::array_t<double>& scalars, double u,
                             std::uint64_t k0, std::uint64_t k1, std::uint64_t round,
                             py::array_t<double>& probabilities) {
  const linsolve::ChebState state = cheb_state(theta, scalars);
  double* p = state_of(probabilities, "probabilities", state.n_arms);
  std::vector<double> phi(static_cast<std::size_t>(state.n_features)),
      predicted(static_cast<std::size_t>(state.n_arms));
  linsolve::chebyshev(state.n_features, u, phi.data());
  linsolve::cheb_probabilities(state, phi.data(), p, predicted.data());
  const Index arm = linsolve::draw_arm(state.n_arms, p, Philox({k0, k1}, 0), round);
  return py::make_tuple(arm, predicted[static_cast<std::size_t>(arm)]);
}

void linsolve_cheb_update(py::array_t<double>& theta, py::array_t<double>& gram,
                          py::array_t<double>& rhs, py::array_t<double>& square,
                          py::array_t<double>& seen, py::array_t<double>& scalars, Index arm,
                          double u, double predicted, double loss) {
  linsolve::ChebState state = cheb_state(theta, scalars);
  const Index d = state.n_arms, m = state.n_features;
  state.gram = state_of(gram, "gram", d * m * m);
  state.rhs = state_of(rhs, "rhs", d * m);
  state.square = state_of(square, "square", d);
  state.seen = state_of(seen, "seen", d);
  if (arm < 0 || arm >= d) throw py::value_error("arm must be one of the arms.");
  std::vector<double> phi(static_cast<std::size_t>(m));
  linsolve::chebyshev(m, u, phi.data());
  linsolve::cheb_update(state, arm, phi.data(), predicted, loss);
}

}  // namespace
}  // namespace taut::bindings

void bind_linsolve(py::module_& m) {
  using namespace taut::bindings;
  using py::arg;
  m.def("linsolve_analyse", &linsolve_analyse,
        "Split the pattern of a matrix into triangles in an order of its rows.", arg("indptr"),
        arg("indices"), arg("ordering"));
  m.def("linsolve_count_levels", &linsolve_count_levels,
        "Length of the longest chain of rows that wait for each other.", arg("indptr"),
        arg("indices"));
  m.def("linsolve_values", &linsolve_values,
        "Diagonal and triangles of A + shift I; symmetric, exactly so, finite, first bad"
        " diagonal.",
        arg("pattern"), arg("values"), arg("shift"));
  m.def("linsolve_solve", &linsolve_solve, "SOR, SSOR, CG or SSOR-CG from a start.", arg("split"),
        arg("b"), arg("x0"), arg("method"), arg("omega"), py::kw_only(), arg("rtol"), arg("atol"),
        arg("relative_to_rhs"), arg("max_iter"), arg("n_threads") = 1,
        arg("callback") = py::none());
  m.def("linsolve_find_stencil", &linsolve_find_stencil,
        "The 5- or 7-point stencil of constant coefficients that a matrix is, or None.",
        arg("indptr"), arg("indices"), arg("values"));
  m.def("linsolve_sor_stencil", &linsolve_sor_stencil, "Red-black SOR of a constant stencil.",
        arg("stencil"), arg("b"), arg("x0"), arg("omega"), py::kw_only(), arg("rtol"), arg("atol"),
        arg("relative_to_rhs"), arg("max_iter"), arg("n_threads") = 1,
        arg("callback") = py::none());
  m.def("linsolve_sor_batch", &linsolve_sor_batch,
        "Iterations of SOR on shifted systems for every omega.", arg("split"), arg("shifts"),
        arg("B"), arg("omegas"), py::kw_only(), arg("rtol"), arg("atol"), arg("max_iter"),
        arg("n_threads") = 1);
  m.def("linsolve_ssor_apply", &linsolve_ssor_apply, "The SSOR preconditioner's inverse times v.",
        arg("split"), arg("omega"), arg("v"));
  m.def("linsolve_tsallis_draw", &linsolve_tsallis_draw,
        "Fill the probabilities of Tsallis-INF and draw an arm.", arg("estimates"), arg("scale"),
        arg("eta"), arg("k0"), arg("k1"), arg("stream"), arg("round"),
        arg("probabilities").noconvert());
  m.def("linsolve_cheb_draw", &linsolve_cheb_draw,
        "Fill the probabilities of ChebCB and draw an arm; the arm and its prediction.",
        arg("theta").noconvert(), arg("scalars").noconvert(), arg("u"), arg("k0"), arg("k1"),
        arg("round"), arg("probabilities").noconvert());
  m.def("linsolve_cheb_update", &linsolve_cheb_update, "Teach ChebCB the loss of an arm.",
        arg("theta").noconvert(), arg("gram").noconvert(), arg("rhs").noconvert(),
        arg("square").noconvert(), arg("seen").noconvert(), arg("scalars").noconvert(), arg("arm"),
        arg("u"), arg("predicted"), arg("loss"));
}
