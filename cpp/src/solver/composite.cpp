// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/composite.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/philox.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

using penalty::Folded;
using penalty::Shape;

/// Lanczos comes from below and stops when a step gains this little; what is added for the rest.
constexpr int k_lanczos_steps = 60;
constexpr double k_lanczos_tolerance = 1e-4;
constexpr double k_lanczos_margin = 1.005;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// Of a symmetric tridiagonal matrix, by bisection on the number of eigenvalues above a point.
double largest_eigenvalue(const std::vector<double>& diagonal, const std::vector<double>& beside) {
  double low = *std::max_element(diagonal.begin(), diagonal.end()), high = low;
  for (double b : beside) high += 2.0 * b;
  for (int step = 0; step < 60 && high - low > 1e-12 * high; ++step) {
    const double middle = 0.5 * (low + high);
    bool above = false;  // a positive pivot of T - middle I: an eigenvalue lies above
    double pivot = 1.0;
    for (std::size_t i = 0; i < diagonal.size() && !above; ++i) {
      const double b = i > 0 ? beside[i - 1] : 0.0;
      pivot = diagonal[i] - middle - b * b / pivot;
      above = pivot > 0.0;
      if (pivot == 0.0) pivot = -1e-300;
    }
    (above ? low : high) = middle;
  }
  return high;
}

/// Is the penalty L1 plus a smooth concave part?
bool splits(const Folded& f) {
  return f.shape == Shape::mcp || f.shape == Shape::scad || f.shape == Shape::cel0;
}

Folded kink(const Folded& f) {
  Folded out = f;
  if (splits(f)) out.shape = Shape::l1;
  return out;
}

/// Largest size of the second derivative of the concave part.
double bend(const Folded& f) {
  if (!splits(f) || f.alpha == 0.0) return 0.0;
  return f.weight / (f.shape == Shape::scad ? f.gamma - 1.0 : f.gamma);
}

}  // namespace

Composite::Composite(const Problem& problem, const std::vector<Index>& features, bool split)
    : problem_(problem),
      list_(features),
      outputs_(problem.outputs()),
      size_(static_cast<Index>(features.size()) * problem.outputs()),
      split_(false) {
  Folded f;
  for (Index j : list_) {
    if (!problem.penalty.as_folded(j, f)) break;
    folded_.push_back(f);
    split_ = split_ || (split && splits(f));
  }
  if (folded_.size() < list_.size()) folded_.clear();
  split_ = split_ && !folded_.empty();
  scratch_.coef.assign(at_(problem.cols() * outputs_), 0.0);
  scratch_.intercept.assign(at_(outputs_), 0.0);
  raw_.assign(at_(size_), 0.0);
}

void Composite::scatter(const std::vector<double>& x) {
  for (std::size_t c = 0; c < list_.size(); ++c) {
    std::copy_n(&x[c * at_(outputs_)], outputs_, &scratch_.coef[at_(list_[c] * outputs_)]);
  }
  std::copy_n(&x[at_(size_)], outputs_, scratch_.intercept.begin());
}

Point Composite::start(const Iterate& at) const {
  Point point;
  point.x.resize(at_(size()));
  for (std::size_t c = 0; c < list_.size(); ++c) {
    std::copy_n(&at.coef[at_(list_[c] * outputs_)], outputs_, &point.x[c * at_(outputs_)]);
  }
  std::copy_n(at.intercept.begin(), outputs_, &point.x[at_(size_)]);
  point.eta = at.eta;
  point.residual.resize(at.eta.size());
  judge(point);
  return point;
}

void Composite::store(const Point& point, Iterate& at) const {
  for (std::size_t c = 0; c < list_.size(); ++c) {
    std::copy_n(&point.x[c * at_(outputs_)], outputs_, &at.coef[at_(list_[c] * outputs_)]);
  }
  std::copy_n(&point.x[at_(size_)], outputs_, at.intercept.begin());
  at.eta = point.eta;
  at.residual = point.residual;
}

void Composite::judge(Point& point) const {
  point.residual.resize(point.eta.size());
  point.loss = problem_.datafit.evaluate(point.eta.data(), point.residual.data());
}

void Composite::evaluate(Point& point) {
  scatter(point.x);
  scratch_.eta.resize(at_(problem_.rows() * outputs_));
  scratch_.residual.resize(scratch_.eta.size());
  refresh(problem_, scratch_, list_.data(), features());
  point.eta = scratch_.eta;
  judge(point);
  products_ += 1.0;
}

