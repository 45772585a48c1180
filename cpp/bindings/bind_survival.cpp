// SPDX-License-Identifier: BSD-3-Clause
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "linear_factories.hpp"
#include "monitor.hpp"
#include "options.hpp"
#include "taut/core/parallel.hpp"
#include "taut/survival/bootstrap.hpp"
#include "taut/survival/concordance.hpp"
#include "taut/survival/cox.hpp"
#include "taut/survival/cox_loss.hpp"
#include "taut/survival/curve.hpp"
#include "taut/survival/event_table.hpp"
#include "taut/survival/logrank.hpp"

namespace taut::bindings {
namespace {

using survival::Estimator;
using survival::EventTable;
using survival::LimitType;
using survival::Records;
using survival::TableView;

py::array_t<double> own(Buffer<double>&& buffer) {
  auto owned = std::make_unique<Buffer<double>>(std::move(buffer));
  double* data = owned->data();
  const Index size = owned->size();
  if (size == 0) return py::array_t<double>(0);
  const py::capsule base(owned.get(), [](void* p) { delete static_cast<Buffer<double>*>(p); });
  owned.release();
  return py::array_t<double>(std::vector<py::ssize_t>{size}, data, base);
}

py::object own_or_none(Buffer<double>&& buffer, bool there) {
  if (!there) return py::none();
  return own(std::move(buffer));
}

py::array_t<Index> own(const std::vector<Index>& values) {
  return py::array_t<Index>(static_cast<py::ssize_t>(values.size()), values.data());
}

Estimator estimator_of(const std::string& name) {
  return one_of<Estimator>(name, "estimator",
                           {{"km", Estimator::kaplan_meier},
                            {"nelson-aalen", Estimator::nelson_aalen},
                            {"fleming-harrington", Estimator::fleming_harrington}});
}

LimitType limits_of(const std::string& name) {
  return one_of<LimitType>(name, "conf_type",
                           {{"plain", LimitType::plain},
                            {"log", LimitType::log},
                            {"log-log", LimitType::log_log},
                            {"logit", LimitType::logit},
                            {"arcsin", LimitType::arcsin}});
}

Records records_of(const py::object& time, const py::object& event, const py::object& entry,
                   const py::object& weight, const py::object& group, Index n_groups) {
  Records r;
  const VecView<double> t = vec_view<double>(time, "time");
  r.n = t.size;
  if (r.n == 0) throw py::value_error("time must not be empty.");
  r.time = t.data;
  r.event = vec_view<std::uint8_t>(event, "event", r.n).data;
  r.entry = optional_vec_view<double>(entry, "entry", r.n).data;
  r.weight = optional_vec_view<double>(weight, "sample_weight", r.n).data;
  r.group = optional_vec_view<std::int32_t>(group, "group", r.n).data;
  r.n_groups = r.group ? n_groups : 1;
  for (Index i = 0; r.group && i < r.n; ++i) {
    if (r.group[i] < 0 || r.group[i] >= n_groups) {
      throw py::value_error("group must lie in 0 .. " + std::to_string(n_groups - 1) + ".");
    }
  }
  return r;
}

TableView table_of(const py::object& time, const py::object& n_at_risk, const py::object& n_event,
                   const py::object& n_tied, const py::object& group_ptr) {
  TableView table;
  const VecView<Index> ptr = vec_view<Index>(group_ptr, "group_ptr");
  const VecView<double> t = vec_view<double>(time, "time");
  if (ptr.size < 2 || ptr.data[0] != 0 || ptr.data[ptr.size - 1] != t.size) {
    throw py::value_error("group_ptr must rise from 0 to the number of rows.");
  }
  for (Index g = 1; g < ptr.size; ++g) {
    if (ptr.data[g] < ptr.data[g - 1]) throw py::value_error("group_ptr must rise.");
  }
  table.time = t.data;
  table.n_at_risk = vec_view<double>(n_at_risk, "n_at_risk", t.size).data;
  table.n_event = vec_view<double>(n_event, "n_event", t.size).data;
  table.n_tied = optional_vec_view<double>(n_tied, "n_tied", t.size).data;
  table.group_ptr = ptr.data;
  table.n_groups = ptr.size - 1;
  return table;
}

/// Tied events are gone through one by one.
void require_countable(const TableView& table) {
  const double* counts = table.n_tied ? table.n_tied : table.n_event;
  for (Index k = 0; k < table.group_ptr[table.n_groups]; ++k) {
    if (!(counts[k] <= 1e9)) {
      throw py::value_error("the events at one time must be at most 1e9.");
    }
  }
}

py::tuple inspect(const py::object& time, int n_threads) {
  const VecView<double> t = vec_view<double>(time, "time");
  survival::Inspection seen;
  {
    py::gil_scoped_release release;
    if (t.size > 0) seen = survival::inspect(t.data, t.size, n_threads);
  }
  return py::make_tuple(seen.finite, seen.bad, seen.low, seen.high);
}

py::dict table_dict(EventTable&& table) {
  py::dict out;
  const bool entry = !table.n_enter.empty(), tied = !table.n_tied.empty();
  out["time"] = own(std::move(table.time));
  out["n_at_risk"] = own(std::move(table.n_at_risk));
  out["n_event"] = own(std::move(table.n_event));
  out["n_censor"] = own(std::move(table.n_censor));
  out["n_enter"] = own_or_none(std::move(table.n_enter), entry);
  out["n_tied"] = own_or_none(std::move(table.n_tied), tied);
  out["event_squares"] = own_or_none(std::move(table.event_squares), tied);
  out["censor_squares"] = own_or_none(std::move(table.censor_squares), tied);
  out["group_ptr"] = own(table.group_ptr);
  out["consistent"] = table.consistent;
  return out;
}

/// Table, curve and limits in one call; without limits if conf_type is empty.
py::dict survival_fit(const py::object& time, const py::object& event, const py::object& entry,
                      const py::object& weight, const py::object& group, Index n_groups, int ulps,
                      bool entry_rows, const std::string& estimator, const std::string& conf_type,
                      double z, bool scaled, int n_threads, const py::object& callback) {
  const Records records = records_of(time, event, entry, weight, group, n_groups);
  if (ulps < 0) throw py::value_error("ulps must be >= 0, got " + std::to_string(ulps) + ".");
  const bool curve = !estimator.empty(), limits = curve && !conf_type.empty();
  const Estimator kind = curve ? estimator_of(estimator) : Estimator::kaplan_meier;
  const LimitType type = limits ? limits_of(conf_type) : LimitType::log_log;
  PyMonitor monitor{callback};
  EventTable table;
  Buffer<double> s, se, lower, upper;
  {
    py::gil_scoped_release release;
    table = survival::build_table(records, ulps, entry_rows, n_threads, monitor);
    const Index rows = table.time.size();
    if (curve) {
      s = Buffer<double>(rows);
      se = Buffer<double>(rows);
      TableView view;
      view.time = table.time.data();
      view.n_at_risk = table.n_at_risk.data();
      view.n_event = table.n_event.data();
      view.n_tied = table.n_tied.data();
      view.group_ptr = table.group_ptr.data();
      view.n_groups = static_cast<Index>(table.group_ptr.size()) - 1;
      survival::survival_curve(view, kind, s.data(), se.data(), n_threads);
      monitor.poll({});
    }
    if (limits) {
      lower = Buffer<double>(rows);
      upper = Buffer<double>(rows);
      survival::confidence_limits(s.data(), se.data(), nullptr, rows, type, z, lower.data(),
                                  upper.data(), n_threads);
    }
    if (curve && scaled) {  // of S in place of log S; NaN where S is 0
      parallel_blocks(rows, Index{1} << 14, n_threads, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) se[i] *= s[i];
      });
    }
  }
  py::dict out = table_dict(std::move(table));
  if (curve) {
    out["survival"] = own(std::move(s));
    out["std_err"] = own(std::move(se));
  }
  if (limits) {
    out["lower"] = own(std::move(lower));
    out["upper"] = own(std::move(upper));
  }
  return out;
}

