// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/group_qp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::solver {
namespace {

/// Sweeps before it is asked whether a Newton step would be cheaper than more of them.
constexpr int k_sweeps = 3;
/// A Newton step is worth about this many sweeps.
constexpr double k_newton_sweeps = 6.0;
constexpr Index k_most_sweeps = 100;
constexpr int k_halvings = 12;
/// Conjugate gradients end at this share of the residual they start from.
constexpr double k_cg_accuracy = 0.02;
constexpr Index k_cg_steps = 60;
/// Iterations that a fresh factor needs.
constexpr Index k_cg_few = 3;
/// A new factor of order m costs about m / this iterations.
constexpr Index k_factor_work = 24;
constexpr Index k_most_factor = 3000;
constexpr double k_ridge = 1e-12;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double square_of(const double* x, Index n) {
  double square = 0.0;
  for (Index i = 0; i < n; ++i) square += x[i] * x[i];
  return square;
}

double sign(double x) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0); }

double value_of(const penalty::BlockNorm& norm, const double* w, Index n) {
  double square = 0.0, sum = 0.0;
  for (Index i = 0; i < n; ++i) {
    square += w[i] * w[i];
    if (norm.lasso > 0.0) sum += std::abs(w[i]);
  }
  return norm.lasso * sum + norm.norm * std::sqrt(square) + 0.5 * norm.ridge * square;
}

}  // namespace

void GroupQP::clear() {
  GramModel::clear();
  blocks_.clear();
}

void GroupQP::gram_changed() {
  steps_.clear();
  factored_ = false;
}

void GroupQP::load(const penalty::Penalty& penalty, const Coordinate* coordinates, double scale) {
  // Where the penalty's outputs are coordinates of this model, a feature has several.
  const Index per_feature = penalty.outputs() / outputs_;
  for (Index a = blocks_.empty() ? 0 : blocks_.back().begin + blocks_.back().size; a < size_;) {
    Block g;
    g.begin = a;
    g.size = penalty.blocks().size(penalty.blocks().of(coordinates[a].feature)) * per_feature;
    blocks_.push_back(g);
    a += g.size;
    TAUT_ASSERT(a <= size_);
  }
  const double inverse = 1.0 / scale;
  for (Block& g : blocks_) {
    penalty.as_norm(penalty.blocks().of(coordinates[g.begin].feature), g.norm);
    g.norm.lasso *= inverse;
    g.norm.norm *= inverse;
    g.norm.ridge *= inverse;
  }
}

bool GroupQP::is_zero(const Block& g) const {
  const double* w = rows(g);
  return std::all_of(w, w + width(g), [](double x) { return x == 0.0; });
}

double GroupQP::violation(const Block& g) const {
  const Index n = width(g);
  const double* w = rows(g);
  const double* q = &q_[at(g.begin * outputs_)];
  const double size = std::sqrt(square_of(w, n));
  const penalty::BlockNorm& e = g.norm;
  double square = 0.0;
  if (size == 0.0) {
    for (Index k = 0; k < n; ++k) {
      const double over = std::max(0.0, std::abs(q[k]) - e.lasso);
      square += over * over;
    }
    return std::max(0.0, std::sqrt(square) - e.norm);
  }
  const double slope = e.norm / size + e.ridge;
  for (Index k = 0; k < n; ++k) {
    double d = slope * w[k] - q[k];
    if (e.lasso > 0.0)
      d = w[k] != 0.0 ? d + e.lasso * sign(w[k]) : std::max(0.0, std::abs(d) - e.lasso);
    square += d * d;
  }
  return std::sqrt(square);
}

double GroupQP::worst(const std::vector<Index>& blocks) const {
  double most = 0.0;
  for (Index i : blocks) most = std::max(most, violation(blocks_[at(i)]));
  return most;
}

/// q after coordinates begin .. begin + size have changed by that much, `outputs` numbers each.
void GroupQP::shift(Index begin, Index size, const double* change) {
  if (outputs_ == 1) {
    if (size == 1) {
      linalg::axpy(-change[0], column(begin), q_.data(), size_);
    } else {
      linalg::add_gemv(size_, size, -1.0, column(begin), ld_, change, q_.data());
    }
    return;
  }
  const Index K = outputs_;
  for (Index a = 0; a < size; ++a) {
    const double* g = column(begin + a);
    const double* c = change + a * K;
    double* q = q_.data();
    for (Index i = 0; i < size_; ++i, q += K) {
      for (Index k = 0; k < K; ++k) q[k] -= g[i] * c[k];
    }
  }
}