void Composite::gradient(const Point& point, std::vector<double>& g) {
  scratch_.residual = point.residual;
  gradients(problem_, scratch_, list_.data(), features(), raw_.data());
  products_ += 1.0;
  g.assign(at_(size()), 0.0);
  std::copy(raw_.begin(), raw_.end(), g.begin());
  const double* s = problem_.datafit.weights();
  const Index n = problem_.rows();
  for (Index k = 0; k < outputs_ && problem_.fit_intercept; ++k) {
    g[at_(size_ + k)] = -linalg::dot(s, &point.residual[at_(k * n)], n);
  }
  if (!split_) return;
  for (Index i = 0; i < size_; ++i) {
    const Folded& f = folded_[at_(i / outputs_)];
    const double u = point.x[at_(i)];
    if (u != 0.0) g[at_(i)] += penalty::slope(f, u) - penalty::slope(kink(f), u);
  }
}

void Composite::gradient(const Point& point, const std::vector<char>& in, std::vector<double>& g) {
  std::vector<Index> marked, places;
  for (Index c = 0; c < features(); ++c) {
    const char* row = &in[at_(c * outputs_)];
    if (std::none_of(row, row + outputs_, [](char m) { return m != 0; })) continue;
    marked.push_back(list_[at_(c)]);
    places.push_back(c);
  }
  const std::size_t K = at_(outputs_);
  std::vector<double> part(marked.size() * K);
  scratch_.residual = point.residual;
  gradients(problem_, scratch_, marked.data(), static_cast<Index>(marked.size()), part.data());
  products_ += static_cast<double>(marked.size()) / std::max(1.0, static_cast<double>(features()));
  g.assign(at_(size()), 0.0);
  for (std::size_t c = 0; c < marked.size(); ++c) {
    for (Index k = 0; k < outputs_; ++k) {
      const std::size_t i = at_(places[c] * outputs_ + k);
      if (!in[i]) continue;
      g[i] = part[c * K + at_(k)];
      if (!split_) continue;
      const Folded& f = folded_[at_(places[c])];
      g[i] += penalty::slope(f, point.x[i]) - penalty::slope(kink(f), point.x[i]);
    }
  }
  const double* s = problem_.datafit.weights();
  const Index n = problem_.rows();
  for (Index k = 0; k < outputs_ && problem_.fit_intercept; ++k) {
    g[at_(size_ + k)] = -linalg::dot(s, &point.residual[at_(k * n)], n);
  }
}

double Composite::penalty(const std::vector<double>& x) const {
  double total = 0.0;
  for_each_block(problem_, list_.data(), features(), [&](Index block, Index, Index c) {
    const double* u = &x[at_(c * outputs_)];
    if (std::any_of(u, u + problem_.penalty.width(block), [](double v) { return v != 0.0; })) {
      total += problem_.penalty.value(u, block);
    }
  });
  return total;
}

double Composite::concave(const std::vector<double>& x) const {
  if (!split_) return 0.0;
  double total = 0.0;
  for (Index i = 0; i < size_; ++i) {
    const Folded& f = folded_[at_(i / outputs_)];
    const double u = x[at_(i)];
    if (u != 0.0) total += penalty::value(f, u) - penalty::value(kink(f), u);
  }
  return total;
}

void Composite::prox(std::vector<double>& x, double step) const {
  if (split_) {
    for (Index i = 0; i < size_; ++i) {
      x[at_(i)] = penalty::prox(kink(folded_[at_(i / outputs_)]), x[at_(i)], step);
    }
    return;
  }
  for_each_block(problem_, list_.data(), features(), [&](Index block, Index, Index c) {
    problem_.penalty.prox(&x[at_(c * outputs_)], step, block);
  });
}