py::tuple survival_curve(const py::object& time, const py::object& n_at_risk,
                         const py::object& n_event, const py::object& n_tied,
                         const py::object& group_ptr, const std::string& estimator, bool hazard,
                         int n_threads) {
  const TableView table = table_of(time, n_at_risk, n_event, n_tied, group_ptr);
  require_countable(table);
  const Estimator kind = estimator_of(estimator);
  Buffer<double> value(table.rows()), se(table.rows());
  {
    py::gil_scoped_release release;
    if (hazard) {
      survival::cumulative_hazard(table, kind, value.data(), se.data(), n_threads);
    } else {
      survival::survival_curve(table, kind, value.data(), se.data(), n_threads);
    }
  }
  return py::make_tuple(own(std::move(value)), own(std::move(se)));
}

py::tuple confidence_limits(const py::object& curve, const py::object& std_err,
                            const py::object& lower_scale, const std::string& conf_type, double z,
                            int n_threads) {
  const VecView<double> s = vec_view<double>(curve, "survival");
  const VecView<double> se = vec_view<double>(std_err, "std_err", s.size);
  const VecView<double> scale = optional_vec_view<double>(lower_scale, "lower_scale", s.size);
  const LimitType type = limits_of(conf_type);
  Buffer<double> lower(s.size), upper(s.size);
  {
    py::gil_scoped_release release;
    survival::confidence_limits(s.data, se.data, scale.data, s.size, type, z, lower.data(),
                                upper.data(), n_threads);
  }
  return py::make_tuple(own(std::move(lower)), own(std::move(upper)));
}