void GroupQP::sweep(const std::vector<Index>& blocks) {
  for (Index i : blocks) {
    const Block& g = blocks_[at(i)];
    const Index n = width(g);
    double* w = rows(g);
    old_.resize(at(n));
    std::copy_n(w, n, old_.data());
    if (!steps_[at(i)](g.norm, outputs_, w, &q_[at(g.begin * outputs_)], scratch_)) continue;
    bool changed = false;
    for (Index k = 0; k < n; ++k) {
      old_[at(k)] = w[k] - old_[at(k)];
      changed = changed || old_[at(k)] != 0.0;
    }
    if (changed) shift(g.begin, g.size, old_.data());
  }
}

/// Gathers what newton() needs of the nonzero and the free blocks.
void GroupQP::take_support() {
  const Index K = outputs_;
  support_.clear();
  curvature_.clear();
  unit_.clear();
  held_.clear();
  std::vector<Index> place;
  bool sparse = false;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& g = blocks_[i];
    const double* w = rows(g);
    const double size = std::sqrt(square_of(w, width(g)));
    if (size == 0.0 && (g.norm.norm > 0.0 || g.norm.lasso > 0.0)) continue;
    support_.push_back(static_cast<Index>(i));
    sparse = sparse || g.norm.lasso > 0.0;
    for (Index a = 0; a < g.size; ++a) {
      place.push_back(g.begin + a);
      curvature_.push_back(size > 0.0 ? g.norm.norm / size : 0.0);
      for (Index k = 0; k < K; ++k) unit_.push_back(size > 0.0 ? w[a * K + k] / size : 0.0);
    }
  }
  if (sparse) {
    for (Index i : support_) {
      const Block& g = blocks_[at(i)];
      const double* w = rows(g);
      for (Index k = 0; k < width(g); ++k) held_.push_back(g.norm.lasso > 0.0 && w[k] == 0.0);
    }
  }
  const std::size_t m = place.size();
  if (place == place_ && support_gram_.size() == m * m && factored_) return;
  place_ = place;
  support_gram_.resize(m * m);
  for (std::size_t b = 0; b < m; ++b) {
    const double* g = column(place_[b]);
    double* out = &support_gram_[b * m];
    for (std::size_t a = 0; a < m; ++a) out[a] = g[place_[a]];
  }
}

/// out = G_SS d.
void GroupQP::multiply(const std::vector<double>& d, std::vector<double>& out) const {
  const Index m = static_cast<Index>(place_.size());
  out.assign(d.size(), 0.0);
  if (outputs_ == 1) {
    linalg::add_gemv(m, m, 1.0, support_gram_.data(), m, d.data(), out.data());
  } else {
    linalg::add_gemm(outputs_, m, m, 1.0, d.data(), outputs_, support_gram_.data(), m, out.data(),
                     outputs_);
  }
}

/// out = (Hessian of model and norms) d, given G_SS d.
void GroupQP::apply_hessian(const std::vector<double>& d, const std::vector<double>& gram_d,
                            std::vector<double>& out) const {
  const Index K = outputs_;
  Index a = 0;
  for (Index i : support_) {
    const Block& g = blocks_[at(i)];
    const Index from = a * K, n = width(g);
    const double c = curvature_[at(a)];
    const double along = c * linalg::dot(&unit_[at(from)], &d[at(from)], n);
    for (Index k = from; k < from + n; ++k) {
      out[at(k)] = gram_d[at(k)] + (g.norm.ridge + c) * d[at(k)] - along * unit_[at(k)];
    }
    a += g.size;
  }
  for (std::size_t k = 0; k < held_.size(); ++k) {
    if (held_[k]) out[k] = 0.0;
  }
}

