// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <string>
#include <utility>

#include "taut/core/monitor.hpp"

namespace py = pybind11;

namespace taut::bindings {

/// Lets Python interrupt a kernel and watch it.
///
/// poll() reads a clock and returns unless 50 ms have passed since the last look; then it takes the
/// GIL, raises what a signal handler raised (KeyboardInterrupt), and calls
/// callback(dict(step, n_steps, alpha, gap, n_active)) if there is one. Errors travel as
/// py::error_already_set through the kernel to the caller. Construct it with the GIL held, poll it
/// with or without, from the thread that entered the kernel. In other threads than Python's main
/// one, signals are not seen; callbacks are.
class PyMonitor final : public Monitor {
 public:
  explicit PyMonitor(py::object callback) : callback_(std::move(callback)), last_(Clock::now()) {
    if (!callback_.is_none() && PyCallable_Check(callback_.ptr()) == 0) {
      throw py::type_error("callback must be callable or None, got " +
                           py::str(py::type::of(callback_).attr("__name__")).cast<std::string>() +
                           ".");
    }
  }

  void poll(const Progress& progress) override {
    const Clock::time_point now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(50)) return;
    {
      py::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!callback_.is_none()) {
        callback_(py::dict(py::arg("step") = progress.step, py::arg("n_steps") = progress.n_steps,
                           py::arg("alpha") = progress.alpha, py::arg("gap") = progress.gap,
                           py::arg("n_active") = progress.n_active));
      }
    }
    // After the callback, so that a slow one cannot take all the time.
    last_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;

  py::object callback_;
  Clock::time_point last_;
};

}  // namespace taut::bindings