py::array_t<double> jackknife(const py::dict& columns, const std::string& estimator,
                              const py::object& time, const py::object& event,
                              const py::object& entry, const py::object& weight,
                              const py::object& group) {
  TableView table = table_of(columns["time"], columns["n_at_risk"], columns["n_event"],
                             columns["n_tied"], columns["group_ptr"]);
  require_countable(table);
  table.n_censor = vec_view<double>(columns["n_censor"], "n_censor", table.rows()).data;
  table.event_squares =
      optional_vec_view<double>(columns["event_squares"], "event_squares", table.rows()).data;
  table.censor_squares =
      optional_vec_view<double>(columns["censor_squares"], "censor_squares", table.rows()).data;
  const Records records = records_of(time, event, entry, weight, group, table.n_groups);
  const Estimator kind = estimator_of(estimator);
  for (Index i = 0; records.entry && i < records.n; ++i) {
    const Index g = records.group ? records.group[i] : 0;
    const Index first = table.group_ptr[g];
    if (first == table.group_ptr[g + 1] || records.time[i] < table.time[first]) {
      throw py::value_error("the table was not made from these records.");
    }
  }
  Buffer<double> out(table.rows());
  {
    py::gil_scoped_release release;
    survival::jackknife_std_err(table, records, kind, out.data());
  }
  return own(std::move(out));
}

py::array_t<double> quantiles(const py::object& time, const py::object& curve,
                              const py::object& group_ptr, const py::object& probs) {
  const TableView table = table_of(time, curve, curve, py::none(), group_ptr);
  const VecView<double> p = vec_view<double>(probs, "probs");
  std::vector<double> out(static_cast<std::size_t>(table.n_groups * p.size));
  survival::curve_quantiles(table, table.n_event, p.data, p.size, out.data());
  return to_array(std::move(out), {table.n_groups, p.size});
}

py::array_t<double> lookup(const py::object& time, const py::object& curve,
                           const py::object& group_ptr, double before, const py::object& at) {
  const TableView table = table_of(time, curve, curve, py::none(), group_ptr);
  const VecView<double> t = vec_view<double>(at, "times");
  std::vector<double> out(static_cast<std::size_t>(table.n_groups * t.size));
  {
    py::gil_scoped_release release;
    survival::curve_lookup(table, table.n_event, before, t.data, t.size, out.data());
  }
  return to_array(std::move(out), {table.n_groups, t.size});
}

py::tuple restricted_mean(const py::object& time, const py::object& n_at_risk,
                          const py::object& n_event, const py::object& group_ptr,
                          const py::object& curve, double tau) {
  const TableView table = table_of(time, n_at_risk, n_event, py::none(), group_ptr);
  const VecView<double> s = vec_view<double>(curve, "survival", table.rows());
  std::vector<double> mean(static_cast<std::size_t>(table.n_groups)), se(mean);
  survival::restricted_mean(table, s.data, tau, mean.data(), se.data());
  return py::make_tuple(to_array(std::move(mean)), to_array(std::move(se)));
}

survival::TableRows rows_of(const py::tuple& table, const std::string& name) {
  survival::TableRows rows;
  if (table.size() != 4) {
    throw py::value_error(name + " must be (time, n_event, n_censor, n_enter).");
  }
  const VecView<double> t = vec_view<double>(table[0], name + ".time");
  rows.m = t.size;
  rows.time = t.data;
  for (Index k = 0; k < rows.m; ++k) {
    if (!std::isfinite(t.data[k]) || (k > 0 && t.data[k] <= t.data[k - 1])) {
      throw py::value_error(name + ".time must be finite and rise.");
    }
  }
  rows.n_event = vec_view<double>(table[1], name + ".n_event", t.size).data;
  rows.n_censor = vec_view<double>(table[2], name + ".n_censor", t.size).data;
  rows.n_enter = optional_vec_view<double>(table[3], name + ".n_enter", t.size).data;
  return rows;
}

