// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <utility>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "options.hpp"
#include "taut/survival/beran.hpp"

namespace taut::bindings {
namespace {

using survival::BeranPoints;
using survival::BeranRecords;
using survival::Smoother;

/// (X, weight, jump) in the order of time.
BeranRecords beran_records(const py::tuple& parts) {
  if (parts.size() != 3) throw py::value_error("records must be (X, weight, jump).");
  const RowMajorView<double> X = row_major_view<double>(parts[0], "X");
  BeranRecords out;
  out.n = X.rows;
  out.dim = X.cols;
  out.X = X.data;
  out.weight = vec_view<double>(parts[1], "weight", X.rows).data;
  out.jump = vec_view<std::uint8_t>(parts[2], "jump", X.rows).data;
  return out;
}

/// Numbers in low .. high, checked.
const Index* positions(const py::handle& values, const std::string& name, Index size, Index low,
                       Index high) {
  const VecView<Index> view = vec_view<Index>(values, name, size);
  for (Index i = 0; i < view.size; ++i) {
    if (view.data[i] < low || view.data[i] > high) {
      throw py::value_error(name + " must lie in " + std::to_string(low) + " .. " +
                            std::to_string(high) + ".");
    }
  }
  return view.data;
}

/// (X, scale, self); one scale unless `several`.
BeranPoints beran_points(const py::tuple& parts, const BeranRecords& records, bool several) {
  if (parts.size() != 3) throw py::value_error("points must be (X, scale, self).");
  const RowMajorView<double> X = row_major_view<double>(parts[0], "points");
  const RowMajorView<double> scale = row_major_view<double>(parts[1], "scale");
  detail::require_size(X.cols, records.dim, "a row of points");
  detail::require_size(scale.cols, X.rows, "a row of scale");
  if (scale.rows < 1 || (!several && scale.rows != 1)) {
    throw py::value_error("scale must have one row.");
  }
  BeranPoints out;
  out.m = X.rows;
  out.X = X.data;
  out.scale = scale.data;
  out.n_scales = scale.rows;
  out.self = positions(parts[2], "self", X.rows, -1, records.n - 1);
  return out;
}

Smoother smoother_of(const std::string& name) {
  return one_of<Smoother>(name, "kernel",
                          {{"gaussian", Smoother::gaussian},
                           {"epanechnikov", Smoother::epanechnikov},
                           {"biweight", Smoother::biweight}});
}

py::array_t<double> beran_at(const py::tuple& records, const py::tuple& points,
                             const std::string& kernel, const py::object& stop, int n_threads,
                             const py::object& callback) {
  const BeranRecords r = beran_records(records);
  const BeranPoints p = beran_points(points, r, false);
  const Index* stops = positions(stop, "stop", p.m, 0, r.n);
  const Smoother smoother = smoother_of(kernel);
  PyMonitor monitor{callback};
  std::vector<double> out(static_cast<std::size_t>(p.m));
  {
    const py::gil_scoped_release release;
    survival::beran_at(r, p, smoother, stops, out.data(), n_threads, monitor);
  }
  return to_array(std::move(out));
}

py::array_t<double> beran_curves(const py::tuple& records, const py::tuple& points,
                                 const std::string& kernel, const py::object& stop, int n_threads,
                                 const py::object& callback) {
  const BeranRecords r = beran_records(records);
  const BeranPoints p = beran_points(points, r, false);
  const Index n_stops = vec_view<Index>(stop, "stop").size;
  const Index* stops = positions(stop, "stop", n_stops, 0, r.n);
  for (Index k = 1; k < n_stops; ++k) {
    if (stops[k] < stops[k - 1]) throw py::value_error("stop must rise.");
  }
  const Smoother smoother = smoother_of(kernel);
  PyMonitor monitor{callback};
  std::vector<double> out(static_cast<std::size_t>(p.m * n_stops));
  {
    const py::gil_scoped_release release;
    survival::beran_curves(r, p, smoother, stops, n_stops, out.data(), n_threads, monitor);
  }
  return to_array(std::move(out), {p.m, n_stops});
}

py::tuple beran_errors(const py::tuple& records, const py::tuple& points, const std::string& kernel,
                       const py::tuple& truth, int n_threads, const py::object& callback) {
  const BeranRecords r = beran_records(records);
  const BeranPoints p = beran_points(points, r, true);
  if (truth.size() != 4) throw py::value_error("truth must be (times, passed, known, drop).");
  survival::BeranTruth known;
  known.times = vec_view<double>(truth[0], "times", r.n).data;
  known.passed = positions(truth[1], "passed", p.m, 0, r.n);
  known.known = vec_view<std::uint8_t>(truth[2], "known", p.m).data;
  known.drop = positions(truth[3], "drop", p.m, -1, r.n - 1);
  const Smoother smoother = smoother_of(kernel);
  PyMonitor monitor{callback};
  std::vector<double> error(static_cast<std::size_t>(p.n_scales * p.m));
  std::vector<double> count(static_cast<std::size_t>(p.m));
  {
    const py::gil_scoped_release release;
    survival::beran_errors(r, p, smoother, known, error.data(), count.data(), n_threads, monitor);
  }
  return py::make_tuple(to_array(std::move(error), {p.n_scales, p.m}), to_array(std::move(count)));
}

}  // namespace
}  // namespace taut::bindings

void bind_beran(py::module_& m) {
  namespace b = taut::bindings;
  m.def("beran_at", &b::beran_at, py::arg("records"), py::arg("points"), py::arg("kernel"),
        py::arg("stop"), py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "Conditional product-limit curve of each point at a position of its own.");
  m.def("beran_curves", &b::beran_curves, py::arg("records"), py::arg("points"), py::arg("kernel"),
        py::arg("stop"), py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "Conditional product-limit curves at common positions, one row per point.");
  m.def("beran_errors", &b::beran_errors, py::arg("records"), py::arg("points"), py::arg("kernel"),
        py::arg("truth"), py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "(squared errors by scale and point, how many) of conditional curves.");
}
