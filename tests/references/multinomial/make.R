# SPDX-License-Identifier: BSD-3-Clause
# Run by hand after export_data.py: Rscript tests/references/multinomial/make.R
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
source("../common.R")

iris <- read_table("iris.csv")
wine <- read_table("wine.csv")
plans <- read_table("plans.csv")
both <- c("deviance", "class")
for (type in c("ungrouped", "grouped")) {
  options <- list(type.multinomial = type)
  # Towards the weak end of the default path the classes of plans separate, and glmnet's grouped
  # solver needs millions of passes on all tables: there the path ends earlier.
  short <- c(options, list(lambda.min.ratio = if (type == "grouped") 0.05 else 0.01))
  if (type == "grouped") options <- short
  case <- function(name) paste0(name, "_", type)
  write_case(case("iris"), "iris", iris, "multinomial", options, measures = both)
  write_case(case("wine"), "wine", wine, "multinomial", options, measures = both)
  write_case(case("plans"), "plans", plans, "multinomial", short, measures = both)
  write_case(case("iris_enet"), "iris", iris, "multinomial", c(options, list(alpha = 0.5)),
    measures = "deviance")
  write_case(case("iris_raw"), "iris", iris, "multinomial", c(options, list(standardize = FALSE)))
  write_case(case("iris_weights"), "iris", iris, "multinomial", options, weighted = TRUE,
    measures = "deviance")
}
write_case("plans_factors_ungrouped", "plans", plans, "multinomial",
  list(type.multinomial = "ungrouped", lambda.min.ratio = 0.01,
    penalty.factor = rep(c(1, 0.5, 2), length.out = 34)))
write_meta("multinomial", 1e-6, paste(
  "relative to the largest coefficient of the fit; glmnet stops on coordinate changes, not on a",
  "gap; accuracy.json holds what check.py measures for each case"))