py::dict merge_tables(const py::tuple& a, const py::tuple& b) {
  return table_dict(survival::merge_tables(rows_of(a, "a"), rows_of(b, "b")));
}

py::array_t<double> at_risk(const py::tuple& table) {
  const survival::TableRows rows = rows_of(table, "table");
  Buffer<double> out(rows.m);
  survival::at_risk(rows, out.data());
  return own(std::move(out));
}

survival::TestSpec test_of(const std::string& name, double rho, double gamma) {
  using survival::TestWeight;
  survival::TestSpec spec;
  spec.rho = rho;
  spec.gamma = gamma;
  spec.weight = one_of<TestWeight>(name, "weights",
                                   {{"logrank", TestWeight::logrank},
                                    {"gehan", TestWeight::gehan},
                                    {"tarone-ware", TestWeight::tarone_ware},
                                    {"peto", TestWeight::peto},
                                    {"modified-peto", TestWeight::modified_peto},
                                    {"fleming-harrington", TestWeight::fleming_harrington}});
  return spec;
}

py::dict test_dict(survival::TestSums&& sums) {
  const auto groups = static_cast<py::ssize_t>(sums.observed.size());
  py::dict out;
  out["observed"] = to_array(std::move(sums.observed));
  out["expected"] = to_array(std::move(sums.expected));
  out["score"] = to_array(std::move(sums.score));
  out["weighted_observed"] = to_array(std::move(sums.weighted_observed));
  out["covariance"] = to_array(std::move(sums.covariance), {groups, groups});
  return out;
}

/// Codes 0 .. n-1, checked; null for None.
const std::int32_t* codes_of(const py::object& codes, const std::string& name, Index size,
                             Index n) {
  const VecView<std::int32_t> view = optional_vec_view<std::int32_t>(codes, name, size);
  for (Index i = 0; view.data && i < view.size; ++i) {
    if (view.data[i] < 0 || view.data[i] >= n) {
      throw py::value_error(name + " must lie in 0 .. " + std::to_string(n - 1) + ".");
    }
  }
  return view.data;
}

py::dict logrank(const py::object& time, const py::object& event, const py::object& entry,
                 const py::object& weight, const py::object& group, Index n_groups,
                 const py::object& stratum, Index n_strata, const std::string& weights, double rho,
                 double gamma, int ulps, int n_threads, const py::object& callback) {
  const Records records = records_of(time, event, entry, weight, group, n_groups);
  if (!records.group) throw py::value_error("group must not be None.");
  const std::int32_t* strata = codes_of(stratum, "stratum", records.n, n_strata);
  const survival::TestSpec spec = test_of(weights, rho, gamma);
  PyMonitor monitor{callback};
  survival::TestSums sums;
  {
    py::gil_scoped_release release;
    sums = survival::logrank_sums(records, strata, strata ? n_strata : 1, ulps, spec, n_threads,
                                  monitor);
  }
  return test_dict(std::move(sums));
}

py::dict logrank_tables(const py::list& tables, const std::string& weights, double rho,
                        double gamma) {
  std::vector<survival::TableRows> rows;
  for (const py::handle& table : tables) {
    rows.push_back(rows_of(py::cast<py::tuple>(table), "table"));
  }
  return test_dict(survival::logrank_sums(rows, test_of(weights, rho, gamma)));
}

py::dict concordance(const py::object& time, const py::object& event, const py::object& entry,
                     const py::object& weight, const py::object& score,
                     const std::string& time_weight, const py::object& tau, bool left_limit,
                     int ulps, int n_threads, const py::object& callback) {
  const Records records = records_of(time, event, entry, weight, py::none(), 1);
  const VecView<double> x = vec_view<double>(score, "score", records.n);
  survival::ConcordanceSpec spec;
  using survival::PairWeight;
  spec.weight = one_of<PairWeight>(time_weight, "time_weight",
                                   {{"n", PairWeight::n},
                                    {"S", PairWeight::S},
                                    {"S/G", PairWeight::S_G},
                                    {"n/G2", PairWeight::n_G2},
                                    {"I", PairWeight::I}});
  spec.truncate = !tau.is_none();
  if (spec.truncate) spec.tau = tau.cast<double>();
  spec.left_limit = left_limit;
  PyMonitor monitor{callback};
  survival::Concordance c;
  {
    py::gil_scoped_release release;
    c = survival::concordance(records, x.data, ulps, spec, n_threads, monitor);
  }
  return py::dict(py::arg("concordant") = c.concordant, py::arg("discordant") = c.discordant,
                  py::arg("tied_risk") = c.tied_risk, py::arg("tied_time") = c.tied_time,
                  py::arg("tied_both") = c.tied_both, py::arg("statistic") = c.statistic,
                  py::arg("variance") = c.variance);
}