double Composite::lipschitz(double bound) {
  // The ones of the intercept are orthogonal to centred columns: eigenvalue sum s = 1.
  double largest = problem_.fit_intercept ? 1.0 : 0.0;
  const Index n = problem_.rows();
  Philox random({0x7a17, 0});
  std::vector<double> v(list_.size()), last(list_.size(), 0.0), image(list_.size()), values,
      eta(at_(n));
  std::vector<double> diagonal, beside;  // of the tridiagonal matrix, beside[i] between i and i + 1
  double size = 0.0;
  for (double& x : v) x = random.normal();
  for (double x : v) size += x * x;
  double coupling = 0.0, found = 0.0;
  for (int step = 0; step < k_lanczos_steps && size > 0.0; ++step) {
    const double inverse = 1.0 / std::sqrt(size);
    for (double& x : v) x *= inverse;
    values = v;
    std::fill(eta.begin(), eta.end(), 0.0);
    const double constant = problem_.Z.add_to(list_.data(), values.data(), features(), eta.data());
    const double* s = problem_.Z.weights();
    for (Index i = 0; i < n; ++i) eta[at_(i)] = s[i] * (eta[at_(i)] + constant);
    problem_.Z.products(eta.data(), list_.data(), features(), problem_.n_threads, image.data());
    products_ += 2.0;
    double along = 0.0;
    for (std::size_t c = 0; c < v.size(); ++c) along += v[c] * image[c];
    size = 0.0;
    for (std::size_t c = 0; c < v.size(); ++c) {
      image[c] -= along * v[c] + coupling * last[c];
      size += image[c] * image[c];
    }
    if (step > 0) beside.push_back(coupling);
    diagonal.push_back(along);
    coupling = std::sqrt(size);
    const double now = largest_eigenvalue(diagonal, beside);
    const bool settled = step > 2 && now - found <= k_lanczos_tolerance * now;
    found = now;
    if (settled || coupling <= 1e-12 * now) break;
    last.swap(v);
    v.swap(image);
  }
  largest = std::max(largest, k_lanczos_margin * found);
  double bent = 0.0;
  for (const Folded& f : folded_) bent = std::max(bent, split_ ? bend(f) : 0.0);
  return std::max({bound * largest, bent, 1e-300});
}

bool Composite::smooth_rows(const std::vector<double>& x, std::vector<char>& in) const {
  in.assign(at_(size()), 0);
  bool known = true;
  penalty::Piece piece;
  penalty::BlockNorm norm;
  for_each_block(problem_, list_.data(), features(), [&](Index block, Index, Index c) {
    const Index width = problem_.penalty.width(block);
    const double* u = &x[at_(c * outputs_)];
    if (folded_.empty() && !problem_.penalty.as_piece(block, piece) &&
        !problem_.penalty.as_norm(block, norm)) {
      known = false;
    }
    const bool free = problem_.penalty.is_free(block);
    // Inside a block that is not zero, a share of L1 has kinks of its own.
    const bool alone = problem_.penalty.is_separable() ||
                       (problem_.penalty.as_norm(block, norm) && norm.lasso > 0.0);
    const bool any = free || std::any_of(u, u + width, [](double v) { return v != 0.0; });
    for (Index k = 0; k < width; ++k) {
      in[at_(c * outputs_ + k)] = alone ? free || u[k] != 0.0 : any;
    }
  });
  for (Index k = 0; k < outputs_; ++k) in[at_(size_ + k)] = problem_.fit_intercept;
  return known;
}

bool Composite::has_kink(Index i) const {
  if (i >= size_) return false;
  const Index block = problem_.penalty.blocks().of(list_[at_(i / outputs_)]);
  penalty::Piece piece;
  penalty::BlockNorm norm;
  if (!folded_.empty()) {
    const Folded& f = folded_[at_(i / outputs_)];
    return f.alpha > 0.0 && f.shape != Shape::l0;
  }
  if (problem_.penalty.as_piece(block, piece)) return piece.l1 > 0.0;
  return problem_.penalty.as_norm(block, norm) && norm.lasso > 0.0;
}

