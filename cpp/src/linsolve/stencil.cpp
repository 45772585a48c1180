// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/stencil.hpp"

#include "red_black.hpp"

namespace taut::linsolve {
namespace {

/// Halves of a grid: cells of one colour, line by line, with a ghost cell of zero at both ends of a
/// line and ghost lines around. In line (j, k) red cell m is x = 2m + s and black cell m is
/// x = 2m + 1 - s, where s = (j + k) mod 2.
class Halves {
 public:
  explicit Halves(const Stencil& a)
      : a_(a), length_((a.nx + 1) / 2 + 2), size_(length_ * (a.ny + 2) * (a.nz + 2)) {}

  Index size() const { return size_; }
  Index lines() const { return a_.ny * a_.nz; }
  Index up() const { return length_; }
  Index over() const { return length_ * (a_.ny + 2); }
  Index parity(Index line) const { return (line % a_.ny + line / a_.ny) & 1; }
  /// Where cell 0 of a line lies.
  Index start(Index line) const {
    return ((line / a_.ny + 1) * (a_.ny + 2) + line % a_.ny + 1) * length_ + 1;
  }
  Index count(Index line, bool red) const {
    const Index s = parity(line);
    return red ? (a_.nx - s + 1) / 2 : (a_.nx + s) / 2;
  }
  /// Place in the vectors of the caller: cell m is at place + 2 m.
  Index place(Index line, bool red) const {
    const Index s = parity(line);
    return line * a_.nx + (red ? s : 1 - s);
  }

  void split(const double* v, double scale, double* red, double* black) const {
    for (Index line = 0; line < lines(); ++line) {
      for (const bool is_red : {true, false}) {
        double* half = (is_red ? red : black) + start(line);
        const double* from = v + place(line, is_red);
        for (Index m = 0; m < count(line, is_red); ++m) half[m] = from[2 * m] * scale;
      }
    }
  }

  void join(const double* red, const double* black, double scale, double* v) const {
    for (Index line = 0; line < lines(); ++line) {
      for (const bool is_red : {true, false}) {
        const double* half = (is_red ? red : black) + start(line);
        double* to = v + place(line, is_red);
        for (Index m = 0; m < count(line, is_red); ++m) to[2 * m] = half[m] * scale;
      }
    }
  }

 private:
  Stencil a_;
  Index length_, size_;
};

/// One line of one colour: residuals from b, own values and those of the other colour; new = own +
/// gain * residual, and the sum of squared residuals.
template <bool Deep>
double relax_line(Index count, const Stencil& a, double gain, const double* b, const double* own,
                  const double* left, const double* right, const double* across, Index up,
                  Index over, double* out) {
  double sum = 0.0;
  const double d = a.diag, ax = a.off[0], ay = a.off[1], az = a.off[2];
#pragma omp simd reduction(+ : sum)
  for (Index m = 0; m < count; ++m) {
    double r =
        b[m] - d * own[m] - ax * (left[m] + right[m]) - ay * (across[m - up] + across[m + up]);
    if constexpr (Deep) r -= az * (across[m - over] + across[m + over]);
    out[m] = own[m] + gain * r;
    sum += r * r;
  }
  return sum;
}

}  // namespace

bool find_stencil(const RowsView& a, const double* values, Stencil& out) {
  if (a.n < 4) return false;
  const Index first = a.ptr[1];
  if ((first != 3 && first != 4) || a.idx[0] != 0 || a.idx[1] != 1) return false;
  const Index nx = a.idx[2];
  const Index plane = first == 4 ? a.idx[3] : a.n;
  if (nx < 2 || plane % nx != 0 || a.n % plane != 0 || plane / nx < 2) return false;
  out = {
      nx, plane / nx, a.n / plane, values[0], {values[1], values[2], first == 4 ? values[3] : 0.0}};
  Index e = 0;
  const auto take = [&](Index i, Index j, double value) {
    const bool right = e < a.ptr[i + 1] && a.idx[e] == j && values[e] == value;
    ++e;
    return right;
  };
  for (Index i = 0; i < a.n; ++i) {
    const Index x = i % nx, y = i / nx % out.ny, z = i / plane;
    const bool right = (z == 0 || take(i, i - plane, out.off[2])) &&
                       (y == 0 || take(i, i - nx, out.off[1])) &&
                       (x == 0 || take(i, i - 1, out.off[0])) && take(i, i, out.diag) &&
                       (x == nx - 1 || take(i, i + 1, out.off[0])) &&
                       (y == out.ny - 1 || take(i, i + nx, out.off[1])) &&
                       (z == out.nz - 1 || take(i, i + plane, out.off[2]));
    if (!right || e != a.ptr[i + 1]) return false;
  }
  return true;
}

Report sor(const Stencil& a, const double* b, const Options& options, double* x, Monitor& monitor) {
  const Halves halves(a);
  detail::TwoColors v(a.size(), b, x, a.diag, halves.size(), halves.size());
  halves.split(x, v.inverse_unit(), v.red.data(), v.black.data());
  halves.split(b, v.inverse_unit(), v.b_red.data(), v.b_black.data());
  const int threads = effective_threads(options.n_threads);
  const Index block = std::max<Index>(1, 8192 / a.nx);  // lines
  std::vector<double> partial(static_cast<std::size_t>((halves.lines() + block - 1) / block));
  const auto line_of = a.nz > 1 ? relax_line<true> : relax_line<false>;
  const auto relax = [&](bool is_red, double gain, const Buffer<double>& own,
                         const Buffer<double>& other, Buffer<double>& out) {
    const Buffer<double>& rhs = is_red ? v.b_red : v.b_black;
    parallel_blocks(halves.lines(), block, threads, [&](Index begin, Index end) {
      double sum = 0.0;
      for (Index line = begin; line < end; ++line) {
        const Index at = halves.start(line);
        const Index s = halves.parity(line);
        const double* left = other.data() + at + (is_red ? s - 1 : -s);
        sum +=
            line_of(halves.count(line, is_red), a, gain / a.diag, rhs.data() + at, own.data() + at,
                    left, left + 1, other.data() + at, halves.up(), halves.over(), out.data() + at);
      }
      partial[static_cast<std::size_t>(begin / block)] = sum;
    });
    double total = 0.0;
    for (const double part : partial) total += part;
    return total;
  };
  const Index interval = std::clamp<Index>(200000 / a.size(), 1, 1000);
  return detail::red_black(v, options, interval, monitor, relax,
                           [&] { halves.join(v.red.data(), v.black.data(), v.unit(), x); });
}

}  // namespace taut::linsolve