// --- Cox ------------------------------------------------------------------------------------------

/// The views that a Cox problem is made from; they outlive its constructor only.
struct CoxInput {
  Records records;
  RowMajorView<double> X;
  const double* offset = nullptr;
  survival::Ties ties = survival::Ties::efron;
  int ulps = 4;
  int n_threads = 1;

  survival::Cox make(Monitor& monitor) const {
    return {records, X.data, X.cols, offset, ties, ulps, n_threads, monitor};
  }
};

CoxInput cox_input(const py::dict& data) {
  CoxInput in;
  const auto get = [&](const char* name) -> py::object {
    return data.contains(name) ? py::object(data[name]) : py::none();
  };
  const Index strata = data.contains("n_strata") ? get("n_strata").cast<Index>() : 1;
  in.records =
      records_of(get("time"), get("event"), get("entry"), get("weight"), get("stratum"), strata);
  in.X = row_major_view<double>(get("X"), "X");
  detail::require_size(in.X.rows, in.records.n, "X");
  in.offset = optional_vec_view<double>(get("offset"), "offset", in.records.n).data;
  in.ties = one_of<survival::Ties>(
      get("ties").cast<std::string>(), "ties",
      {{"efron", survival::Ties::efron}, {"breslow", survival::Ties::breslow}});
  in.ulps = data.contains("ulps") ? get("ulps").cast<int>() : 4;
  in.n_threads = data.contains("n_threads") ? get("n_threads").cast<int>() : 1;
  return in;
}

std::vector<double> finish_cox(survival::Cox& problem, py::dict& out) {
  std::vector<double> baseline(static_cast<std::size_t>(problem.rows()));
  problem.baseline(baseline.data());
  out["row_time"] = to_array(std::vector<double>(problem.row_time()));
  out["row_ptr"] = own(problem.row_ptr());
  out["row_events"] = to_array(std::vector<double>(problem.row_events()));
  return baseline;
}

py::dict cox_fit(const py::dict& data, double tol, Index max_iter, const py::object& callback) {
  const CoxInput in = cox_input(data);
  PyMonitor monitor{callback};
  survival::CoxFit fit;
  std::unique_ptr<survival::Cox> problem;
  std::vector<double> variance;
  {
    py::gil_scoped_release release;
    problem = std::make_unique<survival::Cox>(in.make(monitor));
    fit = survival::fit_cox(*problem, tol, max_iter, monitor);
    variance.resize(fit.information.size());
    std::vector<char> aliased;
    survival::solve_symmetric(fit.information, in.X.cols, nullptr, nullptr, variance.data(),
                              aliased);
  }
  py::dict out;
  std::vector<double> baseline = finish_cox(*problem, out);
  out["baseline"] = to_array(std::move(baseline));
  out["means"] = to_array(std::vector<double>(problem->means()));
  out["coef"] = to_array(std::move(fit.coef));
  out["variance"] = to_array(std::move(variance), {in.X.cols, in.X.cols});
  out["information"] = to_array(std::move(fit.information), {in.X.cols, in.X.cols});
  out["next"] = to_array(std::move(fit.next));
  out["score_null"] = to_array(std::move(fit.score_null));
  out["information_null"] = to_array(std::move(fit.information_null), {in.X.cols, in.X.cols});
  std::vector<std::int64_t> aliased(fit.aliased.begin(), fit.aliased.end());
  out["aliased"] = to_array(std::move(aliased));
  out["loglik"] = fit.loglik;
  out["loglik_null"] = fit.loglik_null;
  out["n_iter"] = fit.n_iter;
  out["stop_crit"] = fit.stop_crit;
  out["converged"] = fit.converged;
  return out;
}

/// Nothing else is known of coefficients whose likelihood is no number.
void require_risks(double loglik) {
  if (std::isnan(loglik)) throw py::value_error("exp(X coef) leaves the range of float64.");
}

