// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

namespace taut {

/// Where a long computation stands.
struct Progress {
  Index step = 0;      ///< finished steps (penalty strengths of a path, say)
  Index n_steps = 0;   ///< steps in all
  double alpha = 0.0;  ///< current penalty strength
  double gap = 0.0;    ///< last certificate, in units of the objective
  Index n_active = 0;  ///< nonzero coefficients
};

/// How a kernel hears from its caller: polled from the thread that entered the kernel, about once
/// an outer iteration, and never inside a parallel region. poll() may throw to end the computation
/// (an interrupt, a callback's error); kernels therefore own everything by RAII.
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void poll(const Progress& progress) = 0;
};

/// The monitor of a caller who does not care.
class SilentMonitor final : public Monitor {
 public:
  void poll(const Progress&) override {}
};

}  // namespace taut
