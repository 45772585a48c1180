// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/privacy/cells.hpp"
#include "taut/privacy/chacha20.hpp"
#include "taut/privacy/discrete_laplace.hpp"
#include "taut/privacy/release.hpp"

namespace taut::bindings {
namespace {

using privacy::ChaCha20;
using privacy::Layout;
using privacy::Postprocess;

const unsigned char* bytes_of(const py::bytes& bytes, std::size_t size, const char* name) {
  char* data = nullptr;
  py::ssize_t length = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &length) != 0) throw py::error_already_set();
  if (static_cast<std::size_t>(length) != size) {
    throw py::value_error(std::string(name) + " must have " + std::to_string(size) + " bytes.");
  }
  return reinterpret_cast<const unsigned char*>(data);
}

py::bytes chacha20_block(const py::bytes& key, std::uint32_t counter, const py::bytes& nonce) {
  const unsigned char* b = bytes_of(nonce, 12, "nonce");
  ChaCha20::Nonce words{};
  for (std::size_t i = 0; i < 12; ++i) words[i / 4] |= std::uint32_t{b[i]} << 8 * (i % 4);
  const ChaCha20::Block block =
      ChaCha20::block(ChaCha20::key_of(bytes_of(key, 32, "key")), counter, words);
  std::string out;
  for (const std::uint32_t word : block) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(word >> shift & 0xFF);
  }
  return py::bytes(out);
}

py::array_t<std::int64_t> discrete_laplace(const py::bytes& key, Index size, std::uint64_t s,
                                           std::uint64_t t, const py::object& callback) {
  if (size < 0) throw py::value_error("size must be >= 0.");
  if (s < 1 || t < 1 || t > std::uint64_t{1} << 40) {
    throw py::value_error("s must be >= 1 and t in 1 .. 2^40.");
  }
  ChaCha20 random(ChaCha20::key_of(bytes_of(key, 32, "key")));
  std::vector<std::int64_t> out(static_cast<std::size_t>(size));
  PyMonitor monitor{callback};
  {
    py::gil_scoped_release release;
    privacy::discrete_laplace(random, s, t, out.data(), size, monitor);
  }
  return to_array(std::move(out));
}

Layout layout_of(Index bins, Index groups, bool other, Index block) {
  if (bins < 1 || groups < 1 || block < 0) {
    throw py::value_error("n_bins and n_groups must be >= 1, block >= 0.");
  }
  return {bins, groups, other, block};
}

/// Counts by cell; with group codes (0 .. n_groups, the last for none) one more cell at the end.
py::array_t<std::int64_t> count_cells(const py::object& time, const py::object& event,
                                      const py::object& group, const py::object& grid,
                                      Index n_groups, int n_threads, const py::object& callback) {
  const VecView<double> t = vec_view<double>(time, "time");
  const VecView<unsigned char> e = vec_view<unsigned char>(event, "event", t.size);
  const VecView<std::int32_t> g = optional_vec_view<std::int32_t>(group, "group", t.size);
  const VecView<double> edges = vec_view<double>(grid, "grid");
  const Layout layout = layout_of(edges.size - 1, n_groups, g.data != nullptr, 0);
  if (g.data == nullptr && n_groups != 1) throw py::value_error("group is needed for groups.");
  for (Index i = 0; g.data && i < g.size; ++i) {
    if (g.data[i] < 0 || g.data[i] > n_groups) throw py::value_error("group is out of range.");
  }
  std::vector<std::int64_t> counts(static_cast<std::size_t>(layout.cells()));
  PyMonitor monitor{callback};
  {
    py::gil_scoped_release release;
    privacy::count_cells({t.size, t.data, e.data, g.data}, layout, edges.data, counts.data(),
                         n_threads, monitor);
  }
  return to_array(std::move(counts));
}