py::dict cox_residuals(const py::dict& data, const py::object& coef) {
  const CoxInput in = cox_input(data);
  const VecView<double> b = vec_view<double>(coef, "coef", in.X.cols);
  PyMonitor monitor{py::none()};
  const Index n = in.records.n, p = in.X.cols;
  std::vector<double> martingale(static_cast<std::size_t>(n)),
      gradient(static_cast<std::size_t>(p));
  std::vector<double> score(static_cast<std::size_t>(n * p)), schoenfeld;
  std::vector<std::int64_t> died;
  std::unique_ptr<survival::Cox> problem;
  double loglik = 0.0;
  {
    py::gil_scoped_release release;
    problem = std::make_unique<survival::Cox>(in.make(monitor));
    loglik = problem->set(b.data);
    require_risks(loglik);
    problem->gradient(gradient.data());
    problem->martingale(martingale.data());
    problem->score_residuals(score.data());
    schoenfeld.resize(problem->died().size() * static_cast<std::size_t>(p));
    problem->schoenfeld(schoenfeld.data());
    for (const Index k : problem->died()) {
      died.push_back(problem->order()[static_cast<std::size_t>(k)]);
    }
  }
  py::dict out;
  std::vector<double> baseline = finish_cox(*problem, out);
  out["baseline"] = to_array(std::move(baseline));
  const auto events = static_cast<Index>(died.size());
  out["loglik"] = loglik;
  out["gradient"] = to_array(std::move(gradient));
  out["martingale"] = to_array(std::move(martingale));
  out["score"] = to_array(std::move(score), {n, p});
  out["schoenfeld"] = to_array(std::move(schoenfeld), {events, p});
  out["died"] = to_array(std::move(died));
  return out;
}

/// (score, information) with every event row multiplied, for tests of proportional hazards.
py::tuple cox_scaled(const py::dict& data, const py::object& coef, const py::object& row_scale) {
  const CoxInput in = cox_input(data);
  const VecView<double> b = vec_view<double>(coef, "coef", in.X.cols);
  PyMonitor monitor{py::none()};
  survival::Cox problem = in.make(monitor);
  const VecView<double> g = vec_view<double>(row_scale, "row_scale", problem.rows());
  const Index p = in.X.cols;
  std::vector<double> score(static_cast<std::size_t>(p)),
      information(static_cast<std::size_t>(p * p));
  {
    py::gil_scoped_release release;
    require_risks(problem.set(b.data));
    problem.score(g.data, score.data());
    problem.information(g.data, information.data());
  }
  return py::make_tuple(to_array(std::move(score)), to_array(std::move(information), {p, p}));
}

py::tuple bootstrap(const py::object& time, const py::object& out_row, const py::object& in_row,
                    const py::object& event, const py::object& at, const py::object& probs,
                    const py::object& tau, Index n_boot, std::uint64_t k0, std::uint64_t k1,
                    int n_threads, const py::object& callback) {
  survival::RowRecords records;
  const VecView<double> rows = vec_view<double>(time, "time");
  records.m = rows.size;
  records.time = rows.data;
  const VecView<std::int32_t> out = vec_view<std::int32_t>(out_row, "out_row");
  records.n = out.size;
  records.out = codes_of(out_row, "out_row", -1, records.m);
  records.in = codes_of(in_row, "in_row", records.n, records.m + 1);
  records.event = vec_view<std::uint8_t>(event, "event", records.n).data;
  survival::BootstrapSpec spec;
  const VecView<std::int32_t> at_view = vec_view<std::int32_t>(at, "at");
  for (Index q = 0; q < at_view.size; ++q) {
    if (at_view.data[q] < -1 || at_view.data[q] >= records.m) {
      throw py::value_error("at must hold rows of the table or -1.");
    }
  }
  const VecView<double> p = vec_view<double>(probs, "probs"), t = vec_view<double>(tau, "tau");
  if (records.n == 0 || n_boot < 1) throw py::value_error("n_boot and records must be >= 1.");
  spec = {n_boot, at_view.data, at_view.size, p.data, p.size, t.data, t.size};
  PyMonitor monitor{callback};
  Buffer<double> s(n_boot * spec.n_at), q(n_boot * spec.n_probs), m(n_boot * spec.n_tau);
  {
    py::gil_scoped_release release;
    survival::bootstrap_curves(records, spec, {k0, k1}, s.data(), q.data(), m.data(), n_threads,
                               monitor);
  }
  const auto shaped = [n_boot](Buffer<double>&& values, Index width) {
    return own(std::move(values)).reshape({n_boot, width});
  };
  return py::make_tuple(shaped(std::move(s), spec.n_at), shaped(std::move(q), spec.n_probs),
                        shaped(std::move(m), spec.n_tau));
}

double total_weight(const Records& records) {
  if (!records.weight) return static_cast<double>(records.n);
  return std::accumulate(records.weight, records.weight + records.n, 0.0);
}

