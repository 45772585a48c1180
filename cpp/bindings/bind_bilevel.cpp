// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "array.hpp"
#include "monitor.hpp"
#include "taut/bilevel/fields_of_experts.hpp"
#include "taut/bilevel/lower.hpp"
#include "taut/bilevel/multinomial.hpp"
#include "taut/bilevel/ridge.hpp"
#include "taut/bilevel/solve.hpp"
#include "taut/bilevel/total_variation.hpp"

namespace taut::bindings {
namespace {

using bilevel::LowerProblem;

/// A lower problem written in Python: an object with value, grad, hvp and cross_vjp, whose arrays
/// have been checked by the layer above. Every call takes the GIL.
class PythonLower final : public LowerProblem {
 public:
  PythonLower(py::object owner, Index n_x, Index n_theta)
      : owner_(std::move(owner)), n_x_(n_x), n_theta_(n_theta) {}
  PythonLower(const PythonLower&) = delete;
  PythonLower& operator=(const PythonLower&) = delete;
  ~PythonLower() override {
    const py::gil_scoped_acquire gil;
    owner_ = py::object();
    theta_ = py::object();
    x_ = py::object();
  }

  Index n_x() const override { return n_x_; }
  Index n_theta() const override { return n_theta_; }
  void set_theta(const double* theta) override {
    const py::gil_scoped_acquire gil;
    theta_ = py::array_t<double>(n_theta_, theta);
    mu_ = owner_.attr("mu")(theta_).cast<double>();
    smoothness_ = owner_.attr("smoothness")(theta_).cast<double>();
  }
  double evaluate(const double* x, double* grad) override {
    const py::gil_scoped_acquire gil;
    x_ = py::array_t<double>(n_x_, x);
    copy(owner_.attr("grad")(x_, theta_), n_x_, grad);
    return owner_.attr("value")(x_, theta_).cast<double>();
  }
  void hvp(const double* v, double* out) override {
    const py::gil_scoped_acquire gil;
    copy(owner_.attr("hvp")(x_, theta_, py::array_t<double>(n_x_, v)), n_x_, out);
  }
  void cross_vjp(const double* q, double* out) override {
    const py::gil_scoped_acquire gil;
    copy(owner_.attr("cross_vjp")(x_, theta_, py::array_t<double>(n_x_, q)), n_theta_, out);
  }
  void grad_theta(double* out) override {
    const py::gil_scoped_acquire gil;
    copy(owner_.attr("grad_theta")(x_, theta_), n_theta_, out);
  }
  double mu() const override { return mu_; }
  double smoothness() const override { return smoothness_; }
  bilevel::Constants constants(double /*radius*/) override {
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    return {mu_, smoothness_, unknown, unknown, unknown};
  }

 private:
  static void copy(const py::object& result, Index size, double* out) {
    const VecView<double> view = vec_view<double>(result, "the result of a callable", size);
    std::copy_n(view.data, size, out);
  }

