// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/first_order.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "reference.hpp"
#include "taut/datafit/logistic.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/design/dense.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/penalty/nonconvex.hpp"

using namespace taut;
using reference::at;
using reference::Matrix;
using reference::Random;
using solver::Composite;
using solver::FirstOrderOptions;
using solver::Method;
using solver::Point;
using solver::Problem;

namespace {

constexpr Method k_methods[] = {Method::proximal_gradient, Method::fista,
                                Method::accelerated_gradient, Method::accelerated_gradient_original,
                                Method::conjugate_gradient};

/// A problem that owns all it consists of.
struct Owned {
  Matrix X;
  std::vector<double> y, s;
  design::Dense<double> design;
  design::Standardized Z;
  std::unique_ptr<datafit::Datafit> fit;
  std::unique_ptr<penalty::Penalty> penalty;
  Problem problem;
  std::vector<Index> all;

  Owned(Matrix X_, bool binary, std::unique_ptr<penalty::Penalty> pen, double alpha, Random& random)
      : X(std::move(X_)),
        y(random.normals(X.rows)),
        s(at(X.rows), 1.0 / static_cast<double>(X.rows)),
        design(DenseView<double>{X.data.data(), X.rows, X.cols, X.rows}),
        Z(design, s.data(), true, false, nullptr, 1),
        penalty(std::move(pen)),
        problem{Z, *make(binary), *penalty, nullptr, true, 1},
        all(at(X.cols)) {
    penalty->set_alpha(alpha);
    std::iota(all.begin(), all.end(), Index{0});
  }

 private:
  datafit::Datafit* make(bool binary) {
    for (Index i = 0; i < X.rows; ++i) {
      y[at(i)] += 2.0 * X(i, 0) - X(i, 1);
      if (binary) y[at(i)] = y[at(i)] > 0.0 ? 1.0 : 0.0;
    }
    if (binary) {
      fit = std::make_unique<datafit::Logistic>(X.rows, y.data(), s.data());
    } else {
      fit = std::make_unique<datafit::Quadratic>(X.rows, y.data(), s.data());
    }
    return fit.get();
  }
};

Matrix draw(Index n, Index p, Random& random) {
  Matrix X(n, p);
  X.data = random.normals(n * p);
  for (Index j = 1; j < p; ++j) {
    for (Index i = 0; i < n; ++i) X(i, j) += 0.7 * X(i, j - 1);
  }
  return X;
}

}  // namespace

TEST_CASE("all methods find the one solution of a convex problem") {
  for (bool binary : {false, true}) {
    double first = 0.0;
    for (Method method : k_methods) {
      Random random(4);
      Matrix X = draw(40, 15, random);
      Owned owned(std::move(X), binary,
                  std::make_unique<penalty::ElasticNet>(1, 0.9, penalty::FeatureRules{}), 0.1,
                  random);
      Composite model(owned.problem, owned.all, true);
      Point point = model.start(solver::Iterate::zero(owned.problem));
      FirstOrderOptions options;
      options.method = method;
      options.target = 1e-9;
      options.max_iter = 20000;
      double lipschitz = 0.0;
      bool converged = false;
      SilentMonitor monitor;
      solver::Trace trace;
      const Index steps =
          solver::minimise(model, point, options, lipschitz, converged, &trace, monitor);
      CAPTURE(static_cast<int>(method));
      CHECK(converged);
      CHECK(steps < options.max_iter);
      CHECK(static_cast<Index>(trace.objective.size()) == steps);
      CHECK(trace.products.back() > 0.0);
      if (method == Method::proximal_gradient) first = model.objective(point);
      CHECK(model.objective(point) == doctest::Approx(first).epsilon(1e-9));
      for (std::size_t i = 1; i < trace.objective.size(); ++i) {
        const bool descends =
            method == Method::proximal_gradient || method == Method::conjugate_gradient;
        if (descends) CHECK(trace.objective[i] <= trace.objective[i - 1] + 1e-12);
      }
    }
  }
}

TEST_CASE("a concave part joins the smooth one without changing the sum") {
  Random random(6);
  for (penalty::Shape shape : {penalty::Shape::mcp, penalty::Shape::scad, penalty::Shape::cel0}) {
    Matrix X = draw(30, 8, random);
    Owned owned(std::move(X), false,
                std::make_unique<penalty::Nonconvex>(1, shape, 3.0, penalty::FeatureRules{}), 0.2,
                random);
    Composite split(owned.problem, owned.all, true), whole(owned.problem, owned.all, false);
    CHECK(split.split());
    CHECK_FALSE(whole.split());
    Point point = split.start(solver::Iterate::zero(owned.problem));
    point.x = random.normals(split.size());
    split.evaluate(point);
    CHECK(split.objective(point) == doctest::Approx(whole.objective(point)));
    // Gradient of the smooth part, numerically.
    std::vector<double> g;
    split.gradient(point, g);
    for (Index i = 0; i < split.size(); ++i) {
      Point up = point, down = point;
      up.x[at(i)] += 1e-6;
      down.x[at(i)] -= 1e-6;
      split.evaluate(up);
      split.evaluate(down);
      CHECK(g[at(i)] ==
            doctest::Approx((split.smooth(up) - split.smooth(down)) / 2e-6).epsilon(1e-5));
    }
  }
}

TEST_CASE("the Lipschitz constant bounds every Rayleigh quotient") {
  Random random(8);
  Matrix X = draw(25, 40, random);
  Owned owned(std::move(X), false,
              std::make_unique<penalty::ElasticNet>(1, 1.0, penalty::FeatureRules{}), 0.1, random);
  Composite model(owned.problem, owned.all, true);
  const double L = model.lipschitz(1.0);
  double most = 0.0;
  for (int round = 0; round < 200; ++round) {
    const std::vector<double> d = random.normals(model.size());
    std::vector<double> image;
    model.direction(d, image);
    double square = 0.0, size = 0.0;
    for (Index i = 0; i < 25; ++i) square += image[at(i)] * image[at(i)] / 25.0;
    for (double x : d) size += x * x;
    most = std::max(most, square / size);
  }
  CHECK(most <= L);
  CHECK(model.lipschitz(0.25) == doctest::Approx(0.25 * L).epsilon(1e-3));
}