/// Elastic-net path of the Cox model; X as it is to be penalised.
py::dict coxnet_path(const py::object& X, const py::object& time, const py::object& event,
                     const py::object& weight, const py::object& stratum, Index n_strata,
                     const py::object& penalty_factor, const py::object& alphas, double l1_ratio,
                     double tol, Index max_iter, const py::object& coef_init, int ulps,
                     int n_threads, const py::object& callback) {
  const DesignView view = design_view(X, "X");
  const std::unique_ptr<design::Design> design = std::visit(MakeDesign{}, view);
  const Records records = records_of(time, event, py::none(), weight, stratum, n_strata);
  detail::require_size(design->rows(), records.n, "X");
  const std::vector<double> weights = normalised_weights(weight, records.n);
  const survival::CoxLoss loss(records, weights.data(), total_weight(records), ulps);
  const py::object none = py::none();
  const PenaltySpec spec{design->cols(), 1, penalty_factor, none, none, none, l1_ratio, 3.0, 0.5};
  const std::unique_ptr<penalty::Penalty> pen = make_penalty("elastic_net", spec);
  solver::PathOptions options;
  options.alphas = to_vector(alphas, "alphas");
  // The loss does not see a constant; the quadratic models of it gain one that is free.
  options.fit_intercept = true;
  options.tol = tol;
  options.max_iter = max_iter;
  options.n_threads = n_threads;
  const auto steps = static_cast<Index>(options.alphas.size());
  detail::require_at_least(steps, 1, "the number of alphas");
  const VecView<double> start = optional_vec_view<double>(coef_init, "coef_init", design->cols());
  Buffer<double> coefs(steps * design->cols()), intercepts(steps);
  PyMonitor monitor{callback};
  solver::PathReport report;
  {
    const py::gil_scoped_release release;
    const double zero = 0.0;
    report = solver::fit_path(*design, loss, *pen, nullptr, options, start.data,
                              start.data ? &zero : nullptr,
                              {coefs.data(), intercepts.data(), false}, monitor);
  }
  py::dict out;
  out["finite"] = report.finite;
  if (!report.finite) return out;
  const Index done = report.n_done, p = design->cols();
  coefs.shrink(done * p);
  out["coefs"] = own(std::move(coefs)).reshape({done, p});
  out["alphas"] = to_array(std::move(report.alphas));
  out["dual_gaps"] = to_array(std::move(report.dual_gaps));
  out["objective"] = to_array(std::move(report.objective));
  out["dev_ratio"] = to_array(std::move(report.dev_ratio));
  out["n_iter"] = own(report.n_iter);
  out["converged"] = own(std::vector<Index>(report.converged.begin(), report.converged.end()));
  out["null_loss"] = report.null_loss;
  out["least_loss"] = loss.least();
  return out;
}

/// (loss, gradient) of the partial likelihood by Breslow's ties, divided by the total weight.
py::tuple cox_loss(const py::object& eta, const py::object& time, const py::object& event,
                   const py::object& weight, const py::object& stratum, Index n_strata, int ulps) {
  const Records records = records_of(time, event, py::none(), weight, stratum, n_strata);
  const std::vector<double> weights = normalised_weights(weight, records.n);
  const survival::CoxLoss loss(records, weights.data(), total_weight(records), ulps);
  const VecView<double> x = vec_view<double>(eta, "eta", records.n);
  std::vector<double> r(static_cast<std::size_t>(records.n));
  const double value = loss.evaluate(x.data, r.data());
  for (std::size_t i = 0; i < r.size(); ++i) r[i] *= -weights[i];
  return py::make_tuple(value, to_array(std::move(r)), loss.least());
}

}  // namespace
}  // namespace taut::bindings