/// Factor of the present Hessian; with several outputs, of what they share of it (the curvature of
/// the norms across W_g, but not its absence along W_g).
void GroupQP::refactor() {
  const Index m = static_cast<Index>(place_.size());
  factored_ = false;
  spent_ = 0;
  if (m == 0 || m > k_most_factor) return;
  factor_ = support_gram_;
  Index a = 0;
  for (Index i : support_) {
    const Block& g = blocks_[at(i)];
    for (Index t = 0; t < g.size; ++t) {
      const double c = curvature_[at(a + t)];
      double* column = &factor_[at((a + t) * m)];
      if (outputs_ == 1) {
        const double u = c * unit_[at(a + t)];
        for (Index s = t; s < g.size; ++s) column[a + s] -= u * unit_[at(a + s)];
      }
      column[a + t] += g.norm.ridge + c;
      column[a + t] += k_ridge * column[a + t];
      if (outputs_ == 1 && !held_.empty() && held_[at(a + t)]) {
        for (Index s = 0; s < m; ++s) column[s] = factor_[at(a + t + s * m)] = 0.0;
        column[a + t] = 1.0;
      }
    }
    a += g.size;
  }
  if (!linalg::factor_cholesky(m, factor_.data(), m)) return;
  factored_ = true;
  for (Index p : factor_place_) {
    if (p < static_cast<Index>(factor_of_.size())) factor_of_[at(p)] = -1;
  }
  factor_of_.resize(at(size_), -1);
  factor_place_ = place_;
  for (Index i = 0; i < m; ++i) factor_of_[at(place_[at(i)])] = i;
}

/// z = an approximation of (Hessian)^{-1} r: by the factor where it reaches, else by the diagonal.
void GroupQP::precondition(const std::vector<double>& r, std::vector<double>& z) {
  const Index m = static_cast<Index>(place_.size()), K = outputs_;
  const Index order = factored_ ? static_cast<Index>(factor_place_.size()) : 0;
  padded_.assign(at(order * K), 0.0);
  factor_of_.resize(at(size_), -1);
  Index a = 0;
  for (Index i : support_) {
    const double ridge = blocks_[at(i)].norm.ridge;
    for (Index t = 0; t < blocks_[at(i)].size; ++t, ++a) {
      const Index p = factored_ ? factor_of_[at(place_[at(a)])] : -1;
      const double diagonal = support_gram_[at(a * m + a)] + ridge + curvature_[at(a)];
      for (Index k = 0; k < K; ++k) {
        if (p >= 0) {
          padded_[at(k * order + p)] = r[at(a * K + k)];
        } else {
          z[at(a * K + k)] = r[at(a * K + k)] / std::max(diagonal, 1e-300);
        }
      }
    }
  }
  if (order > 0) {
    linalg::solve_cholesky(order, factor_.data(), order, K, padded_.data(), order);
    for (a = 0; a < m; ++a) {
      const Index p = factor_of_[at(place_[at(a)])];
      if (p < 0) continue;
      for (Index k = 0; k < K; ++k) z[at(a * K + k)] = padded_[at(k * order + p)];
    }
  }
  for (std::size_t k = 0; k < held_.size(); ++k) {
    if (held_[k]) z[k] = 0.0;
  }
}