  py::object owner_, theta_, x_;
  Index n_x_, n_theta_;
  double mu_ = 0.0, smoothness_ = 0.0;
};

void require_items(const py::tuple& parts, std::size_t size, const std::string& kind) {
  if (parts.size() != size) {
    throw py::value_error("problem '" + kind + "' must have " + std::to_string(size) + " items.");
  }
}

/// Numbers 0 .. bound - 1.
VecView<std::int64_t> codes_view(const py::handle& object, const std::string& name, Index size,
                                 Index bound) {
  const VecView<std::int64_t> codes = vec_view<std::int64_t>(object, name, size);
  for (Index j = 0; j < codes.size; ++j) {
    if (codes.data[j] < 0 || codes.data[j] >= bound) {
      throw py::value_error(name + " must hold numbers below " + std::to_string(bound) + ".");
    }
  }
  return codes;
}

std::unique_ptr<LowerProblem> ridge_of(const py::tuple& parts, int n_threads) {
  require_items(parts, 8, "ridge");
  const DenseView<double> gram = dense_view<double>(parts[1], "gram");
  detail::require_size(gram.rows, gram.cols, "a column of gram");
  const VecView<double> moment = vec_view<double>(parts[2], "moment", gram.cols);
  const auto n_groups = parts[5].cast<Index>();
  const VecView<std::int64_t> group = codes_view(parts[4], "group", gram.cols, n_groups);
  return std::make_unique<bilevel::Ridge>(gram, moment, parts[3].cast<double>(), group, n_groups,
                                          parts[6].cast<double>(), parts[7].cast<double>(),
                                          n_threads);
}

std::unique_ptr<LowerProblem> multinomial_of(const py::tuple& parts, int n_threads) {
  require_items(parts, 8, "multinomial");
  const DenseView<double> x = dense_view<double>(parts[1], "X");
  const auto n_classes = parts[3].cast<Index>();
  if (n_classes < 1 || n_classes > (Index{1} << 20)) {
    throw py::value_error("n_classes must be in 1 .. 2^20, got " + std::to_string(n_classes) + ".");
  }
  const VecView<std::int64_t> labels = codes_view(parts[2], "labels", x.rows, n_classes);
  const auto n_groups = parts[5].cast<Index>();
  const VecView<std::int64_t> group = codes_view(parts[4], "group", x.cols * n_classes, n_groups);
  return std::make_unique<bilevel::Multinomial>(x, labels, n_classes, group, n_groups,
                                                parts[6].cast<double>(), parts[7].cast<double>(),
                                                n_threads);
}

/// (pixels, count, height, width).
const double* images_view(const py::tuple& parts, Index& count, Index& height, Index& width) {
  count = parts[2].cast<Index>();
  height = parts[3].cast<Index>();
  width = parts[4].cast<Index>();
  for (const Index side : {count, height, width}) {
    if (side < 1 || side > (Index{1} << 20)) throw py::value_error("images: sides in 1 .. 2^20.");
  }
  return vec_view<double>(parts[1], "images", count * height * width).data;
}

std::unique_ptr<LowerProblem> total_variation_of(const py::tuple& parts, int n_threads) {
  require_items(parts, 5, "total_variation");
  Index count, height, width;
  const double* images = images_view(parts, count, height, width);
  return std::make_unique<bilevel::TotalVariation>(images, count, height, width, n_threads);
}

std::unique_ptr<LowerProblem> fields_of_experts_of(const py::tuple& parts, int n_threads) {
  require_items(parts, 7, "fields_of_experts");
  Index count, height, width;
  const double* images = images_view(parts, count, height, width);
  const auto n_filters = parts[5].cast<Index>(), size = parts[6].cast<Index>();
  if (n_filters < 1 || n_filters > (Index{1} << 20) || size < 1 || size % 2 == 0 ||
      size / 2 >= std::min(height, width)) {
    throw py::value_error(
        "filters must be 1 .. 2^20 in number, odd in size and less than twice the images.");
  }
  return std::make_unique<bilevel::FieldsOfExperts>(images, count, height, width, n_filters, size,
                                                    n_threads);
}

/// The problem that a tuple (kind, ...) describes; it views the arrays in it.
std::unique_ptr<LowerProblem> problem_of(const py::tuple& parts, int n_threads) {
  const auto kind = parts[0].cast<std::string>();
  if (kind == "ridge") return ridge_of(parts, n_threads);
  if (kind == "multinomial") return multinomial_of(parts, n_threads);
  if (kind == "total_variation") return total_variation_of(parts, n_threads);
  if (kind == "fields_of_experts") return fields_of_experts_of(parts, n_threads);
  if (kind == "python") {
    require_items(parts, 4, kind);
    return std::make_unique<PythonLower>(parts[1], parts[2].cast<Index>(), parts[3].cast<Index>());
  }
  throw py::value_error("unknown lower problem '" + kind + "'.");
}

bilevel::Method method_of(const std::string& name) {
  if (name == "auto") return bilevel::Method::automatic;
  if (name == "fista") return bilevel::Method::fista;
  if (name == "newton") return bilevel::Method::newton;
  throw py::value_error("method must be 'auto', 'fista' or 'newton', got '" + name + "'.");
}

const char* name_of(bilevel::Ending ending) {
  switch (ending) {
    case bilevel::Ending::converged:
      return "converged";
    case bilevel::Ending::max_iter:
      return "max_iter";
    case bilevel::Ending::stagnated:
      return "stagnated";
    default:
      return "not_finite";
  }
}

/// What to ask of a problem at a point: "value_grad", "grad_theta", "constants", or with a vector
/// "hvp", "cross_vjp".
py::object bilevel_evaluate(const py::tuple& problem, const std::string& what,
                            const py::object& theta, const py::object& x, const py::object& v,
                            double radius, int n_threads) {
  const auto lower = problem_of(problem, n_threads);
  const VecView<double> at = vec_view<double>(theta, "theta", lower->n_theta());
  const VecView<double> point = vec_view<double>(x, "x", lower->n_x());
  const VecView<double> vector = optional_vec_view<double>(v, "v", lower->n_x());
  const bool on_theta = what == "cross_vjp" || what == "grad_theta";
  py::array_t<double> grad(lower->n_x()), result(on_theta ? lower->n_theta() : lower->n_x());
  double* g = grad.mutable_data();
  double* out = result.mutable_data();
  double value = 0.0;
  bilevel::Constants constants;
  if ((what == "hvp" || what == "cross_vjp") != (vector.data != nullptr)) {
    throw py::value_error("v goes with 'hvp' and 'cross_vjp', and only with them.");
  }
  {
    const py::gil_scoped_release release;
    lower->set_theta(at.data);
    value = lower->evaluate(point.data, g);
    if (what == "hvp") lower->hvp(vector.data, out);
    if (what == "cross_vjp") lower->cross_vjp(vector.data, out);
    if (what == "grad_theta") lower->grad_theta(out);
    if (what == "constants") constants = lower->constants(radius);
  }
  if (what == "value_grad") return py::make_tuple(value, grad);
  if (what == "constants") {
    return py::make_tuple(constants.mu, constants.smoothness, constants.cross_norm,
                          constants.lip_cross, constants.lip_hess);
  }
  return result;
}

/// Strong convexity and smoothness at theta.
py::tuple bilevel_spectrum(const py::tuple& problem, const py::object& theta) {
  const auto lower = problem_of(problem, 1);
  lower->set_theta(vec_view<double>(theta, "theta", lower->n_theta()).data);
  return py::make_tuple(lower->mu(), lower->smoothness());
}

py::tuple bilevel_solve(const py::tuple& problem, const py::object& theta, const py::object& x0,
                        const std::string& method, double tol, Index max_iter, int n_threads,
                        const py::object& callback) {
  const auto lower = problem_of(problem, n_threads);
  const VecView<double> at = vec_view<double>(theta, "theta", lower->n_theta());
  const VecView<double> start = vec_view<double>(x0, "x0", lower->n_x());
  const bilevel::Method how = method_of(method);
  PyMonitor monitor{callback};
  bilevel::LowerSolution solution;
  {
    const py::gil_scoped_release release;
    lower->set_theta(at.data);
    solution = bilevel::solve_lower(*lower, start.data, how, tol, max_iter, monitor);
  }
  return py::make_tuple(to_array(std::move(solution.x)), solution.grad_norm, solution.n_grad,
                        solution.n_hvp, name_of(solution.ending));
}

/// (q, residual, n_hvp, ending, J'q) at (x, theta).
py::tuple bilevel_adjoint(const py::tuple& problem, const py::object& theta, const py::object& x,
                          const py::object& rhs, const py::object& q0, const std::string& method,
                          double tol, Index max_iter, int n_threads, const py::object& callback) {
  const auto lower = problem_of(problem, n_threads);
  const Index n = lower->n_x();
  const VecView<double> at = vec_view<double>(theta, "theta", lower->n_theta());
  const VecView<double> point = vec_view<double>(x, "x", n);
  const VecView<double> right = vec_view<double>(rhs, "rhs", n);
  const VecView<double> start = vec_view<double>(q0, "q0", n);
  const bilevel::Method how = method_of(method);
  py::array_t<double> cross(lower->n_theta());
  double* out = cross.mutable_data();
  PyMonitor monitor{callback};
  bilevel::Adjoint adjoint;
  {
    const py::gil_scoped_release release;
    std::vector<double> grad(static_cast<std::size_t>(n));
    lower->set_theta(at.data);
    lower->evaluate(point.data, grad.data());
    adjoint = bilevel::solve_adjoint(*lower, right.data, start.data, how, tol, max_iter, monitor);
    lower->cross_vjp(adjoint.q.data(), out);
  }
  return py::make_tuple(to_array(std::move(adjoint.q)), adjoint.residual, adjoint.n_hvp,
                        name_of(adjoint.ending), cross);
}

}  // namespace
}  // namespace taut::bindings

void bind_bilevel(py::module_& m) {
  using namespace taut::bindings;
  using py::arg;
  m.def("bilevel_evaluate", &bilevel_evaluate,
        "Value and gradient, products, or constants of a lower problem at a point.", arg("problem"),
        arg("what"), arg("theta"), arg("x"), arg("v") = py::none(), arg("radius") = 0.0,
        arg("n_threads") = 1);
  m.def("bilevel_spectrum", &bilevel_spectrum, "Strong convexity and smoothness at theta.",
        arg("problem"), arg("theta"));
  m.def("bilevel_solve", &bilevel_solve, "Minimiser of a lower problem to a gradient norm.",
        arg("problem"), arg("theta"), arg("x0"), arg("method"), arg("tol"), arg("max_iter"),
        arg("n_threads") = 1, arg("callback") = py::none());
  m.def("bilevel_adjoint", &bilevel_adjoint,
        "Solution of H q = rhs to a residual norm, and J'q with it.", arg("problem"), arg("theta"),
        arg("x"), arg("rhs"), arg("q0"), arg("method"), arg("tol"), arg("max_iter"),
        arg("n_threads") = 1, arg("callback") = py::none());
}