void bind_survival(py::module_& m) {
  namespace b = taut::bindings;
  m.def("survival_inspect", &b::inspect, py::arg("time"), py::arg("n_threads") = 1,
        "(all finite, first bad record, least, largest) of times.");
  m.def("survival_fit", &b::survival_fit, py::arg("time"), py::arg("event"),
        py::arg("entry") = py::none(), py::arg("weight") = py::none(),
        py::arg("group") = py::none(), py::arg("n_groups") = 1, py::arg("ulps") = 4,
        py::arg("entry_rows") = false, py::arg("estimator") = "km",
        py::arg("conf_type") = "log-log", py::arg("z") = 1.959963984540054,
        py::arg("scaled") = false, py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "Event table, survival curve and limits of censored records.");
  m.def("survival_curve", &b::survival_curve, py::arg("time"), py::arg("n_at_risk"),
        py::arg("n_event"), py::arg("n_tied"), py::arg("group_ptr"), py::arg("estimator"),
        py::arg("hazard"), py::arg("n_threads") = 1,
        "(curve, standard error) of survival or of the cumulative hazard, from tables.");
  m.def("survival_limits", &b::confidence_limits, py::arg("survival"), py::arg("std_err"),
        py::arg("lower_scale"), py::arg("conf_type"), py::arg("z"), py::arg("n_threads") = 1,
        "(lower, upper) confidence limits of a survival curve.");
  m.def("survival_jackknife", &b::jackknife, py::arg("table"), py::arg("estimator"),
        py::arg("time"), py::arg("event"), py::arg("entry"), py::arg("weight"), py::arg("group"),
        "Standard error of log S by the infinitesimal jackknife.");
  m.def("survival_quantiles", &b::quantiles, py::arg("time"), py::arg("curve"),
        py::arg("group_ptr"), py::arg("probs"), "Quantiles of step curves.");
  m.def("survival_lookup", &b::lookup, py::arg("time"), py::arg("curve"), py::arg("group_ptr"),
        py::arg("before"), py::arg("times"), "Right-continuous values of step curves.");
  m.def("survival_restricted_mean", &b::restricted_mean, py::arg("time"), py::arg("n_at_risk"),
        py::arg("n_event"), py::arg("group_ptr"), py::arg("survival"), py::arg("tau"),
        "(mean, standard error) of min(T, tau).");
  m.def("survival_merge", &b::merge_tables, py::arg("a"), py::arg("b"), "Sum of two event tables.");
  m.def("survival_at_risk", &b::at_risk, py::arg("table"), "Weight at risk at each row.");

  m.def("logrank", &b::logrank, py::arg("time"), py::arg("event"), py::arg("entry"),
        py::arg("weight"), py::arg("group"), py::arg("n_groups"), py::arg("stratum"),
        py::arg("n_strata"), py::arg("weights"), py::arg("rho"), py::arg("gamma"),
        py::arg("ulps") = 4, py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "Sums of a weighted log-rank test.");
  m.def("logrank_tables", &b::logrank_tables, py::arg("tables"), py::arg("weights"), py::arg("rho"),
        py::arg("gamma"), "The same from event tables.");
  m.def("concordance", &b::concordance, py::arg("time"), py::arg("event"), py::arg("entry"),
        py::arg("weight"), py::arg("score"), py::arg("time_weight"), py::arg("tau"),
        py::arg("left_limit"), py::arg("ulps") = 4, py::arg("n_threads") = 1,
        py::arg("callback") = py::none(), "Concordance of scores with censored times.");
  m.def("cox_fit", &b::cox_fit, py::arg("data"), py::arg("tol"), py::arg("max_iter"),
        py::arg("callback") = py::none(), "Cox regression by Newton's method.");
  m.def("cox_residuals", &b::cox_residuals, py::arg("data"), py::arg("coef"),
        "Residuals of a Cox model.");
  m.def("cox_scaled", &b::cox_scaled, py::arg("data"), py::arg("coef"), py::arg("row_scale"),
        "(score, information) with event rows multiplied.");
  m.def("survival_bootstrap", &b::bootstrap, py::arg("time"), py::arg("out_row"), py::arg("in_row"),
        py::arg("event"), py::arg("at"), py::arg("probs"), py::arg("tau"), py::arg("n_boot"),
        py::arg("k0"), py::arg("k1"), py::arg("n_threads") = 1, py::arg("callback") = py::none(),
        "(survival, quantiles, restricted means) of bootstrap replicates.");
  m.def("coxnet_path", &b::coxnet_path, py::arg("X"), py::arg("time"), py::arg("event"),
        py::arg("weight"), py::arg("stratum"), py::arg("n_strata"), py::arg("penalty_factor"),
        py::arg("alphas"), py::arg("l1_ratio"), py::arg("tol"), py::arg("max_iter"),
        py::arg("coef_init") = py::none(), py::arg("ulps") = 4, py::arg("n_threads") = 1,
        py::arg("callback") = py::none(), "Elastic-net path of the Cox model.");
  m.def("cox_loss", &b::cox_loss, py::arg("eta"), py::arg("time"), py::arg("event"),
        py::arg("weight"), py::arg("stratum"), py::arg("n_strata"), py::arg("ulps") = 4,
        "(loss, gradient, least loss) of Cox's partial likelihood by the linear predictor.");
}