void Composite::add_kink_gradient(const std::vector<double>& x, const std::vector<char>& in,
                                  std::vector<double>& g) const {
  const auto sign = [](double u) { return u > 0.0 ? 1.0 : (u < 0.0 ? -1.0 : 0.0); };
  if (!folded_.empty()) {
    for (Index i = 0; i < size_; ++i) {
      if (!in[at_(i)]) continue;
      const Folded& f = folded_[at_(i / outputs_)];
      g[at_(i)] += penalty::slope(split_ ? kink(f) : f, x[at_(i)]);
    }
    return;
  }
  penalty::Piece piece;
  penalty::BlockNorm norm;
  for_each_block(problem_, list_.data(), features(), [&](Index block, Index, Index c) {
    const Index width = problem_.penalty.width(block), first = c * outputs_;
    const double* u = &x[at_(first)];
    if (problem_.penalty.as_piece(block, piece)) {
      for (Index k = 0; k < width; ++k) {
        if (!in[at_(first + k)]) continue;
        g[at_(first + k)] += piece.l1 * sign(u[k]) + piece.l2 * u[k];
      }
    } else if (problem_.penalty.as_norm(block, norm)) {
      double size = 0.0;
      for (Index k = 0; k < width; ++k) size += u[k] * u[k];
      size = std::sqrt(size);
      for (Index k = 0; k < width; ++k) {
        if (!in[at_(first + k)]) continue;
        g[at_(first + k)] += norm.lasso * sign(u[k]) + norm.ridge * u[k] +
                             (size > 0.0 ? norm.norm * u[k] / size : 0.0);
      }
    }
  });
}

void Composite::direction(const std::vector<double>& d, std::vector<double>& out) {
  const Index n = problem_.rows();
  out.assign(at_(n * outputs_), 0.0);
  std::vector<Index> columns;
  std::vector<double> values;
  for (Index k = 0; k < outputs_; ++k) {
    columns.clear();
    values.clear();
    for (Index c = 0; c < features(); ++c) {
      const double change = d[at_(c * outputs_ + k)];
      if (change == 0.0) continue;
      columns.push_back(list_[at_(c)]);
      values.push_back(change);
    }
    double* image = &out[at_(k * n)];
    const double constant =
        d[at_(size_ + k)] +
        problem_.Z.add_to(columns.data(), values.data(), static_cast<Index>(columns.size()), image);
    for (Index i = 0; i < n; ++i) image[i] += constant;
    products_ += static_cast<double>(columns.size()) /
                 std::max(1.0, static_cast<double>(features() * outputs_));
  }
}

double Composite::curvature(const Point& point, const std::vector<double>& d,
                            const std::vector<double>& image) const {
  const Index n = problem_.rows();
  std::vector<double> h(at_(n)), store;
  const double* at = problem_.datafit.curvature_point(point.residual.data(), store);
  double total = 0.0;
  for (Index k = 0; k < outputs_; ++k) {
    for (Index l = 0; l < outputs_; ++l) {
      problem_.datafit.curvature(at, k, l, h.data());
      total += linalg::weighted_dot(h.data(), &image[at_(k * n)], &image[at_(l * n)], n);
    }
  }
  for (Index i = 0; i < size_ && !folded_.empty(); ++i) {
    if (d[at_(i)] == 0.0 || point.x[at_(i)] == 0.0) continue;
    const Folded& f = folded_[at_(i / outputs_)];
    total += penalty::segment(f, point.x[at_(i)], d[at_(i)]).curvature * d[at_(i)] * d[at_(i)];
  }
  if (!folded_.empty()) return total;
  penalty::Piece piece;
  penalty::BlockNorm norm;
  for_each_block(problem_, list_.data(), features(), [&](Index block, Index, Index c) {
    const Index width = problem_.penalty.width(block);
    const double* u = &point.x[at_(c * outputs_)];
    const double* step = &d[at_(c * outputs_)];
    const double dd = linalg::dot(step, step, width);
    if (problem_.penalty.as_piece(block, piece)) {
      total += piece.l2 * dd;
    } else if (problem_.penalty.as_norm(block, norm)) {
      const double uu = linalg::dot(u, u, width), ud = linalg::dot(u, step, width);
      total += norm.ridge * dd;
      if (uu > 0.0) total += norm.norm * std::max(0.0, dd - ud * ud / uu) / std::sqrt(uu);
    }
  });
  return total;
}

double Composite::stop_crit(const Point& point) const {
  double worst = 0.0;
  for_each_block(problem_, list_.data(), features(), [&](Index block, Index, Index c) {
    const std::size_t first = at_(c * outputs_);
    worst =
        std::max(worst, problem_.penalty.subdiff_distance(&point.x[first], &raw_[first], block));
  });
  const double* s = problem_.datafit.weights();
  const Index n = problem_.rows();
  for (Index k = 0; k < outputs_ && problem_.fit_intercept; ++k) {
    worst = std::max(worst, std::abs(linalg::dot(s, &point.residual[at_(k * n)], n)));
  }
  return worst;
}

}  // namespace taut::solver