Postprocess postprocess_of(const std::string& name) {
  if (name == "balanced_isotonic") return Postprocess::balanced_isotonic;
  if (name == "simplex") return Postprocess::simplex;
  if (name == "gondara_wang") return Postprocess::gondara_wang;
  throw py::value_error("postprocess must be 'balanced_isotonic', 'simplex' or 'gondara_wang'.");
}

/// (survival, at risk, events, censored, beyond) of each row of noisy measurements; n < 0: private.
py::tuple curves(const py::object& noisy, Index bins, Index groups, bool other, Index block,
                 double n, double noise_variance, const std::string& postprocess, int n_threads,
                 const py::object& callback) {
  const RowMajorView<double> rows = row_major_view<double>(noisy, "noisy");
  const Layout layout = layout_of(bins, groups, other, block);
  detail::require_size(rows.cols, layout.size(), "a row of noisy");
  const Postprocess kind = postprocess_of(postprocess);
  const auto size = static_cast<std::size_t>(rows.rows * groups * bins);
  std::vector<double> s(size), r(size), d(size), c(size);
  std::vector<double> beyond(static_cast<std::size_t>(rows.rows * groups));
  PyMonitor monitor{callback};
  {
    py::gil_scoped_release release;
    privacy::curves(layout, kind, n, noise_variance, rows.data, rows.rows,
                    {s.data(), r.data(), d.data(), c.data(), beyond.data()}, n_threads, monitor);
  }
  const auto shaped = [&](std::vector<double>&& values) {
    return to_array(std::move(values), {rows.rows, groups, bins});
  };
  return py::make_tuple(shaped(std::move(s)), shaped(std::move(r)), shaped(std::move(d)),
                        shaped(std::move(c)), to_array(std::move(beyond), {rows.rows, groups}));
}

py::array_t<double> at_risk_variance(Index bins, Index groups, bool other, Index block,
                                     bool known) {
  if (bins > 100000) throw py::value_error("n_bins must be <= 100000 here.");  // time: its square
  return to_array(privacy::at_risk_variance(layout_of(bins, groups, other, block), known));
}

py::array_t<double> isotonic(const py::object& values) {
  const VecView<double> v = vec_view<double>(values, "values");
  std::vector<double> out(v.data, v.data + v.size);
  privacy::isotonic(out.data(), v.size);
  return to_array(std::move(out));
}

}  // namespace
}  // namespace taut::bindings

void bind_privacy(py::module_& m) {
  namespace b = taut::bindings;
  m.def("privacy_chacha20_block", &b::chacha20_block, py::arg("key"), py::arg("counter"),
        py::arg("nonce"), "Block of 64 bytes of RFC 8439.");
  m.def("privacy_discrete_laplace", &b::discrete_laplace, py::arg("key"), py::arg("size"),
        py::arg("s"), py::arg("t"), py::arg("callback") = py::none(),
        "Integers z with probabilities proportional to exp(-|z| s / t), exactly.");
  m.def("privacy_count_cells", &b::count_cells, py::arg("time"), py::arg("event"), py::arg("group"),
        py::arg("grid"), py::arg("n_groups") = 1, py::arg("n_threads") = 1,
        py::arg("callback") = py::none(), "Records by bin, kind and group. Not private.");
  m.def("privacy_curves", &b::curves, py::arg("noisy"), py::arg("n_bins"), py::arg("n_groups"),
        py::arg("other"), py::arg("block"), py::arg("n"), py::arg("noise_variance"),
        py::arg("postprocess"), py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "(survival, at risk, events, censored, beyond) of noisy counts.");
  m.def("privacy_at_risk_variance", &b::at_risk_variance, py::arg("n_bins"), py::arg("n_groups"),
        py::arg("other"), py::arg("block"), py::arg("known"),
        "Variance of the noise in the numbers at risk, relative to that of a measurement.");
  m.def("privacy_isotonic", &b::isotonic, py::arg("values"),
        "Nearest non-decreasing sequence in squared distance.");
}
