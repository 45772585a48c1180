// SPDX-License-Identifier: BSD-3-Clause
#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/core/parallel.hpp"
#include "taut/core/philox.hpp"
#ifdef __SANITIZE_ADDRESS__
#include "taut/linalg/dense.hpp"
#endif

namespace {

using taut::Index;
using taut::Philox;

/// Fills an array of n values from one stream with the GIL released.
template <class T, class Draw>
py::array_t<T> philox_fill(std::uint64_t k0, std::uint64_t k1, std::uint64_t stream, Index n,
                           Draw draw) {
  if (n < 0) throw py::value_error("n must be >= 0, got " + std::to_string(n) + ".");
  py::array_t<T> out(n);
  T* data = out.mutable_data();
  Philox philox({k0, k1}, stream);
  {
    py::gil_scoped_release release;
    for (Index i = 0; i < n; ++i) data[i] = draw(philox);
  }
  return out;
}

/// Draws and drops numbers for `seconds`, polling as a kernel does. Shows without any solver that
/// interrupts, progress and errors of a callback cross the boundary.
std::uint64_t burn(double seconds, const py::object& callback) {
  taut::bindings::PyMonitor monitor{callback};
  const auto start = std::chrono::steady_clock::now();
  Philox philox({1, 2});
  std::uint64_t sum = 0;
  taut::Progress progress;
  py::gil_scoped_release release;
  double elapsed = 0.0;
  while (elapsed < seconds) {
    for (int i = 0; i < 10000; ++i) sum += philox.next();
    ++progress.step;
    monitor.poll(progress);
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return sum;
}

/// What a kernel sees of a design matrix; shows that nothing was copied.
py::dict describe_design(const py::object& X) {
  py::dict out;
  std::visit(
      [&out](const auto& view) {
        using View = std::decay_t<decltype(view)>;
        out["n_rows"] = view.rows;
        out["n_cols"] = view.cols;
        if constexpr (std::is_same_v<View, taut::DenseView<double>> ||
                      std::is_same_v<View, taut::DenseView<float>>) {
          out["format"] = "dense";
          out["address"] = reinterpret_cast<std::uintptr_t>(view.data);
          out["itemsize"] = sizeof(*view.data);
          out["ld"] = view.ld;
        } else {
          out["format"] = "csc";
          out["address"] = reinterpret_cast<std::uintptr_t>(view.val);
          out["itemsize"] = sizeof(*view.val);
          out["index_itemsize"] = sizeof(*view.idx);
        }
      },
      taut::bindings::design_view(X, "X"));
  return out;
}

/// Opens a parallel region of n_blocks small blocks; returns how many threads it was given.
int open_region(Index n_blocks, int n_threads) {
  std::vector<std::uint64_t> out(static_cast<std::size_t>(n_blocks < 0 ? 0 : n_blocks));
  const int given = taut::effective_threads(n_threads);
  py::gil_scoped_release release;
  taut::parallel_for(static_cast<Index>(out.size()), n_threads, [&out](Index b) {
    const auto block = static_cast<std::size_t>(b);
    out[block] = Philox({1, 2}, block).next();
  });
  return given;
}

}  // namespace

void bind_core(py::module_& m) {
  m.def("max_threads", &taut::max_threads, "Threads that the machine and OMP_NUM_THREADS offer.");
  m.def("effective_threads", &taut::effective_threads, py::arg("requested"),
        "Threads that a kernel gets: 1 inside a parallel region.");

  m.def(
      "philox_uint64",
      [](std::uint64_t k0, std::uint64_t k1, std::uint64_t stream, Index n) {
        return philox_fill<std::uint64_t>(k0, k1, stream, n, [](Philox& r) { return r.next(); });
      },
      py::arg("k0"), py::arg("k1"), py::arg("stream"), py::arg("n"),
      "First n words of a Philox4x64-10 stream.");
  m.def(
      "philox_uniform",
      [](std::uint64_t k0, std::uint64_t k1, std::uint64_t stream, Index n) {
        return philox_fill<double>(k0, k1, stream, n, [](Philox& r) { return r.uniform(); });
      },
      py::arg("k0"), py::arg("k1"), py::arg("stream"), py::arg("n"),
      "First n doubles on [0, 1) of a Philox4x64-10 stream.");
  m.def(
      "philox_normal",
      [](std::uint64_t k0, std::uint64_t k1, std::uint64_t stream, Index n) {
        return philox_fill<double>(k0, k1, stream, n, [](Philox& r) { return r.normal(); });
      },
      py::arg("k0"), py::arg("k1"), py::arg("stream"), py::arg("n"),
      "First n standard normals of a Philox4x64-10 stream.");
  m.def(
      "philox_below",
      [](std::uint64_t k0, std::uint64_t k1, std::uint64_t stream, Index n, Index bound) {
        if (bound < 1) {
          throw py::value_error("bound must be >= 1, got " + std::to_string(bound) + ".");
        }
        return philox_fill<std::int64_t>(k0, k1, stream, n,
                                         [bound](Philox& r) { return r.below(bound); });
      },
      py::arg("k0"), py::arg("k1"), py::arg("stream"), py::arg("n"), py::arg("bound"),
      "First n integers on 0 .. bound-1 of a Philox4x64-10 stream.");

  m.def("describe_design", &describe_design, py::arg("X"),
        "How a kernel sees X: format, shape, address of the first value, leading dimension.");
  m.def("open_region", &open_region, py::arg("n_blocks"), py::arg("n_threads"),
        "Run a parallel region; for tests of threads and of forked processes.");
  m.def("burn", &burn, py::arg("seconds"), py::arg("callback") = py::none(),
        "Compute for a while, polling the monitor as kernels do; for tests of interruption.");
#ifdef __SANITIZE_ADDRESS__
  // On purpose one element short: `make sanitize` must report it, or it sees nothing.
  m.def("_seeded_defect", [] {
    const std::vector<double> a(36, 1.0), x(4, 1.0);
    std::vector<double> y(8);
    taut::linalg::add_gemv(9, 4, 1.0, a.data(), 9, x.data(), y.data());
    return y;
  });
#endif
}