/// One damped Newton step on the support; false if the objective would not fall.
bool GroupQP::newton(double target) {
  const Index K = outputs_;
  take_support();
  const Index m = static_cast<Index>(place_.size());
  if (m == 0) return false;
  const std::size_t n = at(m * K);

  // Minus the gradient.
  std::vector<double> slope(n), direction(n, 0.0), gram_direction(n, 0.0);
  Index a = 0;
  double largest = 0.0;
  for (Index i : support_) {
    const Block& g = blocks_[at(i)];
    const double* w = rows(g);
    const double* q = &q_[at(g.begin * K)];
    for (Index k = 0; k < width(g); ++k) {
      const std::size_t to = at(a * K + k);
      slope[to] = q[k] - g.norm.ridge * w[k] - g.norm.norm * unit_[to] - g.norm.lasso * sign(w[k]);
      if (!held_.empty() && held_[to]) slope[to] = 0.0;
      largest = std::max(largest, std::abs(slope[to]));
    }
    a += g.size;
  }
  if (largest == 0.0) return false;

  // Conjugate gradients.
  if (!factored_ || spent_ > m / k_factor_work + k_cg_few) refactor();
  std::vector<double> rest = slope, z(n), search(n), gram_search(n), image(n);
  const double goal = std::max(k_cg_accuracy * largest, 0.1 * target);
  precondition(rest, z);
  search = z;
  double rho = linalg::dot(rest.data(), z.data(), m * K);
  Index it = 0;
  while (it < k_cg_steps && rho > 0.0) {
    ++it;
    multiply(search, gram_search);
    apply_hessian(search, gram_search, image);
    const double bend = linalg::dot(search.data(), image.data(), m * K);
    if (!(bend > 0.0)) break;
    const double length = rho / bend;
    linalg::axpy(length, search.data(), direction.data(), m * K);
    linalg::axpy(length, gram_search.data(), gram_direction.data(), m * K);
    linalg::axpy(-length, image.data(), rest.data(), m * K);
    double left = 0.0;
    for (const double x : rest) left = std::max(left, std::abs(x));
    if (left <= goal) break;
    precondition(rest, z);
    const double next = linalg::dot(rest.data(), z.data(), m * K);
    for (std::size_t k = 0; k < n; ++k) search[k] = z[k] + (next / rho) * search[k];
    rho = next;
  }
  spent_ += std::max<Index>(0, it - k_cg_few);
  const double descent = -linalg::dot(direction.data(), slope.data(), m * K);
  if (!(descent < 0.0)) return false;

  std::vector<double> moved(n), change(n), gram_change;
  double t = 1.0;
  for (int halving = 0; halving <= k_halvings; ++halving, t *= 0.5) {
    // Where the step leads; signs that a lasso part holds end at zero.
    bool clipped = false;
    double linear = 0.0, difference = 0.0, magnitude = 0.0;
    a = 0;
    for (Index i : support_) {
      const Block& g = blocks_[at(i)];
      const double* w = rows(g);
      const double* q = &q_[at(g.begin * K)];
      const Index from = a * K, size = width(g);
      for (Index k = 0; k < size; ++k) {
        const std::size_t to = at(from + k);
        double now = w[k] + t * direction[to];
        if (g.norm.lasso > 0.0 && now * w[k] < 0.0) {
          now = 0.0;
          clipped = true;
        }
        moved[to] = now;
        change[to] = now - w[k];
        linear -= change[to] * q[k];
      }
      const double before = value_of(g.norm, w, size);
      difference += value_of(g.norm, &moved[at(from)], size) - before;
      magnitude += before;
      a += g.size;
    }
    double quadratic;
    if (clipped) {
      multiply(change, gram_change);
      quadratic = linalg::dot(change.data(), gram_change.data(), m * K);
    } else {
      quadratic = t * t * linalg::dot(direction.data(), gram_direction.data(), m * K);
    }
    const double total = linear + 0.5 * quadratic + difference;
    if (total <= 1e-4 * t * descent + 1e-15 * (magnitude + std::abs(linear))) {
      a = 0;
      for (Index i : support_) {
        const Block& g = blocks_[at(i)];
        std::copy_n(&moved[at(a * K)], width(g), rows(g));
        shift(g.begin, g.size, &change[at(a * K)]);
        a += g.size;
      }
      return true;
    }
  }
  return false;
}

GramModel::Report GroupQP::solve(double target, Index max_rounds, int) {
  Report report;
  for (Index i = static_cast<Index>(steps_.size()); i < static_cast<Index>(blocks_.size()); ++i) {
    const Block& g = blocks_[at(i)];
    steps_.emplace_back(g.size, column(g.begin) + g.begin, ld_);
  }
  std::vector<Index> active;
  bool stuck = false;  // the last Newton step led nowhere
  for (Index round = 0; round < max_rounds; ++round) {
    report.violation = 0.0;
    active.clear();
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const double v = violation(blocks_[i]);
      report.violation = std::max(report.violation, v);
      if (v > target || !is_zero(blocks_[i])) active.push_back(static_cast<Index>(i));
    }
    if (report.violation <= target) {
      report.converged = true;
      return report;
    }
    // Sweeps while their pace promises an end sooner than Newton would come to one.
    double before = report.violation, now = before;
    for (Index s = 1; s <= k_most_sweeps && now > 0.5 * target; ++s) {
      sweep(active);
      ++report.sweeps;
      now = worst(active);
      if (monitor_) monitor_->poll({});
      if (s >= k_sweeps && !stuck) {
        const double pace = std::log(std::max(before / std::max(now, 1e-300), 1.0 + 1e-9));
        if (std::log(now / target) > k_newton_sweeps * pace) break;
      }
      before = now;
    }
    if (now > target) {
      const bool moved = newton(target);
      report.newton_steps += moved;
      stuck = !moved;
    }
  }
  return report;
}

}  // namespace taut::solver
