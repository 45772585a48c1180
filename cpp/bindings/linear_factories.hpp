// SPDX-License-Identifier: BSD-3-Clause
// What the linear models' bindings make of their arguments: a design, a datafit, a penalty by name.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "array.hpp"
#include "taut/datafit/cumulative_logit.hpp"
#include "taut/datafit/huber.hpp"
#include "taut/datafit/logistic.hpp"
#include "taut/datafit/multinomial.hpp"
#include "taut/datafit/poisson.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/datafit/sqrt_quadratic.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/penalty/fused.hpp"
#include "taut/penalty/group_elastic_net.hpp"
#include "taut/penalty/nonconvex.hpp"
#include "taut/penalty/sparse_group.hpp"
#include "taut/solver/path.hpp"

namespace taut::bindings {

struct MakeDesign {
  template <class T>
  std::unique_ptr<design::Design> operator()(const DenseView<T>& X) const {
    return std::make_unique<design::Dense<T>>(X);
  }
  template <class T, class I>
  std::unique_ptr<design::Design> operator()(const CscView<T, I>& X) const {
    return std::make_unique<design::Csc<T, I>>(X);
  }
};

inline std::vector<double> to_vector(const py::object& object, const std::string& name,
                                     Index size = -1) {
  const VecView<double> view = optional_vec_view<double>(object, name, size);
  return {view.data, view.data + view.size};
}

/// A C-ordered (n, K) or a (n,) array as columns: kernels read one class at a time.
inline std::vector<double> to_columns(const py::object& object, const std::string& name, Index rows,
                                      Index outputs) {
  std::vector<double> out(static_cast<std::size_t>(rows * outputs));
  if (outputs == 1 && py::cast<py::array>(object).ndim() == 1) {
    const VecView<double> view = vec_view<double>(object, name, rows);
    std::copy_n(view.data, rows, out.data());
    return out;
  }
  const RowMajorView<double> view = row_major_view<double>(object, name);
  detail::require_size(view.rows, rows, name);
  detail::require_size(view.cols, outputs, name + "'s columns");
  for (Index i = 0; i < rows; ++i) {
    for (Index k = 0; k < outputs; ++k) {
      out[static_cast<std::size_t>(k * rows + i)] = view.data[i * outputs + k];
    }
  }
  return out;
}

/// Weights of sum one; all equal for None.
inline std::vector<double> normalised_weights(const py::object& object, Index rows) {
  std::vector<double> s = to_vector(object, "sample_weight", object.is_none() ? -1 : rows);
  if (object.is_none()) s.assign(static_cast<std::size_t>(rows), 1.0);
  double total = 0.0;
  for (const double w : s) total += w;
  for (double& w : s) w /= total;
  return s;
}

/// What the caller says of the datafit, besides its name.
struct DatafitSpec {
  Index rows = 0;
  Index outputs = 1;
  const double* y = nullptr;  ///< rows x outputs, column-major
  const double* weights = nullptr;
  double delta = 1.35;     ///< huber
  double sigma_min = 0.0;  ///< sqrt
};

/// Counts for the log link: >= 0, and not zero wherever there is weight.
inline void check_counts(const DatafitSpec& spec) {
  bool any = false;
  for (Index i = 0; i < spec.rows; ++i) {
    const double y = spec.y[i];
    if (!(y >= 0.0) || !std::isfinite(y)) {
      throw py::value_error("y of datafit='poisson' must be finite and >= 0, got " +
                            std::to_string(y) + " in row " + std::to_string(i) + ".");
    }
    any = any || (y > 0.0 && spec.weights[i] > 0.0);
  }
  if (!any) {
    throw py::value_error(
        "y of datafit='poisson' must have a count above 0 in a row of positive weight: the best "
        "mean is 0, whose logarithm is not finite.");
  }
}

/// Columns 1{class <= k}, k = 0, 1, ..: each row 0, .. 0, 1, .. 1, and no class without weight.
inline void check_cumulated(const DatafitSpec& spec) {
  std::vector<double> weight(static_cast<std::size_t>(spec.outputs + 1), 0.0);
  for (Index i = 0; i < spec.rows; ++i) {
    Index above = 0;
    double before = 0.0;
    for (Index k = 0; k < spec.outputs; ++k) {
      const double below = spec.y[k * spec.rows + i];
      if ((below != 0.0 && below != 1.0) || below < before) {
        throw py::value_error(
            "y of datafit='cumulative_logit' must have rows 0, .. 0, 1, .. 1, which row " +
            std::to_string(i) + " is not.");
      }
      above += below == 0.0;
      before = below;
    }
    weight[static_cast<std::size_t>(above)] += spec.weights[i];
  }
  const auto empty = std::find(weight.begin(), weight.end(), 0.0);
  if (empty != weight.end()) {
    throw py::value_error("y of datafit='cumulative_logit' has no weight in class " +
                          std::to_string(empty - weight.begin()) + ".");
  }
}

inline std::unique_ptr<datafit::Datafit> make_datafit(const std::string& name,
                                                      const DatafitSpec& spec) {
  if (name == "quadratic") {
    return std::make_unique<datafit::Quadratic>(spec.rows, spec.outputs, spec.y, spec.weights);
  }
  if (name == "multinomial") {
    return std::make_unique<datafit::Multinomial>(spec.rows, spec.outputs, spec.y, spec.weights);
  }
  if (name == "cumulative_logit") {
    check_cumulated(spec);
    return std::make_unique<datafit::CumulativeLogit>(spec.rows, spec.outputs, spec.y,
                                                      spec.weights);
  }
  const bool known = name == "logistic" || name == "poisson" || name == "huber" || name == "sqrt";
  if (known && spec.outputs > 1) {
    throw py::value_error("datafit='" + name + "' takes y of one dimension.");
  }
  if (name == "logistic") {
    return std::make_unique<datafit::Logistic>(spec.rows, spec.y, spec.weights);
  }
  if (name == "poisson") {
    check_counts(spec);
    return std::make_unique<datafit::Poisson>(spec.rows, spec.y, spec.weights);
  }
  if (name == "huber") {
    if (!(spec.delta > 0.0) || !std::isfinite(spec.delta)) {
      throw py::value_error("delta must be finite and > 0, got " + std::to_string(spec.delta) +
                            ".");
    }
    return std::make_unique<datafit::Huber>(spec.rows, spec.y, spec.delta, spec.weights);
  }
  if (name == "sqrt") {
    if (!(spec.sigma_min >= 0.0) || !std::isfinite(spec.sigma_min)) {
      throw py::value_error("sigma_min must be finite and >= 0, got " +
                            std::to_string(spec.sigma_min) + ".");
    }
    return std::make_unique<datafit::SqrtQuadratic>(spec.rows, spec.y, spec.sigma_min,
                                                    spec.weights);
  }
  throw py::value_error(
      "datafit must be 'quadratic', 'logistic', 'multinomial', 'cumulative_logit', 'poisson', "
      "'huber' or 'sqrt', got '" +
      name + "'.");
}

/// What the caller says of the penalty, besides its name.
struct PenaltySpec {
  Index features = 0;
  Index outputs = 1;
  py::object factor, lower, upper, groups;  ///< arrays or None
  double l1_ratio = 1.0;
  double gamma = 3.0;                     ///< mcp, scad
  double exponent = 0.5;                  ///< lq
  py::object output_factor = py::none();  ///< elastic_net with datafit cumulative_logit
};

/// Blocks of groups, the group of each column; None: every column is one.
inline penalty::Blocks make_blocks(const py::object& groups, Index features) {
  if (groups.is_none()) return {};
  const VecView<std::int64_t> view = vec_view<std::int64_t>(groups, "groups", features);
  const std::vector<Index> label(view.data, view.data + view.size);
  const auto bad = [&](Index g) { return g < 0 || g >= features; };
  if (std::any_of(label.begin(), label.end(), bad)) {
    throw py::value_error("groups must be numbered from 0 to at most the number of columns.");
  }
  const Index count = label.empty() ? 0 : *std::max_element(label.begin(), label.end()) + 1;
  std::vector<char> seen(static_cast<std::size_t>(count), 0);
  for (const Index g : label) seen[static_cast<std::size_t>(g)] = 1;
  const auto missing = std::find(seen.begin(), seen.end(), char{0});
  if (missing != seen.end()) {
    throw py::value_error("groups has no column in group " +
                          std::to_string(missing - seen.begin()) + " of " + std::to_string(count) +
                          ".");
  }
  return {label, count};
}

struct NonconvexName {
  const char* name;
  penalty::Shape shape;
};

inline constexpr NonconvexName k_nonconvex[] = {{"mcp", penalty::Shape::mcp},
                                                {"scad", penalty::Shape::scad},
                                                {"cel0", penalty::Shape::cel0},
                                                {"l0", penalty::Shape::l0},
                                                {"lq", penalty::Shape::lq}};

/// Chains of columns and the weights of their increments: 0 for the first of a chain, 1 for others.
struct Fusion {
  penalty::Chains chains;
  std::vector<double> factor;
};

inline Fusion make_fusion(const PenaltySpec& spec) {
  const Index p = spec.features;
  if (!spec.lower.is_none() || !spec.upper.is_none()) {
    throw py::value_error(
        "lower and upper do not go with penalty='fused': the solver works on differences, and a "
        "bound on a coefficient joins all of its chain.");
  }
  if (spec.l1_ratio != 0.0) {
    throw py::value_error(
        "penalty='fused' takes l1_ratio=0, got " + std::to_string(spec.l1_ratio) +
        ": the size of single coefficients does not separate over their differences. The "
        "penalty_factor of the first column of a chain puts a penalty on its coefficient.");
  }
  make_blocks(spec.groups, p);  // for its checks
  std::vector<Index> label;
  if (!spec.groups.is_none()) {
    const VecView<std::int64_t> view = vec_view<std::int64_t>(spec.groups, "groups", p);
    label.assign(view.data, view.data + view.size);
  }
  penalty::Chains chains(label, p);
  std::vector<double> factor =
      to_vector(spec.factor, "penalty_factor", spec.factor.is_none() ? -1 : p);
  for (Index j = 0; j < p && spec.factor.is_none(); ++j) {
    factor.push_back(chains.before(j) < 0 ? 0.0 : 1.0);
  }
  return {std::move(chains), std::move(factor)};
}

inline std::unique_ptr<penalty::Penalty> make_penalty(const std::string& name,
                                                      const PenaltySpec& spec) {
  const Index p = spec.features;
  const bool bounded = !spec.lower.is_none() || !spec.upper.is_none();
  const bool grouped = name == "group" || name == "sparse_group";
  if (!grouped && !spec.groups.is_none()) {
    throw py::value_error("groups do not go with penalty='" + name + "'.");
  }
  if (name == "elastic_net") {
    return std::make_unique<penalty::ElasticNet>(
        spec.outputs, spec.l1_ratio,
        penalty::FeatureRules{to_vector(spec.factor, "penalty_factor", p),
                              to_vector(spec.lower, "lower", p), to_vector(spec.upper, "upper", p)},
        to_vector(spec.output_factor, "output_factor", spec.outputs));
  }
  if (grouped && bounded) {
    throw py::value_error("lower and upper do not go with penalty='" + name + "'.");
  }
  if (grouped) {
    penalty::Blocks blocks = make_blocks(spec.groups, p);
    const Index count = blocks.count(p);
    penalty::FeatureRules rules{to_vector(spec.factor, "penalty_factor", count), {}, {}};
    if (spec.factor.is_none()) {
      // As is customary: the root of the number of columns.
      for (Index b = 0; b < count; ++b) {
        rules.factor.push_back(std::sqrt(static_cast<double>(blocks.size(b))));
      }
    }
    if (name == "group") {
      return std::make_unique<penalty::GroupElasticNet>(spec.outputs, spec.l1_ratio,
                                                        std::move(rules), std::move(blocks));
    }
    return std::make_unique<penalty::SparseGroup>(spec.outputs, spec.l1_ratio, std::move(rules),
                                                  std::move(blocks));
  }
  for (const NonconvexName& known : k_nonconvex) {
    if (name != known.name) continue;
    return std::make_unique<penalty::Nonconvex>(
        spec.outputs, known.shape, known.shape == penalty::Shape::lq ? spec.exponent : spec.gamma,
        penalty::FeatureRules{to_vector(spec.factor, "penalty_factor", p),
                              to_vector(spec.lower, "lower", p),
                              to_vector(spec.upper, "upper", p)});
  }
  throw py::value_error(
      "penalty must be 'elastic_net', 'group', 'sparse_group', 'mcp', 'scad', 'l0', 'cel0', 'lq' "
      "or "
      "'fused', got '" +
      name + "'.");
}

inline solver::Route route_of(const std::string& name) {
  if (name == "auto") return solver::Route::automatic;
  if (name == "gram") return solver::Route::gram;
  if (name == "naive") return solver::Route::naive;
  if (name == "fista") return solver::Route::fista;
  if (name == "ag") return solver::Route::accelerated_gradient;
  if (name == "pncg") return solver::Route::conjugate_gradient;
  throw py::value_error("solver must be 'auto', 'gram', 'naive', 'fista', 'ag' or 'pncg', got '" +
                        name + "'.");
}

}  // namespace taut::bindings
